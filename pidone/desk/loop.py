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

    from pidone.init.arguments import Arguments
    from pidone.init.inherited import Inherited
    from pidone.init.machine import Event
    from pidone.init.terminal import Terminal
    from pidone.pod.group import Group

from pidone.desk import beside
from pidone.desk.control import open_at
from pidone.desk.extras import Extras
from pidone.desk.kills import count_kills
from pidone.desk.output import Output
from pidone.desk.steered import Steered
from pidone.init.events import ENDED, NO, SIGHUP, SIGKILL, UNKNOWN, YES
from pidone.init.loop import Loop
from pidone.init.plan import CANNOT, INIT
from pidone.init.signals import name as signal_name
from pidone.init.spawn import answer_pipe

HOOKS = ("post_start", "pre_stop")

PROBES = ("startup", "readiness", "liveness")
VERDICTS = ("success", "failure", "unknown")

#: What the record tells the end of; that of a probe is told where it turns something.
TOLD = (*HOOKS, "follow", "message")


class GroupLoop(Steered):
    """kills: of the memory, as far as we know."""

    __slots__ = ("kills",)
    group: "Group"
    AWAITS = True

    def __init__(
        self, group: "Group", inherited: "Inherited", terminal: "Terminal | None", wanted: "Arguments"
    ) -> None:
        Steered.__init__(self, group, inherited, terminal, wanted)
        self.kills = count_kills(self.plan.oom)

    def run(self, early: "list[int]") -> "NoReturn":
        logged = self.logged()
        try:
            self.output = Output(logged) if logged else None
        except OSError as error:
            self.talk("tell", ("line", "no pipes for the output: %s" % posix.strerror(error.errno or 0).lower()))
            posix._exit(CANNOT)
        if self.plan.control != b"":
            self.control, wrong = open_at(self.plan.control, posix.getuid())
            if wrong:
                self.talk("tell", ("line", wrong))
        Steered.run(self, early)

    def note(self, kind: str, *fields: "Any") -> None:
        self.record.note(kind, *fields)

    def spare(self, what: int) -> bool:
        return self.record.spare(what)

    # -- events

    def feed(self, event: "Event") -> None:
        self.tally.woken()  # what it leads to, a child may have to wait for
        Steered.feed(self, event)

    def reap(self) -> bool:
        more = Steered.reap(self)
        self.tally.looked(more)
        return more

    def hear(self) -> None:
        self.tally.woken()
        Steered.hear(self)
        if self.planning is not None:
            self.read_plan(*self.planning)
        if self.control is not None:
            for command in self.control.commands():
                self.commanded(*command)
            self.unread = self.control.look(self) or self.unread

    def undeclared(self, pid: int, code: int, number: int, core: bool) -> None:
        """Something beside a process has ended, or an orphan has."""
        if number == SIGKILL:
            self.recount()  # it was not a declared one that it counted
        task = self.asides.pop(pid, None)
        if task is None:
            if self.parted(pid, code, number):
                return
            Loop.undeclared(self, pid, code, number, core)
            return
        member, what, fd = task
        if self.tasks.get((member, what)) == pid:
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
        if what == "pump" and self.output is not None and not self.output.given:
            verdict = NO  # it has come to an end, but of what another plan had carried
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
        unknown = number == SIGKILL and not event[4] and SIGKILL not in self.group.members[member].sent
        if unknown and (member, "suspects") not in self.tasks:
            self.aside(member, "suspects")
        return event

    def is_oom(self, member: int, number: int) -> bool:
        """SIGKILL that we did not send, while the cgroup's count rose (S93); an init step's whoever was killed (S4)."""
        mine = self.group.members[member]
        if self.plan.oom is None or (mine.role != INIT and (number != SIGKILL or SIGKILL in mine.sent)):
            return False
        before = self.kills
        return self.recount() > before

    def recount(self) -> int:
        before, self.kills = self.kills, count_kills(self.plan.oom)
        if self.kills > before:
            self.note("oom", self.kills)
        return self.kills

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
            self.early[member] = []
        if self.group.members[member].role == INIT:
            self.kills = count_kills(self.plan.oom)  # what counts is what happens in its time
        extras = Extras(care.message)
        extras.launches = care.pid_file is not None
        process = self.plan.processes[member]
        extras.pauses = 0 if process.argv else process.stop_signal
        writing = self.output.writing(member) if self.output is not None else None
        if writing is not None:
            extras.placed += [(writing, 1), (writing, 2)]
        for spec in (care.startup, care.readiness):
            if spec is not None and spec[0] == "fd" and not extras.passing:
                reading, given = answer_pipe(awaited=True)
                self.lines[reading] = member
                self.unheard[reading] = 0
                extras.pass_on(given, spec[1])
        return extras if extras.placed or extras.launches or extras.pauses or care.message is not None else None

    def spec(self, member: int, what: str) -> "tuple[str, Any]":
        """(handler, argument) of what goes on beside a member."""
        if what == "notify":
            self.ears = [index for index, _ in self.plan.notify]
            return what, (self.plan.notify, [p.name for p in self.plan.processes] if self.verbose else [])
        if what == "pump":
            output = self.output
            assert output is not None
            declared = [
                (place, fd, self.plan.processes[index].name, self.group.members[index].care.log)
                for place, (index, fd) in enumerate(output.streams())
            ] + output.retired
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
        if what == "pump" and self.output is not None:
            self.output.given = True
        if what in HOOKS:
            self.note("begun", member, what)
        if what in PROBES:
            self.tally.asked(pid)
        self.asides[pid] = (member, what, fd)
        self.tasks[member, what] = pid

    def turned(self, member: int, what: str) -> None:
        self.note("turned", member, what)

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

    CALLS = (*Loop.CALLS[:2], sweep, *Loop.CALLS[3:5], exit, aside, drop, turned, Steered.renumber)


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
