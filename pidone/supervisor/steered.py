"""What people command reaches the group here, and the plan of a file that has been read again."""

import posix
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pidone.group.group import Group
    from pidone.init.arguments import Arguments
    from pidone.init.inherited import Inherited
    from pidone.init.terminal import Terminal
    from pidone.supervisor.control_server import Control

from pidone.control.protocol import EXEC, FOLLOW, RELOAD, SESSIONS
from pidone.init import reap
from pidone.init.events import COMMAND, ENDED, NO, SIGHUP
from pidone.init.events import RELOAD as RELOADED
from pidone.init.plan import unpack
from pidone.supervisor import planner
from pidone.supervisor.counters import Tally
from pidone.supervisor.notifications import Hearing
from pidone.supervisor.output import OUT, Output
from pidone.supervisor.record import Record

#: Plans before this one whose members' names are remembered.
MOST_ERAS = 8


class Steered(Hearing):
    """asides: pid -> (member, what, descriptor of its answer). former: the session of each member's latest instance.

    born: when those were forked whose daemon is to be found. generation: how often another plan has taken over. eras:
    (number of its first event, names, roles) of each of these plans. planning: the pipe from the child that reads the
    file again, and what has come so far. stamps: {member: {file: what it was like at the start of the instance}}. left:
    {member: pid} of those that have ended, which is not told before their successor has been looked for.
    """

    __slots__ = (
        "asides", "former", "born", "record", "output", "control", "generation", "tally", "wanted", "planning", "eras",
        "stamps", "left",
    )  # fmt: skip
    group: "Group"

    def drop(self, member: int, what: str) -> None:
        raise NotImplementedError

    def __init__(
        self, group: "Group", inherited: "Inherited", terminal: "Terminal | None", wanted: "Arguments"
    ) -> None:
        Hearing.__init__(self, group, inherited, terminal, wanted)
        self.wanted = wanted
        self.record = Record(self.began)
        self.output: "Output | None" = None
        self.control: "Control | None" = None
        self.asides: "dict[int, tuple[int, str, int]]" = {}
        self.former: "dict[int, int]" = {}
        self.born: "dict[int, float]" = {}
        self.left: "dict[int, int]" = {}
        self.stamps: "dict[int, dict[bytes, Any]]" = {}
        self.tally = Tally()
        self.planning: "tuple[int, list[bytes]] | None" = None
        self.generation = 0
        self.eras: "list[tuple[int, list[str], list[int]]]" = []
        self.begin_era()

    def commanded(self, verb: int, member: int, number: int, pid: int, uid: int, generation: int) -> None:
        """One command of a session's. A member of an earlier plan is nobody now."""
        if generation != self.generation or member >= len(self.group.members) or self.control is None:
            return
        if verb == FOLLOW:
            if len(self.control.followers) >= SESSIONS:
                self.note("turned", -1, "not following", number)  # it hears that, and ends
            elif number in self.control.sessions:
                self.control.sessions.discard(number)
                self.control.followers.add(number)
                self.unread = True  # one more may be waiting for its turn
            return
        if verb == EXEC and len(self.control.guests) >= SESSIONS:
            self.note("turned", -1, "not beside", number)
            return
        self.note("command", verb, member, number, pid, uid)
        if verb == EXEC and number in self.control.sessions:
            self.control.sessions.discard(number)
            self.control.guests[number] = member
            self.note("beside", member, number)
        elif verb == RELOAD:
            self.plan_again(number)
        elif verb < EXEC:
            self.feed((COMMAND, verb, member, number))

    def plan_again(self, by: int) -> None:
        """Fork the child that reads the file; its plan is read as it comes. by: the session that asks."""
        wanted = self.wanted
        if self.planning is not None or self.group.coming is not None or wanted.config is None:
            self.note("turned", -1, "not reloaded", by)
            return
        token = self.plan.notify[0][1].split(b"/")[1] if self.plan.notify else b""
        try:
            pid, fd = planner.begin(wanted.config, wanted.command, self.inherited.cwd, token)
        except (OSError, ImportError):
            self.note("turned", -1, "not reloaded")
            return
        self.planning = fd, []
        self.asides[pid] = -1, "plan", -1
        self.tasks[-1, "plan"] = pid

    def read_plan(self, fd: int, parts: "list[bytes]") -> None:
        try:
            while part := posix.read(fd, 65536):
                parts.append(part)
        except BlockingIOError:
            pass

    def planned(self, code: int) -> None:
        """The child has ended: with the file's plan, or with its errors said."""
        if self.planning is None:
            return
        fd, parts = self.planning
        self.read_plan(fd, parts)
        posix.close(fd)
        self.planning = None
        try:
            plan = unpack(b"".join(parts)) if code == 0 else None
        except (ValueError, EOFError, TypeError):
            plan = None
        if plan is None:
            self.note("turned", -1, "not reloaded")
            return
        plan.take(self.wanted)
        self.feed((RELOADED, plan))

    def parted(self, pid: int, code: int, number: int) -> bool:
        """A session of the control line has ended, or somebody's command. False if it was none."""
        if self.control is None:
            return False
        if pid in self.control.sessions or pid in self.control.followers:
            self.control.sessions.discard(pid)
            self.control.followers.discard(pid)
            self.unread = True  # one more may be waiting for its turn
            return True
        member = self.control.guests.pop(pid, None)
        if member is not None:
            self.note("parted", member, pid, code, number, reap.stat(pid)[0])
        return member is not None

    def begin_era(self) -> None:
        """From this event on, these are the members' names: the record has their numbers only."""
        names, roles = [p.name for p in self.plan.processes], [p.role for p in self.plan.processes]
        self.eras = [*self.eras[-MOST_ERAS:], (self.record.number, names, roles)]

    def renumber(self, numbers: "dict[int, int]") -> None:
        """Another plan has taken over: all that is kept by a member's number is kept by its new one."""

        def new(kept: "dict[int, Any]") -> "dict[int, Any]":
            return {numbers[index]: value for index, value in kept.items() if index in numbers}

        before, self.plan = self.plan, self.group.plan
        self.generation += 1
        for index, number in numbers.items():  # what the running instance was started with
            mine, its = self.plan.processes[number], before.processes[index]
            mine.user, mine.env, mine.known = its.user, its.env, its.known
        self.begin_era()
        self.pids, self.former, self.born = new(self.pids), new(self.former), new(self.born)
        self.early, self.stamps, self.left = new(self.early), new(self.stamps), new(self.left)
        self.members = {pid: member for member, pid in self.pids.items()}
        for fd in [fd for fd, (pid, _) in self.answers.items() if pid not in self.members]:
            self.close_answer(fd)
        for fd in [fd for fd, index in self.lines.items() if index >= 0 and index not in numbers]:
            self.close_line(fd)
        self.lines = {fd: numbers.get(index, index) for fd, index in self.lines.items()}
        for index, what in [key for key in self.tasks if key[0] >= 0 and key[0] not in numbers]:
            self.drop(index, what)
        self.asides = {pid: (numbers.get(index, index), what, fd) for pid, (index, what, fd) in self.asides.items()}
        self.tasks = {(index, what): pid for pid, (index, what, _) in self.asides.items()}
        self.ears = [numbers.get(index, -1) for index in self.ears]
        if "pidone.supervisor.words" in sys.modules:
            self.talk("renumber", (numbers,))
        self.strangers = {numbers[index] for index in self.strangers if index in numbers}
        self.tally.renumber(numbers)
        if self.control is not None:
            self.control.guests = {pid: numbers.get(index, 0) for pid, index in self.control.guests.items()}
        self.carry_others(numbers)

    def logged(self) -> "dict[int, tuple[str, Any]]":
        """{member: (name, LogSpec)} of those whose output is carried."""
        return {
            index: (self.plan.processes[index].name, member.care.log)
            for index, member in enumerate(self.group.members)
            if member.care.log is not None
        }

    def carry_others(self, numbers: "dict[int, int]") -> None:
        """Have the pump hand over where there are others to be carried."""
        logged = self.logged()
        before = self.output
        if before is None and not logged:
            return
        if before is not None:
            before.renumber(numbers)
            if before.carries(logged):
                return
        try:
            self.output = Output(logged, before)
        except OSError as error:
            text = "no pipes for the output of what is new: %s; it goes to the container's own"
            self.talk("tell", ("line", text % posix.strerror(error.errno or 0).lower()))
            if before is None:
                return
            kept = {member: log for member, log in logged.items() if (member, OUT) in before.pipes}
            self.output = Output(kept, before)  # makes no pipe, and so it does not fail
        pid = self.tasks.get((-1, "pump"))
        if pid is not None:
            self.signal(pid, SIGHUP, False)
        else:
            self.feed((ENDED, -1, "pump", NO, ""))  # there has been none
