"""One process's life, again and again: its start, what is forked beside it, its stop, its end. It knows of no other.

Theory. An instance is STARTING until its exec is confirmed (or its daemon is found), RUNNING until it ends, and then
TERMINATED; before its first start, and in back-off, a process is WAITING. Three tables at the end of this file are the
automaton: EVENTS, what each state makes of what happens; DUE, what a timer leads to; ANSWERS, what a helper's end leads
to. Every wait has a place in `timers`. A probe, a hook or another helper stands in `helpers` from
ASIDE until ENDED or DROP.

Where pidone ends an instance, `ending` says why: its pre_stop runs, it gets its stop signal, and SIGKILL when its grace
is over. What follows from a start, a failure or an end depends on others, so it is reported to the host, at once, and
the host decides: `states` has these outcomes. Everything else is decided here, and in the files of one subject each:
`probe`, `hooks`, `daemon`, `ending`.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from pidone.group.probe import Probe
    from pidone.group.slots import ProcessPolicy
    from pidone.init.slots import Plan
    from pidone.init.slots import Process as Declared

    Reaction = Callable[..., None]

from pidone.group import daemon, ending, hooks, probe, states
from pidone.group.policy import PROBES
from pidone.group.states import PREPARED, RESTARTING_ALL, RUNNING, STARTING, STOPPING, TERMINATED, WAITING
from pidone.init import events
from pidone.init.events import CANCEL_HELPER, FAILURE, KILL, RUN_HELPER, SAY, SIGKILL, SPAWN
from pidone.init.machine import send
from pidone.init.plan import CANNOT

#: In units of the minimum grace, 2 s: what the look-up of its user has, before its exec.
LOOK_UP = 2.5

#: Of a process nothing of which is due: one for all.
NO_TIMERS: "dict[str, float]" = {}


class Host:
    """What the life of a process needs of whoever runs it; all processes of a group share one.

    grace, minimum_grace: seconds. group_wide: its signals go to its process group. deaf: nobody hears sd_notify now.
    timed: {id: process} of those that have timers. do(kind, ...): takes an action. report(process, now, outcome, ...).
    """

    __slots__ = ("no_listener", "do", "grace", "group_wide", "minimum_grace", "report", "timed")

    def __init__(self, do: "Callable[..., None]", report: "Callable[..., None]") -> None:
        self.do = do
        self.report = report
        self.no_listener = False
        self.timed: "dict[int, Process]" = {}

    def adopt(self, plan: "Plan") -> None:
        self.grace, self.minimum_grace, self.group_wide = plan.grace, plan.minimum_grace, plan.group_wide


class Process:
    """id: never given out again. place: in the plan; the host's. declared, policy: what the file says of it.

    state, reason: the kubelet's. passed: it has once let the next one start. ending: why pidone ends it, or None.

    Of the instance: started_at and signalled_at are times; grace is what its stop has, and kill_at when that ends;
    sent: every signal; noted: what it last said of its readiness; helpers: what is under way beside it; timers: {what:
    time}; probes: {"startup" ...: Probe}; followed: its daemon has been found, or its successor by its pid_file;
    ended_as: how that one ended whose successor is looked for (code, signal, out of memory?); unknown: the look-up of
    its user has taken too long.

    Over all instances: level counts for the back-off, restarts for people, last is the end (code, signal, reason) of
    the latest. again: it is to be started once more. complained: what is said of why it cannot. parked: stopped by a
    command, until another one starts it. again_wanted: ended by a command, or with a partner, to be started again.
    """

    __slots__ = (
        "id", "place", "declared", "policy", "host", "role", "state", "reason", "passed", "started", "ready",
        "ending", "started_at", "signalled_at", "grace", "kill_at", "suspended", "sent", "last_notified", "helpers",
        "timers", "probes", "main_pid_found", "ended_as", "unknown", "backoff_level", "restarts", "last", "again",
        "complained", "held_down", "again_wanted",
    )  # fmt: skip

    def __init__(self, id: int, place: int, declared: "Declared", policy: "ProcessPolicy", host: Host) -> None:
        self.id = id
        self.place = place
        self.declared = declared
        self.policy = policy
        self.host = host
        self.role = declared.role
        self.state = WAITING
        self.reason = ""
        self.passed = False
        self.backoff_level = 0
        self.restarts = 0
        self.last: "tuple[int, int, str] | None" = None
        self.complained = ""
        self.held_down = False
        self.helpers: "tuple[str, ...]" = ()  # of a thousand processes nearly all have nothing: a set is 216 bytes
        self.timers = NO_TIMERS
        self.probes: "dict[str, Probe]" = {}
        self.reset(0.0)

    def reset(self, now: float) -> None:
        """A new instance knows nothing of the one before (S38)."""
        self.again = self.again_wanted = False
        self.started = False
        self.ready = False
        self.ending: "str | None" = None
        self.started_at = now
        self.signalled_at: "float | None" = None
        self.grace = 0.0
        self.kill_at: "float | None" = None
        self.suspended = False
        self.sent: "tuple[int, ...]" = ()
        self.last_notified: "int | None" = None
        self.main_pid_found = False
        self.ended_as: "tuple[int, int, bool] | None" = None
        self.unknown = False

    def take(self, now: float, event: int, *details: "Any") -> None:
        """Take an event: its kind, and its details. EVENTS omits what has no effect in this state."""
        reaction = ON_EVENT[self.state].get(event)
        if reaction is not None:
            reaction(self, now, *details)

    @property
    def down(self) -> bool:
        """It has been started before, and is not waiting for its turn in the order of start."""
        return self.state == TERMINATED or (self.state == WAITING and self.again)

    @property
    def alive(self) -> bool:
        return self.state in (STARTING, RUNNING)

    @property
    def own_grace(self) -> float:
        return self.host.grace if self.policy.grace is None else self.policy.grace

    # -- timers and helpers

    def set_timer(self, what: str, at: float) -> None:
        self.timers = {**self.timers, what: at}
        self.host.timed[self.id] = self

    def unset_timer(self, what: str) -> None:
        if what in self.timers:
            self.timers = {other: at for other, at in self.timers.items() if other != what}
            if not self.timers:
                self.no_timers()

    def no_timers(self) -> None:
        self.timers = NO_TIMERS
        self.host.timed.pop(self.id, None)

    def run_helper(self, what: str) -> None:
        if what not in self.helpers:
            self.helpers = (*self.helpers, what)
        self.host.do(RUN_HELPER, self.id, what)

    def cancel(self, what: str, late: bool = False) -> None:
        """Its timer and its helper, whichever there are. late: its time is up."""
        self.unset_timer(what)
        if what in self.helpers:
            self.helpers = tuple([name for name in self.helpers if name != what])
            self.host.do(CANCEL_HELPER, self.id, what, late)

    def helper_ended(self, now: float, what: str, verdict: int, text: str) -> None:
        if what in self.helpers:
            self.helpers = tuple([name for name in self.helpers if name != what])
            self.unset_timer(what)
            ON_HELPER_END[what](self, now, what, verdict, text)

    def overdue(self, now: float, what: str) -> None:
        """A helper's time is up: it is dropped, and that is its answer."""
        if what in self.helpers:
            self.cancel(what, True)
            ON_HELPER_END[what](self, now, what, FAILURE, "it took too long")

    # -- its start

    def start(self, now: float) -> None:
        self.reset(now)
        self.state, self.reason = STARTING, ""
        self.host.do(SPAWN, self.id)
        if self.declared.to_look_up is not None or self.declared.probe_files:
            self.set_timer("look up", now + LOOK_UP * self.host.minimum_grace)
        if self.policy.daemonizes:
            self.set_timer("launch", now + daemon.LAUNCH * self.host.minimum_grace)

    def execed(self, now: float) -> None:
        self.unset_timer("look up")
        if not self.unknown and not self.policy.daemonizes:  # an unknown one is being killed
            self.running(now)

    def running(self, now: float) -> None:
        self.state = RUNNING
        self.complained = ""
        hooks.begin(self, now)

    def could_not_start(self, now: float, code: int, text: str) -> None:
        """It could not be forked or executed, or its daemon was not found."""
        self.terminate(128, 0, "StartError")  # S91
        if self.complained != text:
            self.complained = text  # until it has run again: the same is said once (E30)
            self.host.do(SAY, "cannot start", self.id, code, text)
        self.host.report(self, now, states.FAILED_TO_START, code)

    # -- its stop

    def stop(self, now: float, why: str, grace: float) -> None:
        """Have it end, by its pre_stop, its stop signal, and SIGKILL."""
        if self.ending is not None:
            return
        self.ending = why
        self.grace = grace
        self.kill_at = now + grace
        for what in ("post_start", *PROBES):
            self.cancel(what)
        if self.policy.pre_stop is not None:
            hooks.prepare(self, now, grace)
        if "pre_stop" not in self.timers:
            self.send_stop_signal(now)

    def prepared(self, now: float) -> None:
        """Its pre_stop is over, or its daemon has been found while it is being ended."""
        if self.ending in (STOPPING, RESTARTING_ALL):
            self.host.report(self, now, PREPARED)
        else:
            self.send_stop_signal(now)

    def send_stop_signal(self, now: float) -> None:
        """SIGKILL follows at the end of the grace, and not before the minimum grace (S80)."""
        self.signalled_at = now
        due = now if self.kill_at is None else self.kill_at
        self.set_timer("kill", max(due, now + self.host.minimum_grace))
        self.send(self.declared.stop_signal)

    def send(self, number: int) -> None:
        send(self.host.do, self, self.id, number, self.host.group_wide, self.declared.stop_signal)

    def kill(self) -> None:
        self.sent = (*self.sent, SIGKILL)
        self.host.do(KILL, self.id, SIGKILL, True)

    # -- its end

    def exited(self, now: float, code: int, number: int, oom: bool = False) -> None:
        if "main_pid" in self.helpers:
            return
        if self.unknown:
            seconds = LOOK_UP * self.host.minimum_grace
            text = "cannot look up its user, env_file or files within %g s: the lookup hangs" % seconds
            self.could_not_start(now, CANNOT, text)
        elif self.policy.pid_file is None or not daemon.exited(self, now, code, number, oom):
            self.end(now, code, number, oom)

    def end(self, now: float, code: int, number: int, oom: bool) -> None:
        """It has ended, and nobody stands for it."""
        failed = "OOMKilled" if oom else "Error"  # S90, S93
        self.terminate(code, number, failed if code or number or oom else "Completed")
        if self.policy.termination_message is not None:
            self.run_helper("message")
            self.set_timer("message", now + self.host.minimum_grace)
        self.host.report(self, now, states.ENDED_ITSELF)

    def terminate(self, code: int, number: int, reason: str) -> None:
        """Nothing goes on beside it any more, and nothing of this instance is due."""
        self.state, self.reason = TERMINATED, reason
        self.last = (code, number, reason)
        for what in self.helpers:
            self.cancel(what)
        self.no_timers()
        self.probes = {}
        self.started = self.ready = False


def resolved(process: Process, now: float) -> None:
    """Its forked child knows its user."""
    process.unset_timer("look up")


def look_up_over(process: Process, now: float, what: str) -> None:
    """A resolver that hangs is killed; it fails when its end has come."""
    process.unknown = True
    process.kill()


def stopped_by_signal(process: Process, now: float) -> None:
    process.suspended = True


def grace_over(process: Process, now: float, what: str) -> None:
    process.host.do(SAY, "grace over", process.id, process.grace)
    process.host.report(process, now, states.KILLED_IT)
    process.kill()


#: {state: {event: what it makes of it}}. An event that is not there has no effect in that state.
ALIVE: "dict[int, Reaction]" = {
    events.FAILED: Process.could_not_start,
    events.EXITED: Process.exited,
    events.SUSPENDED: stopped_by_signal,
    events.NOTIFIED: probe.notified,
}
ON_EVENT: "dict[int, dict[int, Reaction]]" = {
    WAITING: {},
    STARTING: {**ALIVE, events.RESOLVED: resolved, events.EXECED: Process.execed},
    RUNNING: ALIVE,
    TERMINATED: {},
}

#: {timer: what its time leads to}. All of them end with the instance, but for those of what an end leads to.
ON_TIMER: "dict[str, Reaction]" = {
    "look up": look_up_over,
    "launch": daemon.launch_over,
    "main_pid": Process.overdue,
    "post_start": hooks.due,
    **dict.fromkeys(PROBES, probe.due),
    "pre_stop": hooks.due,
    "kill": grace_over,
    "message": Process.overdue,
    "leftovers": Process.overdue,
    "restart": ending.restart_due,
}

#: {helper: what its end leads to}
ON_HELPER_END: "dict[str, Reaction]" = {
    "post_start": hooks.post_started,
    **dict.fromkeys(PROBES, probe.answered),
    "pre_stop": hooks.pre_stopped,
    "main_pid": daemon.main_pid_found,
    "message": ending.messaged,
    "leftovers": ending.cleared,
}
