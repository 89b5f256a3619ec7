"""The lifetime of one process: its start, its helpers, its stop, its end.

Theory. A process knows of no other process. Each start makes a new instance of it. An instance is
STARTING until its exec is confirmed or its daemon is found, RUNNING until it ends, and then
TERMINATED. Before its first start and during back-off, a process is WAITING. Three tables at the
end of this file are the state machine:

    ON_EVENT         what each state does with an event
    ON_TIMER         what a timer leads to
    ON_HELPER_END    what the end of a helper leads to

`timers` holds every time at which something is due. A probe, a hook or another helper is in
`helpers` from RUN_HELPER until HELPER_ENDED or CANCEL_HELPER.

When pidone stops an instance, `ending` says why. First its pre_stop runs, then it gets its stop
signal, and when its grace is over it gets SIGKILL. What follows from a start, a failure or an end
depends on other processes. So the process reports an outcome (`states`) to its host at once, and
the host decides. Everything else is decided here and in one file for each subject: `probe`,
`hooks`, `daemon`, `ending`.

E1 and so on: docs/reference/edge-cases.md. S1 and so on: docs/reference/pod.md.
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

#: In units of the minimum grace, 2 s: the time for the lookup of its user, env_file and files,
#: before its exec.
LOOK_UP = 2.5

#: The timers of every process that has none: one dict for all.
NO_TIMERS: "dict[str, float]" = {}


class Host:
    """What a process needs from its group; all processes of a group share one.

    do: do(kind, ...) takes an action.
    report: report(process, now, outcome, ...) takes an outcome.
    no_listener: whether the listener of sd_notify is down, or about to be replaced.
    timed: {id: process} of those that have timers.
    grace, minimum_grace: seconds.
    signal_process_groups: whether signals go to process groups.
    """

    __slots__ = ("no_listener", "do", "grace", "signal_process_groups", "minimum_grace", "report", "timed")

    def __init__(self, do: "Callable[..., None]", report: "Callable[..., None]") -> None:
        self.do = do
        self.report = report
        self.no_listener = False
        self.timed: "dict[int, Process]" = {}

    def take_plan(self, plan: "Plan") -> None:
        self.grace, self.minimum_grace, self.signal_process_groups = (
            plan.grace,
            plan.minimum_grace,
            plan.signal_process_groups,
        )


class Process:
    """One declared process and its current instance.

    id: a number that no other process of the group ever has.
    place: its index in the plan; only the host uses it.
    declared, policy: what the file says of it.
    host: the host that all processes of the group share.
    role: INIT, SIDECAR or PRIMARY.
    state: WAITING, STARTING, RUNNING or TERMINATED.
    reason: the kubelet's reason for the state, or "".
    passed: whether it has passed its gate, so that the next one may start.

    Of the current instance:

    started: whether it has started (S16).
    ready: whether it is ready.
    stop_reason: why pidone stops it, or None.
    started_at: the time of its start.
    signalled_at: the time of its stop signal, or None.
    grace: the seconds that its stop has.
    kill_at: the time when its grace ends, or None.
    suspended: whether a signal has suspended it.
    sent: all signals sent to it.
    last_notified: READY or UNREADY, its latest notification of that kind, or None.
    helpers: the names of its helpers.
    timers: {name: time}.
    probes: {"startup", "readiness" or "liveness": Probe}.
    main_pid_found: whether its daemon or its successor was found by its pid_file.
    ended_as: (code, signal, out of memory?) of the end whose successor pidone looks for, or None.
    lookup_hung: whether the lookup before its exec took too long.

    Over all instances:

    backoff_level: the count that decides the back-off.
    restarts: the number of restarts so far, for users and for max_restarts.
    last: (code, signal, reason) of the latest end, or None.
    again: whether it is to start once more.
    complained: the latest message on why it cannot start, so that it is not repeated.
    held_down: whether a command stopped it; it stays down until a command or a restart of all
        starts it.
    again_wanted: whether it is stopped by a command or with a partner, to start again.
    """

    __slots__ = (
        "id", "place", "declared", "policy", "host", "role", "state", "reason", "passed", "started", "ready",
        "stop_reason", "started_at", "signalled_at", "grace", "kill_at", "suspended", "sent", "last_notified",
        "helpers", "timers", "probes", "main_pid_found", "ended_as", "lookup_hung", "backoff_level", "restarts",
        "last", "again", "complained", "held_down", "again_wanted",
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
        self.helpers: "tuple[str, ...]" = ()  # nearly all of a thousand processes have none: a set is 216 bytes
        self.timers = NO_TIMERS
        self.probes: "dict[str, Probe]" = {}
        self.reset(0.0)

    def reset(self, now: float) -> None:
        """Reset what belongs to one instance: a new one knows nothing of the one before (S38)."""
        self.again = self.again_wanted = False
        self.started = False
        self.ready = False
        self.stop_reason: "str | None" = None
        self.started_at = now
        self.signalled_at: "float | None" = None
        self.grace = 0.0
        self.kill_at: "float | None" = None
        self.suspended = False
        self.sent: "tuple[int, ...]" = ()
        self.last_notified: "int | None" = None
        self.main_pid_found = False
        self.ended_as: "tuple[int, int, bool] | None" = None
        self.lookup_hung = False

    def take(self, now: float, event: int, *details: "Any") -> None:
        """Take an event. In this state an event that ON_EVENT omits has no effect."""
        reaction = ON_EVENT[self.state].get(event)
        if reaction is not None:
            reaction(self, now, *details)

    @property
    def down(self) -> bool:
        """Return whether it has ended and does not wait for its turn in the start order."""
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
        """Remove the timer and cancel the helper of this name, if any. late: its time is up."""
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
        """Cancel a helper whose time is up, and take this as its failure."""
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
        if not self.lookup_hung and not self.policy.daemonizes:  # after a lookup that took too long it is being killed
            self.running(now)

    def running(self, now: float) -> None:
        self.state = RUNNING
        self.complained = ""
        hooks.begin(self, now)

    def could_not_start(self, now: float, code: int, text: str) -> None:
        """Handle a fork or an exec that failed, or a daemon that was not found."""
        self.terminate(128, 0, "StartError")  # S91
        if self.complained != text:
            self.complained = text  # the same message is printed once, until it has run again (E30)
            self.host.do(SAY, "cannot start", self.id, code, text)
        self.host.report(self, now, states.FAILED_TO_START, code)

    # -- its stop

    def stop(self, now: float, why: str, grace: float) -> None:
        """Stop the instance by its pre_stop, its stop signal, and SIGKILL."""
        if self.stop_reason is not None:
            return
        self.stop_reason = why
        self.grace = grace
        self.kill_at = now + grace
        for what in ("post_start", *PROBES):
            self.cancel(what)
        if self.policy.pre_stop is not None:
            hooks.begin_pre_stop(self, now, grace)
        if "pre_stop" not in self.timers:
            self.send_stop_signal(now)

    def prepared(self, now: float) -> None:
        """Go on with a stop: the pre_stop is over, or the main pid is found."""
        if self.stop_reason in (STOPPING, RESTARTING_ALL):
            self.host.report(self, now, PREPARED)
        else:
            self.send_stop_signal(now)

    def send_stop_signal(self, now: float) -> None:
        """Send the stop signal. SIGKILL follows when grace and minimum grace are over (S80)."""
        self.signalled_at = now
        due = now if self.kill_at is None else self.kill_at
        self.set_timer("kill", max(due, now + self.host.minimum_grace))
        self.send(self.declared.stop_signal)

    def send(self, number: int) -> None:
        send(self.host.do, self, self.id, number, self.host.signal_process_groups, self.declared.stop_signal)

    def kill(self) -> None:
        self.sent = (*self.sent, SIGKILL)
        self.host.do(KILL, self.id, SIGKILL, True)

    # -- its end

    def exited(self, now: float, code: int, number: int, oom: bool = False) -> None:
        if "main_pid" in self.helpers:
            return
        if self.lookup_hung:
            seconds = LOOK_UP * self.host.minimum_grace
            text = "cannot look up its user, env_file or files within %g s: the lookup hangs" % seconds
            self.could_not_start(now, CANNOT, text)
        elif self.policy.pid_file is None or not daemon.exited(self, now, code, number, oom):
            self.end(now, code, number, oom)

    def end(self, now: float, code: int, number: int, oom: bool) -> None:
        """Take the end of the instance: no other process stands for it."""
        failed = "OOMKilled" if oom else "Error"  # S90, S93
        self.terminate(code, number, failed if code or number or oom else "Completed")
        if self.policy.termination_message is not None:
            self.run_helper("message")
            self.set_timer("message", now + self.host.minimum_grace)
        self.host.report(self, now, states.ENDED)

    def terminate(self, code: int, number: int, reason: str) -> None:
        """Set the state to TERMINATED, cancel all helpers, and remove all timers."""
        self.state, self.reason = TERMINATED, reason
        self.last = (code, number, reason)
        for what in self.helpers:
            self.cancel(what)
        self.no_timers()
        self.probes = {}
        self.started = self.ready = False


def resolved(process: Process, now: float) -> None:
    """Remove the lookup's timer: the forked child has looked up its user and its environment."""
    process.unset_timer("look up")


def look_up_over(process: Process, now: float, what: str) -> None:
    """Kill a child whose lookup hangs. Its start fails when it has ended."""
    process.lookup_hung = True
    process.kill()


def suspended_by_signal(process: Process, now: float) -> None:
    process.suspended = True


def grace_over(process: Process, now: float, what: str) -> None:
    process.host.do(SAY, "grace over", process.id, process.grace)
    process.host.report(process, now, states.GRACE_OVER)
    process.kill()


#: The part of ON_EVENT that STARTING and RUNNING share.
ALIVE: "dict[int, Reaction]" = {
    events.FAILED: Process.could_not_start,
    events.EXITED: Process.exited,
    events.SUSPENDED: suspended_by_signal,
    events.NOTIFIED: probe.notified,
}
#: {state: {event: its handler}}. An event that is not there has no effect in that state.
ON_EVENT: "dict[int, dict[int, Reaction]]" = {
    WAITING: {},
    STARTING: {**ALIVE, events.RESOLVED: resolved, events.EXECED: Process.execed},
    RUNNING: ALIVE,
    TERMINATED: {},
}

#: {timer: its handler}. The end of the instance removes them all. "message", "leftovers" and
#: "restart" are set after that.
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

#: {helper: the handler of its end}
ON_HELPER_END: "dict[str, Reaction]" = {
    "post_start": hooks.post_started,
    **dict.fromkeys(PROBES, probe.answered),
    "pre_stop": hooks.pre_stopped,
    "main_pid": daemon.main_pid_found,
    "message": ending.messaged,
    "leftovers": ending.cleared,
}
