"""The policy of a process: what its group does for it beyond starting it, as plain data.

S1 and so on: docs/reference/pod.md.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pidone.init.slots import Process

    #: (handler, argument, delay, period, timeout, success threshold, failure threshold,
    #: grace or None); times in seconds.
    ProbeSpec = tuple[str, Any, float, float, float, int, int, "float | None"]
    #: (handler, argument)
    HookSpec = tuple[str, Any]
    #: (exit codes, True for "all but these", RULE_RESTART or RULE_RESTART_ALL)
    Rule = tuple[tuple[int, ...], bool, int]
    #: ("prefix", with the time?, stderr apart?), ("json", stderr apart?) or
    #: ("file", path, bytes, how many files are kept)
    LogSpec = tuple[Any, ...]

from pidone.group.slots import ProcessPolicy
from pidone.init.plan import SIDECAR

NEVER, ON_FAILURE, ALWAYS = range(3)
RESTART_POLICIES = ("never", "on-failure", "always")

#: What a restart rule does (S56, S67).
RULE_RESTART, RULE_RESTART_ALL = range(2)

#: Seconds: the first wait, the longest wait, and the run after which the count starts from 0 again
#: (S59, S62). The kubelet's are 10, 300, 600.
BACKOFF = (1.0, 60.0, 600.0)

PROBES = ("startup", "readiness", "liveness")
HOOKS = ("post_start", "pre_stop")

#: Handlers where the process notifies pidone. For all others, pidone queries the process.
NOTIFYING = ("notify", "fd")


def policy_of(place: int, process: "Process") -> ProcessPolicy:
    """Return the policy that the reader of the file packed, or the default of the process's role.

    place: the index of the process in the plan.
    """
    default = (place, (), default_restart(process.role))
    return ProcessPolicy(*(process.policy or default))


def default_restart(role: int, of_group: int = NEVER, essential: bool = False) -> int:
    """Return the restart policy of a process that names none.

    of_group: the policy that [group] names, for all processes but sidecars (S54).
    """
    if essential:
        return NEVER  # its end stops the group
    return ALWAYS if role == SIDECAR else of_group
