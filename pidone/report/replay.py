"""The record's memory -> events, in order: (number, us since the record began, kind, ...).

supervisor/record.py writes them.
"""

from __future__ import annotations

import marshal
from typing import Any

from pidone.layout import RINGS, RINGS_HEAD

Event = tuple[Any, ...]


def counts(memory: Any) -> tuple[int, ...]:
    """Return how many events each ring has had so far."""
    head = memory[:RINGS_HEAD]  # in one read: no event of one ring shows before an older one of another
    return tuple(int.from_bytes(head[8 * ring : 8 * ring + 8], "little") for ring in range(len(RINGS)))


def events(memory: Any, since: int = -1) -> list[Event]:
    """Return the events that are still there and have a number above `since`.

    A slot that PID 1 is writing at the moment is left out.
    """
    found: list[Event] = []
    first = RINGS_HEAD
    for had, (slots, size) in zip(counts(memory), RINGS):
        for place in range(had - 1, max(-1, had - slots - 1), -1):
            start = first + size * (place % slots)
            try:
                event = marshal.loads(memory[start : start + size])
            except (ValueError, EOFError, TypeError):
                continue
            if event[0] <= since:
                break
            found.append(event)
        first += size * slots
    return sorted(found)
