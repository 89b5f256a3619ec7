"""Events -> the document: plain JSON, times in seconds since pidone began, processes by name.

{"schema": 2, "pidone", "group", "single", "started_at": ISO 8601, "uptime": s,
 "exit_code": int, or null while it runs, "grace": s, "stop_signals": [...],
 "memory": {"limit", "peak", "kills"}: bytes and a count, null where unknown,
 "orphans": reaped so far,
 "processes": [{"name", "role", "instances": [{"pid", "forked", "execed", "started",
                "ready": [[from, to], ...], "ended", "code", "signal", "core", "oom",
                "size": bytes, "failed", "successor": whether it took the place of an instance
                that had ended}], "restarts"}],
 "events": [{"n", "at", "what", ...}] as in events.py; a start also has what starts.py adds,
 "cause": {...} as cause.py makes it, "output": {name: [last lines]}}
"""

from __future__ import annotations

from typing import Any

from pidone.control.protocol import SCHEMA
from pidone.init.plan import ROLES
from pidone.report.events import Names, named
from pidone.report.replay import Event

Document = dict[str, Any]


def make(context: dict[str, Any], raw: list[Event]) -> Document:
    """Return the document. context: its keys on the group as a whole, and "names" (`Names`)."""
    from pidone.report import starts
    from pidone.report.cause import explain

    context = dict(context)
    names: Names = context.pop("names")
    events = [named(one, names) for one in raw]
    starts.explain(events)
    processes: dict[str, dict[str, Any]] = {}
    for name, role in names.values():  # a process that a reload declared again takes its latest place
        processes.pop(name, None)
        processes[name] = {"name": name, "role": ROLES[role], "instances": [], "restarts": 0}
    for one in events:
        process = processes.get(one.get("process") or "")
        if process is not None:
            apply(process, one)
    for process in processes.values():
        started = [one for one in process["instances"] if not one["successor"]]
        process["restarts"] = max(0, len(started) - 1)
        for instance in process["instances"]:
            if instance["ready"] and instance["ready"][-1][1] is None and instance["ended"] is not None:
                instance["ready"][-1][1] = instance["ended"]
    document = {"schema": SCHEMA, **context, "processes": list(processes.values()), "events": events}
    document.setdefault("output", {})
    document["cause"] = explain(document)
    return document


NEW = ("pid", "forked", "execed", "started", "ended", "code", "signal", "core", "oom", "size", "failed")


def apply(process: dict[str, Any], one: dict[str, Any]) -> None:
    """Apply an event to the instances of its process."""
    kind, at, instances = one["what"], one["at"], process["instances"]
    if kind == "main_pid" and instances and instances[-1]["ended"] is not None:
        before = instances[-1]  # the new main pid takes the place of one that has ended
        instances.append({**dict.fromkeys(NEW), "ready": [[at, None]], "forked": at, "execed": at, "successor": True})
        instances[-1].update(pid=one["pid"], started=at if before["started"] is not None else None)
        return
    if kind == "forked" or (kind == "failed" and (not instances or instances[-1]["ended"] is not None)):
        new = {"ready": [], "pid": one.get("pid"), "forked": at, "successor": False}
        instances.append({**dict.fromkeys(NEW), **new})
    if not instances:
        return  # its start is no longer in the record
    last = instances[-1]
    if kind == "execed":
        last["execed"] = at
    elif kind == "exited" and last["ended"] is None:
        last.update(ended=at, code=one["code"], signal=one["signal"], core=one["core"], oom=one["oom"])
    elif kind == "failed":
        last.update(ended=at, code=one["code"], failed=one.get("text", ""))
    elif kind == "main_pid":
        last["pid"] = one["pid"]
    elif kind == "sized":
        for instance in instances:
            if instance["pid"] == one["pid"]:
                instance["size"] = one["size"] * 1024
    elif kind == "said" and one["line"] == "cannot start" and last["failed"] is None and last["started"] is None:
        ended = at if last["ended"] is None else last["ended"]
        last.update(ended=ended, code=one["details"][0], failed=one["details"][1], signal=None)
    elif kind == "turned" and one["to"] == "started":
        last["started"] = at
    elif kind == "turned" and one["to"] == "ready":
        last["ready"].append([at, None])
    elif kind == "turned" and last["ready"]:
        last["ready"][-1][1] = at
