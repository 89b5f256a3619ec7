"""Which keys of one process exclude or need each other, and which keys a role may not have.

Each rule yields (key, what is wrong and what would be right). Where the Kubernetes API has the same
validation, a comment names its statement.

S1 and so on: docs/reference/pod.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pidone import probes
from pidone.group.policy import ALWAYS, HOOKS, NEVER, NOTIFYING, PROBES, default_restart
from pidone.init.plan import INIT, PRIMARY, SIDECAR

Errors = Iterator[tuple[str, str]]


def of_process(process: dict[str, Any], grace: float, policy: int) -> Errors:
    """Yield every error of one process whose keys are right by themselves.

    grace, policy: the grace and the restart policy of [group].
    """
    role = process.get("role")
    if role == INIT:
        for key in (*PROBES, *HOOKS):
            if key in process:
                yield key, f"an init step has no {key}, because it runs to completion; use a sidecar"  # S9
    yield from of_restarts(process, policy)
    yield from of_roles(process)
    if "pid_file" in process and not process.get("daemonizes") and role == INIT:
        yield "pid_file", "an init step runs to completion and has no pid_file; use a sidecar or the primary"
    if "home" in process and "user" not in process:
        yield "home", "home without user; add user, or remove home"
    if process.get("daemonizes") and "pid_file" not in process:
        yield "daemonizes", 'daemonizes without pid_file; set the file it writes, such as pid_file = "/run/nginx.pid"'
    if "pause" in process and (role == INIT or process.get("daemonizes")):
        yield (
            "pause",
            "pause runs no program and lasts until the group stops: not for an init step, not with daemonizes",
        )
    hook = process.get("pre_stop")
    if hook and hook["handler"] == "sleep" and hook["argument"] > process.get("grace", grace):
        yield "pre_stop", f"it sleeps longer than the grace of {process.get('grace', grace):g} s"  # S73
    for key in (*PROBES, *HOOKS):
        yield from of_ports(process, key)
    notified_probes = [process[key] for key in PROBES if key in process and process[key]["handler"] in NOTIFYING]
    if len({(found["handler"], found["argument"]) for found in notified_probes}) > 1:
        yield "readiness", "startup and readiness must use the same way: notify, or a newline on one fd"


def of_restarts(process: dict[str, Any], policy: int) -> Errors:
    if "restart_rules" in process and "restart" not in process:
        yield (
            "restart_rules",
            'restart_rules without restart; set the default for other exit codes, such as restart = "never"',  # S56
        )
    default = default_restart(process.get("role", PRIMARY), policy, bool(process.get("essential")))
    restart = process.get("restart", default)
    if process.get("essential") and process.get("restart") == ALWAYS:
        yield "essential", 'essential and restart = "always" exclude each other: it would never end; remove one of them'
    again = restart != NEVER or "restart_rules" in process
    for key in ("max_restarts", "backoff"):
        if key in process and not again and process.get("role") is not None:
            yield key, f'{key} needs restart = "on-failure" or "always"'


def of_roles(process: dict[str, Any]) -> Errors:
    role = process.get("role")
    if process.get("essential") and role != SIDECAR:
        why = "its end is the group's anyway" if role == PRIMARY else "it has to end"
        yield "essential", f"essential is for sidecars: {why}"
    if role == INIT and "restart_with" in process:
        yield "restart_with", "an init step runs once and cannot restart with another process"
    if role == PRIMARY and process.get("replicas", 1) > 1:
        yield "replicas", "a primary has no replicas: exactly one process's exit is the container's"
    if process.get("replicas", 1) > 1:
        for key in ("pid_file", "termination_message"):
            if key in process:
                yield key, f"{key} with replicas: all of them would share one file"
        if isinstance(process.get("name"), str) and len(process["name"]) > 57:
            yield "name", "the name of a replica, with '-' and a number appended, has at most 63 characters"
    if role == INIT and process.get("daemonizes"):
        yield "daemonizes", "an init step runs to completion; a program that goes into the background is a sidecar"


def of_ports(process: dict[str, Any], key: str) -> Errors:
    """Replace the name of a port by its number, or yield an error (S52)."""
    found = process.get(key)
    place = getattr(probes.handler(found["handler"]), "PORT", None) if found else None
    if not found or place is None:
        return
    name = found["argument"][place]
    if isinstance(name, str):
        known = process.get("ports", {})
        if name in known:
            found["argument"][place] = known[name]
        else:
            yield key, f"{key}: no port '{name}' in its ports; there are: {', '.join(sorted(known)) or 'none'}"  # S52
