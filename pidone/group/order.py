"""The order of a group: which members may start, and in reverse which may be signalled in a stop.

Theory. By default a member waits for all members before it. A frontier moves along the list and
says which members may start. A member with `after`, like each of its replicas, waits only for the
members that it names. The checker has completed that list: it also holds all that those members
wait for in turn. So a stop never signals a member that another still needs, even when one between
the two has ended.

S1 and so on: docs/reference/pod.md.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pidone.group.process import Process

from pidone.group.states import WAITING
from pidone.init.plan import INIT, SIDECAR


class Order:
    """The start order of a list of members.

    members: the processes in start order.
    frontier: how many members from the head of the list have passed, without a gap.
    line: places of the members that wait for the frontier alone.
    head: how many places of `line` `ready` has returned so far.
    unordered: places of the other members that `ready` has not returned yet.
    """

    __slots__ = ("members", "frontier", "line", "head", "unordered")

    def __init__(self, members: "list[Process]") -> None:
        self.members = members
        self.frontier = 0
        self.line = [index for index, member in enumerate(members) if not member.policy.after and member.policy.gate]
        self.unordered = [
            index for index, member in enumerate(members) if member.policy.after or not member.policy.gate
        ]
        self.head = 0

    @property
    def complete(self) -> bool:
        return self.frontier == len(self.members)

    def passed(self, index: int) -> None:
        while self.frontier < len(self.members) and self.members[self.frontier].passed:
            self.frontier += 1

    def resume(self) -> None:
        """Adopt members that have run before: `ready` does not return those already started."""
        waiting = [m.state == WAITING and not m.again and not m.passed for m in self.members]
        self.line = [index for index in self.line if waiting[index]]
        self.unordered = [index for index in self.unordered if waiting[index]]
        self.passed(0)

    def ready(self) -> "list[int]":
        """Return the places of members that may start now, in order; each is returned once."""
        found = []
        if self.unordered:
            found = [index for index in self.unordered if self._open(index)]
            self.unordered = [index for index in self.unordered if index not in found]
        while self.head < len(self.line) and self._open(self.line[self.head]):
            found.append(self.line[self.head])
            self.head += 1
        return sorted(found)

    def _open(self, index: int) -> bool:
        policy = self.members[index].policy
        return policy.gate <= self.frontier and all(self.members[other].passed for other in policy.after)

    def free(self, alive: "list[int]") -> "list[int]":
        """Return, last to first, those of `alive` that may be signalled in a stop.

        A sidecar may when no member alive has waited for it. All others may at once (S12), and a
        sidecar does not wait for an init step.
        """
        waiters = [self.members[index].policy for index in alive if self.members[index].role != INIT]
        top = max([policy.gate for policy in waiters], default=0)
        needed = {other for policy in waiters if policy.after for other in policy.after}
        return [
            index
            for index in reversed(alive)
            if self.members[index].role != SIDECAR or (index >= top and index not in needed)
        ]
