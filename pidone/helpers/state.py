"""What a forked child of PID 1 knows of it -> the document (report/facts.py)."""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pidone.init.loop import Loop

from pidone import __version__
from pidone.config import memory
from pidone.helpers.clock import moment
from pidone.init.notes import Notes
from pidone.init.signals import name as signal_name
from pidone.report import facts, replay
from pidone.supervisor.oom import count_kills
from pidone.supervisor.output import tail


def document(loop: Loop, code: int | None) -> dict[str, Any]:
    """code: pidone's exit code; None while it lives."""
    plan = loop.plan
    lived = time.monotonic() - loop.began
    record = loop.record  # a single command's is a list
    single = isinstance(record, Notes)
    oom = plan.oom or memory.kill_counter()
    context = {
        "pidone": __version__,
        "group": plan.name or plan.processes[-1].name,
        "single": single,
        "began": moment(time.time() - lived),
        "lived": round(lived, 6),
        "exit_code": code,
        "grace": plan.grace,
        "stop_signals": [signal_name(number) for number in plan.stop_signals],
        "memory": {
            "limit": memory.limit(),
            "peak": memory.most_used(),
            "kills": count_kills(oom) if oom else None,
        },
        "orphans": loop.orphans,
        "names": names(loop),
    }
    if single:
        if any(record.missed):
            record.note("missed", *record.missed)
        return facts.make(context, record.notes)
    record.flush()
    context["output"] = last_lines(loop)
    return facts.make(context, replay.events(record.memory))


def names(loop: Any) -> facts.Names:
    """Those that are gone first, then those of today in their order."""
    if isinstance(loop.record, Notes):
        return {index: (process.name, process.role) for index, process in enumerate(loop.plan.processes)}
    today = [member.id for member in loop.group.members]
    gone = [id for id in loop.names if id not in loop.group.by_id]
    return {id: loop.names[id] for id in [*gone, *today]}


def last_lines(loop: Any) -> dict[str, list[str]]:
    """Of each process whose output pidone carries, and which has said something: the last 80 lines (S97)."""
    if loop.output is None:
        return {}
    found: dict[str, list[str]] = {}
    for place, (index, _) in enumerate(loop.output.streams()):
        count, data = tail(loop.output.tails, place)
        lines = data.decode("utf-8", "replace").splitlines()
        if count > len(data):
            del lines[:1]  # it has lost its beginning
        if lines and index in loop.group.by_id:  # a stderr of its own stands after stdout: it says more often why
            name = loop.declared(index).name
            found[name] = [*found.get(name, []), *lines][-80:]
    return found
