"""The gates of a checked file: what a process waits for, what opens its gate, how long it takes.

S1 and so on: docs/reference/pod.md.
"""

from __future__ import annotations

from typing import Any

from pidone import probes
from pidone.group.daemon import DAEMON, LAUNCH
from pidone.group.policy import NOTIFYING
from pidone.init import plan

Process = dict[str, Any]

GATES = {
    plan.INIT: "when it exits with 0",
    plan.SIDECAR: "when its exec succeeds",
    plan.PRIMARY: "when its exec succeeds",
}


def waits_for(process: Process) -> list[int]:
    """Return the indices of the processes that it waits for.

    With `after` these are all that it needs, directly or not. Without, it is the last before it.
    """
    if "after" in process:
        return list(process.get("needs", ()))
    return [process["gate"] - 1] if process["gate"] else []


def handler(found: dict[str, Any]) -> str:
    """Describe a probe or hook in a few words: "tcp 127.0.0.1:514"."""
    return str(probes.handler(found["handler"]).describe(found["argument"]))


def gate(process: Process) -> str:
    if process["role"] == plan.INIT:
        return GATES[plan.INIT]
    parts = []
    if "post_start" in process:
        parts.append(f"its post_start ({handler(process['post_start'])}) has ended")
    if "startup" in process:
        probe = process["startup"]
        often = "" if probe["handler"] in NOTIFYING else f", asked every {probe['period']:g} s"
        parts.append(f"its startup probe ({handler(probe)}) has succeeded{often}")
    elif process.get("daemonizes"):
        parts.append(f"its daemon is found by {process['pid_file']}")
    return "when " + " and ".join(parts) if parts else GATES[process["role"]]


def gate_worst(process: Process, scale: float) -> float | None:
    """Return the most seconds from a process's start until its gate opens, or None without a bound.

    The time holds if the process is not started again.
    """
    if process["role"] == plan.INIT:
        return None
    if process.get("daemonizes"):
        return float((LAUNCH + DAEMON) * plan.MINIMUM_GRACE * scale)
    hook = process.get("post_start")
    if hook and hook["handler"] != "sleep":
        return None
    took = hook["argument"] if hook else 0.0
    probe = process.get("startup")
    if probe:
        last = 0.0 if probe["handler"] in NOTIFYING else probe["timeout"]
        turns = probe["failure_threshold"] * max(probe["period"], last)
        took = max(took, probe["delay"]) + turns  # S37
    return float(took * scale)


def start_worst(declaration: dict[str, Any]) -> float | None:
    """Return the most seconds until the last gate is open, or None without a bound."""
    scale = declaration.get("time_scale", 1.0)
    if "start_timeout" in declaration:
        return float(declaration["start_timeout"] * scale)
    processes = declaration["processes"]
    own = [gate_worst(process, scale) for process in processes]
    if None in own:
        return None
    done: dict[int, float] = {}
    most = [0.0]  # most[n]: when the gates of the first n processes are all open
    for index in sorted(range(len(processes)), key=lambda i: processes[i]["gate"] + len(processes[i].get("needs", ()))):
        process = processes[index]
        while len(most) <= process["gate"]:  # the sort has put processes that wait for fewer before this one
            most.append(max(most[-1], done[len(most) - 1]))
        waits = [most[process["gate"]], *(done[other] for other in process.get("needs", ()))]
        done[index] = (own[index] or 0.0) + max(waits)
    return max(done.values())


#: In a group larger than this, the stop order is described in general only.
MANY = 60


def needs(process: Process) -> set[int]:
    """Return the indices of all processes whose gates must be open before it starts."""
    return {*range(process["gate"]), *process.get("needs", ())}


def signalled_after(process: Process, processes: list[Process]) -> list[str]:
    """Return the names of the processes that must end before a sidecar is signalled in the stop.

    A process is left out if another one of them already waits for its end.
    """
    if process["role"] == plan.PRIMARY:
        return []
    if len(processes) > MANY:
        return ["everything that waited for it"]
    index = processes.index(process)
    waiters = [i for i, other in enumerate(processes) if other["role"] != plan.INIT and index in needs(other)]
    return [processes[i]["name"] for i in waiters if not any(j in needs(processes[i]) for j in waiters)]
