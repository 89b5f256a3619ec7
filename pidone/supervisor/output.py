"""What PID 1 has to do with its processes' output: it makes the pipes, and keeps the ends that must not be lost.

Theory. A process whose `log` says so gets one pipe for stdout and stderr (one, so that their order is kept), or one for
each where it says that, too. A pump, a child that PID 1 forks and may lose (helpers/pump.py), reads all of them; PID 1
holds both ends open, so that a pump that dies is replaced and what stands in the pipes is not lost, and closes its
writing ends when all processes are gone: then the pump has read everything when it finds the end. PID 1 itself never
touches a byte.

The last bytes of each are in memory that is shared with the pump, for the report and for `pidonectl logs`, and so is
when they came: MARKS of them, so that the lines of several processes can be put into one order.
"""

import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mmap import mmap
    from typing import Any

    from pidone.group.group import Group
    from pidone.supervisor.loop import GroupLoop

    #: (member, 0 or 1): its stdout, and what is not told apart from it; or its stderr.
    Stream = tuple[int, int]

from pidone import kernel as posix_kernel
from pidone.init.events import FAILURE, GROUP, HELPER_ENDED, SIGHUP
from pidone.init.loop import signal
from pidone.layout import ERR, OUT, PLACE

#: poll(2)
POLLIN, POLLHUP = 1, 16


def streams_of(members: "dict[int, tuple[str, Any]]") -> "list[Stream]":
    return [
        (member, stream)
        for member, (_, log) in members.items()
        for stream in ((OUT, ERR) if log[0] != "file" and log[-1] else (OUT,))
    ]


class Output:
    """pipes: {stream: (reading end, writing end)} of those whose output is carried. tails: the shared memory.

    named: {reading end: (name, LogSpec, OUT or ERR)}. retired: reading ends of those that another plan has no more; a
    pump reads them to their end. given: a pump has been forked for just these. former: the tails that a pump before it
    still writes to, and {reading end: its place there}.
    """

    __slots__ = ("kernel", "pipes", "tails", "named", "retired", "given", "former")

    def __init__(
        self, members: "dict[int, tuple[str, Any]]", before: "Output | None" = None, kernel: "Any" = posix_kernel
    ) -> None:
        """members: {member: (name, LogSpec)}. before: what another plan takes over.

        Raises OSError, and has made nothing then.
        """
        self.kernel = kernel
        self.given = False
        self.former: "tuple[mmap, dict[int, int]] | None" = None
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
        """The tails of those that are kept; the others' pipes are closed once they are over."""
        # where no pump has been given `before`, one that is older still writes to what was before that
        self.former = before.former or (before.tails, {fd: place for place, fd in enumerate(before.reading())})
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
        """As they are now: once more when the pump that writes to them has handed over."""
        if self.former is None:
            return
        tails, places = self.former
        for place, fd in enumerate(self.reading()):
            if fd in places:
                there = places[fd] * PLACE
                self.tails[place * PLACE : (place + 1) * PLACE] = tails[there : there + PLACE]

    def carries(self, members: "dict[int, tuple[str, Any]]") -> bool:
        """Are just these carried already?"""
        return sorted(streams_of(members)) == sorted(self.pipes)

    def placed(self, member: int) -> "list[tuple[int, int]]":
        """(writing end, descriptor of the process's)"""
        if (member, OUT) not in self.pipes:
            return []
        out = self.pipes[member, OUT][1]
        return [(out, 1), (self.pipes.get((member, ERR), (-1, out))[1], 2)]

    def streams(self) -> "list[tuple[int, int]]":
        """(member, OUT or ERR), in the order of their tails."""
        return list(self.pipes)

    def reading(self) -> "list[int]":
        """Reading ends, in the order of their tails."""
        return [*(ends[0] for ends in self.pipes.values()), *self.retired]

    def of_pump(self) -> "tuple[Any, ...]":
        """[(place of its tail, reading end, name, LogSpec, OUT or ERR)], the tails, and our own writing ends."""
        self.copy_tails()
        self.former = None
        declared = [(place, fd, *self.named[fd]) for place, fd in enumerate(self.reading())]
        return declared, self.tails, [ends[1] for ends in self.pipes.values() if ends[1] >= 0]

    def close_writing(self) -> None:
        """No process of ours is left: once what they have left behind is gone, too, the pipes have an end."""
        for stream, (reading, writing) in self.pipes.items():
            if writing >= 0:
                self.kernel.close(writing)
                self.pipes[stream] = reading, -1


def logged(group: "Group") -> "dict[int, tuple[str, Any]]":
    """{member: (name, LogSpec)} of those whose output is carried."""
    return {
        member.id: (member.declared.name, member.policy.log)
        for member in group.members
        if member.policy.log is not None
    }


def of_group(group: "Group", kernel: "Any") -> "Output | None":
    """None where nobody's output is carried. Raises OSError."""
    members = logged(group)
    return Output(members, None, kernel) if members else None


def carry_others(loop: "GroupLoop") -> None:
    """Another plan has taken over: have the pump hand over where there are others to be carried."""
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
        loop.output = Output(kept, before, loop.kernel)  # makes no pipe, and so it does not fail
    pid = loop.helpers_running.pids.get((GROUP, "pump"))
    if pid is not None:
        signal(loop.kernel, pid, SIGHUP, False)
    else:
        loop.feed((HELPER_ENDED, GROUP, "pump", FAILURE, ""))  # there has been none


def make_pipe(kernel: "Any") -> "tuple[int, int]":
    """That any user may open as /dev/stdout: a pipe is its maker's, and nobody else's, by itself (E49).

    Whoever can come to it by /proc has it open already, or may look into who has (proc(5), ptrace(2)).
    """
    reading, writing = kernel.pipe2(posix.O_CLOEXEC)
    try:
        kernel.fchmod(writing, 0o666)
    except OSError:
        pass  # a sandbox without it: as it was
    return reading, writing


def is_over(kernel: "Any", fd: int) -> bool:
    """Has a pipe been read to its end, and has nobody who could write?"""
    return bool(kernel.poll_in(fd) & (POLLIN | POLLHUP) == POLLHUP)
