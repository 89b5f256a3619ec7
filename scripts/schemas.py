"""The JSON Schemas of a report and of the control protocol: `./do generate` writes them.

What an event has follows from report/events.py; the rest is said here. A test holds every answer
and every report to them: docs/reference/report.schema.json and control.schema.json.
"""

from __future__ import annotations

import json
from typing import Any

from pidone.control.protocol import SCHEMA, VERBS
from pidone.helpers.control import commands, queries
from pidone.init.events import NOTIFICATIONS, VERDICTS
from pidone.init.plan import ROLES
from pidone.report.events import EVENTS

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"

STRING: Schema = {"type": "string"}
INTEGER: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
TRUTH: Schema = {"type": "boolean"}
LIST: Schema = {"type": "array"}


def one_of(*values: Any) -> Schema:
    return {"enum": list(values)}


def or_null(schema: Schema) -> Schema:
    if "enum" in schema:
        return {"enum": [*schema["enum"], None]}
    return {**schema, "type": [schema["type"], "null"]} if schema else {}


def list_of(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


def table(required: dict[str, Schema], optional: dict[str, Schema] | None = None, closed: bool = True) -> Schema:
    """An object. closed: it has no other keys."""
    made: Schema = {"type": "object", "required": [*required], "properties": {**required, **(optional or {})}}
    return {**made, "additionalProperties": False} if closed else made


#: {field of an event: its type}. An event that is too long for its slot loses its last values, so
#: each may be null. A field that is not here may be anything.
FIELDS: dict[str, Schema] = {
    "process": STRING, "pid": INTEGER, "code": INTEGER, "text": STRING, "signal": STRING, "core": TRUTH, "oom": TRUTH,
    "size": INTEGER, "to": STRING, "whole": TRUTH, "line": STRING, "many": INTEGER, "number": INTEGER, "uid": INTEGER,
    "name": STRING, "kills": INTEGER, "waited": INTEGER, "helper": STRING, "signals": INTEGER, "orphans": INTEGER,
    "sent": INTEGER, "suspensions": INTEGER, "verb": one_of(*VERBS.values(), "?"),
    "verdict": one_of(*VERDICTS), "notification": one_of(*NOTIFICATIONS),
}  # fmt: skip

#: {kind of event: (more fields that it has, more fields that it may have)}
MORE: dict[str, tuple[dict[str, Schema], dict[str, Schema]]] = {
    "forked": ({}, {"why": or_null(STRING), "waited": or_null(NUMBER), "since": or_null(STRING)}),
    "said": ({"details": LIST}, {"process": or_null(STRING)}),
    "suspects": ({"who": list_of(table({"pid": INTEGER, "uid": INTEGER, "name": STRING}))}, {}),
}

PROCESS_STATE = table({
    "name": STRING, "role": one_of(*ROLES), "state": one_of("waiting", "running", "terminated"),
    "reason": or_null(STRING), "pid": or_null(INTEGER), "exit_code": or_null(INTEGER), "signal": or_null(STRING),
    "started": TRUTH, "ready": TRUTH, "restarts": INTEGER, "held_down": TRUTH, "uptime": or_null(NUMBER),
    "last": {"anyOf": [{"type": "null"}, table({"reason": STRING, "exit_code": INTEGER})]},
})  # fmt: skip

STATUS = table({
    "group": STRING, "phase": one_of("Pending", "Running", "Succeeded", "Failed"), "uptime": NUMBER, "pid": INTEGER,
    "exits": LIST, "probes": LIST, "processes": list_of(PROCESS_STATE), "orphans": INTEGER, "sessions": INTEGER,
    "exec_sessions": INTEGER, "longest_wait": NUMBER,
    "conditions": {"type": "object", "additionalProperties": table({"status": TRUTH, "reason": STRING})},
})  # fmt: skip

INSTANCE = table({
    **{key: or_null(NUMBER) for key in ("forked", "execed", "started", "ended")},
    **{key: or_null(INTEGER) for key in ("pid", "code", "size")},
    "signal": or_null(STRING), "core": or_null(TRUTH), "oom": or_null(TRUTH), "failed": or_null(STRING),
    "ready": list_of(list_of(or_null(NUMBER))), "successor": TRUTH,
})  # fmt: skip

#: {a request's "do": the fields that it needs, the fields that it may have}
REQUESTS: dict[str, tuple[dict[str, Schema], dict[str, Schema]]] = {
    "status": ({}, {}),
    "report": ({}, {}),
    "health": ({}, {}),
    "events": ({}, {"since": INTEGER, "follow": TRUTH}),
    "logs": ({}, {"name": STRING, "lines": INTEGER, "follow": TRUTH}),
    "wait": ({"name": STRING, "until": one_of("started", "ready", "exited")}, {"timeout": NUMBER}),
    "signal": ({"name": STRING, "signal": {"type": ["string", "integer"]}}, {}),
    "stop": ({}, {"name": STRING}),
    "start": ({"name": STRING}, {"wait": TRUTH, "timeout": NUMBER}),
    "restart": ({"name": STRING}, {"wait": TRUTH, "timeout": NUMBER}),
    "reload": ({}, {}),
    "exec": ({"name": STRING, "argv": list_of(STRING)}, {"tty": TRUTH, "term": or_null(STRING)}),
}


def event() -> Schema:
    kinds = []
    for kind, entry in EVENTS.items():
        fields = {name: or_null(FIELDS.get(name, {})) for name in entry.fields if name[0] != "_"}
        head = {"n": INTEGER, "at": NUMBER, "what": {"const": kind}}
        needed, optional = MORE.get(kind, ({}, {}))
        kinds.append(table({**head, **fields, **needed}, optional))
    return {"oneOf": kinds}


def report() -> Schema:
    cause = {
        **{key: or_null(STRING) for key in ("trigger", "process", "why", "then")},
        "lines": list_of(STRING),
    }
    process = {"name": STRING, "role": one_of(*ROLES), "instances": list_of(INSTANCE), "restarts": INTEGER}
    memory = {"limit": or_null(INTEGER), "peak": or_null(INTEGER), "kills": or_null(INTEGER)}
    made = table({
        "schema": {"const": SCHEMA}, "pidone": STRING, "group": STRING, "single": TRUTH, "started_at": STRING,
        "uptime": NUMBER, "exit_code": or_null(INTEGER), "grace": NUMBER, "stop_signals": list_of(STRING),
        "memory": table(memory), "orphans": INTEGER, "processes": list_of(table(process)),
        "events": list_of({"$ref": "#/$defs/event"}), "cause": table(cause),
        "output": {"type": "object", "additionalProperties": list_of(STRING)},
    })  # fmt: skip
    return {"$schema": DIALECT, "title": "A report of pidone", **made, "$defs": {"event": event()}}


def control() -> Schema:
    assert REQUESTS.keys() == {*queries.ANSWERS, *commands.ANSWERS, "exec"}
    requests = [
        table({"do": {"const": do}, **needed}, {key: or_null(one) for key, one in optional.items()}, closed=False)
        for do, (needed, optional) in REQUESTS.items()
    ]
    last: dict[str, Schema] = {"schema": {"const": SCHEMA}, "ok": {"const": True}}
    results: list[dict[str, Schema]] = [
        {},  # events, logs, signal, stop, reload: that they are done
        {"status": STATUS},
        {"report": {"$ref": "report.schema.json"}},
        {"healthy": TRUTH, "why": STRING},
        {"reached": TRUTH},
        {"started": or_null(TRUTH)},
        {"code": INTEGER, "signal": INTEGER},
        {"reloaded": {"const": True}},  # the file was reloaded meanwhile: ask again
    ]
    refusal = table({**last, "ok": {"const": False}, "error": STRING}, {"errors": list_of(STRING), "code": INTEGER})
    parts = [table({"event": {"$ref": "report.schema.json#/$defs/event"}}), table({"name": STRING, "data": STRING})]
    answers = [*(table({**last, **result}) for result in results), refusal, *parts]
    return {
        "$schema": DIALECT,
        "title": "A line of the control socket: a request, or an answer",
        "anyOf": [{"$ref": "#/$defs/request"}, {"$ref": "#/$defs/answer"}],
        "$defs": {"request": {"oneOf": requests}, "answer": {"oneOf": answers}},
    }


def text(schema: Schema) -> str:
    return json.dumps(schema, indent=1) + "\n"
