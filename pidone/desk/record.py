"""The record: what has happened, in two rings of fixed size, kept for whoever asks why.

Theory. An event is a slot: a marshalled tuple of its number, its time (microseconds since the record began), its kind,
and a few numbers and short words. Nothing is parsed or formatted here; `pidone.report` makes words of it. One ring
holds what happens to the declared processes, the other the CROWD, signals and orphans, so that a storm of the latter
cannot push out how the former came to die; and of what may come in thousands so much a second is noted, and the rest is
counted. A group's memory is shared with PID 1's children: who follows the record reads it where it is, and PID 1 does
nothing for that.

    forked    member, pid
    execed    member, pid
    failed    member, exit code it stands for, text
    exited    member, pid, code, signal, has it dumped its core?, says its cgroup that memory ran out?
    sized     member, kB: the most memory that one which was killed by SIGKILL has had
    stopped   member, pid: as by Ctrl-Z
    turned    member, what: "started", "ready", "not ready"; the group (-1) "stop"
    sent      member, pid, number, whole process group?
    swept     number: to all that is left
    said      what, ...: a line for people, as `words` gets it
    begun     member, what: a hook
    ended     member, what, verdict, text: a hook, or another helper
    noted     member, what: it has said so of itself
    suspects  member, how many, (pid, uid, name) ...: who could have sent it SIGKILL
    command   verb, member, number, pid, uid: of the control line
    beside    member, pid: a command of somebody's begins beside it
    parted    member, pid, code, signal, name: and has ended
    oom       kills: so many has the kernel killed in our cgroup, for memory ran out
    exit      code

and in the CROWD:

    signal    number, pid, uid, name of its sender; pid 0 is the kernel, or somebody outside of this PID namespace
    reaped    pid, name, member whose session it was of or -1, code, signal, core?, us since the last look, at most
    missed    signals, orphans, sent signals that were not noted one by one
"""

import marshal
from mmap import mmap
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CROWD = ("signal", "reaped", "missed")

#: Bytes of a slot; slots of the two rings; bytes before the first slot: how many events each ring has had.
SLOT, SLOTS, HEAD = 160, (1280, 512), 16
SIZE = HEAD + SLOT * sum(SLOTS)

#: Of what may come in thousands, so many a second are noted.
MOST = 100


class Record:
    """began: of the monotonic clock, in seconds.

    missed: signals, orphans and sent signals that were not noted one by one, since the last "missed".
    """

    __slots__ = ("memory", "began", "number", "counts", "second", "left", "missed")

    def __init__(self, began: float) -> None:
        self.memory = mmap(-1, SIZE)  # anonymous, and shared over fork
        self.began = began
        self.number = 0
        self.counts = [0, 0]
        self.second = began
        self.left = MOST
        self.missed = [0, 0, 0]

    def note(self, kind: str, *fields: "Any") -> None:
        """One that is too long loses of its last field: texts come last."""
        ring = 1 if kind in CROWD else 0
        at = int((monotonic() - self.began) * 1e6)
        data = marshal.dumps((self.number, at, kind, *fields), 2)
        while len(data) > SLOT:
            last = fields[-1]
            fields = (*fields[:-1], last[: len(last) // 2]) if isinstance(last, str) and last else fields[:-1]
            data = marshal.dumps((self.number, at, kind, *fields), 2)
        self.number += 1
        start = HEAD + SLOT * (SLOTS[0] * ring + self.counts[ring] % SLOTS[ring])
        self.memory[start : start + len(data)] = data
        self.counts[ring] += 1
        self.memory[8 * ring : 8 * ring + 8] = self.counts[ring].to_bytes(8, "little")  # last: who follows looks here

    def spare(self, what: int) -> bool:
        """Is one more of what may come in thousands to be noted? If not, it is counted."""
        now = monotonic()
        if now - self.second >= 1.0:
            self.second, self.left = now, MOST
            self.flush()
        if self.left <= 0:
            self.missed[what] += 1
            return False
        self.left -= 1
        return True

    def flush(self) -> None:
        if any(self.missed):
            self.note("missed", *self.missed)
            self.missed = [0, 0, 0]
