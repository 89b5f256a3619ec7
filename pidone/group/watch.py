"""What goes on beside a process: its hooks and probes, each a forked child that PID 1 may lose.

Theory. `busy` of a member holds the name of each from ASIDE until ENDED or DROP, and nothing is ever waited for without
a place in `timers`: {(member, what): time}. A probe's is when it is due or, while it is under way, when its time is up.

    post_start   runs first; until it ends, the process counts as not running (S69)
    startup      then; until it succeeds nothing else is probed (S28). Then the process is `started`
    readiness    then, for ever; decides `ready` and nothing else (S36)
    liveness     then; where it fails the process is ended (S35), as where startup or post_start fails
    pre_stop     runs before the stop signal, whenever pidone ends the process (S71)
    follow       finds the daemon of a program that went into the background
    message      reads its termination message, and leftovers ends what it left behind; both when it has ended
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pidone.init.plan import Plan

from pidone.group.member import RUNNING, Member
from pidone.group.policy import TOLD
from pidone.group.probe import Probe
from pidone.init.events import ALIVE, ASIDE, DEAD, DROP, NO, NOTE, READY, SAY, UNKNOWN, UNREADY, YES
from pidone.init.machine import Machine
from pidone.init.plan import INIT

PROBES = ("startup", "readiness", "liveness")

#: The method that takes the answer of each.
TAKES = {
    "startup": "probed", "readiness": "probed", "liveness": "probed", "post_start": "post_started",
    "pre_stop": "pre_stopped", "follow": "followed", "message": "messaged", "leftovers": "cleared",
}  # fmt: skip

#: The method that is called when the time in `timers` has come.
DUE = {
    "startup": "probe_due", "readiness": "probe_due", "liveness": "probe_due", "post_start": "hook_due",
    "pre_stop": "hook_due", "launch": "launch_over", "kill": "kill", "restart": "restart_due", "follow": "overdue",
    "message": "overdue", "leftovers": "overdue", "look up": "look_up_over",
}  # fmt: skip


class Watch(Machine):
    """What it leaves to those above: `passed`, the gate; `end`, to have a process ended; `prepared`, for its stop."""

    __slots__ = ("members", "timers", "deaf")

    def __init__(self, plan: "Plan", terminal: bool) -> None:
        Machine.__init__(self, plan, terminal)
        self.members = [Member(index, process) for index, process in enumerate(plan.processes)]
        self.timers: "dict[tuple[int, str], float]" = {}
        self.deaf = False  # the listener of sd_notify has ended, and another is not there yet

    def passed(self, now: float, index: int) -> None:
        raise NotImplementedError

    def partner_started(self, now: float, index: int) -> None:
        raise NotImplementedError

    def end(self, now: float, index: int, why: str, grace: float) -> None:
        raise NotImplementedError

    def prepared(self, now: float, index: int) -> None:
        raise NotImplementedError

    def grace_of(self, member: "Member") -> float:
        return self.plan.grace if member.care.grace is None else member.care.grace

    # -- beginning and end of each

    def aside(self, index: int, what: str) -> None:
        member = self.members[index]
        if what not in member.busy:
            member.busy = (*member.busy, what)
        self.do(ASIDE, index, what)

    def drop(self, index: int, what: str, late: bool = False) -> None:
        self.timers.pop((index, what), None)
        member = self.members[index]
        if what in member.busy:
            member.over(what)
            self.do(DROP, index, what, late)

    def ended(self, now: float, index: int, what: str, verdict: int, text: str) -> None:
        member = self.members[index]
        if what in member.busy:
            member.over(what)
            self.timers.pop((index, what), None)
            getattr(self, TAKES[what])(now, index, what, verdict, text)

    def overdue(self, now: float, index: int, what: str) -> None:
        """Its time is up: it is dropped, and that is its answer."""
        if what in self.members[index].busy:
            self.drop(index, what, True)
            getattr(self, TAKES[what])(now, index, what, NO, "it took too long")

    def hear_again(self, now: float) -> None:
        """There is a listener again: whoever is listened to has all of its time anew."""
        self.deaf = False
        for index, member in enumerate(self.members):
            for what, probe in member.probes.items():
                if probe.spec[0] == "notify" and (index, what) in self.timers:
                    self.timers[index, what] = max(self.timers[index, what], now + probe.period)

    # -- hooks

    def running(self, now: float, index: int) -> None:
        member = self.members[index]
        member.state = RUNNING
        member.complained = ""
        if member.ending is not None or member.role == INIT:
            return
        hook = member.care.post_start
        if hook is None:
            self.watch(now, index)
        elif hook[0] == "sleep":
            self.timers[index, "post_start"] = now + hook[1]
        else:
            self.aside(index, "post_start")  # without a time of its own (S69)

    def post_started(self, now: float, index: int, what: str, verdict: int, text: str) -> None:
        if verdict == YES:
            self.watch(now, index)
            return
        self.do(SAY, "hook failed", index, what, text)
        self.end(now, index, what, self.grace_of(self.members[index]))

    def prepare(self, now: float, index: int, grace: float) -> None:
        """Begin its pre_stop, which has all of the grace (S80) and none where there is none (S82)."""
        member = self.members[index]
        hook = member.care.pre_stop
        if hook is None or grace <= 0 or member.state != RUNNING or member.due is None:
            return
        if hook[0] == "sleep":
            self.timers[index, "pre_stop"] = min(member.due, now + hook[1])
        else:
            self.timers[index, "pre_stop"] = member.due
            self.aside(index, "pre_stop")

    def pre_stopped(self, now: float, index: int, what: str, verdict: int, text: str) -> None:
        """Whatever came of it, the stop goes on (S72)."""
        if verdict != YES:
            self.do(SAY, "hook failed", index, what, text)
        self.prepared(now, index)

    def hook_due(self, now: float, index: int, what: str) -> None:
        """The end of a `sleep`, or of the grace."""
        late = what in self.members[index].busy
        self.drop(index, what, late)
        getattr(self, TAKES[what])(now, index, what, NO if late else YES, "it did not end within the grace")

    # -- its probes

    def watch(self, now: float, index: int) -> None:
        """It is running: its probes begin."""
        member = self.members[index]
        care = member.care
        member.probes = {}
        for what, spec in (("startup", care.startup), ("readiness", care.readiness), ("liveness", care.liveness)):
            if spec is not None:
                member.probes[what] = Probe(spec)
        if "startup" in member.probes:
            self.arm(now, index, "startup")
        else:
            self.start(now, index)

    def start(self, now: float, index: int) -> None:
        """It has started (S16); the first readiness result is wanted at once (S33)."""
        member = self.members[index]
        member.started = True
        self.do(NOTE, index, "started")
        if "readiness" not in member.probes:
            self.turn(index, True)
        self.passed(now, index)
        self.partner_started(now, index)
        for what in ("readiness", "liveness"):
            if what in member.probes and member.ending is None:
                self.arm(now, index, what)

    def turn(self, index: int, ready: bool) -> None:
        self.members[index].ready = ready
        self.do(NOTE, index, "ready" if ready else "not ready")

    def arm(self, now: float, index: int, what: str) -> None:
        """Set a probe's first time: its delay counts from the process's start (S31)."""
        member = self.members[index]
        probe = member.probes[what]
        if probe.spec[0] not in TOLD:
            probe.next = max(now, member.born + probe.delay)
            self.timers[index, what] = probe.next
            return
        if what == "startup":  # as long as one that is asked would be given
            self.timers[index, what] = max(now, member.born + probe.delay + probe.period * probe.spec[6])
        elif what == "liveness":
            self.timers[index, what] = now + probe.period
        if what != "liveness" and member.noted == READY:
            self.result(now, index, what, YES, "")

    def probe_due(self, now: float, index: int, what: str) -> None:
        """A probe's time has come: to be asked, to be overdue, or to have been heard."""
        member = self.members[index]
        probe = member.probes[what]
        if probe.spec[0] in TOLD:
            if self.deaf:
                self.timers[index, what] = now + probe.period  # nobody could have heard it
                return
            if what == "startup":
                probe.last, probe.run = False, probe.spec[6] - 1
            self.result(now, index, what, NO, "nothing was heard from it")
        elif what in member.busy:
            self.drop(index, what, True)
            self.result(now, index, what, NO, "no answer in %g s" % probe.timeout)
        else:
            probe.next = max(now, probe.next) + probe.period
            self.ask(now, index, what)

    def ask(self, now: float, index: int, what: str) -> None:
        self.timers[index, what] = now + self.members[index].probes[what].timeout
        self.aside(index, what)

    def probed(self, now: float, index: int, what: str, verdict: int, text: str) -> None:
        probe = self.members[index].probes[what]
        if verdict == UNKNOWN:
            if probe.again():
                self.ask(now, index, what)
                return
            self.timers[index, what] = max(now, probe.next)
        if text and verdict != NO and not probe.warned:
            probe.warned = True
            self.do(SAY, "probe warns", index, what, text)
        if verdict != UNKNOWN:
            self.result(now, index, what, verdict, text)

    def result(self, now: float, index: int, what: str, verdict: int, text: str) -> None:
        """One success or failure more; on the last of its run the probe turns (S34)."""
        member = self.members[index]
        probe = member.probes[what]
        if probe.spec[0] not in TOLD:
            self.timers[index, what] = max(now, probe.next)
        elif what == "liveness":
            self.timers[index, what] = now + probe.period
        if not probe.count(verdict == YES):
            return
        if what == "readiness":
            if member.ready != probe.result:
                self.turn(index, verdict == YES)
                self.do(SAY, "readiness", index, member.ready, text)
        elif verdict == NO:
            self.do(SAY, "probe failed", index, what, probe.run, text)
            self.end(now, index, what, self.grace_of(member) if probe.grace is None else probe.grace)
        elif what == "startup":
            del member.probes[what], self.timers[index, what]
            self.start(now, index)

    def noted(self, now: float, index: int, what: int) -> None:
        """It speaks for itself (sd_notify(3), or s6's newline)."""
        member = self.members[index]
        if not member.alive:
            return
        if what in (READY, UNREADY):
            member.noted = what
        told = [name for name in member.probes if member.probes[name].spec[0] in TOLD]
        if what in (READY, UNREADY):
            had_started = member.started
            if "startup" in told and what == READY and member.ending is None:
                self.result(now, index, "startup", YES, "")
            if "readiness" in told and had_started:
                self.result(now, index, "readiness", YES if what == READY else NO, "it says so")
        elif "liveness" in told and member.started and member.ending is None:
            self.timers[index, "liveness"] = now + member.probes["liveness"].period
            if what == ALIVE:
                member.probes["liveness"].count(True)
            elif what == DEAD:
                self.do(SAY, "probe failed", index, "liveness", 1, "it says so")
                self.end(now, index, "liveness", self.grace_of(member))
