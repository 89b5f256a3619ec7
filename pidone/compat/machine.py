"""What the three decide: who gets a signal, and that all is over when the program has ended.

Theory. Each passes signals on and ends with its program. The leftovers are the kernel's affair
(dumb-init sends them SIGTERM in the same moment). So this machine runs and ends, and has no time in
it.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pidone.compat.options import Options
    from pidone.compat.table import Profile
    from pidone.init.slots import Plan

from pidone.compat.table import SIGSTOP, TSTP, TTIN, TTOU
from pidone.init import events
from pidone.init.events import SAY, SIGKILL, SUSPEND
from pidone.init.machine import RUN, Machine, begin_one, send


class CompatMachine(Machine):
    """The machine in the place of one of the three.

    unsent: signals that are not passed on.
    farewell: the signal that the process group gets at the end, or 0.
    suspends: signals of the terminal at which dumb-init suspends itself as well.
    """

    __slots__ = ("sent", "suspended", "unsent", "farewell", "suspends")

    def __init__(self, plan: "Plan", profile: "Profile", options: "Options") -> None:
        Machine.__init__(self, plan, False)
        self.sent: "tuple[int, ...]" = ()
        self.suspended = False
        self.unsent, self.farewell = profile.unsent, profile.farewell
        self.suspends = (TSTP, TTIN, TTOU) if profile.farewell else ()
        if self.suspends and not options.alone:
            for number in self.suspends:
                plan.rewrites.setdefault(number, SIGSTOP)

    def failed(self, now: float, index: int, code: int, text: str) -> None:
        if self.phase == RUN:
            self.do(SAY, "cannot start", 0, code, text)
            self.code = self.status_of(code, 0)
            self.exit()

    def exited(self, now: float, index: int, code: int, number: int, oom: bool = False) -> None:
        if self.phase != RUN:
            return
        self.code = self.status_of(code, number)
        if number == SIGKILL and SIGKILL not in self.sent:
            self.do(SAY, "killed", 0, number)
        if self.farewell and self.rewritten(self.farewell):
            self.send(self.rewritten(self.farewell))
        self.exit()

    def send(self, number: int) -> None:
        send(self.do, self, 0, number, self.plan.group_wide)

    def set_deadline(self) -> None:
        """Set none: nothing waits for a time to pass."""

    def was_asked(self) -> bool:
        return False

    def signal(self, now: float, number: int) -> None:
        if self.phase != RUN or number in self.unsent:
            return
        sent = self.rewritten(number)
        if sent:
            self.send(sent)
        if number in self.suspends:
            self.do(SUSPEND)

    ON_EVENT = {
        events.BEGIN: begin_one, events.FAILED: failed, events.EXITED: exited, events.SIGNAL: signal,
        events.ALONE: Machine.alone,
    }  # fmt: skip
