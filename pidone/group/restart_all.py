"""A restart of all by a rule of one process (S67): pidone kills all, then starts the list again.

S1 and so on: docs/reference/pod.md.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pidone.group.group import Group
    from pidone.group.process import Process

from pidone.group import ending, reload, restart
from pidone.group.order import Order
from pidone.group.policy import HOOKS, PROBES
from pidone.group.states import RESTARTING_ALL, TERMINATED, WAITING
from pidone.init.events import KILL, SAY, SIGKILL
from pidone.init.machine import RESTART, START


def begin(group: "Group", now: float, process: "Process") -> None:
    """Kill all processes at once, without grace or pre_stop, then start from the head of the list.

    process: the one whose rule it is.
    """
    group.do(SAY, "restart all", process.id, *(process.last or ()))
    if group.reloading is not None:
        reload.call_off(group)
    group.phase = RESTART
    group.held = []
    ran = now - process.started_at
    group.restart_all_count = restart.level_after(process.policy, group.restart_all_count, ran)
    for member in group.members:
        kill(member, now)
    go_on(group, now)


def kill(process: "Process", now: float) -> None:
    process.again = process.held_down = False
    for what in (*PROBES, *HOOKS, "leftovers", "kill", "restart"):
        process.cancel(what)
    if process.alive:
        process.stop_reason = RESTARTING_ALL  # if pidone still looks for its daemon, it kills that once found
        process.kill()
    elif process.last is not None:
        ending.clear(process, now)


def found_late(group: "Group", now: float, process: "Process") -> None:
    """Kill a daemon that is found only during the restart of all."""
    group.do(KILL, process.id, SIGKILL, True)


def go_on(group: "Group", now: float, process: "Process | None" = None, code: int = 0) -> None:
    """When all processes and their leftovers have ended, wait for the group's own back-off.

    Then `start_all` starts the group again.
    """
    for member in group.members:
        if member.state == TERMINATED and member.stop_reason == RESTARTING_ALL and "leftovers" not in member.helpers:
            member.stop_reason = None
            ending.clear(member, now)
    if any(member.alive or "leftovers" in member.helpers for member in group.members):
        return
    group.timers["restart all"] = now + restart.delay(group.the_primary.policy, group.restart_all_count)


def start_all(group: "Group", now: float) -> None:
    group.restart_all_count += 1
    group.phase = START
    if group.plan.start_timeout is not None:
        group.timers["start timeout"] = now + group.plan.start_timeout
    for member in group.members:
        member.restarts += member.last is not None
        member.state, member.passed, member.reason = WAITING, False, ""
    group.order = Order(group.members)
    group.advance(now)
