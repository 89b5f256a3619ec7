"""Waiting for children. The loop finds ended children by `peek` and `storm` only (E17).

E1 and so on: docs/reference/edge-cases.md.
"""

import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CHILD_EXITED, CHILD_SUSPENDED, CHILD_DUMPED_CORE = range(3)
_PEEK = posix.WEXITED | posix.WSTOPPED | posix.WNOHANG | posix.WNOWAIT


def peek(kernel: "Any") -> "posix.waitid_result | None":
    """Return the next child that has ended or is suspended, unreaped; None if there is none.

    An ended child stays a zombie until `reap`. Until then no foreign process can get its pid, or
    the number of its process group (E18). Raises ChildProcessError where there is no child at all.
    """
    found: "posix.waitid_result | None" = kernel.waitid(posix.P_ALL, 0, _PEEK)
    return found


def meaning(kernel: "Any", info: "posix.waitid_result") -> "tuple[int, int, int]":
    """Return (EXIT, CORE or SUSPENDED, code, signal) of what `peek` found.

    CORE is an end with a core dump. A suspension is consumed, so that `peek` does not find it
    again.
    """
    if info.si_code == posix.CLD_EXITED:
        return CHILD_EXITED, info.si_status, 0
    if info.si_code in (posix.CLD_KILLED, posix.CLD_DUMPED):
        return CHILD_DUMPED_CORE if info.si_code == posix.CLD_DUMPED else CHILD_EXITED, 0, info.si_status
    try:
        kernel.waitid(posix.P_PID, info.si_pid, posix.WSTOPPED | posix.WNOHANG)  # a suspended child has not ended (E19)
    except ChildProcessError:
        pass  # it has continued and ended in between
    return CHILD_SUSPENDED, 0, info.si_status


def reap(kernel: "Any", pid: int, measured: bool = False) -> int:
    """Reap an ended child, and return the most memory that it has had, in kB (getrusage(2)).

    measured: whether to return that; otherwise, and where it is not known, return 0.
    """
    if not measured:
        kernel.waitpid(pid, 0)
        return 0
    try:
        return int(kernel.wait4(pid, 0)[2].ru_maxrss)
    except ImportError:
        return 0  # `resource` cannot be loaded: no such file, or no descriptor left; the child is reaped


def storm(kernel: "Any", known: "set[int]", most: int) -> "tuple[int, int, int, int]":
    """Reap at most `most` orphans, in one system call each, until there is none or a known child.

    Return (number of orphans, how many of them SIGKILL has ended, the known child that was reaped
    last or 0, its status). The loop is a few byte codes long: it runs for each of ten thousand
    orphans, and the call itself takes three microseconds.

    known: the pids at which to stop, and 0, which waitpid(2) returns where no child has ended.
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
    """Send a signal to all processes below pidone.

    PID 1 needs one call for that (kill(2): -1 spares the caller).
    """
    if kernel.getpid() == 1:
        try:
            kernel.kill(-1, number)
        except OSError:
            pass  # no process is left
    else:
        kernel.load("pidone.init.others").sweep(number)
