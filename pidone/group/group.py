"""The state machine of a group: what starts when, what begins a stop, and the exit code.

Theory. A group is a list of processes in start order, the primary last. `process` describes how
each of them lives and what it reports to the group. A process may start when all processes before
it have passed their gate, or only those that its `after` names. An init step passes when it has
ended with 0, any other process when it has started. It passes for good: a later crash does not take
that back (S23). The group is in one phase:

    START      not all processes have passed
    RUN        all processes have passed
    RESTART    pidone kills all processes, to start them again (S67)
    STOP       the primary and a running init step get their stop signals first; a sidecar follows
               when those that waited for it have ended (S78)
    SWEPT      all processes have ended; PID 1 has sent SIGTERM to what they left behind
    KILLED     the grace is over; PID 1 has sent SIGKILL to everything
    OVER       pidone exits with the exit code

Phases only move down this list, except for a restart of all and a reload. So a second stop signal
cannot restart a stop (E40), and nothing starts after a stop has begun (E41). These begin a stop:
the primary's end, a stop signal or command, an essential process's end, a failed init step, a
process or a listener that cannot start, a restart limit, the end of `start_timeout` or `deadline`.
`blame` is the exit code of a failure that counts instead of the primary's own exit code. Without
one, the primary's own counts.

Three tables at the end of this file are the state machine:

    ON_EVENT      what the events of the loop lead to
    ON_OUTCOME    what each phase does with an outcome that a process reports
    ON_TIMER      what the group's own timers lead to

E1 and so on: docs/reference/edge-cases.md. S1 and so on: docs/reference/pod.md.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from pidone.group.reload import Reloading
    from pidone.init.slots import Plan

    Handler = Callable[..., None]

from pidone.group import commands, ending, partners, reload, restart, restart_all, routing, services, states, stop
from pidone.group.order import Order
from pidone.group.policy import NEVER, PROBES, RULE_RESTART_ALL, policy_of
from pidone.group.process import ON_TIMER as PROCESS_ON_TIMER
from pidone.group.process import Host, Process
from pidone.init import events
from pidone.init.events import END_SIGNALS, GROUP, SAY, SIGHUP, SUSPEND
from pidone.init.machine import KILLED, OVER, RESTART, RUN, START, STOP, SWEPT, Machine
from pidone.init.plan import INIT, PRIMARY, TIMED_OUT


class Group(Machine):
    """The state machine of one group.

    members: the processes in start order, the primary last.
    by_id: the same processes, {id: process}.
    host: what all members share.
    tied: {id: the processes that restart with it}.
    order: which members may start, and which may be signalled in a stop.
    held: (id, signal) pairs that wait until the process can take the signal.
    timers: the group's own, {name: time}.
    blame: the exit code of the failure that began the stop, or None where the primary's own counts.
    expired: whether the grace is over.
    stop_requests: the number of stop signals so far; a stop command counts only if it begins the
        stop.
    restart_all_count: the number of restarts of all so far; a long run clears it (S62).
    reloading: the new plan until it takes over, or None.
    pumping: whether a pump runs.
    listening: whether a listener of sd_notify was up at least once, or none is needed.
    awaits_listener: whether nothing may start until a new listener is up.
    ids: the number of ids given out so far.
    """

    __slots__ = (
        "members", "by_id", "host", "tied", "order", "held", "timers", "blame", "expired", "stop_requests",
        "restart_all_count", "reloading", "pumping", "listening", "awaits_listener", "ids",
    )  # fmt: skip

    def __init__(self, plan: "Plan", terminal: bool = False) -> None:
        Machine.__init__(self, plan, terminal)
        self.host = Host(self.do, self.report)
        self.host.take_plan(plan)
        self.ids = 0
        self.members = [self.new_process(place) for place in range(len(plan.processes))]
        self.know_members()
        self.held: "list[tuple[int, int]]" = []
        self.timers: "dict[str, float]" = {}
        self.blame: "int | None" = None
        self.expired = self.pumping = self.awaits_listener = False
        self.stop_requests = self.restart_all_count = 0
        self.reloading: "Reloading | None" = None
        self.listening = not plan.notify

    def new_process(self, place: int) -> Process:
        """Return a new process for a place in the plan, with an id that none had before."""
        declared = self.plan.processes[place]
        id = place if place == self.ids else self.ids  # one object for both: CPython shares ints only up to 256
        self.ids += 1
        return Process(id, place, declared, policy_of(place, declared), self.host)

    def know_members(self) -> None:
        """Derive what depends on the members: primary, by_id, order and tied."""
        self.primary = self.members[-1].id
        self.by_id = {member.id: member for member in self.members}
        self.order = Order(self.members)
        self.tied: "dict[int, list[Process]]" = {}
        for member in self.members:
            for partner in member.policy.restart_with:
                self.tied.setdefault(self.members[partner].id, []).append(member)

    @property
    def the_primary(self) -> Process:
        return self.members[-1]

    def is_to_be_removed(self, process: Process) -> bool:
        """Return whether a new plan is about to remove the process."""
        return self.reloading is not None and process.id in self.reloading.to_be_removed

    def report(self, process: Process, now: float, outcome: str, *details: "Any") -> None:
        """Take an outcome of a process. If ON_OUTCOME omits it in this phase, it has no effect."""
        reaction = ON_OUTCOME[outcome].get(self.phase)
        if reaction is not None:
            reaction(self, now, process, *details)

    # -- starting

    def begin(self, now: float) -> None:
        if self.phase != START:
            return
        for what, bound in (("start timeout", self.plan.start_timeout), ("deadline", self.plan.deadline)):
            if bound is not None:
                self.timers[what] = now + bound
        services.begin(self, now)
        if self.listening:
            self.advance(now)

    def advance(self, now: float) -> None:
        """Start every process that may start now (S2, S3, S16)."""
        if self.awaits_listener:
            return
        for place in self.order.ready():
            if not self.is_to_be_removed(self.members[place]):
                self.start(now, self.members[place])

    def start(self, now: float, process: Process) -> None:
        """Fork the process and send it the held signals.

        Until its exec the kernel keeps them pending, and then delivers them (E2).
        """
        process.start(now)
        routing.send_held(self, now, process)

    def started(self, now: float, process: Process) -> None:
        self.passed(now, process)
        partners.retry_waiting(self, now, process)

    def passed(self, now: float, process: Process) -> None:
        if process.passed:
            return
        process.passed = True
        self.order.passed(process.place)
        if self.order.complete:
            self.phase = RUN
            self.timers.pop("start timeout", None)
        else:
            self.advance(now)

    def could_not_start(self, now: float, process: Process, code: int) -> None:
        if self.is_to_be_removed(process):
            reload.go_on(self, now)
        elif process.held_down and process.passed:
            partners.retry_waiting(self, now, process)  # a command holds it down
        elif process.policy.restart != NEVER and (process.passed or process.restarts or process.role == INIT):
            self.retry(now, process, code)
        else:
            self.stop(now, code)  # no half-started group

    # -- running

    def ended(self, now: float, process: Process) -> None:
        """Decide what the end of a process leads to in START and RUN: a restart, or `gone`."""
        if self.is_to_be_removed(process):
            ending.clear(process, now)
            reload.go_on(self, now)
            return
        if process.held_down or process.again_wanted:
            commands.decide(self, now, process)
            return
        code, number, reason = process.last or (0, 0, "")
        why, failed = process.stop_reason, reason != "Completed"
        if process.role == INIT and not failed:
            ending.clear(process, now)
            if "leftovers" not in process.helpers:
                self.passed(now, process)
            return
        policy = process.policy
        rule = restart.rule_for(policy, code, number) if why is None else None
        if rule == RULE_RESTART_ALL and (policy.max_restarts is None or self.restart_all_count < policy.max_restarts):
            restart_all.begin(self, now, process)
        elif rule is not None or restart.restarts(policy, failed, why is not None):
            self.retry(now, process, self.status_of_end(process))
        else:
            self.ended_for_good(now, process)

    def ended_for_good(self, now: float, process: Process) -> None:
        """Decide what a process's final end means for the group."""
        status = self.status_of_end(process)
        end = process.last or ()
        if process.role == PRIMARY:
            self.troubled = process.stop_reason is not None  # a failed probe, hook or launch stopped it
            self.primary_over(process)
            self.stop(now)
        elif process.role == INIT:
            self.do(SAY, "init failed", process.id, *end, status or 1)
            self.stop(now, status or 1)
        elif process.policy.essential:
            if not status and not self.the_primary.alive:
                self.code = self.code_so_far(1)
            self.do(SAY, "essential ended", process.id, *end, status or self.code)
            self.stop(now, status or None)
        elif not process.passed:
            self.do(SAY, "not started", process.id, *end, status or 1)
            self.stop(now, status or 1)  # it can never pass its gate: no half-started group
        else:
            self.do(SAY, "sidecar ended", process.id, *end)
            ending.clear(process, now)
            partners.retry_waiting(self, now, process)

    def stop(self, now: float, blame: "int | None" = None) -> None:
        stop.begin(self, now, blame)

    def retry(self, now: float, process: Process, status: int) -> None:
        limit = process.policy.max_restarts
        if limit is not None and process.restarts >= limit:
            if process.role == PRIMARY:
                self.primary_over(process)
            self.do(SAY, "restart limit", process.id, limit, status or 1)
            self.stop(now, status or 1)
            return
        quietly = process.reason == "StartError" and process.restarts
        ending.restart_later(process, now)
        if self.tied:
            partners.take_along(self, now, process)
        ending.clear(process, now)
        if not quietly:
            wait = process.timers["restart"] - now
            end = process.last or ()
            self.do(SAY, "restart", process.id, *end, process.stop_reason, wait, process.restarts + 1)

    def cleared(self, now: float, process: Process) -> None:
        if self.is_to_be_removed(process):
            reload.go_on(self, now)
        elif process.role == INIT and process.reason == "Completed" and "leftovers" not in process.helpers:
            self.passed(now, process)
        elif ending.waits_to_restart(process):
            ending.restart_due(process, now)

    # -- the exit code

    def status_of_end(self, process: Process) -> int:
        code, number, reason = process.last or (0, 0, "")
        return 128 + number if number else code or (137 if reason == "OOMKilled" else 0)

    def primary_over(self, process: Process) -> None:
        """Take the primary's exit code for the group, unless `blame` counts instead (S95, E42)."""
        code, number, reason = process.last or (0, 0, "")
        if self.blame is None:
            self.code = self.status_of(code, number)
        self.timers.pop("hint", None)
        if number in process.sent:
            self.do(SAY, "swallowed", process.id)
        elif number and self.phase != KILLED and not (self.has_terminal and number in (SIGHUP, *END_SIGNALS)):
            self.do(SAY, "killed", process.id, number, reason == "OOMKilled")

    def code_so_far(self, otherwise: int) -> int:
        """Return the exit code of the primary's last end, where it waits for a restart (S95).

        Return `otherwise` while it runs, as it may still exit with a code of its own (E42), and
        where it has not run.
        """
        primary = self.the_primary
        if primary.alive or primary.last is None or primary.last[2] == "StartError":
            return otherwise
        return self.status_of(*primary.last[:2])

    # -- time

    def deadline_passed(self, now: float) -> None:
        """Carry out all timers that are due, the earliest first.

        Each may change what another one would have led to.
        """
        self.check_others_at = None
        due = [(time, GROUP, what) for what, time in self.timers.items() if time <= now]
        for process in self.host.timed.values():
            due += [(time, process.place, what) for what, time in process.timers.items() if time <= now]
        for _, place, what in sorted(due):
            if place == GROUP:
                if self.timers.get(what, now + 1) <= now:
                    del self.timers[what]
                    ON_TIMER[what](self, now)
            elif place < len(self.members) and self.members[place].timers.get(what, now + 1) <= now:
                if what not in PROBES:
                    self.members[place].unset_timer(what)
                PROCESS_ON_TIMER[what](self.members[place], now, what)
        if self.phase == KILLED and now >= self.limit:
            self.give_up()
        elif self.phase == SWEPT and now >= self.kill_at():
            stop.limit_over(self, now)

    def set_deadline(self) -> None:
        if self.phase in (SWEPT, KILLED):
            self.deadline = self.kill_at() if self.phase == SWEPT else self.limit
            if self.check_others_at is not None and self.phase == SWEPT:
                self.deadline = self.check_others_at
            return
        times = [*self.timers.values()]
        for process in self.host.timed.values():
            times += process.timers.values()
        self.deadline = min(times) if times and self.phase != OVER else None

    def was_asked(self) -> bool:
        return self.stop_requests > 0

    def exit(self) -> None:
        if self.code and not self.stop_requests:
            self.troubled = True
        Machine.exit(self)

    def give_up(self) -> None:
        if self.the_primary.alive and not self.code:
            self.code = stop.LOST[0]  # SIGKILL has not ended it: it has no exit code, and this is no success
        Machine.give_up(self)


# -- events


def hand_on(group: Group, now: float, kind: int, id: int, *details: "Any") -> None:
    """Pass an event to its process. A process that a reload has removed takes none."""
    process = group.by_id.get(id)
    if process is not None:
        process.take(now, kind, *details)


def to_process(kind: int) -> "Handler":
    """Return the handler of an event that concerns only one process."""

    def handle(group: Group, now: float, id: int, *details: "Any") -> None:
        hand_on(group, now, kind, id, *details)

    return handle


def suspended(group: Group, now: float, id: int) -> None:
    """Handle a suspension, as by Ctrl-Z. If the primary is suspended, suspend pidone, too (E26)."""
    hand_on(group, now, events.SUSPENDED, id)
    if id == group.primary and group.phase < STOP:
        group.do(SUSPEND)


def notified(group: Group, now: float, id: int, what: int) -> None:
    if id == GROUP:
        services.notified(group, now, what)
    else:
        hand_on(group, now, events.NOTIFIED, id, what)


def helper_ended(group: Group, now: float, id: int, what: str, verdict: int, text: str) -> None:
    if id == GROUP:
        services.ON_HELPER_END[what](group, now, verdict, text)
    elif id in group.by_id:
        group.by_id[id].helper_ended(now, what, verdict, text)


def bound_over(what: str) -> "Handler":
    def handle(group: Group, now: float) -> None:
        if group.phase < STOP:
            group.do(SAY, what)
            group.stop(now, TIMED_OUT)

    return handle


#: {event of the loop: its handler}
ON_EVENT: "dict[int, Handler]" = {
    events.BEGIN: Group.begin,
    **{kind: to_process(kind) for kind in (events.RESOLVED, events.EXECED, events.FAILED, events.EXITED)},
    events.SUSPENDED: suspended,
    events.NOTIFIED: notified,
    events.HELPER_ENDED: helper_ended,
    events.SIGNAL: routing.signal,
    events.DEADLINE: Group.deadline_passed,
    events.ALONE: Machine.alone,
    events.COMMAND: commands.command_received,
    events.NEW_PLAN: reload.begin,
}
Group.ON_EVENT = ON_EVENT

#: {outcome that a process reports: {phase: its handler}}
ON_OUTCOME: "dict[str, dict[int, Handler]]" = {
    states.STARTED: {START: Group.started, RUN: Group.started},
    states.FAILED_TO_START: {
        START: Group.could_not_start, RUN: Group.could_not_start, RESTART: restart_all.go_on,
        STOP: stop.could_not_start, SWEPT: stop.could_not_start, KILLED: stop.could_not_start,
    },
    states.ENDED: {
        START: Group.ended, RUN: Group.ended, RESTART: restart_all.go_on,
        STOP: stop.ended, SWEPT: stop.ended, KILLED: stop.ended,
    },
    states.PREPARED: {RESTART: restart_all.found_late, STOP: stop.go_on},
    states.RESTART_DUE: {START: partners.restart_due, RUN: partners.restart_due},
    states.CLEARED: {START: Group.cleared, RUN: Group.cleared, RESTART: restart_all.go_on, STOP: stop.go_on},
    states.FOUND: {phase: routing.send_held for phase in (START, RUN, RESTART, STOP, SWEPT, KILLED)},
    states.GRACE_OVER: {STOP: stop.killed},
}  # fmt: skip

#: {timer of the group's own: its handler}
ON_TIMER: "dict[str, Handler]" = {
    "start timeout": bound_over("start timeout"),
    "deadline": bound_over("deadline"),  # S14
    "restart all": restart_all.start_all,
    "take over": reload.take_over,
    "notify": services.listen,
    "pump": services.pump,
    "metrics": services.serve_metrics,
    "hint": stop.hint,
    "grace": stop.expire,
    "limit": stop.limit_over,
}
