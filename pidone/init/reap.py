"""Waiting for children. One place in PID 1 waits (E17), and it is `look`."""

import posix

EXIT, STOP = 0, 1
_LOOK = posix.WEXITED | posix.WSTOPPED | posix.WNOHANG | posix.WNOWAIT


def look() -> "tuple[int, int, int, int] | None":
    """The next child that has ended or been stopped, left as it is: (pid, EXIT or STOP, code, signal).

    None where there is none now. Raises ChildProcessError where there is no child at all. An ended child stays a
    zombie until `bury`, so that its number, and its process group's, cannot have become a stranger's (E18).
    """
    info = posix.waitid(posix.P_ALL, 0, _LOOK)
    if info is None:
        return None
    if info.si_code == posix.CLD_EXITED:
        return info.si_pid, EXIT, info.si_status, 0
    if info.si_code in (posix.CLD_KILLED, posix.CLD_DUMPED):
        return info.si_pid, EXIT, 0, info.si_status
    try:
        posix.waitid(posix.P_PID, info.si_pid, posix.WSTOPPED | posix.WNOHANG)  # a stop is not an exit (E19)
    except ChildProcessError:
        pass  # it has been continued, and has ended, in between
    return info.si_pid, STOP, 0, info.si_status


def bury(pid: int) -> None:
    posix.waitpid(pid, 0)


def sweep(number: int) -> None:
    """Send a signal to everything below us. For PID 1 that is one call (kill(2): -1 spares the caller)."""
    if posix.getpid() == 1:
        try:
            posix.kill(-1, number)
        except OSError:
            pass  # nobody is left
    else:
        from pidone.init import others

        others.sweep(number)
