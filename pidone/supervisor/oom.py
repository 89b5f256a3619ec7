"""Which processes the kernel has killed because memory ran out (S93): its cgroup counts them, and names none."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from pidone.group.process import Process

from pidone.init.events import SIGKILL
from pidone.init.plan import INIT
from pidone.oom import count_kills

#: Seconds between two looks at the count; and how old a kill may be to be held for a victim's (E56).
COUNT_AGAIN, RECENT = 0.1, 1.0


class MemoryKills:
    """path: of the count, or None. kills: as far as we know; counted: when that was. claimed: those whose victims are
    known. risen: the earliest moment at which the latest of them can have been. at_step: how many, when an init step
    began. note: takes the count when it has risen.
    """

    __slots__ = ("at_step", "claimed", "counted", "kernel", "kills", "add_event", "path", "risen")

    def __init__(self, kernel: "Any", path: "bytes | None", now: float, add_event: "Callable[..., None]") -> None:
        self.kernel = kernel
        self.path = path
        self.add_event = add_event
        self.kills = self.claimed = self.at_step = count_kills(path, kernel)
        self.counted = self.risen = now

    def check(self) -> None:
        """Now and then."""
        if self.path is not None and self.kernel.monotonic() - self.counted >= COUNT_AGAIN:
            self.recount()

    def recount(self) -> int:
        now, before, self.kills = self.kernel.monotonic(), self.kills, count_kills(self.path, self.kernel)
        if self.kills > before:
            self.risen = self.counted  # it was not there then
            self.add_event("oom", self.kills)
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
