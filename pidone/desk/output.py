"""What PID 1 has to do with its processes' output: it makes the pipes, and keeps the ends that must not be lost.

Theory. A process whose `log` says so gets one pipe for stdout and stderr (one, so that their order is kept). A pump, a
child that PID 1 forks and may lose (aside/pump.py), reads all of them; PID 1 holds both ends open, so that a pump that
dies is replaced and what stands in the pipes is not lost, and closes its writing ends when all processes are gone: then
the pump has read everything when it finds the end. PID 1 itself never touches a byte.

The last bytes of each are in memory that is shared with the pump, for the report and for `pidonectl logs`.
"""

import posix
from mmap import mmap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Bytes of each process's tail: how many have come so far, and the last of them, in a ring.
HEAD, TAIL = 8, 16384


class Output:
    """pipes: {member: (reading end, writing end)} of those whose output is carried. tails: the shared memory.

    named: (name, LogSpec) by reading end. retired: (place, reading end, name, LogSpec) of those that another plan has
    no more; a pump reads them to their end. given: a pump has been forked for just these.
    """

    __slots__ = ("pipes", "tails", "named", "retired", "given")

    def __init__(
        self,
        members: "dict[int, tuple[str, Any]]",
        before: "Output | None" = None,
        kept: "dict[int, int] | None" = None,
    ) -> None:
        """members: {member: (name, LogSpec)}. before, kept: what another plan takes over, {its member: that of before}.

        Raises OSError.
        """
        self.pipes: "dict[int, tuple[int, int]]" = {}
        self.given = False
        self.retired: "list[tuple[int, int, str, Any]]" = []
        new = {member: posix.pipe2(posix.O_CLOEXEC) for member in members if member not in (kept or {})}
        many = len(members) + (len(before.pipes) + len(before.retired) if before is not None else 0)
        self.tails = mmap(-1, max(1, many) * (HEAD + TAIL))
        for member in members:
            if before is None or member in new:
                self.pipes[member] = new[member]
            else:
                self.pipes[member] = before.pipes[(kept or {})[member]]
        self.named = {self.pipes[member][0]: named for member, named in members.items()}
        if before is not None:
            self.take_over(before, kept or {})

    def take_over(self, before: "Output", kept: "dict[int, int]") -> None:
        """The tails of those that are kept; the others' pipes are closed once they are over."""
        places = {member: place for place, member in enumerate(before.pipes)}
        for place, member in enumerate(self.pipes):
            if member in kept:
                start, old = place * (HEAD + TAIL), places[kept[member]] * (HEAD + TAIL)
                self.tails[start : start + HEAD + TAIL] = before.tails[old : old + HEAD + TAIL]
        gone = [(fd, name, log) for _, fd, name, log in before.retired]
        for member, (reading, writing) in before.pipes.items():
            if member not in kept.values():
                posix.close(writing)
                gone.append((reading, *before.named[reading]))
        for fd, name, log in gone:
            if is_over(fd):
                posix.close(fd)
            else:
                self.retired.append((len(self.pipes) + len(self.retired), fd, name, log))

    def renumber(self, numbers: "dict[int, int]") -> None:
        self.pipes = {numbers[member]: ends for member, ends in self.pipes.items()}

    def writing(self, member: int) -> "int | None":
        return self.pipes[member][1] if member in self.pipes else None

    def streams(self) -> "list[tuple[int, int]]":
        """(member, reading end), in the order of their tails."""
        return [(member, ends[0]) for member, ends in self.pipes.items()]

    def close_writing(self) -> None:
        """No process of ours is left: once what they have left behind is gone, too, the pipes have an end."""
        for member, (reading, writing) in self.pipes.items():
            if writing >= 0:
                posix.close(writing)
                self.pipes[member] = reading, -1


def is_over(fd: int) -> bool:
    """Has a pipe been read to its end, and has nobody who could write?"""
    import select

    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return any(events & select.POLLHUP and not events & select.POLLIN for _, events in poll.poll(0))


def tail(tails: "mmap", place: int) -> "tuple[int, bytes]":
    """(how many bytes have come so far, the last of them) of the place-th process."""
    start = place * (HEAD + TAIL)
    count = int.from_bytes(tails[start : start + HEAD], "little")
    data = tails[start + HEAD : start + HEAD + TAIL]
    if count <= TAIL:
        return count, data[:count]
    return count, data[count % TAIL :] + data[: count % TAIL]


def keep(tails: "mmap", place: int, count: int, data: bytes) -> None:
    """Put the last bytes of a process that has written `count` into its tail."""
    start = place * (HEAD + TAIL)
    last = data[-TAIL:]
    at = (count - len(last)) % TAIL
    first = last[: TAIL - at]
    tails[start + HEAD + at : start + HEAD + at + len(first)] = first
    rest = last[len(first) :]
    tails[start + HEAD : start + HEAD + len(rest)] = rest
    tails[start : start + HEAD] = count.to_bytes(HEAD, "little")
