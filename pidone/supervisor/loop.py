"""The loop of a group: as that of a single command, and what goes on beside its processes.

Whatever is not a declared process is a child that may hang, lie or die: PID 1 keeps its pid and the read end of a pipe,
and forgets both when it has ended, or has been dropped.
"""

import marshal
import posix
from errno import EMFILE
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from pidone.group.group import Group
    from pidone.init.arguments import Arguments
    from pidone.init.inherited import Inherited
    from pidone.init.machine import Event
    from pidone.init.terminal import Terminal

from pidone.control.protocol import STOP_ALL
from pidone.init import reap, trouble
from pidone.init.events import ENDED, EXITED, NO, RESOLVED, SIGHUP, SIGKILL, UNKNOWN, YES
from pidone.init.loop import ORPHANS, Loop
from pidone.init.machine import STOP
from pidone.init.plan import CANNOT, INIT
from pidone.init.signals import name as signal_name
from pidone.init.spawn import answer_pipe
from pidone.supervisor import helpers as beside
from pidone.supervisor.control_server import open_at
from pidone.supervisor.extras import Extras
from pidone.supervisor.oom import count_kills, is_large
from pidone.supervisor.output import Output
from pidone.supervisor.steered import Steered

HOOKS = ("post_start", "pre_stop")

PROBES = ("startup", "readiness", "liveness")
VERDICTS = ("success", "failure", "unknown")

#: What the record tells the end of; that of a probe is told where it turns something.
TOLD = (*HOOKS, "follow", "message")


#: Seconds between two looks at the memory's kills; and how old a kill may be to be held for a victim's (E56).
COUNT_AGAIN, RECENT = 0.1, 1.0


class GroupLoop(Steered):
    """kills: of the memory, as far as we know; counted: when that was. claimed: those whose victims are known.

    risen: the earliest moment at which the latest of them can have been. at_step: how many, when an init step began.
    dropped_at: when a helper was killed the last time.
    """

    __slots__ = ("kills", "counted", "claimed", "risen", "at_step", "dropped_at")
    group: "Group"
    AWAITS = True

    def __init__(
        self, group: "Group", inherited: "Inherited", terminal: "Terminal | None", wanted: "Arguments"
    ) -> None:
        Steered.__init__(self, group, inherited, terminal, wanted)
        self.kills = self.claimed = self.at_step = count_kills(self.plan.oom)
        self.counted = self.risen = self.began
        self.dropped_at = self.began - RECENT

    def run(self, early: "list[int]") -> "NoReturn":
        logged = self.logged()
        try:
            self.output = Output(logged) if logged else None
        except OSError as error:
            self.talk("tell", ("line", "no pipes for the output: %s" % posix.strerror(error.errno or 0).lower()))
            posix._exit(CANNOT)
        if self.plan.control != b"":
            self.control, wrong = open_at(self.plan.control, posix.getuid(), any(self.plan.access))
            if wrong:
                self.talk("tell", ("line", wrong))
        Steered.run(self, early)

    def add_note(self, kind: str, *fields: "Any") -> None:
        vital = kind == "signal" and fields[0] in self.plan.stop_signals and self.group.phase < STOP
        self.record.note(kind, *fields, vital=vital or (kind == "command" and fields[0] == STOP_ALL))

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
        if self.plan.oom is not None and monotonic() - self.counted >= COUNT_AGAIN:
            self.recount()
        Steered.hear(self)
        if self.planning is not None:
            self.read_plan(*self.planning)
        if self.control is not None:
            commands, more = self.control.commands()
            for command in commands:
                self.commanded(*command)
            self.unread = self.control.look(self) or more or self.unread

    def helpers(self) -> "set[int]":
        return {*self.asides, *self.dropped, *(self.control.clients() if self.control is not None else ())}

    def reaped_unseen(self, number: int, killed: int) -> None:
        self.orphans += number
        self.record.missed[ORPHANS] += number
        if killed:
            try:
                self.orphans_were_killed(killed)
            except Exception as error:  # whoever was reaped behind them must not be lost for it
                trouble.seen(self, error)

    def orphans_were_killed(self, number: int) -> None:
        ours = monotonic() - self.dropped_at < RECENT  # what a probe had started, perhaps
        if self.plan.oom is not None and not ours:
            unknown = max(0, self.recount() - self.claimed)
            self.claimed += min(unknown, number)  # it was not a declared one that it counted

    def undeclared(self, pid: int, code: int, number: int, core: bool, noted: bool) -> None:
        """Something beside a process has ended, or an orphan has."""
        if pid in self.dropped:
            return self.dropped.discard(pid)  # it is nobody's orphan
        if number == SIGKILL:
            self.orphans_were_killed(1)
        task = self.asides.pop(pid, None)
        if task is None:
            if self.parted(pid, code, number):
                return
            Loop.undeclared(self, pid, code, number, core, noted)
            return
        member, what, fd = task
        if self.tasks.get((member, what)) == pid:
            del self.tasks[member, what]
        if what == "plan":
            self.planned(128 + number if number else code)
            return
        text = read_end(fd)
        verdict = UNKNOWN if number else min(code, UNKNOWN)
        if number:
            text = "it was killed by %s" % signal_name(number)
        if what == "suspects":
            self.note(what, member, *suspects(text))
            return
        if what == "follow":
            if verdict == YES:
                verdict, text = self.follow(member, pid, *[int(word) for word in text.split()])
            if verdict != YES and self.group.members[member].ended_as is None:
                self.note("failed", member, 1, text)
        if what in PROBES:
            self.tally.answered(pid, member, what, VERDICTS[verdict])
        if what == "pump" and self.output is not None and not self.output.given:
            verdict = NO  # it has come to an end, but of what another plan had carried
        if what in TOLD:
            self.note("ended", member, what, verdict, text)
        self.feed((ENDED, member, what, verdict, text))
        if what == "follow":
            self.left.pop(member, None)
            early = b"".join(self.early.pop(member, []))  # what it has said before we knew it
            if verdict == YES:
                self.take_notes(early)

    def follow(self, member: int, helper: int, pid: int, session: int) -> "tuple[int, str]":
        """From now on this orphan stands for the member, if it is ours and still there (WNOWAIT: or a zombie)."""
        try:
            posix.waitid(posix.P_PID, pid, posix.WEXITED | posix.WNOHANG | posix.WNOWAIT)
        except ChildProcessError:
            return NO, "process %d of its pid_file has ended, or is no child of pidone" % pid
        ours = pid in self.members or pid in self.helpers() or pid == helper
        if ours:
            return NO, "process %d of its pid_file is another one of this group" % pid
        self.pids[member] = pid
        self.members[pid] = member
        self.former[member] = session
        self.note("followed", member, pid)
        return YES, ""

    def looked_up(self, pid: int, answer: bytes) -> bytes:
        """A forked child has told its user, its environment and its files, before anything else (spawn.look_up)."""
        size = int.from_bytes(answer[1:5], "big")
        if answer[:1] != b"\0" or len(answer) < 5 + size:
            return answer
        member = self.members.get(pid)
        if member is not None:
            process = self.plan.processes[member]
            process.user, process.env, self.stamps[member] = marshal.loads(answer[5 : 5 + size])
            process.known = True
            self.feed((RESOLVED, member))
        return answer[5 + size :]

    def declared(self, member: int, pid: int, code: int, number: int, core: bool) -> None:
        """Of an old memory kill's possible victim the size decides (E56), which the kernel tells when it is reaped."""
        if number != SIGKILL or SIGKILL in self.group.members[member].sent or not self.is_old_kill():
            Steered.declared(self, member, pid, code, number, core)
            return
        size = reap.bury(pid, True)
        self.buried_already(member, pid, code, number, core, is_large(size * 1024, self.plan.memory))
        self.note("sized", member, pid, size)

    def is_old_kill(self) -> bool:
        return self.recount() > self.claimed and monotonic() - self.risen > RECENT

    def ending(self, member: int, pid: int, code: int, number: int, core: bool, large: "bool | None" = None) -> "Event":
        """large: is it large enough to have been chosen by the memory killer? None where its size is not known."""
        mine = self.group.members[member]
        if large is None:
            large = number != SIGKILL or not self.is_old_kill()
        if mine.care.daemonizes and not mine.followed and code == number == 0:
            self.note("launched", member, pid)
            return EXITED, member, 0, 0, False
        oom = self.is_oom(member, number, large)
        self.note("exited", member, pid, code, number, core, oom)
        self.tally.exited(member, 128 + number if number else code)
        unknown = number == SIGKILL and not oom and SIGKILL not in mine.sent
        if unknown and (member, "suspects") not in self.tasks:
            self.aside(member, "suspects")
        return EXITED, member, code, number, oom

    def is_oom(self, member: int, number: int, large: bool) -> bool:
        """SIGKILL that we did not send, while the cgroup's count rose (S93); an init step's whoever was killed (S4)."""
        mine = self.group.members[member]
        if self.plan.oom is None:
            return False
        if mine.role == INIT:
            return self.recount() > self.at_step
        if number != SIGKILL or SIGKILL in mine.sent or self.recount() <= self.claimed:
            return False
        adjusted = self.plan.processes[member].oom_score_adj or 0
        if not large and adjusted <= 0:
            return False
        self.claimed += 1
        return True

    def recount(self) -> int:
        now, before, self.kills = monotonic(), self.kills, count_kills(self.plan.oom)
        if self.kills > before:
            self.risen = self.counted  # it was not there then
            self.note("oom", self.kills)
        self.counted = now
        return self.kills

    def forget(self, pid: int) -> None:
        member = self.members[pid]
        mine = self.group.members[member]
        if not mine.followed:
            self.former[member] = pid
        if mine.ended_as is not None:
            self.left[member] = pid
        Loop.forget(self, pid)

    def talk(self, kind: str, details: "tuple[object, ...]") -> None:
        try:
            from pidone.supervisor import words

            getattr(words, kind)(self.plan, {**self.left, **self.pids}, details)
        except Exception:
            pass  # as in Loop.talk

    # -- actions

    def extras(self, member: int) -> "Extras | None":
        care = self.group.members[member].care
        for fd in [fd for fd, whose in self.lines.items() if whose == member]:
            self.close_line(fd)  # the instance before
        if care.pid_file is not None:
            self.born[member] = monotonic()
        if care.daemonizes:
            self.early[member] = []
        if self.group.members[member].role == INIT:
            self.at_step = self.recount()  # what counts is what happens in its time
        self.left.pop(member, None)
        extras = Extras(care.message)
        extras.launches = care.daemonizes
        process = self.plan.processes[member]
        if process.files:
            process.since = monotonic()
        extras.pauses = 0 if process.argv else process.stop_signal
        if self.output is not None:
            extras.placed += self.output.placed(member)
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
            assert self.output is not None
            return what, self.output.of_pump()
        if what == "metrics":
            return what, (*(self.plan.metrics or ()), self.control and self.control.path)
        if what == "suspects":
            user = self.plan.processes[member].user
            return what, (self.pids.get(member, 0), user[0] if user else posix.getuid(), list(self.asides))
        care = self.group.members[member].care
        if what == "follow":
            age, guests = monotonic() - self.born[member], self.control.guests if self.control is not None else ()
            known = [*self.members, *self.asides, *self.dropped, *guests]
            if care.daemonizes and not self.group.members[member].followed:
                return what, (care.pid_file, age, 4 * self.plan.window, None)
            return what, (care.pid_file, age, self.plan.window, known)
        if what == "leftovers":
            return what, (self.former.get(member) or self.pids.get(member, 0), self.plan.window)
        if what == "message":
            user = self.plan.processes[member].user
            return what, (care.message, member == self.group.primary, len(self.plan.processes), user)
        spec = getattr(care, what)
        if spec[0] == "file":
            path, stale = spec[1]
            return spec[0], (path, stale, self.stamps.get(member, {}).get(path))
        if spec[0] == "exec" and what in PROBES:
            return "expanded", spec[1]
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

    def drop(self, member: int, what: str, late: bool = False) -> None:
        """late: its time is up, where otherwise nobody wants its answer any more."""
        pid = self.tasks.pop((member, what), None)
        if pid is None:
            return
        fd = self.asides.pop(pid)[2]
        if what in PROBES:
            self.tally.answered(pid, member, what, "timeout" if late else None)
        if fd >= 0:
            posix.close(fd)
        self.signal(pid, SIGKILL, True)
        self.dropped.add(pid)
        self.dropped_at = monotonic()

    CALLS = (*Loop.CALLS[:2], sweep, *Loop.CALLS[3:5], exit, aside, drop, turned, Steered.renumber)


def suspects(text: str) -> "list[Any]":
    """The victim, how many, and (pid, uid, name) of the first, as the helper has written them."""
    try:
        head, *lines = text.split("\n")
        victim, many = head.split(" ")
        found = [line.split(" ", 2) for line in lines]
        return [int(victim), int(many), *((int(pid), int(uid), name) for pid, uid, name in found)]
    except ValueError:
        return [0, 0]  # it was killed itself


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
