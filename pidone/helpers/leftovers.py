"""Ends what a process has left behind: its session, and what descends from that.

In a container of its own all of it would be killed with the main process (S86). Here it is told, given a moment, and
killed. What has left both the session and the family (a daemon that forked twice) can no longer be told from a
stranger's child: the sweep at the group's end meets it.
"""

import posix
from time import monotonic, sleep

from pidone.helpers import proc
from pidone.init.events import FAILURE, SIGCONT, SIGKILL, SIGTERM, SUCCESS


def run(leader: int, minimum_grace: float) -> "tuple[int, str]":
    """leader: the pid that the process had; its session's number. window: seconds between SIGTERM and SIGKILL."""
    told: "set[int]" = set()
    end = monotonic() + minimum_grace
    while True:
        left = descendants(leader)
        if not left:
            return SUCCESS, ""
        for pid in left:
            if monotonic() >= end:
                send(pid, SIGKILL)
            elif pid not in told:
                told.add(pid)
                send(pid, SIGTERM)
                send(pid, SIGCONT)  # a stopped one cannot act on it (E19)
        if monotonic() >= end + minimum_grace / 2:
            return FAILURE, "%d processes remain" % len(left)
        sleep(0.01)  # they are not our children: no event tells their end


def descendants(leader: int) -> "list[int]":
    """Who is of that session, or descends from one who is. Nobody, once the number is a stranger's."""
    all_of_them = proc.everyone()
    ours = posix.getpid()
    if leader in all_of_them or leader in (0, 1, posix.getsid(posix.getppid())):
        return []  # 0 is the session of what came into this PID namespace from outside
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
        pass  # gone, or another user's
