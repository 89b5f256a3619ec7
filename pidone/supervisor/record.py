"""The record: what has happened, in three rings of fixed size, kept for whoever asks why.

Theory. An event is a slot: a marshalled tuple of its number, its time (microseconds since the record began), its kind,
and a few numbers and short words. Nothing is parsed or formatted here; `pidone.report` makes words of it. One ring
holds how the declared processes live and die, another one the CROWD, which anybody can make happen by the thousand, so
that a storm of that cannot push out how a process came to die (E47); and of what costs something to note so much a
second is noted, and the rest is counted. What is too long for a slot has a ring of a few long ones. A group's memory is
shared with PID 1's children: who follows the record reads it where it is, and PID 1 does nothing for that.

Which fields an event has, in which order, is in report/events.py.
"""

import marshal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

from pidone import kernel as posix_kernel
from pidone.init.events import SIGKILL
from pidone.layout import RINGS, RINGS_HEAD

#: Kinds of the second ring, and lines for people, by their first word, that belong there.
CROWD = (
    "signal", "reaped", "missed", "suspended", "helper_started", "helper_ended", "notified", "command", "exec_started",
    "exec_ended",
)  # fmt: skip
CROWD_SAID = ("readiness", "probe warns", "foreign sender", "message", "hurry")

#: Of "turned" what belongs to the first ring.
TURNS = ("started", "stop", "reloaded")

SIZE = RINGS_HEAD + sum(slots * size for slots, size in RINGS)

#: The ring of what is too long for the others.
LONG = 2

#: Of what may come in thousands (signals, orphans, sent signals, stops) so many a second are noted.
RATES = (100, 20, 100, 50)


def ring_of(kind: str, fields: "tuple[Any, ...]") -> int:
    if kind == "sent":
        return int(SIGKILL not in fields[2:3])
    if kind == "turned":
        return int(fields[-1] not in TURNS)
    if kind == "said":
        return int(fields[:1] != () and fields[0] in CROWD_SAID)
    return int(kind in CROWD)


class Record:
    """began: of the monotonic clock, in seconds.

    missed: signals, orphans, sent signals and stops that were not noted one by one, since the last "missed".
    """

    __slots__ = ("memory", "started_at", "number", "counts", "second", "left", "missed", "monotonic")

    def __init__(self, started_at: float, kernel: "Any" = posix_kernel) -> None:
        self.memory = kernel.map_memory(SIZE)
        self.monotonic = kernel.monotonic
        self.started_at = started_at
        self.number = 0
        self.counts = [0] * len(RINGS)
        self.second = started_at
        self.left = list(RATES)
        self.missed = [0, 0, 0, 0]

    def add_event(self, kind: str, *fields: "Any", vital: bool = False) -> None:
        """vital: it belongs to the first ring, although its kind does not. One that is too long loses of its end."""
        ring = 0 if vital else ring_of(kind, fields)
        at = int((self.monotonic() - self.started_at) * 1e6)
        data = marshal.dumps((self.number, at, kind, *fields), 2)
        if len(data) > RINGS[ring][1]:
            ring = LONG
        size = RINGS[ring][1]
        while len(data) > size:
            last = fields[-1]
            fields = (*fields[:-1], last[: len(last) // 2]) if isinstance(last, str) and last else fields[:-1]
            data = marshal.dumps((self.number, at, kind, *fields), 2)
        self.number += 1
        start = RINGS_HEAD + size * (self.counts[ring] % RINGS[ring][0])
        for slots, bytes_of_each in RINGS[:ring]:
            start += slots * bytes_of_each
        self.memory[start : start + len(data)] = data
        self.counts[ring] += 1
        self.memory[8 * ring : 8 * ring + 8] = self.counts[ring].to_bytes(8, "little")  # last: who follows looks here

    def may_record(self, what: int) -> bool:
        """Is one more of what may come in thousands to be noted? If not, it is counted."""
        now = self.monotonic()
        if now - self.second >= 1.0:
            self.second, self.left = now, list(RATES)
            self.flush()
        if self.left[what] <= 0:
            self.missed[what] += 1
            return False
        self.left[what] -= 1
        return True

    def flush(self) -> None:
        if any(self.missed):
            self.add_event("missed", *self.missed)
            self.missed = [0, 0, 0, 0]
