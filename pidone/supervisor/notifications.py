"""Reads notifications of processes: of sd_notify by the listener, or a newline on a descriptor."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pidone.supervisor.loop import GroupLoop

from pidone.init.events import DEAD, GROUP, LISTENING, NOTIFIED, READY, UNREADY
from pidone.init.loop import say
from pidone.init.spawn import answer_pipe

#: Bytes of a record of the listener: which socket, what, the sender's ancestor that is pidone's
#: child, and the sender's session (helpers/notify.py).
NOTIFICATION_SIZE = 16

#: Bytes read from a descriptor at once: sixteen records.
READ_SIZE = 16 * NOTIFICATION_SIZE

#: After so many bytes without a newline PID 1 closes a process's descriptor.
MAX_LINE = 1 << 16


class Notifications:
    """The descriptors on which notifications arrive, and who sends on them.

    fds: {descriptor: the member that it belongs to}; GROUP for the listener.
    without_newline: {descriptor: bytes that came on it without a newline}.
    sockets: the names of the listener's sockets.
    members: for each of these sockets, the member that it belongs to now; GROUP for none.
    foreign_senders: members in whose name a foreign process has sent.
    early: {member: what came before its daemon was known}; the latest sixteen records.
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
        """Find the member of each socket: the process whose name the socket has now, or none."""
        named = {name: loop.group.members[place].id for place, name in loop.plan.notify}
        self.members = [named.get(name, GROUP) for name in self.sockets]

    def listen(self, fd: int) -> None:
        self.fds[fd] = GROUP

    def fd_for(self, member: int) -> int:
        """Return a descriptor on which a process writes a newline when it is ready (s6).

        Raises OSError.
        """
        reading, given = answer_pipe(True, self.kernel)
        self.fds[reading] = member
        self.without_newline[reading] = 0
        return given

    def forget(self, member: int) -> None:
        """Forget a member whose instance has ended, or that was removed."""
        for fd in [fd for fd, whose in self.fds.items() if whose == member]:
            self.close(fd)
        self.early.pop(member, None)

    def close(self, fd: int) -> None:
        del self.fds[fd]
        self.without_newline.pop(fd, None)
        self.kernel.close(fd)

    def read(self, loop: "GroupLoop") -> bool:
        """Read each descriptor once. Return True if there is more.

        A process that writes for ever must not keep PID 1 from signals, ended children and
        deadlines.
        """
        more = False
        for fd, member in list(self.fds.items()):
            if self.fds.get(fd) != member:
                continue  # an event has closed it, and the number may belong to another member now
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
        """Take records of the listener. Each counts only if a process of the member has sent it."""
        for start in range(0, len(data) - NOTIFICATION_SIZE + 1, NOTIFICATION_SIZE):
            place, what, top, session = [
                int.from_bytes(data[i : i + 4], "big") for i in range(start, start + NOTIFICATION_SIZE, 4)
            ]
            member = self.members[place] if place < len(self.members) else GROUP
            if what == LISTENING:
                loop.feed((NOTIFIED, GROUP, LISTENING))
            elif loop.pids.get(member) in (top, session):
                if what in (READY, UNREADY, DEAD):
                    loop.add_event("notified", member, what)
                loop.feed((NOTIFIED, member, what))
            elif member in self.early:
                self.early[member] = [*self.early[member], data[start : start + NOTIFICATION_SIZE]][-16:]
            elif (
                member in loop.pids and member not in self.foreign_senders
            ):  # without a pid it has ended, and this was sent before
                self.foreign_senders.add(member)
                say(loop, "foreign sender", member, top)

    def found(self, loop: "GroupLoop", member: int, good: bool) -> None:
        """End the search for a daemon. good: it was found, so what it sent before counts."""
        early = b"".join(self.early.pop(member, []))
        if good:
            self.take(loop, early)
