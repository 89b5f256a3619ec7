"""The probes of one process: consecutive results become a verdict (S34), which has an effect.

Theory. A process has up to three probes:

    startup      comes first. Until it succeeds, nothing else is probed (S28). Then the process has
                 `started`
    readiness    follows, for ever. It decides `ready` and nothing else (S36)
    liveness     follows, too. If it or startup fails, pidone stops the process (S35)

A probe has a timer in the process's `timers`. The timer is the time of its next query or, during a
query, the end of its timeout. A helper makes the query. With some handlers (NOTIFYING) the process
notifies pidone instead. Then the timer is the time at which a missing notification counts as a
failure; readiness has none.

S1 and so on: docs/reference/pod.md.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pidone.group.policy import ProbeSpec
    from pidone.group.process import Process

from pidone.group.policy import NOTIFYING
from pidone.group.states import STARTED
from pidone.init.events import ALIVE, DEAD, FAILURE, READY, RECORD, SAY, SUCCESS, UNKNOWN, UNREADY

#: An internal error is neither success nor failure. The query is made up to so many times in a row,
#: without a pause, and then dropped (S40).
TRIES = 3


class Probe:
    """One probe of one process.

    spec: what the file says of it.
    result: the accepted verdict, or None before the first.
    last: the latest result, or None before the first.
    run: the number of results in a row that equal `last`.
    next: the time of the next query.
    tries: the number of internal errors in a row.
    warned: whether its warning was printed; it is printed once.
    """

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
        """Count a result. If its run is complete, set `result` to it, new or not; return True."""
        self.run = self.run + 1 if good == self.last else 1
        self.last = good
        self.tries = 0
        if self.run < (self.spec[5] if good else self.failure_threshold):
            return False
        self.result = good
        return True

    def again(self) -> bool:
        """Return whether to repeat a query at once after an internal error."""
        self.tries = (self.tries + 1) % TRIES
        return self.tries > 0


def begin(process: "Process", now: float) -> None:
    """Begin the probes of a process that is running now."""
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
    """Mark the process as started: those that wait for it may start, and other probes begin."""
    process.started = True
    process.host.do(RECORD, process.id, "started")
    if "readiness" not in process.probes:
        turn(process, True)
    process.host.report(process, now, STARTED)
    for what in ("readiness", "liveness"):
        if what in process.probes and process.stop_reason is None:
            arm(process, now, what)


def turn(process: "Process", ready: bool) -> None:
    process.ready = ready
    process.host.do(RECORD, process.id, "ready" if ready else "not ready")


def arm(process: "Process", now: float, what: str) -> None:
    """Set a probe's first timer: its delay counts from the start of the process (S31)."""
    probe = process.probes[what]
    if not probe.is_notified:
        probe.next = max(now, process.started_at + probe.delay)
        process.set_timer(what, probe.next)
        return
    if what == "startup":  # as long as a startup probe with queries would have
        whole = probe.delay + probe.period * probe.failure_threshold
        process.set_timer(what, max(now, process.started_at + whole))
    elif what == "liveness":
        process.set_timer(what, now + probe.period)
    if what != "liveness" and process.last_notified == READY:
        result(process, now, what, SUCCESS, "")


def due(process: "Process", now: float, what: str) -> None:
    """A probe's timer is due: make the query, or take its timeout or a missing notification."""
    probe = process.probes[what]
    if probe.is_notified:
        if process.host.no_listener:
            process.set_timer(what, now + probe.period)  # its notification may be lost
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
    """Take one success or failure. If it completes a run, the verdict takes effect (S34)."""
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
    """Take a notification of the process (sd_notify(3), or the newline of s6)."""
    if what in (READY, UNREADY):
        process.last_notified = what
    notified_probes = [name for name, probe in process.probes.items() if probe.is_notified]
    if what in (READY, UNREADY):
        had_started = process.started
        if "startup" in notified_probes and what == READY and process.stop_reason is None:
            result(process, now, "startup", SUCCESS, "")
        if "readiness" in notified_probes and had_started:
            result(process, now, "readiness", SUCCESS if what == READY else FAILURE, "it says so")
    elif "liveness" in notified_probes and process.started and process.stop_reason is None:
        process.set_timer("liveness", now + process.probes["liveness"].period)
        if what == ALIVE:
            process.probes["liveness"].count(True)
        elif what == DEAD:
            process.host.do(SAY, "probe failed", process.id, "liveness", 1, "it says so")
            process.stop(now, "liveness", process.own_grace)


def listener_is_back(process: "Process", now: float) -> None:
    """Give each probe by sd_notify a whole period again: a new listener is up."""
    for what, probe in process.probes.items():
        if probe.spec[0] == "notify" and what in process.timers:
            process.set_timer(what, max(process.timers[what], now + probe.period))
