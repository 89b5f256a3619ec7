"""Processes that the file has restarted with another one: they end with it, and start when it has started."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pidone.group.group import Group
    from pidone.group.process import Process

from pidone.group import ending, states
from pidone.group.states import TIED, WAITING
from pidone.init.events import SAY


def take_along(group: "Group", now: float, process: "Process") -> None:
    """It has ended and will be started again: so will be whoever is declared to be restarted with it."""
    for other in group.tied.get(process.id, ()):
        if other.alive and other.ending is None:
            group.do(SAY, "restart with", other.id, process.id)
            other.again_wanted = True
            other.stop(now, states.COMMANDED, other.own_grace)


def retry_waiting(group: "Group", now: float, process: "Process") -> None:
    """It has started, or will not: whoever waits for it looks again."""
    for other in group.tied.get(process.id, ()):
        if ending.waits_to_restart(other):
            ending.restart_due(other, now)


def restart_due(group: "Group", now: float, process: "Process") -> None:
    """It starts again, unless one that it is restarted with is still on its way."""
    partners = [group.members[partner] for partner in process.policy.restart_with]
    if any(not partner.started and (partner.alive or partner.again) for partner in partners):
        process.state, process.reason = WAITING, TIED  # until it has started (`look_again`)
        return
    process.restarts += 1
    group.start(now, process)
