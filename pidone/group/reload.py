"""The file has been read again: what has changed is ended and started anew, and nothing else notices.

Theory. Processes are matched by name; one that is declared as before, but for its place, is kept. The others are
doomed: they are ended as in a stop, a sidecar when all doomed ones that had waited for it are gone, and what they have
left behind with them. Then the new plan takes over in one moment: the kept have new numbers, and whoever is new or
changed starts in its turn, an init step included. A stop that begins meanwhile calls it off.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pidone.init.plan import Plan, Process

from pidone.group.commands import Steer
from pidone.group.life import tied
from pidone.group.member import COMMANDED, Member
from pidone.group.order import Order
from pidone.group.policy import Care
from pidone.group.stop import ALL_OF_IT
from pidone.init.events import ASIDE, DROP, NOTE, RENUMBER
from pidone.init.machine import RUN, START, STOP
from pidone.init.plan import Process as Declared

#: Seconds from the end of the listener of sd_notify, or the pump, until another one is forked.
LISTEN_AGAIN = 0.1


class Reload(Steer):
    """coming: the plan that is to take over. kept: {its index of one: the index of now}. doomed: indices of now.

    holding: nobody is started until there is a listener of sd_notify again.
    """

    __slots__ = ("coming", "kept", "doomed", "holding")

    def __init__(self, plan: "Plan", terminal: bool) -> None:
        Steer.__init__(self, plan, terminal)
        self.coming: "Plan | None" = None
        self.kept: "dict[int, int]" = {}
        self.doomed: "list[int]" = []
        self.holding = False

    def reload(self, now: float, plan: "Plan") -> None:
        if self.phase >= STOP or self.renewing or self.coming is not None:
            self.do(NOTE, ALL_OF_IT, "not reloaded")
            return
        before = {process.name: index for index, process in enumerate(self.plan.processes)}
        self.coming = plan
        self.kept = {
            new: before[process.name]
            for new, process in enumerate(plan.processes)
            if process.name in before and same(self.plan.processes[before[process.name]], process)
        }
        self.doom_partners(plan)
        kept = set(self.kept.values())
        self.doomed = [index for index in range(len(self.members)) if index not in kept]
        for index in self.doomed:
            self.drop(index, "restart")
            self.members[index].again = False
        self.doom(now)

    def doom_partners(self, plan: "Plan") -> None:
        """Who is restarted with one that is not kept is not kept either. Partners stand before it in the new file."""
        for new, process in enumerate(plan.processes):
            if any(partner not in self.kept for partner in Member(new, process).care.restart_with):
                self.kept.pop(new, None)

    def call_off(self) -> None:
        if self.coming is not None:
            self.coming, self.doomed = None, []
            self.timers.pop((ALL_OF_IT, "take over"), None)
            self.do(NOTE, ALL_OF_IT, "not reloaded")

    def doom(self, now: float) -> None:
        """End those whose turn it is; when all are gone, and what they have left behind, the new plan takes over."""
        alive = [index for index in self.doomed if self.members[index].alive]
        for index in self.order.free(alive):
            self.end(now, index, COMMANDED, self.grace_of(self.members[index]))
        if not alive and not any(self.members[index].busy for index in self.doomed):
            self.timers[ALL_OF_IT, "take over"] = now  # as an event of its own: the one of now has the old numbers

    def take_over(self, now: float) -> None:
        plan, old, before = self.coming, self.members, self.plan
        if plan is None or any(old[index].alive or old[index].busy for index in self.doomed):
            return
        numbers = {index: new for new, index in self.kept.items()}
        self.members = []
        for new, process in enumerate(plan.processes):
            member = Member(new, process)
            if new in self.kept:
                old[self.kept[new]].care = member.care  # its gate may be another one
                member = old[self.kept[new]]
            self.members.append(member)
        self.timers = {(numbers.get(i, i), what): t for (i, what), t in self.timers.items() if i < 0 or i in numbers}
        self.held = [(numbers[index], number) for index, number in self.held if index in numbers]
        self.plan, self.primary = plan, len(plan.processes) - 1
        self.tied = tied(self.members)
        self.coming, self.doomed = None, []
        self.do(RENUMBER, numbers)
        if not {name for _, name in plan.notify} <= {name for _, name in before.notify}:
            self.listen_anew(now, bool(before.notify))
        self.order = Order(self.members)
        self.order.resume()
        self.phase = RUN if self.order.complete else START
        self.timers.pop((ALL_OF_IT, "start timeout"), None)
        if plan.bounds[0] is not None and self.phase == START:
            self.timers[ALL_OF_IT, "start timeout"] = now + plan.bounds[0]
        for index, member in enumerate(self.members):
            if member.again and not member.alive and (index, "restart") not in self.timers:
                self.timers[index, "restart"] = now  # whom it waited for may be gone, or be no partner of it any more
        self.do(NOTE, ALL_OF_IT, "reloaded")
        self.advance(now)

    def listen_anew(self, now: float, listened: bool) -> None:
        """Another listener, for there are other sockets; until it is there nobody is late with a word, or started."""
        if listened:
            self.do(DROP, ALL_OF_IT, "notify")
        self.timers.pop((ALL_OF_IT, "notify"), None)
        self.deaf = self.holding = True
        self.do(ASIDE, ALL_OF_IT, "notify")

    def advance(self, now: float) -> None:
        raise NotImplementedError


def same(one: "Process", other: "Process") -> bool:
    """Is it declared as before, whatever stands before it?"""
    if any(
        getattr(one, slot) != getattr(other, slot)
        for slot in Declared.__slots__
        if slot not in ("care", "env", "user", "known", "since")
    ):
        return False
    if other.known and one.known and (one.env, one.user) != (other.env, other.user):
        return False  # its user, or what its env_file holds, is another one now
    mine, its = Member(0, one).care, Member(0, other).care
    places = ("gate", "after", "restart_with")  # numbers of others, which another plan gives out anew
    return all(getattr(mine, slot) == getattr(its, slot) for slot in Care.__slots__ if slot not in places)
