"""Hears what processes say of themselves: by sd_notify, through the listener, or by a newline on a descriptor."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pidone.supervisor.loop import GroupLoop

from pidone.init.events import DEAD, GROUP, LISTENING, NOTIFIED, READY, UNREADY
from pidone.init.loop import say
from pidone.init.spawn import answer_pipe

#: Bytes of what the listener says at a time: which socket, what, and two pids of the sender (helpers/notify.py).
RECORD = 16

#: Bytes that are read of a line at once: sixteen notes.
READ_SIZE = 16 * RECORD

#: A process that has written so much to its descriptor without a newline is not going to.
MAX_LINE = 1 << 16


class Notifications:
    """lines: descriptor -> whose it is; -1 for the listener. unheard: bytes that came of each without a newline.

    sockets: names of the listener's; members: whom it means by the first, second ... of them. strangers: members in
    whose name another process has spoken. early: what came for those of which the daemon is not known yet.
    """

    __slots__ = ("early", "kernel", "fds", "members", "sockets", "foreign_senders", "without_newline")

    def __init__(self, kernel: "Any") -> None:
        self.kernel = kernel
        self.fds: "dict[int, int]" = {}
        self.without_newline: "dict[int, int]" = {}
        self.sockets: "list[bytes]" = []
        self.members: "list[int]" = []
        self.foreign_senders: "set[int]" = set()
        self.early: "dict[int, list[bytes]]" = {}

    def know_members(self, loop: "GroupLoop") -> None:
        """A socket is named after its process: whoever has that name now is meant, and nobody where none has."""
        named = {name: loop.group.members[place].id for place, name in loop.plan.notify}
        self.members = [named.get(name, GROUP) for name in self.sockets]

    def listen(self, fd: int) -> None:
        self.fds[fd] = GROUP

    def fd_for(self, member: int) -> int:
        """A process's own descriptor, where it writes a newline when it is ready (s6). Raises OSError."""
        reading, given = answer_pipe(True, self.kernel)
        self.fds[reading] = member
        self.without_newline[reading] = 0
        return given

    def forget(self, member: int) -> None:
        """Its instance, or all of it, has gone."""
        for fd in [fd for fd, whose in self.fds.items() if whose == member]:
            self.close(fd)
        self.early.pop(member, None)

    def close(self, fd: int) -> None:
        del self.fds[fd]
        self.without_newline.pop(fd, None)
        self.kernel.close(fd)

    def read(self, loop: "GroupLoop") -> bool:
        """One read of each: who writes for ever must not keep us from signals, the dead and the time. True for more."""
        more = False
        for fd, member in list(self.fds.items()):
            if self.fds.get(fd) != member:
                continue  # an event has closed it, and may have given its number to another's
            try:
                data = self.kernel.read(fd, READ_SIZE)
            except BlockingIOError:
                continue
            more = more or len(data) == READ_SIZE
            if member == GROUP:
                self.take(loop, data)
                if not data:
                    self.close(fd)
                continue
            self.without_newline[fd] += len(data)
            if not data or b"\n" in data or self.without_newline[fd] > MAX_LINE:
                self.close(fd)
            if b"\n" in data:
                loop.add_event("notified", member, READY)
                loop.feed((NOTIFIED, member, READY))
        return more

    def take(self, loop: "GroupLoop", data: bytes) -> None:
        """What the listener passes on is the member's own word only if a process of the member has said it."""
        for start in range(0, len(data) - RECORD + 1, RECORD):
            place, what, top, session = [
                int.from_bytes(data[i : i + 4], "big") for i in range(start, start + RECORD, 4)
            ]
            member = self.members[place] if place < len(self.members) else GROUP
            if what == LISTENING:
                loop.feed((NOTIFIED, GROUP, LISTENING))
            elif loop.pids.get(member) in (top, session):
                if what in (READY, UNREADY, DEAD):
                    loop.add_event("notified", member, what)
                loop.feed((NOTIFIED, member, what))
            elif member in self.early:
                self.early[member] = [*self.early[member], data[start : start + RECORD]][-16:]
            elif (
                member in loop.pids and member not in self.foreign_senders
            ):  # or it is the last word of one that has ended
                self.foreign_senders.add(member)
                say(loop, "foreign sender", member, top)

    def found(self, loop: "GroupLoop", member: int, good: bool) -> None:
        """A daemon is known now: what it has said before counts."""
        early = b"".join(self.early.pop(member, []))
        if good:
            self.take(loop, early)
