"""Turns the snapshot of a forked child of PID 1 into the report's document (report/facts.py).

S1 and so on: docs/reference/pod.md.
"""

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
from pidone.oom import count_oom_kills
from pidone.report import facts, replay


def make(known: Snapshot, code: int | None) -> dict[str, Any]:
    """Return the document. code: pidone's exit code, or None while pidone runs."""
    oom = known.oom or memory.oom_kill_counter()
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
            "kills": count_oom_kills(oom) if oom else None,
        },
        "orphans": known.orphans,
        "names": known.names,
    }
    if known.single_events is not None:
        return facts.make(context, known.single_events)
    context["output"] = last_lines(known)
    return facts.make(context, replay.events(known.memory))


def last_lines(known: Snapshot) -> dict[str, list[str]]:
    """Return {process name: its last lines, 80 at most} (S97).

    Only processes that have written something, and whose output pidone carries, are in it.
    """
    streams, tails = known.output
    found: dict[str, list[str]] = {}
    for place, (id, _) in enumerate(streams):
        count, data = tail(tails, place)
        lines = data.decode("utf-8", "replace").splitlines()
        if count > len(data):
            del lines[:1]  # the tail has lost its beginning
        if lines:  # a separate stderr comes after stdout, since it more often says why
            name = known.names[id][0]
            found[name] = [*found.get(name, []), *lines][-80:]
    return found
