"""Ends what a process has left behind: its session, and the descendants of that.

In a container of its own, the kernel would kill all of it with the main process (S86). Here the
helper sends SIGTERM, waits for the minimum grace, and sends SIGKILL. A process that has left both
the session and the family (a daemon that forked twice) looks like the child of a foreign process.
The sweep at the group's end reaches it.

E1 and so on: docs/reference/edge-cases.md. S1 and so on: docs/reference/pod.md.
"""

import posix
from time import monotonic, sleep

from pidone.helpers import proc
from pidone.init.events import FAILURE, SIGCONT, SIGKILL, SIGTERM, SUCCESS


def run(leader: int, minimum_grace: float) -> "tuple[int, str]":
    """Return (SUCCESS, "") when nothing is left, or (FAILURE, text) when some do not end.

    leader: the pid that the process had, which is its session's number.
    minimum_grace: seconds between SIGTERM and SIGKILL.
    """
    signalled: "set[int]" = set()
    end = monotonic() + minimum_grace
    while True:
        left = descendants(leader)
        if not left:
            return SUCCESS, ""
        for pid in left:
            if monotonic() >= end:
                send(pid, SIGKILL)
            elif pid not in signalled:
                signalled.add(pid)
                send(pid, SIGTERM)
                send(pid, SIGCONT)  # a suspended process cannot act on it (E19)
        if monotonic() >= end + minimum_grace / 2:
            return FAILURE, "%d processes remain" % len(left)
        sleep(0.01)  # they are not our children, so no event reports their end


def descendants(leader: int) -> "list[int]":
    """Return the pids in the leader's session, and those of their descendants.

    The list is empty once a foreign process has the leader's number.
    """
    all_of_them = proc.everyone()
    ours = posix.getpid()
    if leader in all_of_them or leader in (0, 1, posix.getsid(posix.getppid())):
        return []  # session 0: processes that entered this PID namespace from outside
    found = {pid for pid, fields in all_of_them.items() if proc.session(fields) == leader and pid != ours}
    more = bool(found)
    while more:
        children = {pid for pid, fields in all_of_them.items() if proc.parent(fields) in found}
        more = not children <= found
        found |= children
    return sorted(found)


def send(pid: int, number: int) -> None:
    try:
        posix.kill(pid, number)
    except OSError:
        pass  # it has exited, or is another user's
