"""Undeclared processes below pidone: their names, and how a subreaper sends signals to them.

PID 1 uses this module to name or count processes. A pidone that is not PID 1 also uses it to sweep.
"""

import _signal
import posix

from pidone.init.proc import proc_stat
from pidone.kernel import read_file

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h, since 3.4


def name_of(pid: int) -> str:
    """Return the kernel's name of a process (at most 15 bytes), or "?" where it has none."""
    return proc_stat(pid)[0] or "?"


def survivors() -> "list[int]":
    """Return the pids of all processes below pidone except zombies; none without /proc.

    For PID 1 these are all other processes of the namespace.
    """
    try:
        numbers = [int(name) for name in posix.listdir("/proc") if name.isdigit()]
    except OSError:
        return []
    ours = posix.getpid()
    running = [pid for pid in numbers if pid != ours and proc_stat(pid)[1][:1] not in ([], [b"Z"], [b"X"])]
    return [pid for pid in running if ours == 1 or _descends(pid, ours)]


def adopted() -> "list[int]":
    """Return the pids of those `survivors` that are children of pidone, but not its helpers."""
    return [pid for pid in survivors() if proc_stat(pid)[1][1:2] == [b"%d" % posix.getpid()] and not is_helper(pid)]


def _descends(pid: int, ancestor: int) -> bool:
    for _ in range(1 << 10):  # pids are reused while this reads, so a circle is possible
        fields = proc_stat(pid)[1]
        if not fields or pid == ancestor:
            break
        pid = int(fields[1])
    return pid == ancestor


def is_helper(pid: int) -> bool:
    """Return whether a process has pidone's own command line, as each helper has."""
    try:
        return read_file("/proc/%d/cmdline" % pid) == read_file("/proc/self/cmdline")
    except OSError:
        return False


def become_subreaper() -> "str | None":
    """Have the kernel make orphans children of pidone, which PID 1 does not need.

    Return None, or the reason why it failed.
    """
    return prctl(PR_SET_CHILD_SUBREAPER, 1)


def prctl(option: int, value: int) -> "str | None":
    """Call prctl(2), which needs ctypes. Return None, or the reason why it failed."""
    try:
        import ctypes

        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(option, value, 0, 0, 0) == 0:
            return None
        return posix.strerror(ctypes.get_errno()).lower()
    except (ImportError, OSError, AttributeError) as error:
        return str(error)


def sweep(number: int) -> None:
    """Send a signal to all descendants, where pidone is not PID 1 and has no kill(-1).

    The next round meets processes that were forked during this one. A foreign process may get the
    pid of a process that ends meanwhile. So pidone holds each process by a pidfd and checks its
    ancestors once more.
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
