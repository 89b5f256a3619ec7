"""How a group stops: who is told when, what each has of the grace, and the end of it.

Theory. The clock of a stop starts with it. At once every pre_stop begins (S76), and the primary and a running init step
are told when theirs is over (S77). A sidecar is told when its own is over and all that waited for it at the start are
gone (S78). At the end of the grace all who still wait are told together (S81); each is killed when both the grace and
its window are over (S80), and the stop never takes longer than the grace and one window.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pidone.init.plan import Plan

from pidone.group.life import Life
from pidone.group.member import RENEWED, STOPPING
from pidone.group.order import Order
from pidone.group.watch import DUE, PROBES
from pidone.init.events import ASIDE, KILL, NOTE, SAY, SIGKILL
from pidone.init.machine import HINT, KILLED, OVER, STOP, SWEPT

#: What belongs to the group itself stands in `timers` under this index.
ALL_OF_IT = -1

#: How one has ended of whom nobody knows how (S92).
LOST = (137, 0, "ContainerStatusUnknown")

#: The method that is called when a time of the group itself has come.
GROUP_DUE = {
    "start timeout": "start_over", "deadline": "deadline_over", "renew": "begin_anew", "notify": "listen",
    "pump": "pump", "metrics": "measure", "take over": "take_over",
    "hint": "hint_due", "grace": "expire", "limit": "limit_over",
}  # fmt: skip


class Stop(Life):
    """order: who may be told. blame: the exit code of what began the stop, where that is not the primary's own end.

    expired: the grace. asked: stop signals so far. pumping: there is a pump.
    """

    __slots__ = ("order", "blame", "expired", "asked", "pumping")

    def __init__(self, plan: "Plan", terminal: bool) -> None:
        Life.__init__(self, plan, terminal)
        self.order = Order(self.members)
        self.blame: "int | None" = None
        self.expired = False
        self.asked = 0
        self.pumping = False

    def stop(self, now: float, blame: "int | None" = None) -> None:
        """Begin the stop. blame: the exit code of what began it, where that is not the primary."""
        if blame is not None:
            self.blame = self.code = blame
        self.do(NOTE, ALL_OF_IT, "stop")
        self.phase = STOP
        self.began = now
        self.limit = now + self.plan.grace + self.plan.window
        self.held = []
        for what in ("start timeout", "deadline", "renew", "notify", "metrics"):
            self.timers.pop((ALL_OF_IT, what), None)
        self.timers[ALL_OF_IT, "grace"] = now + self.plan.grace
        self.timers[ALL_OF_IT, "limit"] = self.limit
        if self.members[self.primary].alive:
            self.timers[ALL_OF_IT, "hint"] = now + HINT
        for index in range(len(self.members)):
            self.turn_off(now, index)
        self.progress(now)

    def turn_off(self, now: float, index: int) -> None:
        """At t0: no probe but readiness goes on (S53), every pre_stop begins (S76), nothing is restarted (S66)."""
        member = self.members[index]
        for what in ("startup", "liveness", "post_start", "restart", "launch", "look up", "leftovers"):
            self.drop(index, what)
        member.again = False
        if not member.alive:
            return
        already, member.ending = member.ending, STOPPING
        member.grace = self.grace_of(member)
        member.due = self.grace_end()  # the group's grace overrides a probe's (S39)
        if already is None:
            self.prepare(now, index, self.plan.grace)
        elif "pre_stop" in member.busy:
            self.timers[index, "pre_stop"] = member.due
        elif member.told is not None:
            self.timers[index, "kill"] = max(member.due, member.told + self.plan.window)

    def prepared(self, now: float, index: int) -> None:
        if self.phase >= STOP:
            self.progress(now)
        elif self.members[index].ending == RENEWED:  # its daemon has come up after all
            self.do(KILL, index, SIGKILL, True)
        else:
            self.tell(now, index)

    def progress(self, now: float) -> None:
        """Tell whoever's turn it is; when all are gone, sweep."""
        alive = [index for index, member in enumerate(self.members) if member.alive]
        if self.phase != STOP:
            return
        if not alive:
            if not any("message" in member.busy for member in self.members):
                waiting = (ALL_OF_IT, "pump") in self.timers
                self.timers.clear()
                self.sweep(now)
                if waiting:
                    self.pump(now)
            return
        free = alive if self.expired else self.order.free(alive)
        for index in free:
            member = self.members[index]
            if member.told is None and (index, "pre_stop") not in self.timers and "follow" not in member.busy:
                if member.care.grace is not None:
                    member.due = min(self.grace_end(), now + member.care.grace)
                self.tell(now, index)

    def messaged(self, now: float, index: int, what: str, verdict: int, text: str) -> None:
        Life.messaged(self, now, index, what, verdict, text)
        if self.phase >= STOP:
            self.progress(now)

    def hurry(self, now: float) -> None:
        """A later request may only shorten the grace (S83): it is over now."""
        self.began = now - self.plan.grace
        self.limit = min(self.limit, now + self.plan.window)
        self.timers[ALL_OF_IT, "limit"] = self.limit
        self.timers.pop((ALL_OF_IT, "grace"), None)
        for index, member in enumerate(self.members):
            if (index, "kill") in self.timers and member.told is not None:
                self.timers[index, "kill"] = max(now, member.told + self.plan.window)
        self.expire(now)

    def expire(self, now: float) -> None:
        """The grace is over: whoever still waits is told (S81), and its pre_stop is cut short."""
        self.expired = True
        for index, member in enumerate(self.members):
            if (index, "pre_stop") in self.timers:
                self.hook_due(now, index, "pre_stop")
            if "follow" in member.busy:
                if member.ended_as is not None:
                    self.hook_due(now, index, "follow")  # it is over as it ended
                    continue
                self.terminated(index, *LOST)  # whom we have not found, the sweep will
                if index == self.primary:
                    self.code = self.code or LOST[0]
        self.progress(now)

    def pump(self, now: float) -> None:
        """Never two: they would read the same pipes."""
        self.timers.pop((ALL_OF_IT, "pump"), None)
        if not self.pumping:
            self.pumping = True
            self.do(ASIDE, ALL_OF_IT, "pump")

    def measure(self, now: float) -> None:
        self.do(ASIDE, ALL_OF_IT, "metrics")

    def was_asked(self) -> bool:
        return self.asked > 0

    def exit(self) -> None:
        if self.code and not self.asked:
            self.troubled = True
        Life.exit(self)

    def give_up(self) -> None:
        if self.members[self.primary].alive and not self.code:
            self.code = LOST[0]  # it was killed, and has not died: no code of its own, and no success
        Life.give_up(self)

    def limit_over(self, now: float) -> None:
        self.timers.clear()
        self.kill_rest(now)

    # -- time

    def deadline_passed(self, now: float) -> None:
        self.look_at = None
        for _, index, what in sorted((time, *key) for key, time in self.timers.items() if time <= now):
            if self.timers.get((index, what), now + 1) <= now:  # an earlier one may have changed it
                if what not in PROBES:
                    del self.timers[index, what]
                if index == ALL_OF_IT:
                    getattr(self, GROUP_DUE[what])(now)
                else:
                    getattr(self, DUE[what])(now, index, what)
        if self.phase == KILLED and now >= self.limit:
            self.give_up()
        elif self.phase == SWEPT and now >= self.kill_at():
            self.limit_over(now)

    def set_deadline(self) -> None:
        if self.phase in (SWEPT, KILLED):
            self.deadline = self.kill_at() if self.phase == SWEPT else self.limit
            if self.look_at is not None and self.phase == SWEPT:
                self.deadline = self.look_at
        elif self.phase == OVER or not self.timers:
            self.deadline = None
        else:
            self.deadline = min(self.timers.values())

    def hint_due(self, now: float) -> None:
        self.do(SAY, "swallowed", self.primary)
