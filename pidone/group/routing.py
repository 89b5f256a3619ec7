"""To whom a signal goes: a stop signal to the group, any other to the primary, or as the file's [signals] has it.

Theory. A signal for a process that does not run yet, or whose daemon is still looked for, is held until there is
somebody to send it to (E1).
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pidone.group.group import Group
    from pidone.group.process import Process

from pidone.group import stop
from pidone.group.states import WAITING
from pidone.init.machine import STOP

#: Signals from this on are queued; standard ones merge, as pending ones do (signal(7)).
REALTIME = 34

MAX_HELD = 1024


def signal(group: "Group", now: float, number: int) -> None:
    number = group.rewritten(number)
    if number in group.plan.stop_signals:
        stop.asked_by_signal(group, now, number)
    elif number:
        places, number = group.plan.routes.get(number, ((len(group.members) - 1,), number))
        for place in places:
            pass_on(group, group.members[place], number)


def pass_on(group: "Group", process: "Process", number: int) -> None:
    """To one that runs; kept for one that will (E1). Standard signals merge, as pending ones do."""
    looked_for = "main_pid" in process.helpers
    if process.alive and not looked_for:
        process.send(number)
        return
    coming = looked_for or (group.phase < STOP and (process.state == WAITING or process.again))
    merged = number < REALTIME and (process.id, number) in group.held
    if coming and not merged and len(group.held) < MAX_HELD:
        group.held.append((process.id, number))


def send_held(group: "Group", now: float, process: "Process") -> None:
    """Send the signals that arrived before the process could take them."""
    if group.held:
        held, group.held = group.held, [one for one in group.held if one[0] != process.id]
        for target, number in held:
            if target == process.id:
                process.send(number)
