"""What people command of one process: stop it, start it, start it again, send it a signal.

Theory. A command is a wish of somebody who looks at the group, so it overrides policy and back-off, and never order: a
stop has begun for all or has not, and then nothing starts. A sidecar that was stopped is `parked`: it stays down,
whatever its policy, until it is started again. A primary cannot be stopped alone, its end is the group's; it can be
started again, and then its end is not. An init step that has done its work has nothing to be commanded.
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
    """What makes no sense in this state has no effect: who commands has looked at a state that may be over."""
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
    """Start it at once, where it has been started before and does not run; its back-off begins anew."""
    if process.alive and process.held_down:  # it is still being ended
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
    """It has ended, and a command says what follows."""
    if process.held_down:
        ending.clear(process, now)
        partners.retry_waiting(group, now, process)
    else:
        ending.restart_now(process, now)
        partners.take_along(group, now, process)
        ending.clear(process, now)


#: {verb: what it does}
COMMANDS: "dict[int, Callable[[Group, float, Process, int], None]]" = {
    STOP_ONE: stop_one,
    START_ONE: start_one,
    RESTART_ONE: restart_one,
    SIGNAL_ONE: send_signal,
}
