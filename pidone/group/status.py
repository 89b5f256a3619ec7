"""A group in the kubelet's terms: states, phase, conditions (S94-S100).

All of it is pure. PID 1 uses it only for `--verbose`; helpers use it for a snapshot of the group.

E1 and so on: docs/reference/edge-cases.md. S1 and so on: docs/reference/pod.md.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pidone.group.group import Group

    State = tuple[str, tuple[Any, ...]]

from pidone.group.policy import ALWAYS, NEVER
from pidone.group.states import RUNNING, TERMINATED
from pidone.init.machine import OVER, RESTART, STOP
from pidone.init.plan import INIT, PRIMARY

#: Reasons of a process before its first start (S98): in a group of several processes, as in a Pod
#: with init containers, and in a group of one.
FIRST, CREATING = "PodInitializing", "ContainerCreating"


def state(group: "Group", index: int) -> "State":
    """Return the kubelet's state of a process, in one of these forms.

    ("waiting", (reason,))
    ("running", (started, ready))
    ("terminated", (reason, exit code, signal))
    """
    member = group.members[index]
    starting = "post_start" in member.helpers or "post_start" in member.timers  # S69
    if member.state == RUNNING and not starting:
        return "running", (member.started, member.ready)
    if member.state == TERMINATED:
        code, number, reason = member.last or (0, 0, "")
        return "terminated", (reason, 128 + number if number else code, number)
    return "waiting", (member.reason or first_reason(group),)


def first_reason(group: "Group") -> str:
    return FIRST if len(group.members) > 1 else CREATING


def show(state: "State") -> str:
    kind, rest = state
    if kind == "running":
        return "running(%s, %s)" % ("started" if rest[0] else "not started", "ready" if rest[1] else "not ready")
    if kind == "terminated":
        return "terminated(%s, %s)" % (rest[0], "signal %d" % rest[2] if rest[2] else "exit code %d" % rest[1])
    return "waiting(%s)" % rest[0]


def pod_phase(group: "Group") -> str:
    """Return Pending, Running, Succeeded or Failed.

    While the group lives, the kubelet's table decides; once it stops, S95 decides.
    """
    primary = group.the_primary
    if group.phase >= STOP and (group.phase == OVER or not any(member.alive for member in group.members)):
        ended = primary.state == TERMINATED and not primary.again
        return "Succeeded" if ended and group.code == 0 else "Failed"
    inits = [state(group, index) for index, member in enumerate(group.members) if member.role == INIT]
    policy = ALWAYS if group.phase >= STOP else primary.policy.restart  # no phase is final before all have ended
    return phase_of(policy, inits, [state(group, len(group.members) - 1)])


def phase_of(policy: int, inits: "list[State]", apps: "list[State]") -> str:
    """Return the phase by the kubelet's table, getPhase (S94), for any number of app containers."""
    if any(kind == "terminated" and rest[1] != 0 for kind, rest in inits) and policy == NEVER:
        return "Failed"
    if any(kind != "terminated" or rest[1] != 0 for kind, rest in inits) and all(kind == "waiting" for kind, _ in apps):
        return "Pending"
    if any(kind == "waiting" and rest[0] != "CrashLoopBackOff" for kind, rest in apps):
        return "Pending"
    if any(kind != "terminated" for kind, _ in apps) or policy == ALWAYS:
        return "Running"
    if all(rest[1] == 0 for _, rest in apps):
        return "Succeeded"
    return "Failed" if policy == NEVER else "Running"


def last_state(group: "Group", index: int) -> "State | None":
    """Return the latest end if it is not the present state, or None (S98)."""
    member = group.members[index]
    if member.last is None or member.state == TERMINATED:
        return None
    code, number, reason = member.last
    return "terminated", (reason, 128 + number if number else code, number)


def completed(group: "Group", index: int) -> bool:
    """Return whether it has ended with 0, by itself and for good: its work is done (E51)."""
    member = group.members[index]
    over = member.state == TERMINATED and member.reason == "Completed"
    return over and not member.again and not member.held_down and member.stop_reason is None


def ready(group: "Group", index: int) -> bool:
    """Return whether a process is ready (S99).

    An init step is ready when it has ended with 0. Any other process is ready when it runs, has
    started, and its readiness probe, if any, has succeeded. A sidecar is also ready when it is
    completed.
    """
    member = group.members[index]
    if member.role == INIT:
        return member.state == TERMINATED and member.reason == "Completed"
    if member.role != PRIMARY and completed(group, index):
        return True
    return member.state == RUNNING and member.started and member.ready


def conditions(group: "Group") -> "dict[str, tuple[bool, str]]":
    """Return {condition: (status, reason)} (S100).

    There are no readinessGates, because nothing here could write them.
    """
    inits = [index for index, member in enumerate(group.members) if member.role != PRIMARY]
    waiting = [
        index
        for index in inits
        if not (ready(group, index) if group.members[index].role == INIT else group.members[index].started)
    ]
    begun = group.the_primary.alive or group.the_primary.last is not None
    all_ready = all(ready(group, index) for index, member in enumerate(group.members) if member.role != INIT)
    reason = "" if all_ready else "ContainersNotReady"
    if pod_phase(group) in ("Succeeded", "Failed"):
        reason = "PodCompleted" if pod_phase(group) == "Succeeded" else "PodFailed"
        all_ready = False
    initialized = begun or not waiting
    return {
        "PodScheduled": (True, ""),
        "PodReadyToStartContainers": (True, ""),
        "Initialized": (initialized, "" if initialized else "ContainersNotInitialized"),
        "ContainersReady": (all_ready, reason),
        "Ready": (all_ready, reason),
        "AllContainersRestarting": (group.phase == RESTART, ""),
    }
