"""One process's life, again and again: its start, its stop, its end, its restarts. Knows nothing of order.

Theory. An instance is STARTING until its exec is confirmed (or its daemon found), then RUNNING until it ends. Where
pidone ends it, `ending` says why: its pre_stop, its stop signal, and SIGKILL when the grace is over. What is to be
started again waits for its back-off, counted from its end, and until what it left behind is gone.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pidone.group.member import Member
    from pidone.init.plan import Plan

from pidone.group import restart
from pidone.group.member import COMMANDED, RENEWED, STARTING, TERMINATED, WAITING
from pidone.group.watch import PROBES, Watch
from pidone.init.events import KILL, SAY, SIGKILL, SPAWN, YES
from pidone.init.machine import STOP
from pidone.init.plan import CANNOT

#: In windows of 2 s: what a launcher has to end, and then its daemon to show up in its pid file.
LAUNCH, FOLLOW = 30, 5

#: In the same: what the look-up of a process's user has; and its successor to show up in its pid file.
LOOK_UP, SUCCESSOR = 2.5, 1

#: Why a process waits that is started again with another one.
TIED = "WaitsForRestart"


def tied(members: "list[Member]") -> "dict[int, list[int]]":
    """{member: those that are restarted with it}"""
    found: "dict[int, list[int]]" = {}
    for index, member in enumerate(members):
        for partner in member.care.restart_with:
            found.setdefault(partner, []).append(index)
    return found


class Life(Watch):
    """tied: as that function has it. held: (member, signal) that wait until there is somebody to send them to.

    What it leaves to the group: `failed` and `over`, what follows where it could not start, and where it ended."""

    __slots__ = ("held", "tied")

    def __init__(self, plan: "Plan", terminal: bool) -> None:
        Watch.__init__(self, plan, terminal)
        self.held: "list[tuple[int, int]]" = []
        self.tied = tied(self.members)

    # -- its start

    def spawn(self, now: float, index: int) -> None:
        """Fork it, and send it what was held: until its exec the kernel keeps that for it, and hands it over (E2)."""
        member = self.members[index]
        member.begin(now)
        member.state, member.reason = STARTING, ""
        self.do(SPAWN, index)
        declared = self.plan.processes[index]
        if declared.who is not None or declared.files:
            self.timers[index, "look up"] = now + LOOK_UP * self.plan.window
        if member.care.daemonizes:
            self.timers[index, "launch"] = now + LAUNCH * self.plan.window
        self.send_held(index)

    def send_held(self, index: int) -> None:
        """What has come for it while there was nobody to send it to."""
        if self.held:
            held, self.held = self.held, [h for h in self.held if h[0] != index]
            for target, number in held:
                if target == index:
                    self.send(index, self.members[index], number, self.members[index].stop_signal)

    def resolved(self, now: float, index: int) -> None:
        """Its forked child knows its user."""
        self.timers.pop((index, "look up"), None)

    def look_up_over(self, now: float, index: int, what: str) -> None:
        """A resolver that hangs is killed; it fails when its end has come."""
        member = self.members[index]
        member.unknown = True
        member.sent = (*member.sent, SIGKILL)
        self.do(KILL, index, SIGKILL, True)

    def execed(self, now: float, index: int) -> None:
        member = self.members[index]
        self.timers.pop((index, "look up"), None)
        if member.unknown:
            return  # it is being killed
        if member.state == STARTING and not member.care.daemonizes:
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
        if not member.alive or "follow" in member.busy:
            return
        if member.unknown:
            seconds = LOOK_UP * self.plan.window
            text = "its user, env_file or files could not be looked up in %g s: what is asked for them hangs" % seconds
            self.failed(now, index, CANNOT, text)
            return
        if member.care.daemonizes and not member.followed and code == number == 0:
            for what in ("launch", "kill"):  # the launcher has done its work
                self.timers.pop((index, what), None)
            self.look_for(now, index, FOLLOW)
            return
        if member.care.pid_file is not None and member.started and member.ending != RENEWED:
            member.ended_as = code, number, oom  # a master may have replaced itself (E62)
            self.timers.pop((index, "kill"), None)
            self.look_for(now, index, SUCCESSOR)
            return
        self.over_as(now, index, code, number, oom)

    def look_for(self, now: float, index: int, windows: float) -> None:
        """Whoever its pid_file names."""
        self.aside(index, "follow")
        self.timers[index, "follow"] = now + windows * self.plan.window

    def over_as(self, now: float, index: int, code: int, number: int, oom: bool) -> None:
        member = self.members[index]
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
        for what in member.busy:
            self.drop(index, what)
        if self.timers:
            for what in (
                *PROBES,
                "post_start",
                "pre_stop",
                "launch",
                "look up",
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
        """Its daemon, or its successor, has been found and stands for the process from now on; or has not."""
        member = self.members[index]
        ended_as, member.ended_as = member.ended_as, None
        if verdict != YES:
            if ended_as is None:
                self.failed(now, index, 1, text)
            else:
                self.over_as(now, index, *ended_as)
            return
        member.followed = True
        member.told = None
        if ended_as is None:
            self.running(now, index)
        else:
            self.do(SAY, "successor", index, *ended_as)
        self.send_held(index)
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
        self.take_along(now, index)
        self.clear(now, index)

    def take_along(self, now: float, index: int) -> None:
        """It has ended and will be started again: so will be whoever is declared to be restarted with it."""
        for other in self.tied.get(index, ()):
            member = self.members[other]
            if member.alive and member.ending is None:
                self.do(SAY, "restart with", other, index)
                member.again_wanted = True
                self.end(now, other, COMMANDED, self.grace_of(member))

    def waits_for_partner(self, index: int) -> bool:
        """For one that is to start again; not for one that has ended for good, or is kept down by a command."""
        partners = [self.members[other] for other in self.members[index].care.restart_with]
        return any(not partner.started and (partner.alive or partner.again) for partner in partners)

    def partner_started(self, now: float, index: int) -> None:
        """It has started, or will not: whoever waits for it looks again."""
        for other in self.tied.get(index, ()):
            member = self.members[other]
            if member.again and not member.alive and (other, "restart") not in self.timers:
                self.restart_due(now, other)

    def clear(self, now: float, index: int) -> None:
        """End what it left behind, unless the file keeps it (S86)."""
        if not self.members[index].care.leftovers:
            self.aside(index, "leftovers")
            self.timers[index, "leftovers"] = now + 2 * self.plan.window

    def cleared(self, now: float, index: int, what: str, verdict: int, text: str) -> None:
        member = self.members[index]
        if member.again and not member.alive and (index, "restart") not in self.timers:
            self.restart_due(now, index)

    def restart_due(self, now: float, index: int, what: str = "restart") -> None:
        member = self.members[index]
        if "leftovers" in member.busy or "message" in member.busy:
            return
        if self.waits_for_partner(index):
            member.state, member.reason = WAITING, TIED  # until it has started (`partner_started`)
            return
        member.restarts += 1
        self.spawn(now, index)

    def messaged(self, now: float, index: int, what: str, verdict: int, text: str) -> None:
        if text:
            self.do(SAY, "message", index, text)
        self.cleared(now, index, what, verdict, text)
