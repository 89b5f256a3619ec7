"""What PID 1 asks of the kernel, by the kernel's names and with the errors of their manual pages.

Theory. PID 1's loop, and whatever it calls before a fork, comes here; the loop gets this module as an argument, so that
another one (a simulated kernel) can be handed to it and nothing has to be patched. The names are the builtins' own,
bound once: no wrapper stands in between. A forked child asks the builtins itself. An import can fail as open(2) does.
"""

from _signal import sigtimedwait, sigwaitinfo
from posix import _exit, close, fchmod, fork, getpid, getuid, kill, killpg, open, pipe2, read, set_blocking, unlink
from posix import O_NONBLOCK, wait4, waitid, waitpid, write
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def load(name: str) -> "Any":
    """A module that PID 1 does not need as long as all is well. Raises ImportError, OSError, MemoryError."""
    return __import__(name, fromlist=["*"])


def read_file(path: str) -> bytes:
    """All of a file. open(2), read(2). Raises OSError."""
    fd, data = open(path, 0), b""  # O_RDONLY
    try:
        while part := read(fd, 65536):
            data += part
        return data
    finally:
        close(fd)


def notify(fd: int) -> None:
    """Have a descriptor that is ready say so with SIGIO: fcntl(2), F_SETOWN, O_ASYNC. Raises OSError, ImportError."""
    import fcntl  # a shared object on some builds: a third of what pidone adds to the start of a single command

    fcntl.fcntl(fd, fcntl.F_SETOWN, getpid())
    fcntl.fcntl(fd, fcntl.F_SETFL, O_NONBLOCK | fcntl.FASYNC)


def map_memory(size: int) -> "Any":
    """Memory that is shared over a fork: mmap(2), MAP_ANONYMOUS. Raises OSError."""
    from mmap import mmap

    return mmap(-1, size)


def poll_in(fd: int) -> int:
    """What a look at a descriptor says that is read from: poll(2), with no time. Raises OSError, ImportError."""
    import select

    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return sum(events for _, events in poll.poll(0))
