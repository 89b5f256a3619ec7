"""Decide as tini, dumb-init and catatonit do: who gets a signal, and when all is over.

Theory. Each forwards signals and ends with its program. They leave the leftovers to the kernel
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
    final_signal: the signal that the process group gets at the end, or 0.
    suspends: signals of the terminal at which dumb-init suspends itself as well.
    """

    __slots__ = ("sent", "suspended", "unsent", "final_signal", "suspends")

    def __init__(self, plan: "Plan", profile: "Profile", options: "Options") -> None:
        Machine.__init__(self, plan, False)
        self.sent: "tuple[int, ...]" = ()
        self.suspended = False
        self.unsent, self.final_signal = profile.unsent, profile.final_signal
        self.suspends = (TSTP, TTIN, TTOU) if profile.final_signal else ()
        if self.suspends and not options.single_child:
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
        if self.final_signal and self.rewritten(self.final_signal):
            self.send(self.rewritten(self.final_signal))
        self.exit()

    def send(self, number: int) -> None:
        send(self.do, self, 0, number, self.plan.signal_process_groups)

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
