"""Finds which processes the OOM killer has killed (S93): the cgroup counts kills and names none.

E1 and so on: docs/reference/edge-cases.md. S1 and so on: docs/reference/pod.md.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from pidone.group.process import Process

from pidone.init.events import SIGKILL
from pidone.init.plan import INIT
from pidone.oom import count_oom_kills

#: Seconds between two reads of the count; the age up to which a kill counts for a victim of any
#: size (E56).
COUNT_AGAIN, RECENT = 0.1, 1.0


class OomKills:
    """The count of OOM kills.

    path: the file that holds it, or None.
    kills: the count when it was last read.
    counted: when that was.
    claimed: how many of these kills have a known victim.
    risen: the earliest moment at which the latest of them can have happened.
    at_step: the count when the latest init step began.
    add_event: records the count when it has risen.
    """

    __slots__ = ("at_step", "claimed", "counted", "kernel", "kills", "add_event", "path", "risen")

    def __init__(self, kernel: "Any", path: "bytes | None", now: float, add_event: "Callable[..., None]") -> None:
        self.kernel = kernel
        self.path = path
        self.add_event = add_event
        self.kills = self.claimed = self.at_step = count_oom_kills(path, kernel)
        self.counted = self.risen = now

    def check(self) -> None:
        """Read the count again, at most every COUNT_AGAIN seconds."""
        if self.path is not None and self.kernel.monotonic() - self.counted >= COUNT_AGAIN:
            self.recount()

    def recount(self) -> int:
        now, before, self.kills = self.kernel.monotonic(), self.kills, count_oom_kills(self.path, self.kernel)
        if self.kills > before:
            self.risen = self.counted  # the kill had not happened then
            self.add_event("oom", self.kills)
        self.counted = now
        return self.kills

    def orphans_killed(self, number: int) -> None:
        """Claim kills for so many orphans that SIGKILL has ended: no member was the victim."""
        if self.path is not None:
            self.claimed += min(max(0, self.recount() - self.claimed), number)

    def may_be_old(self) -> bool:
        """Return whether a kill without a victim may be old. Then a victim's size decides (E56)."""
        return self.recount() > self.claimed and self.kernel.monotonic() - self.risen > RECENT

    def is_victim(self, process: "Process", number: int, large: bool) -> bool:
        """Return whether the OOM killer has ended a process.

        It has if pidone did not send the SIGKILL and the count has a kill without a victim. A
        process that is not large must have an oom_score_adj above 0 as well. For an init step it is
        enough that the count rose while it ran, whichever process was killed (S4).
        """
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
