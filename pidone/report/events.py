"""Every kind of event in the record. Each is one entry: its fields and its sentence.

    "main_pid": Event("process pid", "pid {pid} is the main pid of {process} now"),

PID 1 records it by `add_event("main_pid", member, pid)`, with the fields in this order. The JSON
has the fields under these names. SHOWN says how the value of a name is shown. The sentence is a
text with the names in braces, or a function of the event. To add an event, add its entry here, and
call `add_event` where it happens. If anybody can cause the event by the thousand, add its name to
CROWD in supervisor/record.py as well.
"""

from __future__ import annotations

from typing import Any, Callable

from pidone.control.protocol import VERBS
from pidone.init.events import NOTIFICATIONS, VERDICTS
from pidone.init.signals import name as signal_name
from pidone.report import starts
from pidone.report.cause import how, sender
from pidone.report.replay import Event as Raw

#: {number: (name, role)} of every process so far. The processes of the current plan are last, in
#: their order.
Names = dict[int, tuple[str, int]]

Found = dict[str, Any]


class Event:
    """One kind of event.

    fields: the names of its values, in order. A "_" before a name keeps it out of the JSON.
    sentence: the text of one event, or a function that makes it.
    listed: whether the text report lists each such event. The others show in the lines of the
        processes only.
    more: a function from all values to further fields, for values without a fixed number; or None.
    """

    def __init__(
        self,
        fields: str,
        sentence: str | Callable[[Found], str],
        listed: bool = True,
        more: Callable[[tuple[Any, ...]], Found] | None = None,
    ) -> None:
        self.fields, self.sentence, self.listed, self.more = fields.split(), sentence, listed, more


#: Messages (events "said") whose next value is a process.
ABOUT = {
    "cannot start", "killed", "swallowed", "init failed", "sidecar ended", "essential ended", "not started", "restart",
    "restart limit", "restart all", "probe failed", "readiness", "probe warns", "no daemon", "hook failed", "message",
    "foreign sender", "successor", "restart with",
}  # fmt: skip

#: How a value is shown, by the name of its field. In the record a process is a number.
SHOWN: dict[str, Callable[[Any, Names], Any]] = {
    "process": lambda value, names: names.get(value, (None, 0))[0],
    "signal": lambda value, names: signal_name(value) if value else None,
    "notification": lambda value, names: dict(enumerate(NOTIFICATIONS)).get(value, value),
    "verdict": lambda value, names: dict(enumerate(VERDICTS)).get(value, value),
    "verb": lambda value, names: VERBS.get(value, "?"),
}

OF_ALL = {
    "stop": "the group stops", "reloaded": "the reloaded file takes over",
    "exec refused": "an exec session is refused: as many as allowed are running",
    "follow refused": "a client that wants to follow is refused: as many as allowed follow",
}  # fmt: skip


def with_pid(event: Found) -> str:
    return f"{event['process']} (pid {event['pid']})" if event.get("pid") else str(event["process"])


def suffix(text: Any) -> str:
    return f", {text}" if text else ""


def end(event: Found) -> str:
    return event["signal"] or f"exit code {event['code']}"


def what_is_said(values: tuple[Any, ...]) -> Found:
    line, rest = values[0], values[1:]
    if rest and (line in ABOUT or line == "grace over"):
        return {"process": rest[0], "details": list(rest[1:])}
    return {"details": list(rest)}


def said(event: Found) -> str:
    words = ", ".join(str(word) for word in event["details"] if word not in (None, ""))
    of = f" of {event['process']}" if event.get("process") else ""
    return f"{event['line']}{of}{': ' if words else ''}{words}"


def forked(event: Found) -> str:
    why = starts.reason_text(event) if "why" in event else ""
    return f"{with_pid(event)} is forked{': ' if why else ''}{why}"


def turned(event: Found) -> str:
    if event["process"]:
        return f"{event['process']} is {event['to']}"
    return OF_ALL.get(event["to"], f"the file is {event['to']}")


def commanded(event: Found) -> str:
    of = "" if event["verb"] in ("stop all", "reload") else event["process"] or ""
    return f"{event['verb']} {of}".rstrip() + f" requested by pid {event['pid']}, uid {event['uid']}"


def suspects(event: Found) -> str:
    who = ", ".join(f"{one['name']} (pid {one['pid']}, uid {one['uid']})" for one in event["who"])
    return f"who could have sent it to {event['process']}: {who or 'none in this container'}"


def reaped(event: Found) -> str:
    whose = f" of {event['process']}'s session" if event["process"] else ""
    zombie = f"a zombie for at most {(event['waited'] or 0) / 1000:.1f} ms"
    return f"orphan {event['name']} (pid {event['pid']}){whose} reaped: {end(event)}; {zombie}"


EVENTS = {
    "forked": Event("process pid", forked),
    "execed": Event("process pid", "the exec of {process} (pid {pid}) succeeded", listed=False),
    # code: the exit code that the failure stands for
    "failed": Event("process code text", "{process} could not be started: {text}"),
    # the launcher of a program that goes into the background ended with success
    "launched": Event("process pid", "the launcher of {process} (pid {pid}) exited with 0", listed=False),
    # pid: of its daemon, or of the successor of that
    "main_pid": Event("process pid", "pid {pid} from its pid_file is the main pid of {process} now"),
    # core: whether it dumped its core. oom: whether its cgroup counted an OOM kill
    "exited": Event(
        "process pid code signal core oom", lambda e: f"{with_pid(e)} {how(e)}{', out of memory' if e['oom'] else ''}"
    ),
    # size: in kB, the most memory that a process killed by SIGKILL had
    "sized": Event("process pid size", "{process} used up to {size} kB of memory", listed=False),
    # to: "started", "ready" or "not ready"; for the group (-1) "stop", "reloaded", "not reloaded",
    # "exec refused" or "follow refused"
    "turned": Event("process to _client", turned),
    # whole: whether it went to the whole process group
    "sent": Event(
        "process pid signal whole",
        lambda e: f"{e['signal']} sent to {with_pid(e)}{' and its process group' if e['whole'] else ''}",
    ),
    "swept": Event("signal", "{signal} sent to everything left"),
    # a message for people, with the values that `print_line` gets
    "said": Event("line", said, more=what_is_said),
    # then (pid, uid, name) of the first few processes that could have sent this instance SIGKILL
    "suspects": Event(
        "process pid many",
        suspects,
        more=lambda values: {"who": [{"pid": pid, "uid": uid, "name": name} for pid, uid, name in values[3:]]},
    ),
    # a command from the control socket; pid and uid are the client's
    "command": Event("verb process number pid uid", commanded),
    # pid, uid and name are of the sender; pid 0 is the kernel, or a process of another namespace
    "signal": Event("signal pid uid name", lambda e: f"{e['signal']} came from {sender(e)}"),
    # kills: how many processes the kernel killed in PID 1's cgroup
    "oom": Event("kills", "the kernel killed {kills} processes here because memory ran out", listed=False),
    # an exception in PID 1 itself, and its place in the code
    "internal_error": Event("text", "an internal error of pidone: {text}"),
    "exit": Event("code", "pidone exits with {code}", listed=False),
    # process: the one whose session the orphan belonged to, or -1. waited: at most so many us as a
    # zombie
    "reaped": Event("pid name process code signal core waited", reaped, listed=False),
    # suspended by a signal, as by Ctrl-Z
    "suspended": Event("process pid", "{process} (pid {pid}) is suspended, as by Ctrl-Z", listed=False),
    "helper_started": Event("process helper", "{helper} of {process} started", listed=False),
    # helper: a hook, or another one
    "helper_ended": Event(
        "process helper verdict text",
        lambda e: f"{e['helper']} of {e['process']} ended: {e['verdict']}{suffix(e.get('text'))}",
    ),
    "notified": Event("process notification", "{process} notifies: {notification}"),
    # an exec session's command
    "exec_started": Event("process pid", "an exec session in {process} started (pid {pid})"),
    "exec_ended": Event(
        "process pid code signal name",
        lambda e: f"the exec session {e.get('name') or ''} in {with_pid(e)} ended: {end(e)}",
    ),
    # how many events were counted but not recorded one by one
    "missed": Event(
        "signals orphans sent suspensions",
        lambda e: (
            f"not recorded one by one: {e['signals']} signals, {e['orphans']} orphans"
            + (f", {e['suspensions']} suspensions" if e.get("suspensions") else "")
        ),
    ),
}


def named(raw: Raw, names: Names) -> Found:
    """Return one event of the record with named fields."""
    number, at, kind, *values = raw
    entry = EVENTS[kind] if kind in EVENTS else Event("", "")
    values += [None] * (len(entry.fields) - len(values))  # an event too long for its slot lost its last values
    found = {name: value for name, value in zip(entry.fields, values) if name[0] != "_"}
    if entry.more is not None:
        found.update(entry.more(tuple(values)))
    shown = {name: SHOWN[name](value, names) if name in SHOWN else value for name, value in found.items()}
    return {"n": number, "at": round(at / 1e6, 6), "what": kind, **shown}


def sentence(event: Found) -> str:
    """Return one event as a line of text."""
    entry = EVENTS.get(event["what"])
    if entry is None:  # a newer pidone wrote it
        return " ".join(f"{key} {value}" for key, value in event.items() if key not in ("n", "at"))
    return entry.sentence.format_map(event) if isinstance(entry.sentence, str) else entry.sentence(event)
