"""The document -> lines for a terminal: the cause, each process, and the events in order."""

from __future__ import annotations

from typing import Any

from pidone.config.memory import show as amount
from pidone.report import columns
from pidone.report.cause import how, span
from pidone.report.events import EVENTS, sentence

Document = dict[str, Any]


def lines(document: Document, last: int = 40) -> list[str]:
    """Return the lines. last: how many of the latest events they show."""
    found = [head(document), ""]
    found += [f"  {line}" for line in document["cause"].get("lines", [])] or ["  it is running"]
    found += ["", *table(document)]
    for name, output in document.get("output", {}).items():
        found += ["", f"the last lines of {name}:", *(f"  {line}" for line in output[-20:])]
    events = [event for event in document["events"] if event["what"] in EVENTS and EVENTS[event["what"]].listed]
    if events:
        left_out = f" (the last {last} of {len(events)})" if len(events) > last else ""
        found += ["", f"what happened{left_out}"]
        found += [f"  {event['at']:10.3f}  {sentence(event)}" for event in events[-last:]]
    return found


def head(document: Document) -> str:
    text = f"{document['group']}: started {document['started_at']}, ran for {span(document['uptime'])}"
    if document.get("exit_code") is not None:
        text += f", exit code {document['exit_code']}"
    memory = document["memory"]
    if memory.get("limit"):
        text += f"; memory: {amount(memory.get('peak') or 0)} of {amount(memory['limit'])} used at most"
    if document["orphans"]:
        text += f"; orphans reaped: {document['orphans']}"
    return text


def table(document: Document) -> list[str]:
    """Return one line for each process: role, pid, start, end, restarts, how it ended."""
    rows = [("process", "role", "pid", "started", "ended", "restarts", "how")]
    for process in document["processes"]:
        instance = process["instances"][-1] if process["instances"] else None
        if instance is None:
            rows.append((process["name"], process["role"], "-", "-", "-", "0", "never started"))
            continue
        rows.append((
            process["name"], process["role"], str(instance["pid"] or "-"), at(instance["forked"]),
            at(instance["ended"]), str(process.get("restarts", 0)), state(instance),
        ))  # fmt: skip
    return columns.lines(rows)


def at(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.3f}"


def state(instance: dict[str, Any]) -> str:
    if instance["failed"] is not None:
        return f"could not be started: {instance['failed']}"
    if instance["ended"] is not None:
        return how(instance) + (", out of memory" if instance["oom"] else "")
    if instance["ready"] and instance["ready"][-1][1] is None:
        return "running, ready"
    return "running, not ready" if instance["started"] is not None else "running, not started"
