"""Which processes the kernel has killed because memory ran out (S93): its cgroup counts them, and names none."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from pidone.group.process import Process

from pidone import kernel as posix_kernel
from pidone.init.events import SIGKILL
from pidone.init.plan import INIT

#: The memory killer hardly chooses a process that has had less than this part of what the container may use; nor one
#: that has had no more than a fork of pidone itself has, or, where there is no limit, than LEAST.
SHARE, OWN, LEAST = 4, 12 << 20, 64 << 20

#: Seconds between two looks at the count; and how old a kill may be to be held for a victim's (E56).
COUNT_AGAIN, RECENT = 0.1, 1.0


def is_large(size: int, limit: "int | None") -> bool:
    """Had it so much memory, in bytes, that the memory killer may have chosen it? The count alone may be old (E56)."""
    return size >= max(OWN, limit // SHARE if limit else LEAST)


def count_kills(path: "bytes | None", kernel: "Any" = posix_kernel) -> int:
    """The number of processes of our cgroup that the kernel has killed for want of memory; 0 where nobody counts."""
    if path is None:
        return 0
    try:
        lines: bytes = kernel.read_file(path.decode("utf-8", "surrogateescape"))
    except OSError:
        return 0
    for line in lines.split(b"\n"):
        if line.startswith(b"oom_kill "):
            return int(line[9:])
    return 0


class MemoryKills:
    """path: of the count, or None. kills: as far as we know; counted: when that was. claimed: those whose victims are
    known. risen: the earliest moment at which the latest of them can have been. at_step: how many, when an init step
    began. note: takes the count when it has risen.
    """

    __slots__ = ("at_step", "claimed", "counted", "kernel", "kills", "note", "path", "risen")

    def __init__(self, kernel: "Any", path: "bytes | None", now: float, note: "Callable[..., None]") -> None:
        self.kernel = kernel
        self.path = path
        self.note = note
        self.kills = self.claimed = self.at_step = count_kills(path, kernel)
        self.counted = self.risen = now

    def look(self) -> None:
        """Now and then."""
        if self.path is not None and self.kernel.monotonic() - self.counted >= COUNT_AGAIN:
            self.recount()

    def recount(self) -> int:
        now, before, self.kills = self.kernel.monotonic(), self.kills, count_kills(self.path, self.kernel)
        if self.kills > before:
            self.risen = self.counted  # it was not there then
            self.note("oom", self.kills)
        self.counted = now
        return self.kills

    def orphans_killed(self, number: int) -> None:
        """So many orphans have ended by SIGKILL: it was no declared process that was counted."""
        if self.path is not None:
            self.claimed += min(max(0, self.recount() - self.claimed), number)

    def may_be_old(self) -> bool:
        """Is the kill that nobody has claimed one of some time ago? Then a victim's size decides (E56)."""
        return self.recount() > self.claimed and self.kernel.monotonic() - self.risen > RECENT

    def is_victim(self, process: "Process", number: int, large: bool) -> bool:
        """SIGKILL that we did not send, while the count rose; an init step's whoever was killed (S4)."""
        if self.path is None:
            return False
        if process.role == INIT:
            return self.recount() > self.at_step
        if number != SIGKILL or SIGKILL in process.sent or self.recount() <= self.claimed:
            return False
        if not large and (process.declared.oom_score_adj or 0) <= 0:
            return False
        self.claimed += 1
        return True
