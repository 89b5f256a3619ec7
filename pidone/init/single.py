"""The machine of `pidone -- COMMAND`: one primary, transparently.

Theory. This machine has no stop signals: every signal is for the command, and pidone waits for the
command as long as it takes, as tini does. When the command has ended, its leftovers get SIGTERM,
time, and SIGKILL. Their grace counts from the last signal that asked the command to end, as `docker
stop` counts. The machine sends a signal as soon as the command is forked: until the exec the kernel
keeps it (E2). Before the fork PID 1's own mask keeps it (E1).

E1 and so on: docs/reference/edge-cases.md.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pidone.init.slots import Plan

from pidone.init import events
from pidone.init.events import END_SIGNALS, SAY, SIGHUP, SUSPEND
from pidone.init.machine import HINT, KILLED, OVER, RUN, SWEPT, Machine, begin_one, send


class Single(Machine):
    """The machine of a single command.

    sent: all signals that the command got from pidone.
    suspended: whether a signal has suspended the command, such as Ctrl-Z.
    hint: when to print a line about a shell that has not ended, or None.
    """

    __slots__ = ("sent", "suspended", "hint")

    def __init__(self, plan: "Plan", terminal: bool = False) -> None:
        Machine.__init__(self, plan, terminal)
        self.sent: "tuple[int, ...]" = ()
        self.suspended = False
        self.hint: "float | None" = None

    def failed(self, now: float, index: int, code: int, text: str) -> None:
        if self.phase == RUN:
            self.do(SAY, "cannot start", 0, code, text)
            self.code = code
            self.end(now)

    def exited(self, now: float, index: int, code: int, number: int, oom: bool = False) -> None:
        if self.phase != RUN:
            return
        self.code = self.status_of(code, number)
        if number in self.sent:
            self.do(SAY, "swallowed", 0)
        elif number and not (self.has_terminal and number in (SIGHUP, *END_SIGNALS)):
            self.do(SAY, "killed", 0, number)
            self.troubled = True
        self.end(now)

    def end(self, now: float) -> None:
        if self.stop_began_at is None:
            self.stop_began_at = now
        self.limit = max(self.grace_end(), now) + self.plan.minimum_grace
        self.hint = None
        self.sweep(now)

    def stop(self, now: float, index: int) -> None:
        self.suspended = True
        if self.phase == RUN:
            self.do(SUSPEND)

    def signal(self, now: float, number: int) -> None:
        number = self.rewritten(number)
        if not number or self.phase != RUN:
            return
        if number in END_SIGNALS:
            self.stop_began_at = now
            self.hint = now + HINT
        send(self.do, self, 0, number, self.plan.signal_process_groups)

    def deadline_passed(self, now: float) -> None:
        self.check_others_at = None
        if self.hint is not None and now >= self.hint:
            self.hint = None
            self.do(SAY, "swallowed", 0)
        if self.phase == KILLED and now >= self.limit:
            self.give_up()
        elif self.phase == SWEPT and now >= self.kill_at():
            self.kill_rest(now)

    def was_asked(self) -> bool:
        return any(number in self.sent for number in END_SIGNALS)

    def set_deadline(self) -> None:
        self.deadline = self.hint
        if self.phase == SWEPT:
            self.deadline = self.kill_at() if self.check_others_at is None else self.check_others_at
        elif self.phase in (KILLED, OVER):
            self.deadline = self.limit if self.phase == KILLED else None

    ON_EVENT = {
        events.BEGIN: begin_one, events.FAILED: failed, events.EXITED: exited, events.SUSPENDED: stop,
        events.SIGNAL: signal, events.DEADLINE: deadline_passed, events.ALONE: Machine.alone,
    }  # fmt: skip
