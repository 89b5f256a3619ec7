"""Who may start, and who may be told to end: the gates of a group, and their reverse.

By default a member waits for all that stand before it, and a frontier that moves along the list says who may start. A
member with `after`, and the replicas of one, wait for just those that they name: the checker has made that list whole
(what they wait for in turn stands in it, too), so that nobody who is needed is told first when one in between is gone.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pidone.group.process import Process

from pidone.group.states import WAITING
from pidone.init.plan import INIT, SIDECAR


class Order:
    """frontier: so many members, from the list's head, have passed. line: who waits for it. apart: who does not."""

    __slots__ = ("members", "frontier", "line", "head", "apart")

    def __init__(self, members: "list[Process]") -> None:
        self.members = members
        self.frontier = 0
        self.line = [index for index, member in enumerate(members) if not member.policy.after and member.policy.gate]
        self.apart = [index for index, member in enumerate(members) if member.policy.after or not member.policy.gate]
        self.head = 0

    @property
    def complete(self) -> bool:
        return self.frontier == len(self.members)

    def passed(self, index: int) -> None:
        while self.frontier < len(self.members) and self.members[self.frontier].passed:
            self.frontier += 1

    def resume(self) -> None:
        """Of members that have lived before: who has been started is not given out again."""
        waiting = [m.state == WAITING and not m.again and not m.passed for m in self.members]
        self.line = [index for index in self.line if waiting[index]]
        self.apart = [index for index in self.apart if waiting[index]]
        self.passed(0)

    def ready(self) -> "list[int]":
        """Members that may start now, in order; each is given out once."""
        found = []
        if self.apart:
            found = [index for index in self.apart if self._open(index)]
            self.apart = [index for index in self.apart if index not in found]
        while self.head < len(self.line) and self._open(self.line[self.head]):
            found.append(self.line[self.head])
            self.head += 1
        return sorted(found)

    def _open(self, index: int) -> bool:
        policy = self.members[index].policy
        return policy.gate <= self.frontier and all(self.members[other].passed for other in policy.after)

    def free(self, alive: "list[int]") -> "list[int]":
        """Of those alive, last to first, whom nobody alive has waited for; what is no sidecar is free at once (S12)."""
        waiters = [self.members[index].policy for index in alive if self.members[index].role != INIT]
        top = max([policy.gate for policy in waiters], default=0)
        needed = {other for policy in waiters if policy.after for other in policy.after}
        return [
            index
            for index in reversed(alive)
            if self.members[index].role != SIDECAR or (index >= top and index not in needed)
        ]
