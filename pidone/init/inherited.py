"""What PID 1 got from the container, kept so that each process gets it exactly as it was.

CPython and PID 1's own needs change five things: the signal mask, a few dispositions, `LC_CTYPE` in
the environment, the descriptors 0-2 that were closed, and the working directory. This file has what
is needed to put each back. It never copies the environment: exec passes the C library's block on as
it was found, with its duplicates, oddities and order.

E1 and so on: docs/reference/edge-cases.md.
"""

import _signal
import posix

from pidone.init import signals
from pidone.kernel import read_file

#: CPython ignores these at its start (Python/pylifecycle.c). The caller's own setting is lost by
#: then.
IGNORED_BY_PYTHON = (_signal.SIGPIPE, _signal.SIGXFSZ)


class Inherited:
    """What PID 1 got from its caller.

    mask: the set of the signals that the caller had blocked.
    sigchld_ignored: whether the caller ignored SIGCHLD.
    closed: those of the descriptors 0-2 that were closed.
    cwd: the working directory; None where PID 1 has stayed in it.
    """

    __slots__ = ("mask", "sigchld_ignored", "closed", "cwd")

    def __init__(self) -> None:
        # All signals are blocked from here on (E1). `restore_signals` gives a child the caller's
        # mask (E3).
        self.mask = _signal.pthread_sigmask(_signal.SIG_BLOCK, signals.ALL) & signals.ALL
        # Where SIGCHLD is ignored, the kernel itself reaps our children (E4; wait(2), notes).
        self.sigchld_ignored = _signal.getsignal(_signal.SIGCHLD) == _signal.SIG_IGN
        if self.sigchld_ignored:
            _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
        self.closed = fill_standard_descriptors()
        undo_locale_coercion()
        self.cwd = leave_working_directory()

    def restore_signals(self, mask: "set[_signal.Signals] | tuple[int, ...] | None" = None) -> None:
        """Restore dispositions and mask in a child, as the last step before exec (E2).

        The dispositions come first, while all signals are still blocked. So no pending signal is
        delivered in between.

        mask: the mask of a helper, in place of the caller's.
        """
        for number in IGNORED_BY_PYTHON:
            _signal.signal(number, _signal.SIG_DFL)
        if _signal.getsignal(_signal.SIGINT) not in (_signal.SIG_DFL, _signal.SIG_IGN):
            _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
        if self.sigchld_ignored:
            _signal.signal(_signal.SIGCHLD, _signal.SIG_IGN)
        _signal.pthread_sigmask(_signal.SIG_SETMASK, self.mask if mask is None else mask)


def fill_standard_descriptors() -> "tuple[int, ...]":
    """Open /dev/null on those of the descriptors 0-2 that are closed, and return them (E8).

    Otherwise a descriptor of pidone's could become an app's stdout.
    """
    closed = []
    for fd in (0, 1, 2):
        try:
            posix.fstat(fd)
        except OSError:
            closed.append(fd)
            try:
                posix.open("/dev/null", posix.O_RDWR)
            except OSError:
                posix.pipe2(posix.O_CLOEXEC)  # a container without /dev/null: any open file will do
    return tuple(closed)


def undo_locale_coercion() -> None:
    """Restore LC_CTYPE in the environment, which CPython sets in the C locale (PEP 538).

    The kernel still has the environment as it was.
    """
    now = posix.environ.get(b"LC_CTYPE")
    if now is None:
        return
    try:
        entries = read_file("/proc/self/environ").split(b"\0")
    except OSError:
        # No /proc: assume that CPython has set it, if it would have, and to one of these values.
        names = posix.environ
        plain = names.get(b"LANG", b"") in (b"", b"C", b"POSIX") and b"LC_ALL" not in names
        entries = [] if plain and now in (b"C.UTF-8", b"C.utf8", b"UTF-8") else [b"LC_CTYPE=" + now]
    before = [entry[9:] for entry in entries if entry.startswith(b"LC_CTYPE=")]
    if not before:
        posix.unsetenv(b"LC_CTYPE")
    elif before[0] != now:
        posix.putenv(b"LC_CTYPE", before[0])


def leave_working_directory() -> "bytes | None":
    """Go to / so that PID 1 keeps no mount busy (E10), and return the path back.

    Where no path leads back, stay in the directory and return None.
    """
    try:
        there = posix.open(".", posix.O_PATH | posix.O_DIRECTORY)
    except OSError:
        return None
    try:
        path = posix.getcwdb()
        posix.chdir("/")
        try:
            posix.chdir(path)  # no path leads back to a deleted directory, or to one that this user may not search
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
