"""THE state machine: what happens to the group, decided in one place and nowhere else.

Theory. A group is a list of members in start order, the primary last. Each member is WAITING, STARTING (forked, its
exec not yet confirmed), RUNNING or TERMINATED; it only ever moves to the right. The group is in one phase:

    START   walking the list: an init step must end with 0, a sidecar must have started, before the next one starts
    RUN     the primary runs; signals are passed on
    STOP    primary (and a running init step) told first, then sidecars in reverse order, each when the last is gone
    SWEPT   every member is gone; what they left behind has been sent SIGTERM
    KILLED  the grace is over; SIGKILL has been sent to everything
    OVER    the exit code has been given out

Phases, too, only move downwards, so a second stop signal cannot restart a stop (E40) and nothing starts after one has
begun (E41). What begins a stop: the primary's end, a stop signal, a failed init step, a start that failed.

The clock of a stop starts with it. At the end of the grace who was told at least WINDOW ago is killed (S80), and all
who still wait for their turn are told together (S81); who is left after that is killed when the youngest's WINDOW is
over, and never after the limit, grace + WINDOW. LAST_RESORT later pidone exits although a process stays (E38).
A single command has no stop signals: all are its own, and the stop begins when it has ended; but the grace of what it
leaves behind counts from when it was last asked to end, as `docker stop` counts.

This file refuses to know: pids, descriptors, the clock (each event comes with its time), and words. `take` maps an
event to a list of actions; after each call `deadline` holds when DEADLINE wants to be sent, or None.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pidone.init.plan import Plan

    Event = tuple[Any, ...]
    Action = tuple[Any, ...]

from pidone.init.plan import INIT, PRIMARY

# Events: (kind, ...)
BEGIN = 0  # ()
EXECED = 1  # (member): its exec has succeeded
FAILED = 2  # (member, exit code it stands for, text): fork, or something between fork and exec, did not work
EXITED = 3  # (member, code, signal): ended, not yet reaped. signal is 0 unless one killed it
STOPPED = 4  # (member): stopped by a signal, as by the terminal's Ctrl-Z
SIGNAL = 5  # (number): arrived at PID 1, and was not the kernel's own business
DEADLINE = 6  # ()
ALONE = 7  # (): PID 1 has no child left

# Actions: (kind, ...)
SPAWN = 0  # (member)
KILL = 1  # (member, number, whole process group?)
SWEEP = 2  # (number): to everything that is not PID 1
SUSPEND = 3  # (): stop ourselves as our app has stopped (E26)
SAY = 4  # (what, ...): a line for people; `words` knows how it reads
EXIT = 5  # (code)

WAITING, STARTING, RUNNING, TERMINATED = range(4)
START, RUN, STOP, SWEPT, KILLED, OVER = range(6)

WINDOW = 2.0  # S80, minimumGracePeriodInSeconds
LAST_RESORT = 0.5
HINT = 3.0  # after this long a shell that sits on a stop signal is worth a line

SIGHUP, SIGKILL, SIGTERM, SIGCONT = 1, 9, 15, 18
ASKING = (2, 3, SIGTERM)  # INT, QUIT, TERM: what people send to end a single command
REALTIME = 34
MOST_HELD = 1024


class Member:
    """What the group remembers of one process. told: when it was sent its stop signal. sent: every signal we sent."""

    __slots__ = ("role", "stop_signal", "state", "told", "stopped", "sent")

    def __init__(self, role: int, stop_signal: int) -> None:
        self.role = role
        self.stop_signal = stop_signal
        self.state = WAITING
        self.told: "float | None" = None
        self.stopped = False
        self.sent: "tuple[int, ...]" = ()

    @property
    def alive(self) -> bool:
        return self.state in (STARTING, RUNNING)


class Group:
    """The machine. `take` never raises on any event in any state; what makes no sense there has no effect."""

    __slots__ = (
        "plan", "terminal", "members", "primary", "phase", "code", "held", "actions",
        "began", "limit", "expired", "swept", "hint", "deadline",
    )  # fmt: skip

    def __init__(self, plan: "Plan", terminal: bool = False) -> None:
        self.plan = plan
        self.terminal = terminal  # then Ctrl-C, Ctrl-\\ and a hang-up reach the app without us
        self.members = [Member(p.role, p.stop_signal) for p in plan.processes]
        self.primary = len(self.members) - 1
        self.phase = START
        self.code = 0
        self.held: "list[tuple[int, int]]" = []
        self.actions: "list[Action]" = []
        self.began: "float | None" = None  # when the grace began to count
        self.limit = 0.0  # of the stop; once SIGKILL was sent, of ours
        self.expired = False  # the grace
        self.swept: "float | None" = None  # when the leftovers were told
        self.hint: "float | None" = None  # when to wonder about a shell
        self.deadline: "float | None" = None

    def take(self, event: "Event", now: float) -> "list[Action]":
        """One event at one time -> what is to be done, in order."""
        self.actions = []
        if self.phase != OVER:
            HANDLERS[event[0]](self, now, *event[1:])
            self._set_deadline()
        return self.actions

    # -- starting

    def _begin(self, now: float) -> None:
        if self.phase == START:
            self._advance(now)

    def _advance(self, now: float) -> None:
        """Start the next member if all before it let it (S2, S3, S16)."""
        for index, member in enumerate(self.members):
            if member.state == WAITING:
                self._spawn(index, member)
                return
            if member.state == STARTING or (member.role == INIT and member.state == RUNNING):
                return

    def _spawn(self, index: int, member: Member) -> None:
        """Fork it, and send it what was held: until its exec the kernel keeps that for it, and hands it over (E2)."""
        member.state = STARTING
        self._do(SPAWN, index)
        held, self.held = self.held, [h for h in self.held if h[0] != index]
        for target, number in held:
            if target == index:
                self._send(index, number)

    def _execed(self, now: float, index: int) -> None:
        member = self.members[index]
        if member.state != STARTING:
            return
        member.state = RUNNING
        if self.phase == START:
            if member.role == PRIMARY:
                self.phase = RUN
            else:
                self._advance(now)

    def _failed(self, now: float, index: int, code: int, text: str) -> None:
        member = self.members[index]
        if member.state != STARTING:
            return
        member.state = TERMINATED
        self._do(SAY, "cannot start", index, code, text)
        if self.phase < STOP:
            self.code = code
            self._stop(now)
        elif self.phase == STOP:
            self._progress(now)

    # -- running

    def _exited(self, now: float, index: int, code: int, number: int) -> None:
        member = self.members[index]
        if not member.alive:
            return
        member.state = TERMINATED
        if member.role == PRIMARY:
            self._primary_exited(now, code, number)
        elif self.phase < STOP:
            if member.role != INIT:
                self._do(SAY, "sidecar ended", index, code, number)
            elif code == number == 0:
                self._advance(now)
            else:
                self._do(SAY, "init failed", index, code, number)
                self.code = 128 + number if number else code
                self._stop(now)
        if self.phase == STOP:
            self._progress(now)

    def _primary_exited(self, now: float, code: int, number: int) -> None:
        status = 128 + number if number else code
        self.code = 0 if status in self.plan.forgiven else status
        self.hint = None
        if number in self.members[self.primary].sent:
            self._do(SAY, "swallowed", self.primary)
        elif number and self.phase != KILLED and not (self.terminal and number in (SIGHUP, *ASKING)):
            self._do(SAY, "killed", self.primary, number)
        if self.phase < STOP:
            self._stop(now)

    def _stopped(self, now: float, index: int) -> None:
        self.members[index].stopped = True
        if index == self.primary and self.phase <= RUN:
            self._do(SUSPEND)

    def _signal(self, now: float, number: int) -> None:
        if number in self.plan.rewrites:
            number = self.plan.rewrites[number]
            if not number:
                return
        if number in self.plan.stop_signals:
            if self.phase < STOP:
                self.code = 128 + number  # unless the primary still gives its own (E42)
                self._stop(now)
            return
        if not self.plan.stop_signals and number in ASKING and self.phase < STOP:
            self.began = now
            self.hint = now + HINT
        if number not in self.plan.routes:
            self._pass_on(self.primary, number)
            return
        targets, number = self.plan.routes[number]
        for index in targets:
            self._pass_on(index, number)

    def _pass_on(self, index: int, number: int) -> None:
        state = self.members[index].state
        if state in (STARTING, RUNNING):
            self._send(index, number)
        elif state == WAITING and self.phase < STOP:
            self._hold(index, number)

    def _hold(self, index: int, number: int) -> None:
        """Keep a signal for a member that is not forked yet (E1). Standard signals merge, as pending ones do."""
        if (number >= REALTIME or (index, number) not in self.held) and len(self.held) < MOST_HELD:
            self.held.append((index, number))

    # -- stopping

    def _stop(self, now: float) -> None:
        self.phase = STOP
        if self.began is None:
            self.began = now
        self.limit = max(self.began + self.plan.grace, now) + WINDOW
        self.hint = now + HINT if self.members[self.primary].alive else None
        self.held = []
        self._progress(now)

    def _progress(self, now: float) -> None:
        """Tell whoever's turn it is: what is no sidecar at once (S12), sidecars last to first (S78), then the rest."""
        alive = [index for index, member in enumerate(self.members) if member.alive]
        if not alive:
            self.phase = SWEPT
            self.swept = now
            self._do(SWEEP, SIGTERM)
            self._do(SWEEP, SIGCONT)  # a stopped one cannot act on it (E19)
            return
        first = [index for index in alive if self.members[index].role in (INIT, PRIMARY)]
        for index in alive if self.expired else first or alive[-1:]:
            self._tell(index, now)

    def _tell(self, index: int, now: float) -> None:
        member = self.members[index]
        if member.told is None:
            member.told = now
            self._send(index, member.stop_signal)

    def _deadline(self, now: float) -> None:
        if self.hint is not None and now >= self.hint:
            self.hint = None
            self._do(SAY, "swallowed", self.primary)
        if self.phase == KILLED:
            self._do(SAY, "immortal")
            self._exit()
        elif self.phase >= STOP and now >= self._kill_at():
            self.phase = KILLED
            self.limit = now + LAST_RESORT
            self._do(SAY, "grace over")
            self._do(SWEEP, SIGKILL)
        elif self.phase == STOP and not self.expired and now >= self._grace_end():
            self.expired = True
            self._expire(now)

    def _expire(self, now: float) -> None:
        """The grace is over: who was told in time is killed, who still waits for its turn is told (S81)."""
        for index, member in enumerate(self.members):
            if member.alive and member.told is not None and now >= member.told + WINDOW:
                self._do(SAY, "grace over", index)
                self._do(KILL, index, SIGKILL, True)
                member.sent = (*member.sent, SIGKILL)
        self._progress(now)

    def _grace_end(self) -> float:
        return (self.began or 0.0) + self.plan.grace

    def _kill_at(self) -> float:
        """When all that is left gets SIGKILL: the end of the grace, or of the youngest WINDOW, never after limit."""
        end = self._grace_end()
        told = [member.told if member.told is not None else end for member in self.members if member.alive]
        if self.swept is not None:
            told.append(self.swept)
        return min(self.limit, max([end] + [t + WINDOW for t in told]))

    def _set_deadline(self) -> None:
        self.deadline = self.hint
        if self.phase == KILLED:
            self.deadline = self.limit
        elif self.phase == OVER:
            self.deadline = None
        elif self.phase >= STOP:
            end = self._grace_end() if self.phase == STOP and not self.expired else self._kill_at()
            self.deadline = end if self.hint is None else min(end, self.hint)

    def _alone(self, now: float) -> None:
        if self.phase in (SWEPT, KILLED):
            self._exit()

    def _exit(self) -> None:
        self.phase = OVER
        self._do(EXIT, self.code)

    # -- doing

    def _send(self, index: int, number: int) -> None:
        member = self.members[index]
        if number not in member.sent:
            member.sent = (*member.sent, number)
        self._do(KILL, index, number, self.plan.group_wide)
        if member.stopped and number in (SIGTERM, member.stop_signal):
            self._do(KILL, index, SIGCONT, self.plan.group_wide)  # the stopped cannot act on a signal (E19)
            member.stopped = False

    def _do(self, *action: "Any") -> None:
        self.actions.append(action)


#: In the order of the event kinds above.
HANDLERS = (
    Group._begin, Group._execed, Group._failed, Group._exited, Group._stopped, Group._signal, Group._deadline,
    Group._alone,
)  # fmt: skip
