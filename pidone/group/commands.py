"""What people command of one process: stop it, start it, start it again, send it a signal.

Theory. A command is a wish of somebody who looks at the group, so it overrides policy and back-off, and never order: a
stop has begun for all or has not, and then nothing starts. A sidecar that was stopped is `parked`: it stays down,
whatever its policy, until it is started again. A primary cannot be stopped alone, its end is the group's; it can be
started again, and then its end is not. An init step that has done its work has nothing to be commanded.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pidone.init.plan import Plan

from pidone.control.protocol import RESTART_ONE, SIGNAL_ONE, START_ONE, STOP_ALL, STOP_ONE
from pidone.group.member import COMMANDED, TERMINATED
from pidone.group.stop import Stop
from pidone.init.machine import STOP
from pidone.init.plan import INIT, SIDECAR


class Steer(Stop):
    """renewing: all are being killed, to begin anew (S67)."""

    __slots__ = ("renewing",)

    def __init__(self, plan: "Plan", terminal: bool) -> None:
        Stop.__init__(self, plan, terminal)
        self.renewing = False

    def commanded(self, now: float, verb: int, index: int, number: int) -> None:
        """What makes no sense in this state has no effect: who commands has looked at a state that may be over."""
        if verb == STOP_ALL and self.phase < STOP:
            self.stop_by_command(now)
        if self.phase >= STOP or self.renewing or verb == STOP_ALL:
            return
        member = self.members[index]
        if verb == SIGNAL_ONE:
            if member.alive:
                self.pass_on(index, number)
        elif verb == STOP_ONE and member.role == SIDECAR and (member.alive or member.down):
            self.park(now, index)
        elif verb == START_ONE or (verb == RESTART_ONE and not member.alive):
            self.unpark(now, index)
        elif verb == RESTART_ONE and member.role != INIT:
            member.parked = False
            member.again_wanted = True
            self.end(now, index, COMMANDED, self.grace_of(member))

    def pass_on(self, index: int, number: int) -> None:
        raise NotImplementedError

    def stop_by_command(self, now: float) -> None:
        raise NotImplementedError

    def park(self, now: float, index: int) -> None:
        member = self.members[index]
        member.parked = True
        member.again_wanted = False
        if member.alive:
            self.end(now, index, COMMANDED, self.grace_of(member))
        else:
            self.drop(index, "restart")
            member.again = False
            member.state, member.reason = TERMINATED, member.last[2] if member.last else ""
            self.partner_started(now, index)

    def unpark(self, now: float, index: int) -> None:
        """Start it at once, where it has been started before and does not run; its back-off begins anew."""
        member = self.members[index]
        if member.alive and member.parked:  # it is still being ended
            member.parked, member.again_wanted = False, True
        elif member.down and not (member.role == INIT and member.passed):
            member.parked = False
            self.at_once(now, index)

    def at_once(self, now: float, index: int) -> None:
        member = self.members[index]
        member.level = 0
        member.again = True
        self.timers[index, "restart"] = now
        self.take_along(now, index)

    def over_by_command(self, now: float, index: int) -> bool:
        """It has ended. True if a command decides what follows."""
        member = self.members[index]
        if member.parked:
            self.clear(now, index)
            self.partner_started(now, index)
            return True
        if member.again_wanted:
            self.at_once(now, index)
            self.clear(now, index)
            return True
        return False
