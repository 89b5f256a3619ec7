"""A restart of all, by a process's rule (S67): everything is killed, and begins anew at the head of the list."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pidone.init.plan import Plan

from pidone.group import restart
from pidone.group.member import RENEWED, TERMINATED, WAITING
from pidone.group.order import Order
from pidone.group.reload import Reload
from pidone.group.stop import ALL_OF_IT
from pidone.group.watch import PROBES
from pidone.init.events import KILL, SAY, SIGKILL
from pidone.init.machine import START


class Renew(Reload):
    """rounds: how often all have begun anew."""

    __slots__ = ("rounds",)

    def __init__(self, plan: "Plan", terminal: bool) -> None:
        Reload.__init__(self, plan, terminal)
        self.rounds = 0

    def renew(self, now: float, index: int) -> None:
        """Kill all, in no order, without grace or pre_stop; then begin from the list's head."""
        self.do(SAY, "restart all", index, *(self.members[index].last or ()))
        self.call_off()
        self.renewing = True
        self.held = []
        self.rounds = restart.level_after(self.members[index].care, self.rounds, now - self.members[index].born)
        for other, member in enumerate(self.members):
            member.again = member.parked = False
            for what in (*PROBES, "post_start", "pre_stop", "leftovers"):
                self.drop(other, what)
            for what in ("kill", "restart"):
                self.timers.pop((other, what), None)
            if member.alive:
                member.ending = RENEWED  # a daemon that is still looked for is killed when it is found
                member.sent = (*member.sent, SIGKILL)
                self.do(KILL, other, SIGKILL, True)
            elif member.last is not None:
                self.clear(now, other)
        self.renewed(now)

    def renewed(self, now: float) -> None:
        """Once all are gone, and what they left: start anew, after a back-off of the group's own."""
        for index, member in enumerate(self.members):
            if member.state == TERMINATED and member.ending == RENEWED and "leftovers" not in member.busy:
                member.ending = None
                self.clear(now, index)
        if any(member.alive or "leftovers" in member.busy for member in self.members):
            return
        self.timers[ALL_OF_IT, "renew"] = now + restart.delay(self.members[self.primary].care, self.rounds)

    def begin_anew(self, now: float) -> None:
        self.renewing = False
        self.rounds += 1
        self.phase = START
        if self.plan.bounds[0] is not None:
            self.timers[ALL_OF_IT, "start timeout"] = now + self.plan.bounds[0]
        for member in self.members:
            member.restarts += member.last is not None
            member.state, member.passed, member.reason = WAITING, False, ""
        self.order = Order(self.members)
        self.advance(now)
