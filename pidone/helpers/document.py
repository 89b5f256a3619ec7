"""What a forked child of PID 1 knows of it -> the report's document (report/facts.py)."""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pidone.helpers.snapshot import Snapshot

from pidone import __version__
from pidone.config import memory
from pidone.helpers.clock import moment
from pidone.helpers.tails import tail
from pidone.oom import count_kills
from pidone.report import facts, replay


def make(known: Snapshot, code: int | None) -> dict[str, Any]:
    """code: pidone's exit code; None while it lives."""
    oom = known.oom or memory.kill_counter()
    context = {
        "pidone": __version__,
        "group": known.name,
        "single": known.single_events is not None,
        "started_at": moment(time.time() - known.uptime),
        "uptime": round(known.uptime, 6),
        "exit_code": code,
        "grace": known.grace,
        "stop_signals": known.stop_signals,
        "memory": {
            "limit": memory.limit(),
            "peak": memory.most_used(),
            "kills": count_kills(oom) if oom else None,
        },
        "orphans": known.orphans,
        "names": known.names,
    }
    if known.single_events is not None:
        return facts.make(context, known.single_events)
    context["output"] = last_lines(known)
    return facts.make(context, replay.events(known.memory))


def last_lines(known: Snapshot) -> dict[str, list[str]]:
    """Of each process whose output pidone carries, and which has said something: the last 80 lines (S97)."""
    streams, tails = known.output
    found: dict[str, list[str]] = {}
    for place, (id, _) in enumerate(streams):
        count, data = tail(tails, place)
        lines = data.decode("utf-8", "replace").splitlines()
        if count > len(data):
            del lines[:1]  # it has lost its beginning
        if lines:  # a stderr of its own stands after stdout: it says more often why
            name = known.names[id][0]
            found[name] = [*found.get(name, []), *lines][-80:]
    return found
