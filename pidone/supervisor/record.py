"""The record: what has happened, in three rings of fixed size.

Theory. An event is a slot: a marshalled tuple of its number, its time (microseconds since the
record began), its kind, and a few numbers and short words. Nothing is parsed or formatted here;
`pidone.report` turns events into words. The first ring holds how the declared processes live and
die. The second holds the CROWD, which any process can cause by the thousand: a storm of those
cannot push out how a process died (E47). Events that are costly to record are recorded up to a rate
per second, and the rest is counted. The third ring holds a few long events, those too long for a
slot of the others. A group's record is in memory that PID 1 shares with its children: a follower
reads it there, and PID 1 does nothing for that.

The fields of each event, and their order, are in report/events.py.

E1 and so on: docs/reference/edge-cases.md.
"""

import marshal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

from pidone import kernel as posix_kernel
from pidone.init.events import SIGKILL
from pidone.layout import RINGS, RINGS_HEAD

#: Kinds of the second ring, and the printed lines ("said") that belong there, by their first word.
CROWD = (
    "signal", "reaped", "missed", "suspended", "helper_started", "helper_ended", "notified", "command", "exec_started",
    "exec_ended",
)  # fmt: skip
CROWD_SAID = ("readiness", "probe warns", "foreign sender", "message", "hurry")

#: What a "turned" of the first ring says last; all others go to the second.
TURNS = ("started", "stop", "reloaded")

SIZE = RINGS_HEAD + sum(slots * size for slots, size in RINGS)

#: The ring for events that are too long for the others.
LONG = 2

#: How many signals, orphans, sent signals and suspensions are recorded in a second: these may come
#: by the thousand.
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
    """The record of a group.

    memory: the shared memory with the rings.
    started_at: when the record began, in seconds of the monotonic clock.
    number: of the next event.
    counts: for each ring, how many events it has had.
    second: when the current second of RATES began.
    budget: how many events of each rate may still be recorded in it.
    missed: signals, orphans, sent signals and suspensions not recorded one by one since the last
      "missed".
    """

    __slots__ = ("memory", "started_at", "number", "counts", "second", "budget", "missed", "monotonic")

    def __init__(self, started_at: float, kernel: "Any" = posix_kernel) -> None:
        self.memory = kernel.map_memory(SIZE)
        self.monotonic = kernel.monotonic
        self.started_at = started_at
        self.number = 0
        self.counts = [0] * len(RINGS)
        self.second = started_at
        self.budget = list(RATES)
        self.missed = [0, 0, 0, 0]

    def add_event(self, kind: str, *fields: "Any", vital: bool = False) -> None:
        """Write an event into its ring. One that is too long even for the third ring is cut.

        vital: the event belongs to the first ring, although its kind is of the second.
        """
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
        self.memory[8 * ring : 8 * ring + 8] = self.counts[ring].to_bytes(8, "little")  # last: followers check this

    def may_record(self, what: int) -> bool:
        """Return whether one more event of this rate is recorded; if not, count it as missed.

        what: index of RATES.
        """
        now = self.monotonic()
        if now - self.second >= 1.0:
            self.second, self.budget = now, list(RATES)
            self.flush()
        if self.budget[what] <= 0:
            self.missed[what] += 1
            return False
        self.budget[what] -= 1
        return True

    def flush(self) -> None:
        if any(self.missed):
            self.add_event("missed", *self.missed)
            self.missed = [0, 0, 0, 0]
