"""Explain an end: who died first, of what, who sent the signal, what followed, and the exit code.

Theory. The cause of a stop stands in the record right before the stop. It is a process's end, a
signal, a command, or a message that says what cannot go on. The culprit is the process of that
event. In a stop that somebody asked for, the culprit is the first process that had to be killed.
pidone knows the sender of a signal where it sent or passed on the signal itself. The cgroup counts
OOM kills. A fault raises its own signal. The kernel does not disclose the sender of any other
signal. For such a SIGKILL, the report names the processes that could have sent it.
"""

from __future__ import annotations

from typing import Any

from pidone.config.memory import show as amount
from pidone.oom import is_large

Document = dict[str, Any]
Event = dict[str, Any]

#: Signals that the kernel sends a process for what the process itself does, and what that is.
FAULTS = {
    "SIGSEGV": "accesses memory that is not its own",
    "SIGBUS": "accesses memory that is not there, such as a truncated file",
    "SIGFPE": "divides by zero, or the like",
    "SIGILL": "executes an invalid instruction",
    "SIGABRT": "calls abort(), as after a failed assertion",
    "SIGSYS": "makes a system call that a seccomp filter forbids",
    "SIGTRAP": "hits a breakpoint",
    "SIGPIPE": "writes to a pipe that nobody reads",
    "SIGXCPU": "exceeds its limit of CPU time",
    "SIGXFSZ": "exceeds its limit of file size",
}

#: Messages that begin a stop.
CAUSES = {
    "init failed", "essential ended", "not started", "restart limit", "cannot start", "start timeout", "deadline",
    "listener", "emergency",
}  # fmt: skip

#: Messages after which pidone ends a process.
ENDED_FOR = ("probe failed", "hook failed", "no daemon", "grace over")


def explain(document: Document) -> dict[str, Any]:
    """Return the cause of the end.

    trigger: the kind of the event that began the end, or its message if the kind is "said"; or
        None.
    process: the culprit's name, or None.
    why: the sentence on how the culprit ended, or on who asked for the stop; or None.
    then: the sentence on what followed, or None.
    lines: all sentences, in order.
    """
    events: list[Event] = document["events"]
    at = stop_at(document)
    before = events[: at + 1] if at is not None else events
    trigger = begun_by(document, before)
    stop_was_asked = trigger is not None and trigger["what"] in ("signal", "command")
    culprit = victim_of_grace(events, at) if stop_was_asked else trigger
    found: dict[str, Any] = {
        "trigger": None if trigger is None else trigger["what"] if trigger["what"] != "said" else trigger["line"],
        "process": culprit.get("process") if culprit else None,
    }
    lines = []
    if stop_was_asked and trigger is not None:
        by = "pidonectl" if trigger["what"] == "command" else f"{trigger['signal']} from {sender(trigger)}"
        lines.append(f"asked to stop by {by}, {span(trigger['at'])} after the start")
    if culprit is not None:
        lines.append(of_what(document, culprit, events))
    elif trigger is not None and trigger["what"] == "said":
        lines.append(bound(trigger))
    found["why"] = lines[-1] if lines else None
    followed = what_followed(document, at, found["process"])
    if followed:
        lines.append(followed)
    output = document["output"].get(found["process"])
    broken = [event["text"] for event in events if event["what"] == "internal_error"]
    if broken and not (trigger and trigger.get("line") == "emergency"):
        lines.append(f"pidone had {len(broken)} internal error{'s' if len(broken) > 1 else ''}: {broken[-1]}")
    if output and document["exit_code"] is not None:
        lines.append(f"its last line: {output[-1][:200]}")
    if document["exit_code"] is not None:
        lines.append(f"exit code {document['exit_code']}")
    found["then"] = followed or None
    found["lines"] = lines
    return found


def stop_at(document: Document) -> int | None:
    """Return the index of the event that begins the stop, or None."""
    for place, event in enumerate(document["events"]):
        if event["what"] == "turned" and event["to"] == "stop":
            return place
    return None


def begun_by(document: Document, before: list[Event]) -> Event | None:
    """Return the event that began the end, or None where no end has begun."""
    primary = document["processes"][-1]["name"]
    stops = set(document["stop_signals"])
    stopping = any(event["what"] == "turned" and event["to"] == "stop" for event in before[-1:])
    if not stopping and not document["single"]:
        return None
    for event in reversed(before):
        kind = event["what"]
        if kind == "said" and event["line"] in CAUSES:
            return event
        if kind in ("exited", "failed") and event.get("process") == primary:
            return event
        if kind == "signal" and event["signal"] in stops:
            return event
        if kind == "command" and event["verb"] == "stop all":
            return event
    return None


def victim_of_grace(events: list[Event], at: int | None) -> Event | None:
    """Return the end of the first process that pidone killed in the stop, or None."""
    killed: set[int] = set()
    for event in events[at or 0 :]:
        if event["what"] == "sent" and event["signal"] == "SIGKILL":
            killed.add(event["pid"])
        elif event["what"] == "exited" and event["pid"] in killed:
            return event
    return None


def end_of(document: Document, name: str, until: float) -> dict[str, Any] | None:
    """Return the latest instance of a process that ended by this time (seconds), or None."""
    for process in document["processes"]:
        if process["name"] == name:
            ended = [one for one in process["instances"] if one["ended"] is not None and one["ended"] <= until]
            return ended[-1] if ended else None
    return None


def of_what(document: Document, culprit: Event, events: list[Event]) -> str:
    name = culprit.get("process")
    end = end_of(document, name, culprit["at"]) if name else None
    if end is None:
        return bound(culprit)
    if end["failed"] is not None:
        text = end["failed"] if end["failed"].startswith(f"{name}:") else f"{name}: {end['failed']}"
        return f"cannot start {text}"
    lived = span(end["ended"] - (end["forked"] or 0.0))
    text = f"{name} (pid {end['pid']}) {how(end)}, {lived} after its start"
    why = who_did_it(document, name or "", end, events)
    limit = [event for event in events if event is culprit and event.get("line") == "restart limit"]
    if limit:
        many = limit[0]["details"][0]
        text += f", after {many} restart{'' if many == 1 else 's'}"
    return f"{text}: {why}" if why else text


def how(end: dict[str, Any]) -> str:
    if end["signal"]:
        return f"was killed by {end['signal']}" + (" and dumped its core" if end["core"] else "")
    return f"ended with exit code {end['code']}"


def who_did_it(document: Document, name: str, end: dict[str, Any], events: list[Event]) -> str:
    """Return why a process ended and who ended it, or "" where it ended by itself."""
    mine = [e for e in events if e["at"] <= end["ended"] and e["at"] >= (end["forked"] or 0.0)]
    if end["oom"]:
        return out_of_memory(document, name, end)
    reason = next((e for e in reversed(mine) if e["what"] == "said" and e.get("process") == name
                   and e["line"] in ENDED_FOR), None)  # fmt: skip
    sent = [e for e in mine if e["what"] == "sent" and e.get("pid") == end["pid"]]
    if reason is not None and sent:
        return "pidone ended it: " + reason_text(reason, document)
    passed = next((e for e in reversed(mine) if e["what"] == "signal" and e["signal"] == end["signal"]), None)
    if end["signal"] and any(e["signal"] == end["signal"] for e in sent):
        return f"pidone forwarded it from {sender(passed)}" if passed else "pidone sent it"
    if not end["signal"]:
        return ""
    memory = document["memory"]
    counted = end["signal"] == "SIGKILL" and document["single"] and memory["kills"]
    if counted and is_large(end["size"] or 0, memory["limit"]):
        return out_of_memory(document, name, end)
    if end["signal"] in FAULTS:
        return f"the kernel sends that to a process that {FAULTS[end['signal']]}"
    return suspects(document, name, end, events)


def reason_text(said: Event, document: Document) -> str:
    details = said["details"]
    if said["line"] == "probe failed":
        times = f"{details[1]} times" if details[1] > 1 else "once"
        return f"its {details[0]} probe failed {times}: {details[2] or 'no reason given'}"
    if said["line"] == "hook failed":
        return f"its {details[0]} failed: {details[1]}"
    if said["line"] == "no daemon":
        return f"it did not go into the background within {details[0]:g} s"
    grace = details[0] if details else document["grace"]
    return f"it did not exit within its grace of {grace:g} s"


def bound(said: Event) -> str:
    texts = {
        "start timeout": "not everything started within the group's start_timeout",
        "deadline": "the group reached its deadline",
        "listener": "the listener for sd_notify could not start",
    }
    line = str(said.get("line", "unknown"))
    if line == "emergency":
        return f"pidone itself failed, and stopped everything: {said['details'][0]}"
    return texts.get(line, line)


def out_of_memory(document: Document, name: str, end: dict[str, Any]) -> str:
    memory = document["memory"]
    parts = []
    if memory["limit"]:
        parts.append(f"the container may use {amount(memory['limit'])}")
    if memory["peak"]:
        parts.append(f"had used up to {amount(memory['peak'])}")
    text = "the kernel killed it because memory ran out"
    if parts:
        text += f": {' and '.join(parts)}"
    if end["size"]:
        text += f", {name} alone up to {amount(end['size'])}"
    return text + "; give it more (docker run -m), or find the leak"


def suspects(document: Document, name: str, end: dict[str, Any], events: list[Event]) -> str:
    text = "neither pidone nor the kernel's OOM killer sent it, and the kernel does not say who did"
    if end["signal"] != "SIGKILL":
        return "pidone did not send it, and the kernel does not say who did"
    found = next((e for e in events if e["what"] == "suspects" and e.get("process") == name
                  and e["pid"] == end["pid"]), None)  # fmt: skip
    if found is None:
        return text
    declared = {one["pid"]: process["name"] for process in document["processes"] for one in process["instances"]}
    who = [f"{declared.get(one['pid'], one['name'])} (pid {one['pid']}, {user(one['uid'])})" for one in found["who"]]
    if found["many"] > len(who):
        who.append(f"{found['many'] - len(who)} more")
    if not who:
        return f"{text}: no process still running in this container could have; one outside of it could"
    return f"{text}: in this container {', '.join(who)} could have, or one outside of it"


def what_followed(document: Document, at: int | None, culprit: str | None) -> str:
    """Return how the other processes ended after the stop began, or ""."""
    if at is None:
        return ""
    events = document["events"]
    killed = {e["pid"] for e in events[at:] if e["what"] == "sent" and e["signal"] == "SIGKILL"}
    swept = any(e["what"] == "swept" and e["signal"] == "SIGKILL" for e in events[at:])
    ended: list[str] = []
    forced: list[str] = []
    for event in events[at:]:
        if event["what"] == "exited" and event["process"] != culprit:
            by_us = event["signal"] == "SIGKILL" and (event["pid"] in killed or swept)
            (forced if by_us else ended).append(f"{event['process']} ({short(event)})")
    parts = [f"stopped: {listed(ended)}"] if ended else []
    if forced or swept:
        parts.append(
            f"killed at the end of the grace of {document['grace']:g} s: {listed(forced or ['what was left'])}"
        )
    return f"then {'; '.join(parts)}" if parts else ""


def short(event: Event) -> str:
    return str(event["signal"] or f"exit code {event['code']}")


def sender(signal: Event) -> str:
    """Return who sent a signal to pidone."""
    if not signal["pid"]:
        return "outside of this container"
    name = signal["name"] or "a process that exited"
    return f"{name} (pid {signal['pid']}, {user(signal['uid'])})"


def user(uid: int) -> str:
    return "root" if uid == 0 else f"uid {uid}"


def listed(names: list[str]) -> str:
    names = names if len(names) <= 8 else [*names[:7], f"{len(names) - 7} more"]
    return ", ".join(names[:-1]) + (" and " if len(names) > 1 else "") + names[-1]


def span(seconds: float) -> str:
    """Format a span of time: 0.0042 -> "4 ms"; 75 -> "1 min 15 s"; 93784 -> "1 d 2 h"."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    total = round(seconds)
    for unit, size, below, smaller in (("min", 60, "s", 1), ("h", 3600, "min", 60), ("d", 86400, "h", 3600)):
        if total < size * (24 if unit == "h" else 60) or unit == "d":
            rest = total % size // smaller
            return f"{total // size} {unit}" + (f" {rest} {below}" if rest else "")
    raise AssertionError(seconds)
