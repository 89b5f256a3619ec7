"""THE machine of a group: what starts when, what begins a stop, who is told in which order, and the exit code.

Theory. A group is a list of members in start order, the primary last; each lives as `life` has it. A member may start
when all before it have passed their gate (or just those that its `after` names): an init step by ending with 0, any
other by having started. Having passed is for good: a later crash takes nothing back (S23). The group is in one phase:

    START   not all have passed
    RUN     all have
    STOP    the primary and a running init step are told first; a sidecar when all that waited for it are gone (S78)
    SWEPT   every member is gone; what they left behind has been sent SIGTERM
    KILLED  the grace is over; SIGKILL has been sent to everything
    OVER    the exit code has been given out

Phases only move downwards (but for a restart of all, S67), so a second stop signal cannot restart a stop (E40) and
nothing starts after one has begun (E41). What begins a stop: the primary's end, a stop signal, an essential process's
end, a failed init step, what could not be started, a restart limit, the end of a bound. `blame` is the exit code of a
cause that is not the primary's own; without one the primary's own counts.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pidone.init.plan import Plan

from pidone.group import restart
from pidone.group.commands import Steer
from pidone.group.life import Life
from pidone.group.member import WAITING
from pidone.group.policy import ALL, NEVER
from pidone.group.reload import LISTEN_AGAIN, Reload
from pidone.group.renew import Renew
from pidone.group.stop import ALL_OF_IT, Stop
from pidone.init.events import ASIDE, ASKING, LISTENING, NO, SAY, SIGHUP, SIGTERM, SUSPEND, UNKNOWN, YES
from pidone.init.machine import KILLED, RUN, START, STOP, SWEPT, Machine
from pidone.init.plan import CANNOT, INIT, PRIMARY

REALTIME = 34
MOST_HELD = 1024

#: Seconds from the end of the server of metrics until another one is forked.
MEASURE_AGAIN = 5.0

#: The exit code where a bound is over, as timeout(1) has it.
TIMED_OUT = 124


class Group(Renew):
    """heard: the listener of sd_notify is up."""

    __slots__ = ("heard",)

    def __init__(self, plan: "Plan", terminal: bool = False) -> None:
        Renew.__init__(self, plan, terminal)
        self.heard = not plan.notify

    # -- starting

    def begin(self, now: float) -> None:
        if self.phase != START:
            return
        for what, bound in zip(("start timeout", "deadline"), self.plan.bounds):
            if bound is not None:
                self.timers[ALL_OF_IT, what] = now + bound
        if any(member.care.log is not None for member in self.members):
            self.pump(now)
        if self.plan.metrics is not None:
            self.measure(now)
        if self.heard:
            self.advance(now)
        else:
            self.listen(now)

    def listen(self, now: float) -> None:
        self.do(ASIDE, ALL_OF_IT, "notify")

    def advance(self, now: float) -> None:
        """Start whoever may start now (S2, S3, S16)."""
        if self.holding:
            return
        for index in self.order.ready():
            if index not in self.doomed:
                self.spawn(now, index)

    def passed(self, now: float, index: int) -> None:
        member = self.members[index]
        if member.passed or self.phase >= STOP or self.renewing:
            return
        member.passed = True
        self.order.passed(index)
        if self.order.complete:
            self.phase = RUN
            self.timers.pop((ALL_OF_IT, "start timeout"), None)
        else:
            self.advance(now)

    def failed(self, now: float, index: int, code: int, text: str) -> None:
        """It could not be forked or executed, or its daemon was not found."""
        member = self.members[index]
        if not member.alive:
            return
        self.terminated(index, 128, 0, "StartError")  # S91
        if member.complained != text:
            member.complained = text  # until it has run again: the same is said once (E30)
            self.do(SAY, "cannot start", index, code, text)
        if self.phase >= STOP:
            if member.role == PRIMARY and not self.code:
                self.code = code
            self.progress(now)
        elif self.renewing:
            self.renewed(now)
        elif index in self.doomed:
            self.doom(now)
        elif member.parked and member.passed:
            self.partner_started(now, index)  # it is to stay down
        elif member.care.restart != NEVER and (member.passed or member.restarts or member.role == INIT):
            self.retry(now, index, code)
        else:
            self.stop(now, code)  # no half-started group

    # -- running

    def over(self, now: float, index: int) -> None:
        """It has ended: the group's stop, a restart, or what its end means."""
        member = self.members[index]
        code, number, reason = member.last or (0, 0, "")
        why, failed = member.ending, reason != "Completed"
        if self.phase >= STOP or self.renewing:
            if member.role == PRIMARY and self.phase >= STOP:
                self.primary_over(index)
            (self.progress if self.phase >= STOP else self.renewed)(now)
            return
        if index in self.doomed:
            self.clear(now, index)
            self.doom(now)
            return
        if self.over_by_command(now, index):
            return
        if member.role == INIT and not failed:
            self.clear(now, index)
            if "leftovers" not in member.busy:
                self.passed(now, index)
            return
        rule = restart.rule_for(member.care, code, number) if why is None else None
        if rule == ALL and (member.care.max_restarts is None or self.rounds < member.care.max_restarts):
            self.renew(now, index)
        elif rule is not None or restart.wanted(member.care, failed, why is not None):
            self.retry(now, index, self.status_of_end(index))
        else:
            self.gone(now, index)

    def gone(self, now: float, index: int) -> None:
        """It has ended for good."""
        member = self.members[index]
        status = self.status_of_end(index)
        if member.role == PRIMARY:
            self.troubled = member.ending is not None  # by a probe, or a hook
            self.primary_over(index)
            self.stop(now)
        elif member.role == INIT:
            self.do(SAY, "init failed", index, *(member.last or ()), status or 1)
            self.stop(now, status or 1)
        elif member.care.essential:
            if not status and not self.members[self.primary].alive:
                self.code = self.code_so_far(1)
            self.do(SAY, "essential ended", index, *(member.last or ()), status or self.code)
            self.stop(now, status or None)
        elif not member.passed:
            self.do(SAY, "not started", index, *(member.last or ()), status or 1)
            self.stop(now, status or 1)  # its gate would never open: no half-started group
        else:
            self.do(SAY, "sidecar ended", index, *(member.last or ()))
            self.clear(now, index)
            self.partner_started(now, index)

    def stop(self, now: float, blame: "int | None" = None) -> None:
        self.call_off()
        self.renewing = False  # what has been killed for it is not started anew
        Stop.stop(self, now, blame)

    def retry(self, now: float, index: int, status: int) -> None:
        member = self.members[index]
        if member.care.max_restarts is not None and member.restarts >= member.care.max_restarts:
            if member.role == PRIMARY:
                self.primary_over(index)
            self.do(SAY, "restart limit", index, member.care.max_restarts, status or 1)
            self.stop(now, status or 1)
            return
        quietly = member.reason == "StartError" and member.restarts
        self.again(now, index, now - member.born)
        if not quietly:
            wait = self.timers[index, "restart"] - now
            self.do(SAY, "restart", index, *(member.last or ()), member.ending, wait, member.restarts + 1)

    def cleared(self, now: float, index: int, what: str, verdict: int, text: str) -> None:
        member = self.members[index]
        if self.renewing:
            self.renewed(now)
        elif index in self.doomed:
            self.doom(now)
        elif member.role == INIT and member.reason == "Completed" and "leftovers" not in member.busy:
            self.passed(now, index)
        else:
            Life.cleared(self, now, index, what, verdict, text)

    def status_of_end(self, index: int) -> int:
        code, number, reason = self.members[index].last or (0, 0, "")
        return 128 + number if number else code or (137 if reason == "OOMKilled" else 0)

    def primary_over(self, index: int) -> None:
        """Its exit code is the group's, unless something else is to blame (S95, E42)."""
        member = self.members[index]
        code, number, reason = member.last or (0, 0, "")
        if self.blame is None:
            self.code = self.status_of(code, number)
        self.timers.pop((ALL_OF_IT, "hint"), None)
        if number in member.sent:
            self.do(SAY, "swallowed", index)
        elif number and self.phase != KILLED and not (self.terminal and number in (SIGHUP, *ASKING)):
            self.do(SAY, "killed", index, number, reason == "OOMKilled")

    # -- signals

    def stopped(self, now: float, index: int) -> None:
        self.members[index].stopped = True
        if index == self.primary and self.phase <= RUN:
            self.do(SUSPEND)

    def signal(self, now: float, number: int) -> None:
        number = self.rewritten(number)
        if number in self.plan.stop_signals:
            self.asked += 1
            if self.phase < STOP:
                self.code = self.code_so_far(128 + number)
                self.stop(now)
            elif self.phase in (STOP, SWEPT) and self.asked > 2 and not self.expired:
                self.do(SAY, "hurry")
                self.hurry(now)
        elif number:
            targets, number = self.plan.routes.get(number, ((self.primary,), number))
            for index in targets:
                self.pass_on(index, number)

    def stop_by_command(self, now: float) -> None:
        self.asked += 1
        self.code = self.code_so_far(128 + SIGTERM)
        self.stop(now)

    def code_so_far(self, otherwise: int) -> int:
        """The primary's last (S95), where it waits for a restart; while it runs it may still give its own (E42)."""
        member = self.members[self.primary]
        if member.alive or member.last is None or member.last[2] == "StartError":
            return otherwise
        return self.status_of(*member.last[:2])

    def pass_on(self, index: int, number: int) -> None:
        """To one that runs; kept for one that will (E1). Standard signals merge, as pending ones do."""
        member = self.members[index]
        looked_for = "follow" in member.busy
        if member.alive and not looked_for:
            self.send(index, member, number, member.stop_signal)
            return
        coming = looked_for or (self.phase < STOP and (member.state == WAITING or member.again))
        merged = number < REALTIME and (index, number) in self.held
        if coming and not merged and len(self.held) < MOST_HELD:
            self.held.append((index, number))

    # -- what is heard

    def noted(self, now: float, index: int, what: int) -> None:
        if index != ALL_OF_IT:
            Life.noted(self, now, index, what)
        elif what == LISTENING:
            self.hear_again(now)
            if self.holding:
                self.holding = False
                self.advance(now)
            if not self.heard:
                self.heard = True
                if self.phase == START:
                    self.advance(now)

    def ended(self, now: float, index: int, what: str, verdict: int, text: str) -> None:
        if index != ALL_OF_IT:
            Life.ended(self, now, index, what, verdict, text)
        elif what == "pump":
            self.pumped(now, verdict, text)
        elif what == "metrics":
            if self.phase < STOP:
                self.do(SAY, "metrics", text, verdict == UNKNOWN)
                if verdict == UNKNOWN:
                    self.timers[ALL_OF_IT, "metrics"] = now + MEASURE_AGAIN
        elif self.phase < STOP:
            if not self.deaf:
                self.do(SAY, "listener", text, self.heard)
            if self.heard:
                self.deaf = True
                self.timers[ALL_OF_IT, "notify"] = now + LISTEN_AGAIN
            else:
                self.stop(now, CANNOT)

    def pumped(self, now: float, verdict: int, text: str) -> None:
        """The pump has ended: well when nobody is left who could write; any other is replaced (nothing is lost)."""
        self.pumping = False
        if verdict == YES:
            return
        if verdict == NO:  # it has handed over, for there are others to be carried
            self.pump(now)
            return
        if self.phase != KILLED:  # then it was our own SIGKILL
            self.do(SAY, "pump", text)
        if self.phase < SWEPT:
            self.timers[ALL_OF_IT, "pump"] = now + LISTEN_AGAIN
        else:
            self.pump(now)

    def start_over(self, now: float) -> None:
        self.bound_over(now, "start timeout")

    def deadline_over(self, now: float) -> None:
        self.bound_over(now, "deadline")  # S14

    def bound_over(self, now: float, what: str) -> None:
        if self.phase < STOP:
            self.do(SAY, what)
            self.stop(now, TIMED_OUT)

    HANDLERS = (
        begin, Life.execed, failed, Life.exited, stopped, signal, Stop.deadline_passed, Machine.alone, ended, noted,
        Steer.commanded, Reload.reload, Life.resolved,
    )  # fmt: skip
