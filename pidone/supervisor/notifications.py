"""Hears what processes say of themselves: by sd_notify, through the listener, or by a newline on a descriptor."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pidone.supervisor.loop import GroupLoop

from pidone.init.events import DEAD, GROUP, LISTENING, NOTED, READY, UNREADY
from pidone.init.loop import say
from pidone.init.spawn import answer_pipe

#: Bytes of what the listener says at a time: which socket, what, and two pids of the sender (helpers/notify.py).
NOTE = 16

#: Bytes that are read of a line at once: sixteen notes.
AT_ONCE = 16 * NOTE

#: A process that has written so much to its descriptor without a newline is not going to.
MOST = 1 << 16


class Notifications:
    """lines: descriptor -> whose it is; -1 for the listener. unheard: bytes that came of each without a newline.

    sockets: names of the listener's; members: whom it means by the first, second ... of them. strangers: members in
    whose name another process has spoken. early: what came for those of which the daemon is not known yet.
    """

    __slots__ = ("early", "kernel", "lines", "members", "sockets", "strangers", "unheard")

    def __init__(self, kernel: "Any") -> None:
        self.kernel = kernel
        self.lines: "dict[int, int]" = {}
        self.unheard: "dict[int, int]" = {}
        self.sockets: "list[bytes]" = []
        self.members: "list[int]" = []
        self.strangers: "set[int]" = set()
        self.early: "dict[int, list[bytes]]" = {}

    def know_members(self, loop: "GroupLoop") -> None:
        """A socket is named after its process: whoever has that name now is meant, and nobody where none has."""
        named = {name: loop.group.members[place].id for place, name in loop.plan.notify}
        self.members = [named.get(name, GROUP) for name in self.sockets]

    def listen(self, fd: int) -> None:
        self.lines[fd] = GROUP

    def line_for(self, member: int) -> int:
        """A process's own descriptor, where it writes a newline when it is ready (s6). Raises OSError."""
        reading, given = answer_pipe(True, self.kernel)
        self.lines[reading] = member
        self.unheard[reading] = 0
        return given

    def forget(self, member: int) -> None:
        """Its instance, or all of it, has gone."""
        for fd in [fd for fd, whose in self.lines.items() if whose == member]:
            self.close(fd)
        self.early.pop(member, None)

    def close(self, fd: int) -> None:
        del self.lines[fd]
        self.unheard.pop(fd, None)
        self.kernel.close(fd)

    def hear(self, loop: "GroupLoop") -> bool:
        """One read of each: who writes for ever must not keep us from signals, the dead and the time. True for more."""
        more = False
        for fd, member in list(self.lines.items()):
            if self.lines.get(fd) != member:
                continue  # an event has closed it, and may have given its number to another's
            try:
                data = self.kernel.read(fd, AT_ONCE)
            except BlockingIOError:
                continue
            more = more or len(data) == AT_ONCE
            if member == GROUP:
                self.take(loop, data)
                if not data:
                    self.close(fd)
                continue
            self.unheard[fd] += len(data)
            if not data or b"\n" in data or self.unheard[fd] > MOST:
                self.close(fd)
            if b"\n" in data:
                loop.note("noted", member, READY)
                loop.feed((NOTED, member, READY))
        return more

    def take(self, loop: "GroupLoop", data: bytes) -> None:
        """What the listener passes on is the member's own word only if a process of the member has said it."""
        for start in range(0, len(data) - NOTE + 1, NOTE):
            place, what, top, session = [int.from_bytes(data[i : i + 4], "big") for i in range(start, start + NOTE, 4)]
            member = self.members[place] if place < len(self.members) else GROUP
            if what == LISTENING:
                loop.feed((NOTED, GROUP, LISTENING))
            elif loop.pids.get(member) in (top, session):
                if what in (READY, UNREADY, DEAD):
                    loop.note("noted", member, what)
                loop.feed((NOTED, member, what))
            elif member in self.early:
                self.early[member] = [*self.early[member], data[start : start + NOTE]][-16:]
            elif member in loop.pids and member not in self.strangers:  # or it is the last word of one that has ended
                self.strangers.add(member)
                say(loop, "stranger", member, top)

    def found(self, loop: "GroupLoop", member: int, good: bool) -> None:
        """A daemon is known now: what it has said before counts."""
        early = b"".join(self.early.pop(member, []))
        if good:
            self.take(loop, early)
