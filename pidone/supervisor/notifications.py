"""Hears what processes say of themselves: by sd_notify, through the listener, or by a newline on a descriptor."""

import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pidone.init.arguments import Arguments
    from pidone.init.inherited import Inherited
    from pidone.init.machine import Machine
    from pidone.init.terminal import Terminal

from pidone.init.events import DEAD, LISTENING, NOTED, READY, UNREADY
from pidone.init.loop import Loop

#: Bytes of what the listener says at a time: which socket, what, and two pids of the sender (helpers/notify.py).
NOTE = 16

#: Bytes that are read of a line at once: sixteen notes.
AT_ONCE = 16 * NOTE

#: A process that has written so much to its descriptor without a newline is not going to.
MOST = 1 << 16


class Hearing(Loop):
    """lines: descriptor -> member, of those that say themselves that they are ready; -1 for the listener's.

    unheard: bytes without a newline, of each line. strangers: members of whom others have spoken. early: notes of
    daemons that are not found yet, from the launch on: their launcher may have ended and be not yet reaped. tasks:
    (member, what goes on beside it) -> pid. ears: whom the listener means by its first, second ... socket.
    """

    __slots__ = ("lines", "unheard", "strangers", "early", "tasks", "ears")

    def __init__(
        self, machine: "Machine", inherited: "Inherited", terminal: "Terminal | None", wanted: "Arguments"
    ) -> None:
        Loop.__init__(self, machine, inherited, terminal, wanted)
        self.lines: "dict[int, int]" = {}
        self.unheard: "dict[int, int]" = {}
        self.strangers: "set[int]" = set()
        self.early: "dict[int, list[bytes]]" = {}
        self.tasks: "dict[tuple[int, str], int]" = {}
        self.ears: "list[int]" = []

    def hear(self) -> None:
        """One read of each: who writes for ever must not keep us from signals, the dead and the time."""
        Loop.hear(self)
        self.unread = False
        for fd, member in list(self.lines.items()):
            if self.lines.get(fd) != member:
                continue  # an event has closed it, and may have given its number to another's
            try:
                data = posix.read(fd, AT_ONCE)
            except BlockingIOError:
                continue
            self.unread = self.unread or len(data) == AT_ONCE
            if member < 0:
                self.take_notes(data)
                if not data:
                    self.close_line(fd)
                continue
            self.unheard[fd] += len(data)
            if not data or b"\n" in data or self.unheard[fd] > MOST:
                self.close_line(fd)
            if b"\n" in data:
                self.note("noted", member, READY)
                self.feed((NOTED, member, READY))

    def take_notes(self, data: bytes) -> None:
        """What the listener passes on is the member's own word only if a process of the member has said it."""
        for start in range(0, len(data) - NOTE + 1, NOTE):
            place, what, top, session = [int.from_bytes(data[i : i + 4], "big") for i in range(start, start + NOTE, 4)]
            member = self.ears[place] if place < len(self.ears) else -1
            if what == LISTENING:
                self.feed((NOTED, -1, LISTENING))
            elif member < 0:
                continue  # another plan has it no more
            elif self.pids.get(member) in (top, session):
                if what in (READY, UNREADY, DEAD):
                    self.note("noted", member, what)
                self.feed((NOTED, member, what))
            elif member in self.early:
                self.early[member] = [*self.early[member], data[start : start + NOTE]][-16:]
            elif member in self.pids and member not in self.strangers:  # or it is the last word of one that has ended
                self.strangers.add(member)
                self.say("stranger", member, top)

    def close_line(self, fd: int) -> None:
        del self.lines[fd]
        self.unheard.pop(fd, None)
        posix.close(fd)
