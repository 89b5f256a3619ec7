"""What the container handed to PID 1, kept so that each process gets it exactly as it was (DESIGN.md, principle 4).

CPython and PID 1's own needs change four things, and this file knows how to put each back: the signal mask, a few
dispositions, `LC_CTYPE` in the environment, and which of the descriptors 0-2 were closed. The environment itself is
never copied: the C library's block is left as it was found and goes over exec from there, duplicates, oddities and
order included.
"""

import _signal
import posix

from pidone.init import signals
from pidone.kernel import read_file

#: CPython ignores these at start (Python/pylifecycle.c), and whatever the caller had set is gone by then.
IGNORED_BY_PYTHON = (_signal.SIGPIPE, _signal.SIGXFSZ)


class Inherited:
    """mask: set of blocked numbers. sigchld_ignored: by the caller. closed: of 0-2. cwd: bytes, None if left alone."""

    __slots__ = ("mask", "sigchld_ignored", "closed", "cwd")

    def __init__(self) -> None:
        # All signals wait from here on (E1); what the caller had blocked is given back in `restore_signals` (E3).
        self.mask = _signal.pthread_sigmask(_signal.SIG_BLOCK, signals.ALL) & signals.ALL
        # With SIGCHLD ignored the kernel reaps our children behind our back (E4; wait(2), notes).
        self.sigchld_ignored = _signal.getsignal(_signal.SIGCHLD) == _signal.SIG_IGN
        if self.sigchld_ignored:
            _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
        self.closed = fill_standard_descriptors()
        undo_locale_coercion()
        self.cwd = leave_working_directory()

    def restore_signals(self, mask: "set[_signal.Signals] | tuple[int, ...] | None" = None) -> None:
        """In a child, last thing before exec (E2): dispositions first, while everything is still blocked.

        mask: instead of the caller's, for a child of our own; what waits must not be let through in between.
        """
        for number in IGNORED_BY_PYTHON:
            _signal.signal(number, _signal.SIG_DFL)
        if _signal.getsignal(_signal.SIGINT) not in (_signal.SIG_DFL, _signal.SIG_IGN):
            _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
        if self.sigchld_ignored:
            _signal.signal(_signal.SIGCHLD, _signal.SIG_IGN)
        _signal.pthread_sigmask(_signal.SIG_SETMASK, self.mask if mask is None else mask)


def fill_standard_descriptors() -> "tuple[int, ...]":
    """Open /dev/null on those of 0-2 that are closed, so that no descriptor of ours becomes an app's stdout (E8)."""
    closed = []
    for fd in (0, 1, 2):
        try:
            posix.fstat(fd)
        except OSError:
            closed.append(fd)
            try:
                posix.open("/dev/null", posix.O_RDWR)
            except OSError:
                posix.pipe2(posix.O_CLOEXEC)  # a container without /dev/null: anything that is open will do
    return tuple(closed)


def undo_locale_coercion() -> None:
    """PEP 538: in the C locale CPython puts LC_CTYPE into the environment. The kernel still has the block as it was."""
    now = posix.environ.get(b"LC_CTYPE")
    if now is None:
        return
    try:
        entries = read_file("/proc/self/environ").split(b"\0")
    except OSError:
        # No /proc: an LC_CTYPE that coercion would have written, where it would have, is taken for its work.
        names = posix.environ
        plain = names.get(b"LANG", b"") in (b"", b"C", b"POSIX") and b"LC_ALL" not in names
        entries = [] if plain and now in (b"C.UTF-8", b"C.utf8", b"UTF-8") else [b"LC_CTYPE=" + now]
    before = [entry[9:] for entry in entries if entry.startswith(b"LC_CTYPE=")]
    if not before:
        posix.unsetenv(b"LC_CTYPE")
    elif before[0] != now:
        posix.putenv(b"LC_CTYPE", before[0])


def leave_working_directory() -> "bytes | None":
    """Go to / so that no mount is kept busy (E10), and return the way back; stay where there is none."""
    try:
        there = posix.open(".", posix.O_PATH | posix.O_DIRECTORY)
    except OSError:
        return None
    try:
        path = posix.getcwdb()
        posix.chdir("/")
        try:
            posix.chdir(path)  # a deleted directory, or one that may not be searched by this user, has no way back
            same = posix.fstat(there)[1:3] == posix.stat(".")[1:3]
            posix.chdir("/" if same else there)
            return path if same else None
        except OSError:
            posix.chdir(there)
            return None
    except OSError:
        return None
    finally:
        posix.close(there)
