"""Processes that restart with another one: they stop with it, and start when it has started."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pidone.group.group import Group
    from pidone.group.process import Process

from pidone.group import ending, states
from pidone.group.states import TIED, WAITING
from pidone.init.events import SAY


def take_along(group: "Group", now: float, process: "Process") -> None:
    """Stop the processes that restart with this one, which has ended and will start again."""
    for other in group.tied.get(process.id, ()):
        if other.alive and other.stop_reason is None:
            group.do(SAY, "restart with", other.id, process.id)
            other.again_wanted = True
            other.stop(now, states.COMMANDED, other.own_grace)


def retry_waiting(group: "Group", now: float, process: "Process") -> None:
    """Let the processes that wait for this one try again: it has started, or will not start."""
    for other in group.tied.get(process.id, ()):
        if ending.waits_to_restart(other):
            ending.restart_due(other, now)


def restart_due(group: "Group", now: float, process: "Process") -> None:
    """Start the process again, unless one that it restarts with is still about to start."""
    partners = [group.members[partner] for partner in process.policy.restart_with]
    if any(not partner.started and (partner.alive or partner.again) for partner in partners):
        process.state, process.reason = WAITING, TIED  # until that one has started (`retry_waiting`)
        return
    process.restarts += 1
    group.start(now, process)
