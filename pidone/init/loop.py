"""The one wait of PID 1.

Theory. Everything that happens to PID 1 arrives in `sigwaitinfo` or `sigtimedwait`. The loop makes
an event for the machine from it, and makes calls from the machine's actions. It decides nothing.

There are no handlers and no self-pipe. All signals stay blocked. A deadline is the timeout of the
wait. The kernel sends SIGIO when a descriptor is ready. Without a deadline there is no timeout, and
so no wake-up while idle.

E1 and so on: docs/reference/edge-cases.md.
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
from pidone.init.events import ALONE, BEGIN, DEADLINE, END_SIGNALS, EXECED, EXITED, FAILED, SIGKILL, SIGNAL, SUSPENDED
from pidone.init.machine import STOP
from pidone.init.plan import CANNOT
from pidone.init.record import ORPHANS, SENT, SIGNALS, SUSPENSIONS, SingleRecord
from pidone.init.spawn import Answers

SIGCHLD, SIGIO, SIGCONT = _signal.SIGCHLD, _signal.SIGIO, _signal.SIGCONT

#: Zombies that the loop reaps between two checks for signals (E29). BATCH: those it peeks at first,
#: some ten microseconds each. STORM: those of a storm, four microseconds each.
BATCH, STORM = 64, 256


class Loop:
    """PID 1 at work.

    pids, members: the pid of each member from fork to reaping, and the member of each pid.
    answers: the pipes of the children between fork and exec.
    queue: events that wait for their turn.
    feeding: whether `feed` is at work on the queue.
    record: what has happened.
    all_reaped_at: when there was last no child to reap.
    orphans: how many orphans PID 1 has reaped.
    report: the file that gets the report, besides stderr; None for none.
    unread: whether a descriptor has more than was read at once.
    troubles: the times of the latest exceptions in PID 1 itself.
    reaped: the pid of a member that is already reaped while the machine takes its end, else 0; it
        gets no signal (E18).
    dropped: the pids of children whose end no longer matters: their exec has failed, or pidone has
        killed them.
    """

    __slots__ = (
        "plan", "inherited", "terminal", "verbose", "machine", "pids", "members", "answers", "queue", "started_at",
        "record", "all_reaped_at", "orphans", "report", "unread", "troubles", "reaped", "dropped", "kernel", "feeding",
    )  # fmt: skip

    CALLS: "dict[int, Callable[..., None]]"

    #: Whether something waits for the success of an exec. For a single command nothing does.
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
        self.started_at = self.all_reaped_at = kernel.monotonic()
        self.record: "Any" = SingleRecord(self.started_at, kernel)
        self.orphans, self.unread, self.reaped, self.feeding = 0, False, 0, False
        self.troubles: "list[float]" = []
        self.dropped: "set[int]" = set()

    def declared(self, member: int) -> "Process":
        return self.plan.processes[member]

    def run(self, early: "list[int]") -> "NoReturn":
        """Run the machine. Never returns.

        early: signals that came while the plan was made. With a stop signal among them nothing
            starts.
        """
        for number in early:
            self.feed((SIGNAL, number))
        self.feed((BEGIN,))
        while True:
            try:
                more = self.reap()  # after each event: a stop may wait for the end of the last child
                self.wait(0.0 if more or self.unread else None)
            except Exception as error:
                trouble.seen(self, error)

    # -- events

    def wait(self, timeout: "float | None") -> None:
        """Sleep until something happens, or for at most `timeout` seconds."""
        deadline = self.machine.deadline
        if deadline is not None and timeout is None:
            # a longer timeout overflows in `time`; to wake early is harmless
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
        # The kernel sends some signals in our own name: SIGPIPE for a line that nobody reads,
        # SIGXFSZ, and SIGHUP and SIGCONT for a terminal that was handed over (E25). We send
        # ourselves none.
        ours = info.si_pid == self.kernel.getpid() or (by_kernel and number in (SIGCHLD, SIGIO))
        ours = ours or (number == SIGCONT and self.terminal is not None and self.terminal.resume())
        if number in END_SIGNALS or number in self.plan.stop_signals:
            self.reap()  # a lower number comes first, though a child's end or suspension may be older (E19, E42)
        if not ours:
            if self.record.may_record(SIGNALS):
                name = proc.proc_stat(info.si_pid, self.kernel)[0] if info.si_pid else ""
                vital = number in self.plan.stop_signals and self.machine.phase < STOP
                self.add_event("signal", number, info.si_pid, info.si_uid, name, vital=vital)
            self.feed((SIGNAL, number))

    def reap(self) -> bool:
        """Handle ended children, and return whether there may be more.

        The loop peeks at each child before it reaps it. A storm of orphans is the exception: where
        there are too many to record, the loop reaps all children in the kernel's order.
        """
        for _ in range(BATCH):
            try:
                info = reap.peek(self.kernel)
            except ChildProcessError:
                self.feed((ALONE, others(self)))
                return False
            if info is None:
                self.all_reaped_at = self.kernel.monotonic()
                return False
            pid = info.si_pid
            what, code, number = reap.meaning(self.kernel, info)
            recorded = (
                pid in self.members
                or what == reap.CHILD_SUSPENDED
                or pid in self.helpers()
                or self.record.may_record(ORPHANS)
            )
            self.one_ended(pid, recorded, what, code, number)
            if not (recorded or self.verbose) and self.reap_storm():
                break
        return True

    def reap_storm(self) -> bool:
        """Reap a batch of orphans without recording each, up to the first member or helper.

        Return True: the loop then checks for signals.
        """
        done, killed, pid, status = reap.storm(self.kernel, {0, *self.members, *self.helpers()}, STORM)
        self.orphans += done
        self.record.missed[ORPHANS] += done
        if killed:
            self.orphans_killed(killed)
        if pid:  # a member or a helper: its pid is already free
            code, number, core = status >> 8, status & 0x7F, bool(status & 0x80)
            member = self.members.get(pid)
            if member is None:
                self.undeclared(pid, code, number, core, False)
            else:
                self.already_reaped(member, pid, code, number, core)
        return True

    def orphans_killed(self, number: int) -> None:
        """Handle the end of so many orphans by SIGKILL. A single command needs nothing for that."""

    def already_reaped(self, member: int, pid: int, code: int, number: int, core: bool, *more: "Any") -> None:
        """Handle the end of a member that is already reaped.

        The kernel does not report this end again, so an exception must not lose it.
        """
        event: "Event" = (EXITED, member, code, number, False)
        self.reaped = pid
        try:
            try:
                self.read_answers()
                if pid in self.dropped:
                    return self.dropped.discard(pid)  # its exec has failed, and this was its end
                event = self.end_event(member, pid, code, number, core, *more)
            except Exception as error:
                trouble.seen(self, error)
            self.feed(event)
        finally:
            self.reaped = 0
        if self.members.get(pid) == member:
            self.forget(pid)
        elif self.pids.get(member) == pid:
            del self.pids[member]  # the pid now belongs to another member

    def one_ended(self, pid: int, recorded: bool, what: int, code: int, number: int) -> None:
        """Handle what `peek` has found, and reap an ended child.

        recorded: whether to record it if it is an orphan.
        """
        member = self.members.get(pid)
        if what == reap.CHILD_SUSPENDED:
            if member is not None:
                if self.record.may_record(SUSPENSIONS):
                    self.add_event("suspended", member, pid)
                self.feed((SUSPENDED, member))
            return
        self.read_answers()  # the answer of an exec comes before the ends that it explains or caused
        if member is not None and pid in self.members:
            self.member_ended(member, pid, code, number, what == reap.CHILD_DUMPED_CORE)
        else:
            self.undeclared(pid, code, number, what == reap.CHILD_DUMPED_CORE, recorded)
            reap.reap(self.kernel, pid)

    def helpers(self) -> "set[int]":
        """Return the pids of children that are neither members nor orphans."""
        return self.dropped

    def member_ended(self, member: int, pid: int, code: int, number: int, core: bool) -> None:
        """Handle the end of a member, still a zombie, so that its process group can get signals."""
        self.feed(self.end_event(member, pid, code, number, core))
        if pid in self.members:
            self.forget(pid)
        size = reap.reap(self.kernel, pid, number == SIGKILL)
        if size:
            self.add_event("sized", member, pid, size)

    def end_event(self, member: int, pid: int, code: int, number: int, core: bool) -> "Event":
        self.add_event("exited", member, pid, code, number, core, False)
        return EXITED, member, code, number, False

    def undeclared(self, pid: int, code: int, number: int, core: bool, recorded: bool) -> None:
        """Handle the end of an orphan or of a dropped child."""
        if pid in self.dropped:
            return self.dropped.discard(pid)
        self.orphans += 1
        if recorded:
            name, fields = proc.proc_stat(pid, self.kernel)
            whose = self.members.get(int(fields[3]), -1) if fields else -1
            waited = int((self.kernel.monotonic() - self.all_reaped_at) * 1e6)
            self.add_event("reaped", pid, name, whose, code, number, core, waited)
        if self.verbose:
            self.talk("trace", ("reaped", pid, code, number))

    def read_descriptors(self) -> None:
        """Read the descriptors that may be ready."""
        self.read_answers()

    def read_answers(self) -> None:
        """Handle the answers of the children between fork and exec."""
        for pid, looked_up, answer in self.answers.read():
            if looked_up:
                self.looked_up(pid, answer)
            else:
                self.answered(pid, answer)

    def looked_up(self, pid: int, found: bytes) -> None:
        """Handle what a group's process sends before its exec (lookup.send_to_pid_1)."""

    def answered(self, pid: int, answer: bytes) -> None:
        """Handle the end of an answer pipe.

        Without the mark EXEC_IS_NEXT the child did not come as far as its exec. A text says why
        something failed.
        """
        member = self.members.get(pid)
        if member is None:
            return  # the instance has ended, and another may have followed (E45)
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
        # else it was killed before its exec; its end will follow

    def forget(self, pid: int) -> None:
        """Forget an ended process, so that nothing late of it counts for its successor (E45)."""
        del self.pids[self.members.pop(pid)]
        self.answers.forget(pid)
        if self.terminal is not None and pid == self.terminal.app:
            self.terminal.suspended = False  # a foreign process may get its pid soon (E18)

    # -- actions

    def feed(self, event: "Event") -> None:
        """Pass an event to the machine and carry out its actions.

        Events that arise from these actions wait in the queue.
        """
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
        except (OSError, ImportError) as error:  # fcntl may be a file, and there may be no descriptor left
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
        """Return what a process of a group gets beyond a single command; None for nothing."""
        return None

    def kill(self, member: int, number: int, whole: bool) -> None:
        pid = self.pids.get(member)
        if pid is not None and pid != self.reaped:
            if number == SIGKILL or self.record.may_record(SENT):
                self.add_event("sent", member, pid, number, whole)
            signal(self.kernel, pid, number, whole)

    # -- the record

    def add_event(self, kind: str, *fields: "Any", vital: bool = False) -> None:
        """Record an event. A failure to record must not keep PID 1 from the rest of its work."""
        try:
            self.record.add_event(kind, *fields, vital=vital)
        except Exception as error:
            trouble.seen(self, error)

    def talk(self, kind: str, details: "tuple[object, ...]") -> None:
        """Print a line with a function of `messages`, and ignore every exception.

        A line is never worth a stop, not even where that module's file is gone or memory is out.
        """
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
    except Exception as error:  # the machine cannot be trusted any more
        trouble.emergency(loop, trouble.place(error))
    for action in actions:
        try:
            loop.CALLS[action[0]](loop, *action[1:])
        except Exception as error:
            trouble.repair(loop, action, error)
    if loop.verbose:
        loop.talk("states", (loop.machine,))


def others(loop: Loop) -> int:
    """Return how many other processes run in this PID namespace; 0 where no stop waits for them."""
    if not loop.machine.asks_for_others():
        return 0
    return len(loop.kernel.load("pidone.init.others").survivors())


def signal(kernel: "Any", pid: int, number: int, whole: bool) -> None:
    """Send a signal to a child that is not yet reaped, or to its whole process group."""
    try:
        try:
            (kernel.killpg if whole else kernel.kill)(pid, number)
        except ProcessLookupError:
            kernel.kill(pid, number)  # forked, but not yet the leader of its process group
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


#: {kind of action: the function that carries it out}
Loop.CALLS = {
    events.SPAWN: Loop.spawn, events.KILL: Loop.kill, events.SWEEP: sweep, events.SUSPEND: suspend,
    events.SAY: say, events.EXIT: Loop.exit,
}  # fmt: skip
