"""The probes of one process: consecutive results become a verdict (S34), and a verdict means something.

Theory. A probe has a place in the process's `timers`: when it is due or, while it is under way, when its time is up.

    startup      first; until it succeeds nothing else is probed (S28). Then the process is `started`
    readiness    then, for ever; decides `ready` and nothing else (S36)
    liveness     then; where it fails the process is ended (S35), as where startup fails

Most are asked, by a helper. A process may also speak for itself (TOLD): then what is due is that it has not.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pidone.group.policy import ProbeSpec
    from pidone.group.process import Process

from pidone.group.policy import NOTIFYING
from pidone.group.states import STARTED
from pidone.init.events import ALIVE, DEAD, FAILURE, READY, RECORD, SAY, SUCCESS, UNKNOWN, UNREADY

#: An internal error is neither success nor failure: asked again at once, this often, then thrown away (S40).
TRIES = 3


class Probe:
    """result: the accepted verdict, None before the first. next: when the next one is due."""

    __slots__ = ("spec", "result", "last", "run", "next", "tries", "warned")

    def __init__(self, spec: "ProbeSpec") -> None:
        self.spec = spec
        self.result: "bool | None" = None
        self.last: "bool | None" = None
        self.run = 0
        self.next = 0.0
        self.tries = 0
        self.warned = False

    is_notified = property(lambda self: self.spec[0] in NOTIFYING)
    delay = property(lambda self: self.spec[2])
    period = property(lambda self: self.spec[3])
    timeout = property(lambda self: self.spec[4])
    failure_threshold = property(lambda self: self.spec[6])
    grace = property(lambda self: self.spec[7])

    def count(self, good: bool) -> bool:
        """One more result. True if it completes its run: `result` is then what it says, whether new or not."""
        self.run = self.run + 1 if good == self.last else 1
        self.last = good
        self.tries = 0
        if self.run < (self.spec[5] if good else self.failure_threshold):
            return False
        self.result = good
        return True

    def again(self) -> bool:
        """After an internal error: is it asked once more at once?"""
        self.tries = (self.tries + 1) % TRIES
        return self.tries > 0


def begin(process: "Process", now: float) -> None:
    """It is running: its probes begin."""
    policy = process.policy
    process.probes = {}
    for what, spec in (("startup", policy.startup), ("readiness", policy.readiness), ("liveness", policy.liveness)):
        if spec is not None:
            process.probes[what] = Probe(spec)
    if "startup" in process.probes:
        arm(process, now, "startup")
    else:
        start(process, now)


def start(process: "Process", now: float) -> None:
    """It has started: those that wait for it may, and the other probes begin."""
    process.started = True
    process.host.do(RECORD, process.id, "started")
    if "readiness" not in process.probes:
        turn(process, True)
    process.host.report(process, now, STARTED)
    for what in ("readiness", "liveness"):
        if what in process.probes and process.ending is None:
            arm(process, now, what)


def turn(process: "Process", ready: bool) -> None:
    process.ready = ready
    process.host.do(RECORD, process.id, "ready" if ready else "not ready")


def arm(process: "Process", now: float, what: str) -> None:
    """Set a probe's first time: its delay counts from the process's start (S31)."""
    probe = process.probes[what]
    if not probe.is_notified:
        probe.next = max(now, process.started_at + probe.delay)
        process.set_timer(what, probe.next)
        return
    if what == "startup":  # as long as one that is asked would be given
        whole = probe.delay + probe.period * probe.failure_threshold
        process.set_timer(what, max(now, process.started_at + whole))
    elif what == "liveness":
        process.set_timer(what, now + probe.period)
    if what != "liveness" and process.last_notified == READY:
        result(process, now, what, SUCCESS, "")


def due(process: "Process", now: float, what: str) -> None:
    """A probe's time has come: to be asked, to be overdue, or to have been heard."""
    probe = process.probes[what]
    if probe.is_notified:
        if process.host.no_listener:
            process.set_timer(what, now + probe.period)  # nobody could have heard it
            return
        if what == "startup":
            probe.last, probe.run = False, probe.failure_threshold - 1
        result(process, now, what, FAILURE, "no notification came")
    elif what in process.helpers:
        process.cancel(what, True)
        result(process, now, what, FAILURE, "no answer in %g s" % probe.timeout)
    else:
        probe.next = max(now, probe.next) + probe.period
        ask(process, now, what)


def ask(process: "Process", now: float, what: str) -> None:
    process.set_timer(what, now + process.probes[what].timeout)
    process.run_helper(what)


def answered(process: "Process", now: float, what: str, verdict: int, text: str) -> None:
    probe = process.probes[what]
    if verdict == UNKNOWN:
        if probe.again():
            ask(process, now, what)
            return
        process.set_timer(what, max(now, probe.next))
    if text and verdict != FAILURE and not probe.warned:
        probe.warned = True
        process.host.do(SAY, "probe warns", process.id, what, text)
    if verdict != UNKNOWN:
        result(process, now, what, verdict, text)


def result(process: "Process", now: float, what: str, verdict: int, text: str) -> None:
    """One success or failure more; on the last of its run the probe turns (S34)."""
    probe = process.probes[what]
    if not probe.is_notified:
        process.set_timer(what, max(now, probe.next))
    elif what == "liveness":
        process.set_timer(what, now + probe.period)
    if not probe.count(verdict == SUCCESS):
        return
    if what == "readiness":
        if process.ready != probe.result:
            turn(process, verdict == SUCCESS)
            process.host.do(SAY, "readiness", process.id, process.ready, text)
    elif verdict == FAILURE:
        process.host.do(SAY, "probe failed", process.id, what, probe.run, text)
        process.stop(now, what, process.own_grace if probe.grace is None else probe.grace)
    elif what == "startup":
        del process.probes[what]
        process.unset_timer(what)
        start(process, now)


def notified(process: "Process", now: float, what: int) -> None:
    """It speaks for itself (sd_notify(3), or s6's newline)."""
    if what in (READY, UNREADY):
        process.last_notified = what
    told = [name for name, probe in process.probes.items() if probe.is_notified]
    if what in (READY, UNREADY):
        had_started = process.started
        if "startup" in told and what == READY and process.ending is None:
            result(process, now, "startup", SUCCESS, "")
        if "readiness" in told and had_started:
            result(process, now, "readiness", SUCCESS if what == READY else FAILURE, "it says so")
    elif "liveness" in told and process.started and process.ending is None:
        process.set_timer("liveness", now + process.probes["liveness"].period)
        if what == ALIVE:
            process.probes["liveness"].count(True)
        elif what == DEAD:
            process.host.do(SAY, "probe failed", process.id, "liveness", 1, "it says so")
            process.stop(now, "liveness", process.own_grace)


def listener_is_back(process: "Process", now: float) -> None:
    """There is a listener again: whoever is listened to has all of its time anew."""
    for what, probe in process.probes.items():
        if probe.spec[0] == "notify" and what in process.timers:
            process.set_timer(what, max(process.timers[what], now + probe.period))
