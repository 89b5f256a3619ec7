"""The routes of the signals that PID 1 gets: to the group, the primary, or as [signals] says.

Theory. A stop signal stops the group. Any other signal goes to the primary, or where the table
[signals] of the file sends it. If its process does not run yet, or pidone still looks for its main
pid, the signal is held until there is a process to send it to (E1).

E1 and so on: docs/reference/edge-cases.md.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pidone.group.group import Group
    from pidone.group.process import Process

from pidone.group import stop
from pidone.group.states import WAITING
from pidone.init.machine import STOP

#: The first real-time signal. Held signals behave as the kernel's pending ones (signal(7)):
#: real-time signals queue, standard signals merge.
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
    """Send the signal to a process that runs, or hold it for one that will run (E1)."""
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
