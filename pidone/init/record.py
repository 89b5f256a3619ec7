"""The record of a single command: a list that keeps the first and the last events.

Some kinds of events can come in thousands (E47). The record keeps each of them until it has
MAX_FIRST events. After that it keeps one in PAUSE seconds and counts the rest. The record of a
group is shared memory with the same two functions (supervisor/record.py).

E1 and so on: docs/reference/edge-cases.md.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: MAX_FIRST: events that are never removed. MAX_KEPT: the most events. PAUSE: seconds.
MAX_FIRST, MAX_KEPT, PAUSE = 200, 400, 0.05

#: The first so many orphans are recorded one by one; each costs a query of /proc.
MAX_ORPHANS = 16

#: The kinds that can come in thousands: indices of `missed`.
SIGNALS, ORPHANS, SENT, SUSPENSIONS = range(4)


class SingleRecord:
    """The record of a single command.

    started_at: when the record began, in seconds of the monotonic clock.
    missed: how many events of each kind were only counted.
    number: the number of the next event.
    orphans: how often `may_record` was asked about an orphan.
    last_allowed_at: when `may_record` last allowed an event.
    """

    __slots__ = ("started_at", "missed", "monotonic", "events", "number", "orphans", "last_allowed_at")

    def __init__(self, started_at: float, kernel: "Any") -> None:
        self.monotonic = kernel.monotonic
        self.started_at = self.last_allowed_at = started_at
        self.events: "list[tuple[Any, ...]]" = []
        self.number = self.orphans = 0
        self.missed = [0, 0, 0, 0]

    def add_event(self, kind: str, *fields: "Any", vital: bool = False) -> None:
        """Record an event. vital: as in supervisor/record.py; without effect here."""
        self.events.append((self.number, int((self.monotonic() - self.started_at) * 1e6), kind, *fields))
        self.number += 1
        if len(self.events) > MAX_KEPT:
            del self.events[MAX_FIRST]

    def may_record(self, what: int) -> bool:
        """Return whether to record one more event of this kind; count it where not."""
        self.orphans += what == ORPHANS
        now = self.monotonic()
        many = len(self.events) >= MAX_FIRST or (what == ORPHANS and self.orphans > MAX_ORPHANS)
        if many and now - self.last_allowed_at < PAUSE:
            self.missed[what] += 1
            return False
        self.last_allowed_at = now
        return True
