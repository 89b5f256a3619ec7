"""The processes below us that nobody declared: what they are called, and how a subreaper reaches them.

PID 1 comes here only to name somebody in a line for people; where it is not PID 1, to sweep.
"""

import _signal
import posix

from pidone.init.proc import proc_stat
from pidone.kernel import read_file

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h, since 3.4


def name_of(pid: int) -> str:
    """The kernel's name of a process (at most 15 bytes), or "?" where there is none or no /proc."""
    return proc_stat(pid)[0] or "?"


def survivors() -> "list[int]":
    """Pids of all that run below us, zombies left out: of the whole namespace for PID 1. Empty where /proc is not."""
    try:
        numbers = [int(name) for name in posix.listdir("/proc") if name.isdigit()]
    except OSError:
        return []
    ours = posix.getpid()
    running = [pid for pid in numbers if pid != ours and proc_stat(pid)[1][:1] not in ([], [b"Z"], [b"X"])]
    return [pid for pid in running if ours == 1 or _descends(pid, ours)]


def adopted() -> "list[int]":
    """Of them those whose parent we are, our own helpers left out."""
    return [pid for pid in survivors() if proc_stat(pid)[1][1:2] == [b"%d" % posix.getpid()] and not is_helper(pid)]


def _descends(pid: int, ancestor: int) -> bool:
    for _ in range(1 << 10):  # numbers are reused while we look, so a circle is not impossible
        fields = proc_stat(pid)[1]
        if not fields or pid == ancestor:
            break
        pid = int(fields[1])
    return pid == ancestor


def is_helper(pid: int) -> bool:
    """Is it one that pidone has forked for its own work? It has our command line; nobody else has."""
    try:
        return read_file("/proc/%d/cmdline" % pid) == read_file("/proc/self/cmdline")
    except OSError:
        return False


def become_subreaper() -> "str | None":
    """Have orphans given to us. None if it worked, else why not. PID 1 does not need this."""
    return prctl(PR_SET_CHILD_SUBREAPER, 1)


def prctl(option: int, value: int) -> "str | None":
    """prctl(2). None if it worked, else why not: without ctypes it cannot be had."""
    try:
        import ctypes

        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(option, value, 0, 0, 0) == 0:
            return None
        return posix.strerror(ctypes.get_errno()).lower()
    except (ImportError, OSError, AttributeError) as error:
        return str(error)


def sweep(number: int) -> None:
    """Send a signal to all descendants, for want of PID 1's kill(-1).

    What forks while we look is met in the next round. What ends while we look may leave its number to a stranger, so
    each is held by a pidfd and looked at once more.
    """
    seen: "set[int]" = set()
    for _ in range(10):
        new = [pid for pid in survivors() if pid not in seen]
        for pid in new:
            seen.add(pid)
            _kill_descendant(pid, number)
        if not new:
            return


def _kill_descendant(pid: int, number: int) -> None:
    try:
        fd = posix.pidfd_open(pid)
    except (OSError, AttributeError):
        fd = -1  # no pidfd here: Linux before 5.3, seccomp
    try:
        if fd < 0:
            posix.kill(pid, number)
        elif _descends(pid, posix.getpid()):
            _signal.pidfd_send_signal(fd, number)
    except OSError:
        pass
    finally:
        if fd >= 0:
            posix.close(fd)
