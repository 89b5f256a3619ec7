"""One process's life, again and again: its start, its stop, its end, its restarts. Knows nothing of order.

Theory. An instance is STARTING until its exec is confirmed (or its daemon found), then RUNNING until it ends. Where
pidone ends it, `ending` says why: its pre_stop, its stop signal, and SIGKILL when the grace is over. What is to be
started again waits for its back-off, counted from its end, and until what it left behind is gone.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pidone.init.plan import Plan

from pidone.init.events import KILL, SAY, SIGKILL, SPAWN, YES
from pidone.init.machine import STOP
from pidone.pod import restart
from pidone.pod.member import STARTING, TERMINATED, WAITING
from pidone.pod.watch import PROBES, Watch

#: In windows of 2 s: what a launcher has to end, and then its daemon to show up in its pid file.
LAUNCH, FOLLOW = 30, 5


class Life(Watch):
    """What it leaves to the group: `failed` and `over`, what follows where it could not start, and where it ended."""

    __slots__ = ("held",)

    def __init__(self, plan: "Plan", terminal: bool) -> None:
        Watch.__init__(self, plan, terminal)
        self.held: "list[tuple[int, int]]" = []

    # -- its start

    def spawn(self, now: float, index: int) -> None:
        """Fork it, and send it what was held: until its exec the kernel keeps that for it, and hands it over (E2)."""
        member = self.members[index]
        member.begin(now)
        member.state, member.reason = STARTING, ""
        self.do(SPAWN, index)
        if member.care.pid_file is not None:
            self.timers[index, "launch"] = now + LAUNCH * self.plan.window
        if self.held:
            held, self.held = self.held, [h for h in self.held if h[0] != index]
            for target, number in held:
                if target == index:
                    self.send(index, member, number, member.stop_signal)

    def execed(self, now: float, index: int) -> None:
        member = self.members[index]
        if member.state == STARTING and member.care.pid_file is None:
            self.running(now, index)

    # -- its stop

    def end(self, now: float, index: int, why: str, grace: float) -> None:
        """Have one process end, by its pre_stop, its stop signal, and SIGKILL."""
        member = self.members[index]
        if member.ending is not None:
            return
        member.ending = why
        member.grace = grace
        member.due = now + grace
        for what in ("post_start", *PROBES):
            self.drop(index, what)
        self.prepare(now, index, grace)
        if (index, "pre_stop") not in self.timers:
            self.tell(now, index)

    def prepared(self, now: float, index: int) -> None:
        self.tell(now, index)

    def tell(self, now: float, index: int) -> None:
        """Send it its stop signal; SIGKILL follows at the end of the grace, and not before its window (S80)."""
        member = self.members[index]
        member.told = now
        due = now if member.due is None else member.due
        self.timers[index, "kill"] = max(due, now + self.plan.window)
        self.send(index, member, member.stop_signal, member.stop_signal)

    def kill(self, now: float, index: int, what: str = "kill") -> None:
        member = self.members[index]
        self.do(SAY, "grace over", index, member.grace)
        self.troubled = self.troubled or self.phase >= STOP
        member.sent = (*member.sent, SIGKILL)
        self.do(KILL, index, SIGKILL, True)

    # -- its end

    def exited(self, now: float, index: int, code: int, number: int, oom: bool = False) -> None:
        member = self.members[index]
        if not member.alive:
            return
        if member.care.pid_file is not None and not member.followed and code == number == 0:
            if "follow" not in member.busy:  # the launcher has done its work
                for what in ("launch", "kill"):
                    self.timers.pop((index, what), None)
                self.aside(index, "follow")
                self.timers[index, "follow"] = now + FOLLOW * self.plan.window
            return
        failed = "OOMKilled" if oom else "Error"  # S90, S93
        self.terminated(index, code, number, failed if code or number or oom else "Completed")
        if member.care.message is not None:
            self.aside(index, "message")
            self.timers[index, "message"] = now + self.plan.window
        self.over(now, index)

    def terminated(self, index: int, code: int, number: int, reason: str) -> None:
        member = self.members[index]
        member.state, member.reason = TERMINATED, reason
        member.last = (code, number, reason)
        self.quiet(index)

    def quiet(self, index: int) -> None:
        """Nothing goes on beside it any more."""
        member = self.members[index]
        for what in list(member.busy):
            self.drop(index, what)
        if self.timers:
            for what in (
                *PROBES,
                "post_start",
                "pre_stop",
                "launch",
                "kill",
                "restart",
                "follow",
                "message",
                "leftovers",
            ):
                self.timers.pop((index, what), None)
        member.probes = {}
        member.started = member.ready = False

    def launch_over(self, now: float, index: int, what: str) -> None:
        """It stays in the foreground."""
        self.do(SAY, "no daemon", index, LAUNCH * self.plan.window)
        self.end(now, index, what, self.grace_of(self.members[index]))

    def followed(self, now: float, index: int, what: str, verdict: int, text: str) -> None:
        """Its daemon has been found, and stands for the process from now on; or has not."""
        member = self.members[index]
        if verdict != YES:
            self.failed(now, index, 1, text)
            return
        member.followed = True
        member.told = None
        self.running(now, index)
        if member.ending is not None:
            self.prepared(now, index)

    def failed(self, now: float, index: int, code: int, text: str) -> None:
        raise NotImplementedError

    def over(self, now: float, index: int) -> None:
        raise NotImplementedError

    # -- and again

    def again(self, now: float, index: int, ran: float) -> None:
        """Start it once more when its back-off is over, counted from its end (S60), and its leftovers are gone."""
        member = self.members[index]
        member.level = restart.level_after(member.care, member.level, ran)
        wait = restart.delay(member.care, member.level)
        member.level += 1
        member.again = True
        if wait:
            member.state = WAITING  # S65, S70
            member.reason = "PostStartHookError" if member.ending == "post_start" else "CrashLoopBackOff"
        self.timers[index, "restart"] = now + wait
        self.clear(now, index)

    def clear(self, now: float, index: int) -> None:
        """End what it left behind, unless the file keeps it (S86)."""
        if not self.members[index].care.leftovers:
            self.aside(index, "leftovers")
            self.timers[index, "leftovers"] = now + 2 * self.plan.window

    def cleared(self, now: float, index: int, what: str, verdict: int, text: str) -> None:
        if self.members[index].again and (index, "restart") not in self.timers:
            self.restart_due(now, index)

    def restart_due(self, now: float, index: int, what: str = "restart") -> None:
        member = self.members[index]
        if "leftovers" not in member.busy and "message" not in member.busy:
            member.restarts += 1
            self.spawn(now, index)

    def messaged(self, now: float, index: int, what: str, verdict: int, text: str) -> None:
        if text:
            self.do(SAY, "message", index, text)
        self.cleared(now, index, what, verdict, text)
