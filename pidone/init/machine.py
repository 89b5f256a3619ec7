"""What the machines of a single command and of a group share: they take events, and end everything.

Theory. When all declared processes have ended, the leftovers get SIGTERM (SWEPT). When their time
is over, they get SIGKILL (KILLED). LAST_RESORT seconds later pidone exits, even if a process still
runs (OVER; E38).

A machine knows no pids, no descriptors, no clock (each event comes with its time) and no texts.
`take` maps an event to a list of actions. After each call `deadline` is the time at which the loop
must send DEADLINE, or None.

E1 and so on: docs/reference/edge-cases.md. S1 and so on: docs/reference/pod.md.
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

#: Seconds between two checks for other processes in the namespace, where a stop waits for them.
POLL_INTERVAL = 0.02

HINT = 3.0  # seconds after which a shell that ignores a stop signal is worth a line


class Machine:
    """What the machines share.

    `take` never raises, on any event in any state. An event that makes no sense in a state has no
    effect.
    """

    __slots__ = (
        "plan", "has_terminal", "primary", "phase", "code", "actions", "stop_began_at", "swept", "limit", "deadline",
        "troubled", "check_others_at",
    )  # fmt: skip

    def __init__(self, plan: "Plan", terminal: bool) -> None:
        self.plan = plan
        self.has_terminal = terminal  # then Ctrl-C, Ctrl-\\ and a hang-up reach the app without pidone
        self.primary = len(plan.processes) - 1
        self.phase = START
        self.code = 0
        self.actions: "list[Action]" = []
        self.stop_began_at: "float | None" = None  # when the grace began to count
        self.swept = 0.0  # when the leftovers got SIGTERM
        self.limit = 0.0  # the latest time for SIGKILL; after SIGKILL: when pidone exits
        self.deadline: "float | None" = None
        self.troubled = False  # its end is worth a report
        self.check_others_at: "float | None" = None  # when to check again for processes that are no children of pidone

    def take(self, event: "Event", now: float) -> "list[Action]":
        """Take an event and its time, and return the actions in order."""
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
        """Return the number that the command line puts in place of a signal; 0 drops it."""
        return self.plan.rewrites.get(number, number)

    def status_of(self, code: int, number: int) -> int:
        """Return pidone's exit code for this end of the primary (S89, E39)."""
        status = 128 + number if number else code
        return 0 if status in self.plan.remapped else status

    # -- the end of everything

    def grace_end(self) -> float:
        return (self.stop_began_at or 0.0) + self.plan.grace

    def sweep(self, now: float) -> None:
        """Send SIGTERM to the leftovers, after every member has ended."""
        self.phase = SWEPT
        self.swept = now
        self.do(SWEEP, SIGTERM)
        self.do(SWEEP, SIGCONT)  # a suspended process cannot act on SIGTERM (E19)

    def kill_at(self) -> float:
        """Return when the leftovers get SIGKILL.

        That is when both the grace and their own minimum grace are over, but never after `limit`.
        """
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
        """Exit, now that no child is left.

        In a stop on request the processes of a `docker exec` first get the minimum grace. In any
        other stop they get no time.
        """
        if self.phase not in (SWEPT, KILLED):
            return
        if others and self.asks_for_others():
            if now < self.others_until():
                self.check_others_at = min(now + POLL_INTERVAL, self.others_until())
                return
            self.do(SAY, "others killed")
        self.exit()

    def asks_for_others(self) -> bool:
        """Return whether a stop waits for other processes in the namespace."""
        return self.phase == SWEPT and self.was_asked()

    def others_until(self) -> float:
        return min(self.swept + self.plan.minimum_grace, self.limit)

    def was_asked(self) -> bool:
        """Return whether this stop was requested, and did not come by itself."""
        raise NotImplementedError

    def exit(self) -> None:
        self.phase = OVER
        self.do(EXIT, self.code, self.troubled)


def send(
    do: "Callable[..., None]", to: "Any", index: int, number: int, whole: bool, stop_signal: int = SIGTERM
) -> None:
    """Send a signal to a process and remember it in `sent`.

    A suspended process is continued, so that it acts on a signal to end (E19).
    """
    if number not in to.sent:
        to.sent = (*to.sent, number)
    do(KILL, index, number, whole)
    if to.suspended and number in (SIGTERM, stop_signal):
        do(KILL, index, SIGCONT, True)  # the whole process group is suspended, as by Ctrl-Z
        to.suspended = False


def begin_one(machine: Machine, now: float) -> None:
    """Start the process of a machine that has only one."""
    if machine.phase == START:
        machine.phase = RUN
        machine.do(SPAWN, 0)
