"""What PID 1 has to do with its processes' output: it makes the pipes, and keeps the ends that must not be lost.

Theory. A process whose `log` says so gets one pipe for stdout and stderr (one, so that their order is kept). A pump, a
child that PID 1 forks and may lose (aside/pump.py), reads all of them; PID 1 holds both ends open, so that a pump that
dies is replaced and what stands in the pipes is not lost, and closes its writing ends when all processes are gone: then
the pump has read everything when it finds the end. PID 1 itself never touches a byte.

The last bytes of each are in memory that is shared with the pump, for the report and for `pidonectl logs`.
"""

import posix
from mmap import mmap

#: Bytes of each process's tail: how many have come so far, and the last of them, in a ring.
HEAD, TAIL = 8, 16384


class Output:
    """pipes: {member: (reading end, writing end)} of those whose output is carried. tails: the shared memory."""

    __slots__ = ("pipes", "tails")

    def __init__(self, members: "list[int]") -> None:
        self.pipes: "dict[int, tuple[int, int]]" = {}
        self.tails = mmap(-1, max(1, len(members)) * (HEAD + TAIL))
        for member in members:
            self.pipes[member] = posix.pipe2(posix.O_CLOEXEC)

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


def tail(tails: "mmap", place: int) -> "tuple[int, bytes]":
    """(how many bytes have come so far, the last of them) of the place-th process."""
    start = place * (HEAD + TAIL)
    count = int.from_bytes(tails[start : start + HEAD], "little")
    data = tails[start + HEAD : start + HEAD + TAIL]
    if count <= TAIL:
        return count, data[:count]
    return count, data[count % TAIL :] + data[: count % TAIL]


def keep(tails: "mmap", place: int, count: int, data: bytes) -> int:
    """Add data to a tail that has had `count` bytes; returns how many it has had then."""
    start = place * (HEAD + TAIL)
    last = data[-TAIL:]
    count += len(data)
    at = (count - len(last)) % TAIL
    first = last[: TAIL - at]
    tails[start + HEAD + at : start + HEAD + at + len(first)] = first
    rest = last[len(first) :]
    tails[start + HEAD : start + HEAD + len(rest)] = rest
    tails[start : start + HEAD] = count.to_bytes(HEAD, "little")
    return count
