"""The record of a single command: a list, of which the first and the last events are kept.

What can come in thousands is noted one by one until the first are full, and then once in PAUSE seconds; the rest is
counted (E47). The record of a group is shared memory with the same two functions (supervisor/record.py).
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Events that keep their place, and all that are kept; seconds.
MAX_FIRST, MAX_KEPT, PAUSE = 200, 400, 0.05

#: So many orphans are noted at first; each costs a look at /proc.
MAX_ORPHANS = 16

#: What can come in thousands, as `missed` counts it.
SIGNALS, ORPHANS, SENT, SUSPENSIONS = range(4)


class SingleRecord:
    """began: monotonic, in seconds. number: of the next event. missed: events of each kind that were not noted.

    spared: when the latest was that could have been. orphans: noted, or asked for.
    """

    __slots__ = ("started_at", "missed", "monotonic", "events", "number", "orphans", "spared")

    def __init__(self, started_at: float, kernel: "Any") -> None:
        self.monotonic = kernel.monotonic
        self.started_at = self.spared = started_at
        self.events: "list[tuple[Any, ...]]" = []
        self.number = self.orphans = 0
        self.missed = [0, 0, 0, 0]

    def add_event(self, kind: str, *fields: "Any", vital: bool = False) -> None:
        """vital: as of supervisor/record.py; here all are."""
        self.events.append((self.number, int((self.monotonic() - self.started_at) * 1e6), kind, *fields))
        self.number += 1
        if len(self.events) > MAX_KEPT:
            del self.events[MAX_FIRST]

    def may_record(self, what: int) -> bool:
        """Is one more of what may come in thousands to be noted? If not, it is counted."""
        self.orphans += what == ORPHANS
        now = self.monotonic()
        many = len(self.events) >= MAX_FIRST or (what == ORPHANS and self.orphans > MAX_ORPHANS)
        if many and now - self.spared < PAUSE:
            self.missed[what] += 1
            return False
        self.spared = now
        return True
