"""The loop of a group: as that of a single command, and what goes on beside its processes.

Whatever is not a declared process is a child that may hang, lie or die: PID 1 keeps its pid and the read end of a pipe,
and forgets both when it has ended, or has been dropped.
"""

import posix
from errno import EMFILE
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from pidone.desk.control import Control
    from pidone.init.arguments import Arguments
    from pidone.init.inherited import Inherited
    from pidone.init.machine import Event
    from pidone.init.terminal import Terminal
    from pidone.pod.group import Group

from pidone.desk import beside, planner
from pidone.desk.control import EXEC, RELOAD, open_at
from pidone.desk.extras import Extras
from pidone.desk.hearing import Hearing
from pidone.desk.kills import count_kills
from pidone.desk.output import Output
from pidone.desk.record import Record
from pidone.desk.tally import Tally
from pidone.init import reap
from pidone.init.events import COMMAND, ENDED, NO, SIGHUP, SIGKILL, UNKNOWN, YES
from pidone.init.events import RELOAD as RELOADED
from pidone.init.loop import Loop
from pidone.init.plan import CANNOT, INIT, unpack
from pidone.init.signals import name as signal_name
from pidone.init.spawn import answer_pipe

HOOKS = ("post_start", "pre_stop")

#: Plans before this one whose members' names are remembered.
MOST_ERAS = 8

PROBES = ("startup", "readiness", "liveness")
VERDICTS = ("success", "failure", "unknown")

#: What the record tells the end of; that of a probe is told where it turns something.
TOLD = (*HOOKS, "follow", "message")


class GroupLoop(Hearing):
    """asides: pid -> (member, what, descriptor of its answer). tasks: (member, what) -> pid.

    former: the session of each member's latest instance, also after its end. born: when those were forked whose daemon
    is to be found. kills: of the memory, as far as we know. generation: how often another plan has
    taken over. eras: (number of its first event, names, roles) of each of these plans. planning: the pipe from the child that reads the file again, and what has come so far.
    """

    __slots__ = (
        "asides", "former", "born", "kills", "record", "output", "control", "generation", "tally", "wanted",
        "planning", "eras",
    )  # fmt: skip
    group: "Group"
    AWAITS = True

    def __init__(
        self, group: "Group", inherited: "Inherited", terminal: "Terminal | None", wanted: "Arguments"
    ) -> None:
        Hearing.__init__(self, group, inherited, terminal, wanted)
        self.record = Record(self.began)
        self.output: "Output | None" = None
        self.asides: "dict[int, tuple[int, str, int]]" = {}
        self.former: "dict[int, int]" = {}
        self.born: "dict[int, float]" = {}
        self.kills = count_kills(self.plan.oom)
        self.control: "Control | None" = None
        self.generation = 0
        self.tally = Tally()
        self.wanted = wanted
        self.eras: "list[tuple[int, list[str], list[int]]]" = []
        self.begin_era()
        self.planning: "tuple[int, list[bytes]] | None" = None

    def begin_era(self) -> None:
        """From this event on, these are the members' names: the record has their numbers only."""
        names, roles = [p.name for p in self.plan.processes], [p.role for p in self.plan.processes]
        self.eras = [*self.eras[-MOST_ERAS:], (self.record.number, names, roles)]

    def run(self, early: "list[int]") -> "NoReturn":
        logged = [index for index, member in enumerate(self.group.members) if member.care.log is not None]
        try:
            self.output = Output(logged) if logged else None
        except OSError as error:
            self.talk("tell", ("line", "no pipes for the output: %s" % posix.strerror(error.errno or 0).lower()))
            posix._exit(CANNOT)
        if self.plan.control != b"":
            self.control, wrong = open_at(self.plan.control, posix.getuid())
            if wrong:
                self.talk("tell", ("line", wrong))
        Hearing.run(self, early)

    def note(self, kind: str, *fields: "Any") -> None:
        self.record.note(kind, *fields)

    def spare(self, what: int) -> bool:
        return self.record.spare(what)

    # -- events

    def hear(self) -> None:
        Hearing.hear(self)
        if self.planning is not None:
            self.read_plan(*self.planning)
        if self.control is not None:
            for command in self.control.commands():
                self.commanded(*command)
            self.unread = self.control.look(self) or self.unread

    def commanded(self, verb: int, member: int, number: int, pid: int, uid: int, generation: int) -> None:
        """One command of a session's. A member of an earlier plan is nobody now."""
        if generation != self.generation or member >= len(self.group.members) or self.control is None:
            return
        self.note("command", verb, member, number, pid, uid)
        if verb == EXEC and number in self.control.sessions:
            self.control.sessions.discard(number)
            self.control.guests[number] = member
            self.note("beside", member, number)
        elif verb == RELOAD:
            self.plan_again()
        elif verb < EXEC:
            self.feed((COMMAND, verb, member, number))

    def plan_again(self) -> None:
        """Fork the child that reads the file; its plan is read as it comes."""
        wanted = self.wanted
        if self.planning is not None or wanted.config is None:
            self.note("turned", -1, "not reloaded")
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
        if pid in self.control.sessions:
            self.control.sessions.discard(pid)
            self.unread = True  # one more may be waiting for its turn
            return True
        member = self.control.guests.pop(pid, None)
        if member is not None:
            self.note("parted", member, pid, code, number, reap.stat(pid)[0])
        return member is not None

    def undeclared(self, pid: int, code: int, number: int, core: bool) -> None:
        """Something beside a process has ended, or an orphan has."""
        if number == SIGKILL:
            self.kills = count_kills(self.plan.oom)  # it was not a declared one that it counted
        task = self.asides.pop(pid, None)
        if task is None:
            if self.parted(pid, code, number):
                return
            Loop.undeclared(self, pid, code, number, core)
            return
        member, what, fd = task
        del self.tasks[member, what]
        if what == "plan":
            self.planned(128 + number if number else code)
            return
        text = read_end(fd)
        spec = self.spec(member, what)
        if spec[0] == "exec" and not text:
            verdict = NO if code or number else YES
            text = "exit code %d" % code if code else ""
        else:
            verdict = UNKNOWN if spec[0] == "exec" or number else min(code, UNKNOWN)
        if number:
            text = "it was killed by %s" % signal_name(number)
        if what == "suspects":
            self.note(what, member, *suspects(text))
            return
        if what == "follow" and verdict == YES:
            verdict, text = self.follow(member, pid, *[int(word) for word in text.split()])
        if what in PROBES:
            self.tally.answered(pid, member, what, VERDICTS[verdict])
        if what in TOLD:
            self.note("ended", member, what, verdict, text[:80])
        self.feed((ENDED, member, what, verdict, text))
        if what == "follow":
            early = b"".join(self.early.pop(member, []))  # what it has said before we knew it
            if verdict == YES:
                self.take_notes(early)

    def follow(self, member: int, helper: int, pid: int, session: int) -> "tuple[int, str]":
        """From now on this orphan stands for the member, if it is ours and still there (WNOWAIT: or a zombie)."""
        try:
            posix.waitid(posix.P_PID, pid, posix.WEXITED | posix.WNOHANG | posix.WNOWAIT)
        except ChildProcessError:
            return NO, "process %d of its pid_file has ended, or is no child of pidone" % pid
        if pid in self.members or pid in self.asides or pid == helper:
            return NO, "process %d of its pid_file is another one of this group" % pid
        self.pids[member] = pid
        self.members[pid] = member
        self.former[member] = session
        return YES, ""

    def ending(self, member: int, pid: int, code: int, number: int, core: bool) -> "Event":
        event = Loop.ending(self, member, pid, code, number, core)
        self.tally.exited(member, 128 + number if number else code)
        if number == SIGKILL and not event[4] and SIGKILL not in self.group.members[member].sent:
            self.aside(member, "suspects")
        return event

    def is_oom(self, member: int, number: int) -> bool:
        """SIGKILL that we did not send, while the cgroup's count rose (S93); an init step's whoever was killed (S4)."""
        mine = self.group.members[member]
        if self.plan.oom is None or (mine.role != INIT and (number != SIGKILL or SIGKILL in mine.sent)):
            return False
        before, self.kills = self.kills, count_kills(self.plan.oom)
        return self.kills > before

    def forget(self, pid: int) -> None:
        if not self.group.members[self.members[pid]].followed:
            self.former[self.members[pid]] = pid
        Loop.forget(self, pid)

    def talk(self, kind: str, details: "tuple[object, ...]") -> None:
        try:
            from pidone.desk import words

            getattr(words, kind)(self.plan, self.pids, details)
        except Exception:
            pass  # as in Loop.talk

    # -- actions

    def extras(self, member: int) -> "Extras | None":
        care = self.group.members[member].care
        for fd in [fd for fd, whose in self.lines.items() if whose == member]:
            self.close_line(fd)  # the instance before
        if care.pid_file is not None:
            self.born[member] = monotonic()
        if self.group.members[member].role == INIT:
            self.kills = count_kills(self.plan.oom)  # what counts is what happens in its time
        extras = Extras(care.message)
        writing = self.output.writing(member) if self.output is not None else None
        if writing is not None:
            extras.placed += [(writing, 1), (writing, 2)]
        for spec in (care.startup, care.readiness):
            if spec is not None and spec[0] == "fd" and not extras.passing:
                reading, given = answer_pipe(awaited=True)
                self.lines[reading] = member
                self.unheard[reading] = 0
                extras.pass_on(given, spec[1])
        return extras if extras.placed or care.message is not None else None

    def spec(self, member: int, what: str) -> "tuple[str, Any]":
        """(handler, argument) of what goes on beside a member."""
        if what == "notify":
            return what, (self.plan.notify, [p.name for p in self.plan.processes] if self.verbose else [])
        if what == "pump":
            output = self.output
            assert output is not None
            declared = [
                (place, fd, self.plan.processes[index].name, self.group.members[index].care.log)
                for place, (index, fd) in enumerate(output.streams())
            ] + output.retired
            for _, fd, name, log in declared:
                output.named[fd] = name, log
            writing = [ends[1] for ends in self.output.pipes.values()] if self.output is not None else []
            return what, (declared, self.output and self.output.tails, [fd for fd in writing if fd >= 0])
        if what == "metrics":
            return what, (*(self.plan.metrics or ()), self.control and self.control.path)
        if what == "suspects":
            user = self.plan.processes[member].user
            return what, (user[0] if user else posix.getuid(), list(self.asides))
        care = self.group.members[member].care
        if what == "follow":
            return what, (care.pid_file, monotonic() - self.born[member], 4 * self.plan.window)
        if what == "leftovers":
            return what, (self.former.get(member) or self.pids.get(member, 0), self.plan.window)
        if what == "message":
            user = self.plan.processes[member].user
            return what, (care.message, member == self.group.primary, len(self.plan.processes), user)
        spec = getattr(care, what)
        return ("hook", spec[1]) if spec[0] == "http" and what in ("post_start", "pre_stop") else spec[:2]

    def sweep(self, number: int) -> None:
        if self.output is not None:
            self.output.close_writing()
        for pid in self.control.guests if self.control is not None else ():
            self.signal(pid, SIGHUP, True)  # an interactive shell does not listen to SIGTERM
        Loop.sweep(self, number)

    def exit(self, code: int, troubled: bool) -> "NoReturn":
        if self.control is not None:
            self.control.close()
        Loop.exit(self, code, troubled)

    def aside(self, member: int, what: str) -> None:
        try:
            process = self.plan.processes[member]
            if what == "leftovers" and member in self.pids and not self.group.members[member].followed:
                self.former[member] = self.pids[member]
            pid, fd = beside.start(process, self.inherited, *self.spec(member, what), awaited=what == "notify")
        except (OSError, ImportError) as error:
            text = "cannot fork: %s" % posix.strerror(getattr(error, "errno", EMFILE)).lower()
            self.queue.append((ENDED, member, what, UNKNOWN, text))
            return
        if what == "notify":
            self.lines[fd] = member
            fd = -1
        if what in HOOKS:
            self.note("begun", member, what)
        if what in PROBES:
            self.tally.asked(pid)
        self.asides[pid] = (member, what, fd)
        self.tasks[member, what] = pid

    def turned(self, member: int, what: str) -> None:
        self.note("turned", member, what)

    def renumber(self, numbers: "dict[int, int]") -> None:
        """Another plan has taken over: all that is kept by a member's number is kept by its new one."""

        def new(kept: "dict[int, Any]") -> "dict[int, Any]":
            return {numbers[index]: value for index, value in kept.items() if index in numbers}

        self.plan = self.group.plan
        self.generation += 1
        self.begin_era()
        self.pids, self.former, self.born, self.early = (
            new(self.pids),
            new(self.former),
            new(self.born),
            new(self.early),
        )
        self.members = {pid: member for member, pid in self.pids.items()}
        self.answers = {fd: numbers[index] for fd, index in self.answers.items() if index in numbers}
        for fd in [fd for fd, index in self.lines.items() if index >= 0 and index not in numbers]:
            self.close_line(fd)
        self.lines = {fd: numbers.get(index, index) for fd, index in self.lines.items()}
        self.asides = {pid: (numbers.get(index, index), what, fd) for pid, (index, what, fd) in self.asides.items()}
        self.tasks = {(index, what): pid for pid, (index, what, _) in self.asides.items()}
        self.strangers = {numbers[index] for index in self.strangers if index in numbers}
        self.tally.renumber(numbers)
        if self.control is not None:
            self.control.guests = {pid: numbers.get(index, 0) for pid, index in self.control.guests.items()}
        self.carry_others(numbers)

    def carry_others(self, numbers: "dict[int, int]") -> None:
        """Have the pump hand over where there are others to be carried."""
        logged = [index for index, member in enumerate(self.group.members) if member.care.log is not None]
        before = self.output
        kept = {numbers[index]: index for index in (before.pipes if before is not None else ()) if index in numbers}
        if before is None and not logged:
            return
        if before is not None and sorted(kept) == logged and len(kept) == len(before.pipes):
            before.renumber(numbers)
            return
        try:
            self.output = Output(logged, before, kept)
        except OSError as error:
            self.talk("tell", ("line", "no pipes for the output: %s" % posix.strerror(error.errno or 0).lower()))
            return
        pid = self.tasks.get((-1, "pump"))
        if pid is not None:
            self.signal(pid, SIGHUP, False)
        else:
            self.feed((ENDED, -1, "pump", NO, ""))  # there has been none

    def drop(self, member: int, what: str) -> None:
        pid = self.tasks.pop((member, what), None)
        if pid is None:
            return
        fd = self.asides.pop(pid)[2]
        if what in PROBES:
            self.tally.answered(pid, member, what, "timeout")
        if fd >= 0:
            posix.close(fd)
        self.signal(pid, SIGKILL, True)

    CALLS = (*Loop.CALLS[:2], sweep, *Loop.CALLS[3:5], exit, aside, drop, turned, renumber)


def suspects(text: str) -> "list[Any]":
    """How many, and (pid, uid, name) of the first, as the helper has written them."""
    try:
        many, *lines = text.split("\n")
        found = [line.split(" ", 2) for line in lines]
        return [int(many), *((int(pid), int(uid), name) for pid, uid, name in found)]
    except ValueError:
        return [0]  # it was killed itself


def read_end(fd: int) -> str:
    """What a child that has ended left in its pipe: at most what fits into one write."""
    if fd < 0:
        return ""
    try:
        return posix.read(fd, 4096).decode("utf-8", "replace")
    except BlockingIOError:
        return ""  # a child of its own holds the other end
    finally:
        posix.close(fd)
