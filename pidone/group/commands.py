"""Commands of users for one process: stop it, start it, restart it, send it a signal.

Theory. A command comes from a user of the group. So it overrides policy and back-off, but never the
order: once a stop of the group has begun, nothing starts. A command can stop a
sidecar. The sidecar is then held down: whatever its policy, it stays down until a command or a
restart of all starts it. A command cannot stop the primary alone, because the primary's end is the
group's end. It can restart the primary, and then the group goes on. Commands have no effect on an
init step that has passed.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from pidone.group.group import Group
    from pidone.group.process import Process

from pidone.control.protocol import RESTART_ONE, SIGNAL_ONE, START_ONE, STOP_ALL, STOP_ONE
from pidone.group import ending, partners, routing, stop
from pidone.group.states import COMMANDED, TERMINATED
from pidone.init.machine import RUN, START
from pidone.init.plan import INIT, SIDECAR


def command_received(group: "Group", now: float, verb: int, id: int, number: int) -> None:
    """Carry out a command.

    A command that makes no sense in this state has no effect: its sender saw an earlier state.
    """
    if verb == STOP_ALL:
        stop.asked_by_command(group, now)
    elif group.phase in (START, RUN) and id in group.by_id and verb in COMMANDS:
        COMMANDS[verb](group, now, group.by_id[id], number)


def send_signal(group: "Group", now: float, process: "Process", number: int) -> None:
    if process.alive:
        routing.pass_on(group, process, number)


def stop_one(group: "Group", now: float, process: "Process", number: int) -> None:
    if process.role != SIDECAR or not (process.alive or process.down):
        return
    process.held_down = True
    process.again_wanted = False
    if process.alive:
        process.stop(now, COMMANDED, process.own_grace)
    else:
        process.cancel("restart")
        process.again = False
        process.state, process.reason = TERMINATED, process.last[2] if process.last else ""
        partners.retry_waiting(group, now, process)


def start_one(group: "Group", now: float, process: "Process", number: int) -> None:
    """Start a process that has run before and is down, at once and with its back-off reset."""
    if process.alive and process.held_down:  # its stop still goes on: start it after that
        process.held_down, process.again_wanted = False, True
    elif process.down and not (process.role == INIT and process.passed):
        process.held_down = False
        ending.restart_now(process, now)
        partners.take_along(group, now, process)


def restart_one(group: "Group", now: float, process: "Process", number: int) -> None:
    if not process.alive:
        start_one(group, now, process, number)
    elif process.role != INIT:
        process.held_down = False
        process.again_wanted = True
        process.stop(now, COMMANDED, process.own_grace)


def decide(group: "Group", now: float, process: "Process") -> None:
    """Decide what follows when a process ends that a command or a partner's restart has stopped."""
    if process.held_down:
        ending.clear(process, now)
        partners.retry_waiting(group, now, process)
    else:
        ending.restart_now(process, now)
        partners.take_along(group, now, process)
        ending.clear(process, now)


#: {verb: its function}
COMMANDS: "dict[int, Callable[[Group, float, Process, int], None]]" = {
    STOP_ONE: stop_one,
    START_ONE: start_one,
    RESTART_ONE: restart_one,
    SIGNAL_ONE: send_signal,
}
