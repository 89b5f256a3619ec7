"""Waiting for children. One place in PID 1 waits (E17), and it is `look`."""

import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

EXIT, SUSPENDED, CORE = range(3)
_PEEK = posix.WEXITED | posix.WSTOPPED | posix.WNOHANG | posix.WNOWAIT


def peek(kernel: "Any") -> "posix.waitid_result | None":
    """The next child that has ended or been stopped, left as it is; None where there is none now.

    Raises ChildProcessError where there is no child at all. An ended child stays a zombie until `bury`, so that its
    number, and its process group's, cannot have become a stranger's (E18).
    """
    found: "posix.waitid_result | None" = kernel.waitid(posix.P_ALL, 0, _PEEK)
    return found


def meaning(kernel: "Any", info: "posix.waitid_result") -> "tuple[int, int, int]":
    """(EXIT, CORE or STOP, code, signal). CORE is an end with a core dump. A stop is taken."""
    if info.si_code == posix.CLD_EXITED:
        return EXIT, info.si_status, 0
    if info.si_code in (posix.CLD_KILLED, posix.CLD_DUMPED):
        return CORE if info.si_code == posix.CLD_DUMPED else EXIT, 0, info.si_status
    try:
        kernel.waitid(posix.P_PID, info.si_pid, posix.WSTOPPED | posix.WNOHANG)  # a stop is not an exit (E19)
    except ChildProcessError:
        pass  # it has been continued, and has ended, in between
    return SUSPENDED, 0, info.si_status


def reap(kernel: "Any", pid: int, measured: bool = False) -> int:
    """measured: also return the most memory it has had, in kB; 0 where nobody knows (getrusage(2))."""
    if not measured:
        kernel.waitpid(pid, 0)
        return 0
    try:
        return int(kernel.wait4(pid, 0)[2].ru_maxrss)
    except ImportError:
        return 0  # the module of its type is not there, or no descriptor for it; reaped it is


def storm(kernel: "Any", known: "set[int]", most: int) -> "tuple[int, int, int, int]":
    """Reap at most `most` orphans, in one system call each, until one of `known` (0 among them: nobody) is reaped.

    Returns (how many orphans; of them killed; who of `known` was the last, else 0; its status). A loop of a few byte
    codes: whatever is done here is done for each of ten thousand, and the call itself takes three microseconds.
    """
    wait, killed, done = kernel.waitpid, 0, 0
    try:
        for done in range(most):
            pid, status = wait(-1, 1)  # WNOHANG
            if pid in known:
                return done, killed, pid, status
            killed += status == 9  # SIGKILL
    except ChildProcessError:
        return done, killed, 0, 0
    return most, killed, 0, 0


def sweep(kernel: "Any", number: int) -> None:
    """Send a signal to everything below us. For PID 1 that is one call (kill(2): -1 spares the caller)."""
    if kernel.getpid() == 1:
        try:
            kernel.kill(-1, number)
        except OSError:
            pass  # nobody is left
    else:
        kernel.load("pidone.init.others").sweep(number)
