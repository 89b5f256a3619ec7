"""The output of processes: PID 1 makes the pipes, and keeps the ends that must not be lost.

Theory. A process with a `log` gets one pipe for stdout and stderr, which keeps their order, or one
for each where its `log` says so. A pump, a child that PID 1 forks and may lose (helpers/pump.py),
reads all of them. PID 1 holds both ends open, so that a pump that dies is replaced and the bytes in
the pipes are not lost. PID 1 closes its writing ends when all processes have ended: then the pump
has read everything when it reaches the end. PID 1 itself never touches a byte.

The last bytes of each stream are in memory that is shared with the pump, for the report and for
`pidonectl logs`. So are the times at which they came, the latest MARKS of them (layout.py), so that
the lines of several processes can be put into one order.

E1 and so on: docs/reference/edge-cases.md.
"""

import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mmap import mmap
    from typing import Any

    from pidone.group.group import Group
    from pidone.supervisor.loop import GroupLoop

    #: (member, OUT or ERR). OUT: stdout, and stderr as well if that has no pipe of its own.
    Stream = tuple[int, int]

from pidone import kernel as posix_kernel
from pidone.init.events import FAILURE, GROUP, HELPER_ENDED, SIGHUP
from pidone.init.loop import signal
from pidone.layout import ERR, OUT, PLACE

#: Events of poll(2).
POLLIN, POLLHUP = 1, 16


def streams_of(members: "dict[int, tuple[str, Any]]") -> "list[Stream]":
    return [
        (member, stream)
        for member, (_, log) in members.items()
        for stream in ((OUT, ERR) if log[0] != "file" and log[-1] else (OUT,))
    ]


class Output:
    """The pipes and tails of the streams that are carried.

    pipes: {stream: (reading end, writing end)}; a writing end is -1 once it is closed.
    tails: the shared memory.
    named: {reading end: (name, LogSpec, OUT or ERR)}.
    retired: reading ends of streams that the plan no longer has; a pump reads them to their end.
    given: whether a pump was forked for exactly these streams.
    earlier_tails: (the tails that an earlier pump still writes to, {reading end: its place
        there}), or None.
    """

    __slots__ = ("kernel", "pipes", "tails", "named", "retired", "given", "earlier_tails")

    def __init__(
        self, members: "dict[int, tuple[str, Any]]", before: "Output | None" = None, kernel: "Any" = posix_kernel
    ) -> None:
        """Make the pipes and the tails, or take them over.

        members: {member: (name, LogSpec)}.
        before: the output that another plan takes over, or None.
        Raises OSError, and leaves no new pipe then.
        """
        self.kernel = kernel
        self.given = False
        self.earlier_tails: "tuple[mmap, dict[int, int]] | None" = None
        self.retired: "list[int]" = []
        wanted = streams_of(members)
        former = before.pipes if before is not None else {}
        self.pipes: "dict[Stream, tuple[int, int]]" = {one: former[one] for one in wanted if one in former}
        many = len(wanted) + (len(before.pipes) + len(before.retired) if before is not None else 0)
        made: "dict[Stream, tuple[int, int]]" = {}
        try:
            self.tails = kernel.map_memory(max(1, many) * PLACE)
            for stream in wanted:
                if stream not in self.pipes:
                    made[stream] = make_pipe(kernel)
        except OSError:
            for ends in made.values():
                kernel.close(ends[0])
                kernel.close(ends[1])
            raise
        kept = set(self.pipes)
        self.pipes = {stream: made.get(stream) or self.pipes[stream] for stream in wanted}
        self.named = {self.pipes[stream][0]: (*members[stream[0]], stream[1]) for stream in wanted}
        if before is not None:
            self.take_over(before, kept)

    def take_over(self, before: "Output", kept: "set[Stream]") -> None:
        """Take over the tails of kept streams. Other pipes stay until they are over."""
        # If no pump was forked for `before`, an older one still writes to the tails before that.
        self.earlier_tails = before.earlier_tails or (
            before.tails,
            {fd: place for place, fd in enumerate(before.reading())},
        )
        gone = list(before.retired)
        for stream, (reading, writing) in before.pipes.items():
            if stream not in kept:
                if writing >= 0:
                    self.kernel.close(writing)
                gone.append(reading)
        for fd in gone:
            if is_over(self.kernel, fd):
                self.kernel.close(fd)
            else:
                self.retired.append(fd)
                self.named[fd] = before.named[fd]
        self.copy_tails()

    def copy_tails(self) -> None:
        """Copy the earlier pump's tails as they are now; again when that pump has handed over."""
        if self.earlier_tails is None:
            return
        tails, places = self.earlier_tails
        for place, fd in enumerate(self.reading()):
            if fd in places:
                there = places[fd] * PLACE
                self.tails[place * PLACE : (place + 1) * PLACE] = tails[there : there + PLACE]

    def carries(self, members: "dict[int, tuple[str, Any]]") -> bool:
        """Return whether exactly the streams of these members are carried."""
        return sorted(streams_of(members)) == sorted(self.pipes)

    def placed(self, member: int) -> "list[tuple[int, int]]":
        """Return [(writing end, descriptor in the process), ...] of a member."""
        if (member, OUT) not in self.pipes:
            return []
        out = self.pipes[member, OUT][1]
        return [(out, 1), (self.pipes.get((member, ERR), (-1, out))[1], 2)]

    def streams(self) -> "list[tuple[int, int]]":
        """Return [(member, OUT or ERR), ...] in the order of their tails."""
        return list(self.pipes)

    def reading(self) -> "list[int]":
        """Return the reading ends in the order of their tails."""
        return [*(ends[0] for ends in self.pipes.values()), *self.retired]

    def of_pump(self) -> "tuple[Any, ...]":
        """Return what a pump runs with: its streams, the tails, and PID 1's writing ends.

        A stream is (place of its tail, reading end, name, LogSpec, OUT or ERR).
        """
        self.copy_tails()
        self.earlier_tails = None
        declared = [(place, fd, *self.named[fd]) for place, fd in enumerate(self.reading())]
        return declared, self.tails, [ends[1] for ends in self.pipes.values() if ends[1] >= 0]

    def close_writing(self) -> None:
        """Close PID 1's writing ends, as no declared process is left.

        The pipes end once the leftovers have ended as well.
        """
        for stream, (reading, writing) in self.pipes.items():
            if writing >= 0:
                self.kernel.close(writing)
                self.pipes[stream] = reading, -1


def logged(group: "Group") -> "dict[int, tuple[str, Any]]":
    """Return {member: (name, LogSpec)} of the members whose output is carried."""
    return {
        member.id: (member.declared.name, member.policy.log)
        for member in group.members
        if member.policy.log is not None
    }


def of_group(group: "Group", kernel: "Any") -> "Output | None":
    """Return the output of a group, or None if no output is carried. Raises OSError."""
    members = logged(group)
    return Output(members, None, kernel) if members else None


def carry_others(loop: "GroupLoop") -> None:
    """Handle another plan: have the pump hand over if other streams are to be carried."""
    members, before = logged(loop.group), loop.output
    if before is None and not members:
        return
    if before is not None and before.carries(members):
        return
    try:
        loop.output = Output(members, before, loop.kernel)
    except OSError as error:
        text = "no pipes for the output of new processes: %s; it goes to the container's own"
        loop.talk("print_line", ("line", text % posix.strerror(error.errno or 0).lower()))
        if before is None:
            return
        kept = {member: log for member, log in members.items() if (member, OUT) in before.pipes}
        loop.output = Output(kept, before, loop.kernel)  # makes no pipe: only its memory could fail
    pid = loop.helpers_running.pids.get((GROUP, "pump"))
    if pid is not None:
        signal(loop.kernel, pid, SIGHUP, False)
    else:
        loop.feed((HELPER_ENDED, GROUP, "pump", FAILURE, ""))  # no pump runs: this forks one


def make_pipe(kernel: "Any") -> "tuple[int, int]":
    """Make a pipe that any user may open as /dev/stdout; by default only its maker may (E49).

    A process that can reach it by /proc has it open already, or may inspect one that has (proc(5),
    ptrace(2)).
    """
    reading, writing = kernel.pipe2(posix.O_CLOEXEC)
    try:
        kernel.fchmod(writing, 0o666)
    except OSError:
        pass  # a sandbox without fchmod(2): the mode stays
    return reading, writing


def is_over(kernel: "Any", fd: int) -> bool:
    """Return whether a pipe is read to its end and has no writer left."""
    return bool(kernel.poll_in(fd) & (POLLIN | POLLHUP) == POLLHUP)
