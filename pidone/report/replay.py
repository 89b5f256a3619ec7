"""The record's memory -> events, in order: (number, us since the record began, kind, ...); see desk/record.py."""

from __future__ import annotations

import marshal
from typing import Any

from pidone.desk.record import HEAD, SLOT, SLOTS

Event = tuple[Any, ...]


def counts(memory: Any) -> tuple[int, int]:
    """How many events each ring has had."""
    return int.from_bytes(memory[0:8], "little"), int.from_bytes(memory[8:16], "little")


def events(memory: Any, since: int = -1) -> list[Event]:
    """Those that are still there and have a number above `since`. A slot that is being written is left out."""
    found: list[Event] = []
    first = HEAD
    for had, slots in zip(counts(memory), SLOTS):
        for place in range(had - 1, max(-1, had - slots - 1), -1):
            start = first + SLOT * (place % slots)
            try:
                event = marshal.loads(memory[start : start + SLOT])
            except (ValueError, EOFError, TypeError):
                continue
            if event[0] <= since:
                break
            found.append(event)
        first += SLOT * slots
    return sorted(found)
