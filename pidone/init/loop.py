"""The one wait. Everything that happens to PID 1 arrives in `sigtimedwait`, becomes an event for the group, and the
group's actions become calls. Nothing is decided here.

There are no handlers and no self-pipe: every signal is blocked for ever, a deadline is the wait's own timeout, and a
descriptor that is ready says so with SIGIO. Without a deadline there is no timeout, and so no wake-up while idle.
"""

import _signal
import posix
from errno import EMFILE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, NoReturn

    from pidone.init.arguments import Arguments
    from pidone.init.inherited import Inherited
    from pidone.init.machine import Event, Machine
    from pidone.init.slots import Plan, Process
    from pidone.init.terminal import Terminal

from pidone.init import events, proc, reap, signals, trouble
from pidone.init import spawn as spawns
from pidone.init.events import ALONE, ASKING, BEGIN, DEADLINE, EXECED, EXITED, FAILED, SIGKILL, SIGNAL, SUSPENDED
from pidone.init.machine import STOP
from pidone.init.plan import CANNOT
from pidone.init.record import ORPHANS, SENT, SIGNALS, SUSPENSIONS, SingleRecord
from pidone.init.spawn import Answers

SIGCHLD, SIGIO, SIGCONT = _signal.SIGCHLD, _signal.SIGIO, _signal.SIGCONT

#: Zombies reaped between two looks at the signals (E29): one that is looked at first takes some ten microseconds, one
#: of a storm four.
BATCH, STORM = 64, 256


class Loop:
    """PID 1 at work. pids: of members from fork to reaping. answers: of those between fork and exec.

    record: what has happened. looked: when no child was waiting to be reaped. orphans: reaped so far. report: the file
    that is to have it, beside stderr. unread: a descriptor has more than was read at once. troubles: times of the
    latest exceptions in PID 1 itself. buried: a member's pid that is reaped already while its end is decided on; it is
    not signalled (E18). dropped: pids whose end is nobody's any more: their exec has not worked, or we have killed
    them.
    """

    __slots__ = (
        "plan", "inherited", "terminal", "verbose", "machine", "pids", "members", "answers", "queue", "started_at",
        "record", "looked", "orphans", "report", "unread", "troubles", "reaped", "dropped", "kernel", "feeding",
    )  # fmt: skip

    CALLS: "dict[int, Callable[..., None]]"

    #: Does anything wait for an exec to have worked? For that of a single command nothing does.
    AWAITS = False

    def __init__(
        self, machine: "Machine", inherited: "Inherited", terminal: "Terminal | None", wanted: "Arguments",
        kernel: "Any",
    ) -> None:  # fmt: skip
        self.kernel = kernel
        self.machine = machine
        self.plan: "Plan" = machine.plan
        self.inherited = inherited
        self.terminal = terminal
        self.verbose, self.report = wanted.verbose, wanted.report
        self.pids: "dict[int, int]" = {}  # member -> pid
        self.members: "dict[int, int]" = {}  # pid -> member
        self.answers = Answers(kernel)
        self.queue: "list[Event]" = []
        self.started_at = self.looked = kernel.monotonic()
        self.record: "Any" = SingleRecord(self.started_at, kernel)
        self.orphans, self.unread, self.reaped, self.feeding = 0, False, 0, False
        self.troubles: "list[float]" = []
        self.dropped: "set[int]" = set()

    def declared(self, member: int) -> "Process":
        return self.plan.processes[member]

    def run(self, early: "list[int]") -> "NoReturn":
        """Never returns. early: signals that came while the plan was made; a stop among them, and nothing starts."""
        for number in early:
            self.feed((SIGNAL, number))
        self.feed((BEGIN,))
        while True:
            try:
                more = self.reap()  # after each event: that nobody is left may be what a stop waits for
                self.wait(0.0 if more or self.unread else None)
            except Exception as error:
                trouble.seen(self, error)

    # -- events

    def wait(self, timeout: "float | None") -> None:
        """Sleep until something happens, or for at most `timeout` seconds."""
        deadline = self.machine.deadline
        if deadline is not None and timeout is None:
            # a longer one overflows in time, and early is harmless
            timeout = max(0.0, min(deadline - self.kernel.monotonic(), 3600.0))
        if timeout is None:
            info: "_signal.struct_siginfo | None" = self.kernel.sigwaitinfo(signals.ALL)
        else:
            info = self.kernel.sigtimedwait(signals.ALL, timeout)
            if deadline is not None and self.kernel.monotonic() >= deadline:  # a flood of signals must not put it off
                self.feed((DEADLINE,))
        if info is None:
            if self.unread:
                self.read_descriptors()
            return
        number, by_kernel = info.si_signo, info.si_code > 0  # sigaction(2): SI_USER is 0, SI_QUEUE -1, SI_TKILL -6
        self.read_descriptors()
        # The kernel sends some in our own name: SIGPIPE for a line nobody reads, SIGXFSZ, and SIGHUP and SIGCONT for a
        # terminal that was handed over (E25). We send ourselves none.
        ours = info.si_pid == self.kernel.getpid() or (by_kernel and number in (SIGCHLD, SIGIO))
        ours = ours or (number == SIGCONT and self.terminal is not None and self.terminal.resume())
        if number in ASKING or number in self.plan.stop_signals:
            self.reap()  # the lower number comes first, though an end or a stop of a child may be older (E19, E42)
        if not ours:
            if self.record.may_record(SIGNALS):
                name = proc.proc_stat(info.si_pid, self.kernel)[0] if info.si_pid else ""
                vital = number in self.plan.stop_signals and self.machine.phase < STOP
                self.add_event("signal", number, info.si_pid, info.si_uid, name, vital=vital)
            self.feed((SIGNAL, number))

    def reap(self) -> bool:
        """Look at ended children. True if there may be more.

        Each is looked at before it is reaped, but for a storm of orphans: those that are too many to be noted are
        reaped in the order in which the kernel has them, and whoever else is among them.
        """
        for _ in range(BATCH):
            try:
                info = reap.peek(self.kernel)
            except ChildProcessError:
                self.feed((ALONE, others(self)))
                return False
            if info is None:
                self.looked = self.kernel.monotonic()
                return False
            pid = info.si_pid
            what, code, number = reap.meaning(self.kernel, info)
            recorded = (
                pid in self.members
                or what == reap.SUSPENDED
                or pid in self.helpers()
                or self.record.may_record(ORPHANS)
            )
            self.one_ended(pid, recorded, what, code, number)
            if not (recorded or self.verbose) and self.reap_storm():
                break
        return True

    def reap_storm(self) -> bool:
        """Reap orphans that are too many to be noted, and whoever else is among them. True: now look at the signals."""
        done, killed, pid, status = reap.storm(self.kernel, {0, *self.members, *self.helpers()}, STORM)
        self.orphans += done
        self.record.missed[ORPHANS] += done
        if killed:
            self.orphans_killed(killed)
        if pid:  # one of the group, or a helper: its number is free already
            code, number, core = status >> 8, status & 0x7F, bool(status & 0x80)
            member = self.members.get(pid)
            if member is None:
                self.undeclared(pid, code, number, core, False)
            else:
                self.already_reaped(member, pid, code, number, core)
        return True

    def orphans_killed(self, number: int) -> None:
        """So many orphans have ended by SIGKILL."""

    def already_reaped(self, member: int, pid: int, code: int, number: int, core: bool, *more: "Any") -> None:
        """The end of a member that has been reaped: nobody else has it any more, so it must not be lost."""
        event: "Event" = (EXITED, member, code, number, False)
        self.reaped = pid
        try:
            try:
                self.read_answers()
                if pid in self.dropped:
                    return self.dropped.discard(pid)  # its exec has not worked, and that was its end
                event = self.ending(member, pid, code, number, core, *more)
            except Exception as error:
                trouble.seen(self, error)
            self.feed(event)
        finally:
            self.reaped = 0
        if self.members.get(pid) == member:
            self.forget(pid)
        elif self.pids.get(member) == pid:
            del self.pids[member]  # the number is another's by now

    def one_ended(self, pid: int, recorded: bool, what: int, code: int, number: int) -> None:
        """noted: if it is an orphan, it goes into the record."""
        member = self.members.get(pid)
        if what == reap.SUSPENDED:
            if member is not None:
                if self.record.may_record(SUSPENSIONS):
                    self.add_event("suspended", member, pid)
                self.feed((SUSPENDED, member))
            return
        self.read_answers()  # that of an exec comes before the ends it explains, or has led to
        if member is not None and pid in self.members:
            self.member_ended(member, pid, code, number, what == reap.CORE)
        else:
            self.undeclared(pid, code, number, what == reap.CORE, recorded)
            reap.reap(self.kernel, pid)

    def helpers(self) -> "set[int]":
        """Children that are neither of the group nor orphans."""
        return self.dropped

    def member_ended(self, member: int, pid: int, code: int, number: int, core: bool) -> None:
        """One of the group has ended. It is still a zombie: its process group can be signalled."""
        self.feed(self.ending(member, pid, code, number, core))
        if pid in self.members:
            self.forget(pid)
        size = reap.reap(self.kernel, pid, number == SIGKILL)
        if size:
            self.add_event("sized", member, pid, size)

    def ending(self, member: int, pid: int, code: int, number: int, core: bool) -> "Event":
        self.add_event("exited", member, pid, code, number, core, False)
        return EXITED, member, code, number, False

    def undeclared(self, pid: int, code: int, number: int, core: bool, recorded: bool) -> None:
        """An orphan has ended, or one that has been dropped."""
        if pid in self.dropped:
            return self.dropped.discard(pid)
        self.orphans += 1
        if recorded:
            name, fields = proc.proc_stat(pid, self.kernel)
            whose = self.members.get(int(fields[3]), -1) if fields else -1
            waited = int((self.kernel.monotonic() - self.looked) * 1e6)
            self.add_event("reaped", pid, name, whose, code, number, core, waited)
        if self.verbose:
            self.talk("trace", ("reaped", pid, code, number))

    def read_descriptors(self) -> None:
        """Look at the descriptors that may have something for us."""
        self.read_answers()

    def read_answers(self) -> None:
        """What the children between fork and exec have to say."""
        for pid, looked_up, answer in self.answers.read():
            if looked_up:
                self.looked_up(pid, answer)
            else:
                self.answered(pid, answer)

    def looked_up(self, pid: int, found: bytes) -> None:
        """What a process of a group tells before its exec (lookup.tell_pid_1)."""

    def answered(self, pid: int, answer: bytes) -> None:
        """The pipe has ended. Without the mark the child has not come as far as its exec, or has said why."""
        member = self.members.get(pid)
        if member is None:
            return  # the instance has ended, and may have been followed by another (E45)
        marked = answer[:1] == spawns.EXEC_IS_NEXT
        if marked:
            answer = answer[1:]
        if answer[:1] not in (b"", b"\0"):
            text = answer[1:].decode("utf-8", "replace")
            self.add_event("failed", member, answer[0], text)
            self.forget(pid)
            self.dropped.add(pid)
            self.feed((FAILED, member, answer[0], text))
        elif marked:
            self.add_event("execed", member, pid)
            self.feed((EXECED, member))
        # else it was killed before, which its end will tell

    def forget(self, pid: int) -> None:
        """It has ended: nothing that comes late of it is anybody's any more (E45)."""
        del self.pids[self.members.pop(pid)]
        self.answers.forget(pid)
        if self.terminal is not None and pid == self.terminal.app:
            self.terminal.suspended = False  # its number may be a stranger's soon (E18)

    # -- actions

    def feed(self, event: "Event") -> None:
        """Give the group an event and carry out what it wants; events that come of that wait for their turn."""
        self.queue.append(event)
        if self.feeding:
            return
        self.feeding = True
        try:
            while self.queue:
                take(self, self.queue.pop(0))
        finally:
            self.feeding = False

    def spawn(self, member: int) -> None:
        process = self.declared(member)
        extras = None
        try:
            if self.terminal is not None and member == self.machine.primary:
                self.terminal.before_fork()
            extras = self.extras(member)
            awaited = self.AWAITS or self.verbose
            pid, answer = spawns.spawn(process, self.inherited, self.terminal, awaited, extras, self.kernel)
        except (OSError, ImportError) as error:  # fcntl may be a file, and descriptors may have run out
            text = "cannot fork: %s" % posix.strerror(getattr(error, "errno", EMFILE)).lower()
            self.add_event("failed", member, CANNOT, text)
            self.queue.append((FAILED, member, CANNOT, text))
            return
        finally:
            if extras is not None:
                extras.in_parent(self.kernel)
        self.add_event("forked", member, pid)
        self.pids[member] = pid
        self.members[pid] = member
        self.answers.pipes[answer] = pid, b""
        if self.terminal is not None and member == self.machine.primary:
            self.terminal.app = pid

    def extras(self, member: int) -> "Any":
        """What a process of a group gets that a single command does not."""
        return None

    def kill(self, member: int, number: int, whole: bool) -> None:
        pid = self.pids.get(member)
        if pid is not None and pid != self.reaped:
            if number == SIGKILL or self.record.may_record(SENT):
                self.add_event("sent", member, pid, number, whole)
            signal(self.kernel, pid, number, whole)

    # -- the record

    def add_event(self, kind: str, *fields: "Any", vital: bool = False) -> None:
        """Into the record. What cannot be noted is not worth more than the rest of what PID 1 does."""
        try:
            self.record.add_event(kind, *fields, vital=vital)
        except Exception as error:
            trouble.seen(self, error)

    def talk(self, kind: str, details: "tuple[object, ...]") -> None:
        """A line is never worth a stop, not even when the file that knows its words is gone or memory is."""
        try:
            getattr(self.kernel.load("pidone.init.messages"), kind)(self, self.pids, details)
        except Exception:
            pass

    def exit(self, code: int, troubled: bool) -> "NoReturn":
        self.add_event("exit", code)
        if troubled or self.report is not None:
            try:
                self.kernel.load("pidone.init.report").make_report(self, code, troubled)
            except Exception:
                pass  # as in `talk`
        if self.terminal is not None:
            self.terminal.give_back()
        leave: "Callable[[int], NoReturn]" = self.kernel._exit
        leave(code)


def take(loop: Loop, event: "Event") -> None:
    if loop.verbose:
        loop.talk("trace", ("event", *event))
    try:
        actions = loop.machine.take(event, loop.kernel.monotonic())
    except Exception as error:  # what decides cannot be trusted any more
        trouble.emergency(loop, trouble.place(error))
    for action in actions:
        try:
            loop.CALLS[action[0]](loop, *action[1:])
        except Exception as error:
            trouble.repair(loop, action, error)
    if loop.verbose:
        loop.talk("states", (loop.machine,))


def others(loop: Loop) -> int:
    """How many run in this PID namespace that are no children of ours, where a stop asks for them."""
    if not loop.machine.asks_for_others():
        return 0
    return len(loop.kernel.load("pidone.init.others").survivors())


def signal(kernel: "Any", pid: int, number: int, whole: bool) -> None:
    """To a child that has not been reaped, or to its process group."""
    try:
        try:
            (kernel.killpg if whole else kernel.kill)(pid, number)
        except ProcessLookupError:
            kernel.kill(pid, number)  # forked, but not yet the leader of its group
    except OSError:
        pass  # a process of another user, and pidone is not root


def sweep(loop: Loop, number: int) -> None:
    loop.add_event("swept", number)
    reap.sweep(loop.kernel, number)


def suspend(loop: Loop) -> None:
    if loop.terminal is not None:
        loop.terminal.suspend()


def say(loop: Loop, *details: object) -> None:
    loop.add_event("said", *details)
    loop.talk("print_line", details)


#: {kind of action: what carries it out}
Loop.CALLS = {
    events.SPAWN: Loop.spawn, events.KILL: Loop.kill, events.SWEEP: sweep, events.SUSPEND: suspend,
    events.SAY: say, events.EXIT: Loop.exit,
}  # fmt: skip
