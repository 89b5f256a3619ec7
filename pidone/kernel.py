"""PID 1's calls to the kernel, under the kernel's names and with the errors of their manual pages.

Theory. PID 1's loop, and everything that it calls before a fork, uses this module. The loop gets
the module as an argument, so a test can pass a simulated kernel and has nothing to patch. The names
are those of the builtins, bound once, without wrappers. A forked child calls the builtins itself.
An import can fail as open(2) does.
"""

from _signal import sigtimedwait, sigwaitinfo
from posix import _exit, close, fchmod, fork, getpid, getuid, kill, killpg, open, pipe2, read, set_blocking, unlink
from posix import O_NONBLOCK, wait4, waitid, waitpid, write
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def load(name: str) -> "Any":
    """Import a module when PID 1 needs it. Raises ImportError, OSError, MemoryError."""
    return __import__(name, fromlist=["*"])


def read_file(path: str) -> bytes:
    """Return the whole contents of a file: open(2), read(2). Raises OSError."""
    fd, data = open(path, 0), b""  # O_RDONLY
    try:
        while part := read(fd, 65536):
            data += part
        return data
    finally:
        close(fd)


def enable_sigio(fd: int) -> None:
    """Have the kernel send SIGIO when a descriptor becomes ready: fcntl(2), F_SETOWN, O_ASYNC.

    Raises OSError, ImportError.
    """
    import fcntl  # a shared object on some builds: a third of what pidone adds to the start of a single command

    fcntl.fcntl(fd, fcntl.F_SETOWN, getpid())
    fcntl.fcntl(fd, fcntl.F_SETFL, O_NONBLOCK | fcntl.FASYNC)


def map_memory(size: int) -> "Any":
    """Return memory that is shared over a fork: mmap(2), MAP_ANONYMOUS. Raises OSError."""
    from mmap import mmap

    return mmap(-1, size)


def poll_in(fd: int) -> int:
    """Return the poll(2) events of a descriptor open for reading, without waiting.

    Raises OSError, ImportError.
    """
    import select

    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return sum(events for _, events in poll.poll(0))
