"""The stop of a group: when each process is signalled, its part of the grace, and the end.

Theory. The clock of a stop begins with the stop. At once every pre_stop begins (S76). The primary
and a running init step get their stop signal when their own pre_stop is over (S77). A sidecar gets
it when its own pre_stop is over and all that waited for it at the start have ended (S78). At the
end of the grace, all that still wait are signalled together (S81). Each process is killed when both
the grace and its minimum grace are over (S80). The stop never takes longer than the grace and one
minimum grace.

S1 and so on: docs/reference/pod.md.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pidone.group.group import Group
    from pidone.group.process import Process

from pidone.group import hooks, reload, services
from pidone.group.states import STOPPING
from pidone.init.events import GROUP, RECORD, SAY, SIGTERM
from pidone.init.machine import HINT, STOP, SWEPT
from pidone.init.plan import PRIMARY

#: The end of a process whose real end is unknown (S92): (code, signal, reason).
LOST = (137, 0, "ContainerStatusUnknown")

#: The group's own timers that a stop removes.
CALLED_OFF = ("start timeout", "deadline", "restart all", "notify", "metrics")


def asked_by_signal(group: "Group", now: float, number: int) -> None:
    group.stop_requests += 1
    if group.phase < STOP:
        group.code = group.code_so_far(128 + number)
        begin(group, now)
    elif group.phase in (STOP, SWEPT) and group.stop_requests > 2 and not group.expired:
        group.do(SAY, "hurry")
        hurry(group, now)


def asked_by_command(group: "Group", now: float) -> None:
    if group.phase < STOP:
        group.stop_requests += 1
        group.code = group.code_so_far(128 + SIGTERM)
        begin(group, now)


def begin(group: "Group", now: float, blame: "int | None" = None) -> None:
    """Begin a stop. blame: the exit code of the failure that began it, or None (see `Group`)."""
    if group.reloading is not None:
        reload.call_off(group)
    if blame is not None:
        group.blame = group.code = blame
    group.do(RECORD, GROUP, "stop")
    group.phase = STOP  # out of RESTART, too: what was killed for it does not start again
    group.stop_began_at = now
    group.limit = now + group.plan.grace + group.plan.minimum_grace
    group.held = []
    for what in CALLED_OFF:
        group.timers.pop(what, None)
    group.timers["grace"] = now + group.plan.grace
    group.timers["limit"] = group.limit
    if group.the_primary.alive:
        group.timers["hint"] = now + HINT
    for member in group.members:
        turn_off(group, now, member)
    go_on(group, now)


def turn_off(group: "Group", now: float, process: "Process") -> None:
    """Turn off, when a stop begins, what must not go on in it.

    Of the probes only readiness goes on (S53), every pre_stop begins (S76), and nothing restarts
    (S66).
    """
    for what in ("startup", "liveness", "post_start", "restart", "launch", "look up", "leftovers"):
        process.cancel(what)
    process.again = False
    if not process.alive:
        return
    already, process.stop_reason = process.stop_reason, STOPPING
    process.grace = process.own_grace
    process.kill_at = group.grace_end()  # the group's grace overrides a probe's (S39)
    if already is None:
        if process.policy.pre_stop is not None:
            hooks.begin_pre_stop(process, now, group.plan.grace)
    elif "pre_stop" in process.helpers:
        process.set_timer("pre_stop", process.kill_at)
    elif process.signalled_at is not None:
        process.set_timer("kill", max(process.kill_at, process.signalled_at + group.plan.minimum_grace))


def go_on(group: "Group", now: float, process: "Process | None" = None) -> None:
    """Signal every process whose turn it is; sweep when all have ended.

    process: the one that has reported, or None.
    """
    if group.phase != STOP:
        return
    alive = [place for place, member in enumerate(group.members) if member.alive]
    if not alive:
        if not any("message" in member.helpers for member in group.members):
            end(group, now)
        return
    for place in alive if group.expired else group.order.free(alive):
        member = group.members[place]
        if member.signalled_at is None and "pre_stop" not in member.timers and "main_pid" not in member.helpers:
            if member.policy.grace is not None:
                member.kill_at = min(group.grace_end(), now + member.policy.grace)
            member.send_stop_signal(now)


def end(group: "Group", now: float) -> None:
    """Sweep: all processes have ended, and their messages are read."""
    pump_is_due = "pump" in group.timers
    no_timers(group)
    group.sweep(now)
    if pump_is_due:
        services.pump(group, now)


def no_timers(group: "Group") -> None:
    group.timers.clear()
    for member in [*group.host.timed.values()]:
        member.no_timers()


def could_not_start(group: "Group", now: float, process: "Process", code: int) -> None:
    if process.role == PRIMARY and not group.code:
        group.code = code
    go_on(group, now)


def ended(group: "Group", now: float, process: "Process") -> None:
    if process.role == PRIMARY:
        group.primary_over(process)
    go_on(group, now)


def killed(group: "Group", now: float, process: "Process") -> None:
    """Mark the stop as troubled: the process did not end within its grace."""
    group.troubled = True


def hurry(group: "Group", now: float) -> None:
    """End the grace now: a later request may only shorten it (S83)."""
    group.stop_began_at = now - group.plan.grace
    group.limit = min(group.limit, now + group.plan.minimum_grace)
    group.timers["limit"] = group.limit
    group.timers.pop("grace", None)
    for member in group.members:
        if "kill" in member.timers and member.signalled_at is not None:
            member.set_timer("kill", max(now, member.signalled_at + group.plan.minimum_grace))
    expire(group, now)


def expire(group: "Group", now: float) -> None:
    """Signal all that still wait, because the grace is over (S81), and cut their pre_stop short."""
    group.expired = True
    for member in group.members:
        if "pre_stop" in member.timers:
            hooks.due(member, now, "pre_stop")
        if "main_pid" in member.helpers:
            if member.ended_as is not None:
                member.overdue(now, "main_pid")  # there is no successor: its own end counts
                continue
            member.terminate(*LOST)  # the sweep will signal the daemon that pidone has not found
            if member.role == PRIMARY:
                group.code = group.code or LOST[0]
    go_on(group, now)


def limit_over(group: "Group", now: float) -> None:
    no_timers(group)
    group.kill_rest(now)


def hint(group: "Group", now: float) -> None:
    """Print a hint: a primary that still runs may be a shell that holds the stop signal back."""
    group.do(SAY, "swallowed", group.the_primary.id)
