"""Read a report's file: return the document, or say what is wrong with the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pidone.control.protocol import SCHEMA

#: A record has under two thousand events; a file of this size is something else.
MAX_REPORT = 64 << 20

#: The keys that every document needs, and their types.
NEEDED = {
    "pidone": str, "group": str, "single": bool, "started_at": str, "uptime": (int, float), "grace": (int, float),
    "stop_signals": list, "memory": dict, "orphans": int, "processes": list, "events": list, "cause": dict,
}  # fmt: skip


class ReportError(Exception):
    """The file is not a report. str() says what is wrong with it, and what to do."""


def load(path: Path) -> dict[str, Any]:
    """Return the document in a file. Raises ReportError."""
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_REPORT + 1)
    except OSError as error:
        raise ReportError(f"cannot read {path}: {(error.strerror or '').lower()}") from None
    if len(data) > MAX_REPORT:
        raise ReportError(f"{path} is larger than any report")
    if not data.strip():
        raise ReportError(f"{path} is empty: pidone has not written it yet, or ended before it could")
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        where = f": line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise ReportError(f"{path} is not a complete report{where}; pidone --report FILE writes one") from None
    document = upgraded(document)
    wrong = what_is_wrong(document)
    if wrong:
        raise ReportError(f"{path} is not a report of pidone: {wrong}")
    return dict(document)


def upgraded(document: Any) -> Any:
    """Return a document of an older schema as one of today's, and any other value as it is."""
    if isinstance(document, dict) and document.get("format") == 1:
        from pidone.report import schema_1

        try:
            return schema_1.upgrade(document, SCHEMA)
        except (AttributeError, KeyError, TypeError):
            return document  # `what_is_wrong` refuses it
    return document


def what_is_wrong(document: Any) -> str:
    """Return what is missing or wrong in a document, or "" where nothing is."""
    if not isinstance(document, dict):
        return "it is not a table"
    if document.get("schema") != SCHEMA:
        if document.get("format") == 1:
            return "it claims the format of 0.4.0 and has another shape"
        found = document.get("schema", document.get("format"))
        if found is None:
            return "it has no schema"
        return f"its schema is {found!r}, and this pidonectl knows 1 and {SCHEMA}"
    for key, kind in NEEDED.items():
        if not isinstance(document.get(key), kind):  # type: ignore[arg-type]
            return f"{key} is missing or has the wrong type"
    for key, names in (("processes", ("name", "role", "instances")), ("events", ("at", "what"))):
        for item in document[key]:
            if not isinstance(item, dict) or any(name not in item for name in names):
                return f"an entry of its {key} has the wrong shape"
    return ""
