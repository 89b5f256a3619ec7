"""Read a report of pidone 0.4.0: turn its document (`"format": 1`) into one of today's schema.

Schema 2 renamed keys, kinds of events and verdicts; CHANGELOG.md has the table. What was recorded
is the same, so a report of 0.4.0 is shown as today's is. Its lines of text keep their old words.
"""

from __future__ import annotations

from typing import Any

#: {kind of event in schema 1: its name today}
KINDS = {
    "followed": "main_pid", "begun": "helper_started", "ended": "helper_ended", "noted": "notified",
    "beside": "exec_started", "parted": "exec_ended", "stopped": "suspended", "broken": "internal_error",
}  # fmt: skip

#: {key in schema 1: its name today}, of an event and of the document.
EVENT_KEYS = {"words": "details", "beside": "helper", "word": "notification", "stops": "suspensions"}
KEYS = {"format": "schema", "began": "started_at", "lived": "uptime"}

#: {value in schema 1: its name today}, by the key (today's) that has it.
VALUES = {
    "verdict": {"yes": "success", "no": "failure"},
    "to": {"not beside": "exec refused", "not following": "follow refused"},
    "line": {"stranger": "foreign sender"},
}


def renamed(table: dict[str, Any], keys: dict[str, str]) -> dict[str, Any]:
    return {keys.get(key, key): value for key, value in table.items()}


def upgrade(document: dict[str, Any], schema: int) -> dict[str, Any]:
    """Return the document under today's names. schema: today's number.

    Raises AttributeError, KeyError or TypeError where it is not a document of schema 1.
    """
    made = renamed(document, KEYS)
    made["schema"] = schema
    made["events"] = [event(one) for one in made["events"]]
    made["processes"] = [
        {**process, "instances": [{"successor": False, **instance} for instance in process["instances"]]}
        for process in made["processes"]
    ]
    cause = renamed(made["cause"], {"began": "trigger"})
    made["cause"] = {**cause, "trigger": KINDS.get(cause["trigger"], cause["trigger"])}
    return made


def event(one: dict[str, Any]) -> dict[str, Any]:
    made = renamed(one, EVENT_KEYS)
    made["what"] = KINDS.get(made["what"], made["what"])
    for key, values in VALUES.items():
        if key in made:
            made[key] = values.get(made[key], made[key])
    return made
