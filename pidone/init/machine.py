"""What the machine of a single command and that of a group have in common: taking events, and how everything ends.

When all that was declared is gone, what it has left behind is told to end (SWEPT), is killed when its time is over
(KILLED), and LAST_RESORT later pidone exits although a process stays (OVER; E38).

A machine refuses to know pids, descriptors, the clock (each event comes with its time), and words. `take` maps an event
to a list of actions; after each call `deadline` holds when DEADLINE wants to be sent, or None.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from pidone.init.slots import Plan

    Event = tuple[Any, ...]
    Action = tuple[Any, ...]

from pidone.init.events import EXIT, KILL, SAY, SIGCONT, SIGKILL, SIGTERM, SPAWN, SWEEP
from pidone.init.plan import LAST_RESORT

START, RUN, RESTART, STOP, SWEPT, KILLED, OVER = range(7)

#: Seconds between two looks at who else still runs in the namespace, where a stop waits for them.
POLL_INTERVAL = 0.02

HINT = 3.0  # after this long a shell that sits on a stop signal is worth a line


class Machine:
    """`take` never raises on any event in any state; what makes no sense there has no effect."""

    __slots__ = (
        "plan", "terminal", "primary", "phase", "code", "actions", "stop_began_at", "swept", "limit", "deadline",
        "troubled", "check_others_at",
    )  # fmt: skip

    def __init__(self, plan: "Plan", terminal: bool) -> None:
        self.plan = plan
        self.terminal = terminal  # then Ctrl-C, Ctrl-\\ and a hang-up reach the app without us
        self.primary = len(plan.processes) - 1
        self.phase = START
        self.code = 0
        self.actions: "list[Action]" = []
        self.stop_began_at: "float | None" = None  # when the grace began to count
        self.swept = 0.0  # when the leftovers were told
        self.limit = 0.0  # of the stop; once SIGKILL was sent, of ours
        self.deadline: "float | None" = None
        self.troubled = False  # its end is worth a report
        self.check_others_at: "float | None" = None  # when those who are no children of ours are looked for again

    def take(self, event: "Event", now: float) -> "list[Action]":
        """One event at one time -> what is to be done, in order."""
        self.actions = []
        handler = self.ON_EVENT.get(event[0])
        if self.phase != OVER and handler is not None:
            handler(self, now, *event[1:])
            self.set_deadline()
        return self.actions

    ON_EVENT: "dict[int, Callable[..., None]]" = {}  # by the kind of event

    def set_deadline(self) -> None:
        raise NotImplementedError

    def do(self, *action: "Any") -> None:
        self.actions.append(action)

    def rewritten(self, number: int) -> int:
        """What the command line makes of a signal; 0 drops it."""
        return self.plan.rewrites.get(number, number)

    def status_of(self, code: int, number: int) -> int:
        """The exit code that the primary's end stands for (S89, E39)."""
        status = 128 + number if number else code
        return 0 if status in self.plan.remapped else status

    # -- the end of everything

    def grace_end(self) -> float:
        return (self.stop_began_at or 0.0) + self.plan.grace

    def sweep(self, now: float) -> None:
        """Every member is gone: what they have left behind is told."""
        self.phase = SWEPT
        self.swept = now
        self.do(SWEEP, SIGTERM)
        self.do(SWEEP, SIGCONT)  # a stopped one cannot act on it (E19)

    def kill_at(self) -> float:
        """When all that is left gets SIGKILL: the end of the grace, or of the leftovers' window, never after limit."""
        return min(self.limit, max(self.grace_end(), self.swept + self.plan.minimum_grace))

    def kill_rest(self, now: float) -> None:
        self.phase = KILLED
        self.limit = now + LAST_RESORT
        self.troubled = True
        self.do(SAY, "grace over")
        self.do(SWEEP, SIGKILL)

    def give_up(self) -> None:
        self.do(SAY, "immortal")
        self.exit()

    def alone(self, now: float, others: int = 0) -> None:
        """No child is left. In a stop that was asked for, a `docker exec` has what leftovers have; else none."""
        if self.phase not in (SWEPT, KILLED):
            return
        if others and self.asks_for_others():
            if now < self.others_until():
                self.check_others_at = min(now + POLL_INTERVAL, self.others_until())
                return
            self.do(SAY, "others killed")
        self.exit()

    def asks_for_others(self) -> bool:
        """Does it matter who else runs in the namespace?"""
        return self.phase == SWEPT and self.was_asked()

    def others_until(self) -> float:
        return min(self.swept + self.plan.minimum_grace, self.limit)

    def was_asked(self) -> bool:
        """Has somebody asked for this stop, or has it come by itself?"""
        raise NotImplementedError

    def exit(self) -> None:
        self.phase = OVER
        self.do(EXIT, self.code, self.troubled)


def send(
    do: "Callable[..., None]", to: "Any", index: int, number: int, whole: bool, stop_signal: int = SIGTERM
) -> None:
    """A signal to a process, remembered as `sent`; one that is `stopped` is continued to act on it (E19)."""
    if number not in to.sent:
        to.sent = (*to.sent, number)
    do(KILL, index, number, whole)
    if to.suspended and number in (SIGTERM, stop_signal):
        do(KILL, index, SIGCONT, True)  # what stopped it, as Ctrl-Z does, has stopped all of its group
        to.suspended = False


def begin_one(machine: Machine, now: float) -> None:
    """Of a machine with one process: start it."""
    if machine.phase == START:
        machine.phase = RUN
        machine.do(SPAWN, 0)
