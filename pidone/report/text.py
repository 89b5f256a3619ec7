"""The document -> lines for a terminal: why, each process, and what happened, in order."""

from __future__ import annotations

from typing import Any

from pidone.config.memory import show as amount
from pidone.report import columns, starts
from pidone.report.cause import how, sender, span

Document = dict[str, Any]

#: Events that are told one by one; the others are in the processes' lines.
TELLING = ("forked", "failed", "exited", "turned", "sent", "swept", "said", "noted", "ended", "signal", "suspects",
           "missed", "command", "beside", "parted", "followed", "broken")  # fmt: skip


def lines(document: Document, last: int = 40) -> list[str]:
    """last: so many events, the latest."""
    found = [head(document), ""]
    found += [f"  {line}" for line in document["cause"].get("lines", [])] or ["  it lives"]
    found += ["", *table(document)]
    for name, output in document.get("output", {}).items():
        found += ["", f"the last lines of {name}:", *(f"  {line}" for line in output[-20:])]
    events = [event for event in document["events"] if event["what"] in TELLING]
    if events:
        left_out = f" (the last {last} of {len(events)})" if len(events) > last else ""
        found += ["", f"what happened{left_out}"]
        found += [f"  {event['at']:10.3f}  {sentence(event)}" for event in events[-last:]]
    return found


def head(document: Document) -> str:
    text = f"{document['group']}: began {document['began']}, lived {span(document['lived'])}"
    if document.get("exit_code") is not None:
        text += f", exit code {document['exit_code']}"
    memory = document["memory"]
    if memory.get("limit"):
        text += f"; memory: {amount(memory.get('peak') or 0)} of {amount(memory['limit'])} used at most"
    if document["orphans"]:
        text += f"; {document['orphans']} orphans reaped"
    return text


def table(document: Document) -> list[str]:
    """One line a process: role, pid, since when, how it ended, restarts."""
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


#: Events that are said in one way only.
PLAIN = {
    "execed": "{process} (pid {pid}) has been executed",
    "launched": "the launcher of {process} (pid {pid}) has ended, as it should",
    "followed": "pid {pid} of its pid_file stands for {process} from now on",
    "broken": "an internal error of pidone: {text}",
    "begun": "{beside} of {process} begins", "stopped": "{process} (pid {pid}) is stopped, as by Ctrl-Z",
    "sized": "{process} has had up to {size} kB of memory", "exit": "pidone exits with {code}",
    "oom": "the kernel has killed {kills} processes here, for memory ran out",
    "swept": "{signal} sent to all that is left", "noted": "{process} says of itself: {word}",
    "beside": "a command beside {process} (pid {pid}) begins",
}  # fmt: skip


def sentence(event: dict[str, Any]) -> str:
    """One event in a line."""
    if event["what"] in PLAIN:
        return PLAIN[event["what"]].format_map(event)
    kind, name = event["what"], event.get("process")
    pid = f" (pid {event['pid']})" if event.get("pid") else ""
    words: Any = str(event.get("text") or "")
    if kind == "missed":
        stops = f", {event['stops']} stops" if event.get("stops") else ""
        return f"not noted one by one: {event['signals']} signals, {event['orphans']} orphans{stops}"
    if kind == "forked":
        why = starts.words(event) if "why" in event else ""
        return f"{name}{pid} is forked" + (f": {why}" if why else "")
    if kind == "signal":
        return f"{event['signal']} came from {sender(event)}"
    if kind == "exited":
        return f"{name}{pid} {how(event)}" + (", out of memory" if event["oom"] else "")
    if kind == "failed":
        return f"{name} could not be started: {words}"
    if kind == "turned":
        of_all = {
            "stop": "the group stops", "reloaded": "the file read again has taken over",
            "not beside": "a command of exec is refused: as many as may run do",
            "not following": "a client that wants to follow is refused: as many as may do",
        }  # fmt: skip
        return f"{name} is {event['to']}" if name else of_all.get(event["to"], f"the file is {event['to']}")
    if kind == "sent":
        return f"{event['signal']} sent to {name}{pid}{' and its process group' if event['whole'] else ''}"
    if kind == "said":
        words = ", ".join(str(word) for word in event["words"] if word not in (None, ""))
        return f"{event['line']}{f' of {name}' if name else ''}{f': {words}' if words else ''}"
    if kind == "ended":
        return f"{event['beside']} of {name} has ended: {event['verdict']}{f', {words}' if words else ''}"
    if kind == "suspects":
        who = ", ".join(f"{one['name']} (pid {one['pid']}, uid {one['uid']})" for one in event["who"])
        return f"who could have sent it to {name}: {who or 'nobody in this container'}"
    if kind == "command":
        what = f"{event['verb']} {name or ''}".strip() if event["verb"] not in ("stop all", "reload") else event["verb"]
        return f"{what} commanded by pid {event['pid']}, uid {event['uid']}"
    if kind == "parted":
        end = event["signal"] or f"exit code {event['code']}"
        return f"the command {event.get('name') or ''} beside {name}{pid} has ended: {end}"
    if kind == "reaped":
        whose = f" of {name}'s session" if name else ""
        end = event["signal"] or f"exit code {event['code']}"
        return f"orphan {event['name']}{pid}{whose} reaped: {end}; a zombie for at most {event['waited'] / 1000:.1f} ms"
    return " ".join(f"{key} {value}" for key, value in event.items() if key not in ("n", "at"))
