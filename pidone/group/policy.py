"""What a group does for one process beyond starting it: plain data, as the file's reader packed it."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pidone.init.slots import Process

    #: (handler, argument, delay, period, timeout, success threshold, failure threshold, grace or None); in seconds.
    ProbeSpec = tuple[str, Any, float, float, float, int, int, "float | None"]
    #: (handler, argument)
    HookSpec = tuple[str, Any]
    #: (exit codes, True for "all but these", AGAIN or ALL)
    Rule = tuple[tuple[int, ...], bool, int]
    #: ("prefix", with the time?, stderr apart?), ("json", stderr apart?) or ("file", path, bytes, how many are kept)
    LogSpec = tuple[Any, ...]

from pidone.group.slots import ProcessPolicy
from pidone.init.plan import SIDECAR

NEVER, ON_FAILURE, ALWAYS = range(3)
RESTART_POLICIES = ("never", "on-failure", "always")

#: What a restart rule does (S56, S67).
RULE_RESTART, RULE_RESTART_ALL = range(2)

#: Seconds: initial, most, and after how long a run the count starts anew (S59, S62). The kubelet's are 10, 300, 600.
BACKOFF = (1.0, 60.0, 600.0)

PROBES = ("startup", "readiness", "liveness")
HOOKS = ("post_start", "pre_stop")

#: Handlers that speak up by themselves, where all others are asked.
NOTIFYING = ("notify", "fd")


def policy_of(place: int, process: "Process") -> ProcessPolicy:
    """As the file's reader packed it; of a process of which nothing is asked, its role's. place: in the plan."""
    default = (place, (), default_restart(process.role))
    return ProcessPolicy(*(process.policy or default))


def default_restart(role: int, of_group: int = NEVER, essential: bool = False) -> int:
    """The policy of a process that names none. of_group: what [group] says, for all but sidecars (S54)."""
    if essential:
        return NEVER  # its end is to be the group's
    return ALWAYS if role == SIDECAR else of_group
