"""The loop of a group: the loop of a single command, and the group's helpers, sessions and record.

It carries out what the group decides, and decides nothing. Each subject has an object of its own:

    helpers_running  the helpers that run
    notifications    what processes report of themselves
    oom_kills        OOM kills
    output           the pipes of the processes' output
    control          the control socket and its sessions
    record           what has happened
    counters         counts for metrics

E1 and so on: docs/reference/edge-cases.md.
"""

import marshal
import posix
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from pidone.group.group import Group
    from pidone.init.arguments import Arguments
    from pidone.init.inherited import Inherited
    from pidone.init.machine import Event
    from pidone.init.slots import Process
    from pidone.init.terminal import Terminal
    from pidone.supervisor.control_server import Control
    from pidone.supervisor.output import Output

from pidone.group.policy import HOOKS, PROBES
from pidone.init import reap, trouble
from pidone.init.events import (
    CANCEL_HELPER,
    EXIT,
    EXITED,
    RECORD,
    RESOLVED,
    RUN_HELPER,
    SIGHUP,
    SIGKILL,
    SWEEP,
    TAKE_OVER,
)
from pidone.init.loop import Loop, signal, sweep
from pidone.init.plan import CANNOT, INIT
from pidone.oom import is_large
from pidone.supervisor import control_server, helpers, output, planner
from pidone.supervisor.counters import Counters
from pidone.supervisor.extras import Extras
from pidone.supervisor.helpers import Helpers
from pidone.supervisor.notifications import Notifications
from pidone.supervisor.oom import RECENT, OomKills
from pidone.supervisor.record import Record

#: So many removed processes keep their names, for events of the record that concern them.
MAX_NAMES = 1000


class GroupLoop(Loop):
    """The loop of a group.

    wanted: the command line.
    group: the same object as `machine`, as a Group.
    last_sessions: {member: the session of its latest instance}.
    stamps: {member: {file: what it was like at the start of the instance}}.
    awaiting_successor: {member: pid} of ended processes whose end is reported when the search for
        a successor is over.
    removed: {id: (name, role)} of processes that an earlier plan had.
    planning: (descriptor, parts read so far) while the file is read again, or None.
    """

    __slots__ = (
        "wanted", "helpers_running", "notifications", "oom_kills", "output", "control", "counters", "last_sessions",
        "group", "stamps", "awaiting_successor", "removed", "planning",
    )  # fmt: skip
    AWAITS = True

    def __init__(
        self, group: "Group", inherited: "Inherited", terminal: "Terminal | None", wanted: "Arguments", kernel: "Any"
    ) -> None:
        Loop.__init__(self, group, inherited, terminal, wanted, kernel)
        self.group = group
        self.wanted = wanted
        self.record = Record(self.started_at, kernel)
        self.helpers_running = Helpers(self.started_at)
        self.notifications = Notifications(kernel)
        self.oom_kills = OomKills(kernel, self.plan.oom, self.started_at, self.add_event)
        self.output: "Output | None" = None
        self.control: "Control | None" = None
        self.counters = Counters(kernel)
        self.last_sessions: "dict[int, int]" = {}
        self.awaiting_successor: "dict[int, int]" = {}
        self.stamps: "dict[int, dict[bytes, Any]]" = {}
        self.removed: "dict[int, tuple[str, int]]" = {}
        self.planning: "tuple[int, list[bytes]] | None" = None

    def run(self, early: "list[int]") -> "NoReturn":
        try:
            self.output = output.of_group(self.group, self.kernel)
        except OSError as error:
            self.talk("print_line", ("line", "no pipes for the output: %s" % posix.strerror(error.errno or 0).lower()))
            self.kernel._exit(CANNOT)
        if self.plan.control != b"":
            shared = any(self.plan.access)
            self.control, wrong = control_server.open_at(self.kernel, self.plan.control, self.kernel.getuid(), shared)
            if wrong:
                self.talk("print_line", ("line", wrong))
        Loop.run(self, early)

    def declared(self, member: int) -> "Process":
        return self.group.by_id[member].declared

    # -- events

    def feed(self, event: "Event") -> None:
        self.counters.woken()  # a child may have to wait until this is handled
        Loop.feed(self, event)

    def reap(self) -> bool:
        more = Loop.reap(self)
        self.counters.reaped_all(more)
        return more

    def read_descriptors(self) -> None:
        self.counters.woken()
        self.oom_kills.check()
        self.read_answers()
        self.unread = self.notifications.read(self)
        if self.planning is not None:
            planner.read(self.kernel, *self.planning)
        if self.control is not None:
            more = self.control.carry_out_commands(self)
            self.unread = self.control.accept(self) or more or self.unread

    def helpers(self) -> "set[int]":
        clients = self.control.clients() if self.control is not None else ()
        return {*self.helpers_running.running, *self.dropped, *clients}

    def orphans_killed(self, number: int) -> None:
        if self.kernel.monotonic() - self.helpers_running.cancelled_at < RECENT:
            return  # perhaps a child of the helper that PID 1 killed
        try:
            self.oom_kills.orphans_killed(number)
        except Exception as error:  # the end of a process reaped after them must not be lost
            trouble.seen(self, error)

    def undeclared(self, pid: int, code: int, number: int, core: bool, recorded: bool) -> None:
        """Handle the end of a helper, a session, an exec session or an orphan."""
        if pid not in self.dropped:
            if number == SIGKILL:
                self.orphans_killed(1)
            if helpers.ended(self, pid, code, number) or control_server.ended(self, pid, code, number):
                return
        Loop.undeclared(self, pid, code, number, core, recorded)

    def looked_up(self, pid: int, found: bytes) -> None:
        member = self.members.get(pid)
        if member is not None:
            process = self.declared(member)
            process.user, process.env, self.stamps[member] = marshal.loads(found)
            process.resolved = True
            self.feed((RESOLVED, member))

    def member_ended(self, member: int, pid: int, code: int, number: int, core: bool) -> None:
        """Handle the end of a member. Its size decides if it may be an old OOM kill's victim (E56).

        The kernel reports the size when PID 1 reaps the process, so it is reaped first.
        """
        sent = self.group.by_id[member].sent
        if number != SIGKILL or SIGKILL in sent or not self.oom_kills.may_be_old():
            Loop.member_ended(self, member, pid, code, number, core)
            return
        size = reap.reap(self.kernel, pid, True)
        self.already_reaped(member, pid, code, number, core, is_large(size * 1024, self.plan.memory))
        self.add_event("sized", member, pid, size)

    def end_event(
        self, member: int, pid: int, code: int, number: int, core: bool, large: "bool | None" = None
    ) -> "Event":
        """Record the end of a member, and return the event for it.

        large: whether it was large enough for the OOM killer to choose it; None if its size is
          unknown.
        """
        process = self.group.by_id[member]
        if large is None:
            large = number != SIGKILL or not self.oom_kills.may_be_old()
        if process.policy.daemonizes and not process.main_pid_found and code == number == 0:
            self.add_event("launched", member, pid)
            return EXITED, member, 0, 0, False
        oom = self.oom_kills.is_victim(process, number, large)
        self.add_event("exited", member, pid, code, number, core, oom)
        self.counters.exited(member, 128 + number if number else code)
        unknown = number == SIGKILL and not oom and SIGKILL not in process.sent
        if unknown and (member, "suspects") not in self.helpers_running.pids:
            helpers.run(self, member, "suspects")
        return EXITED, member, code, number, oom

    def forget(self, pid: int) -> None:
        member = self.members[pid]
        process = self.group.by_id[member]
        if not process.main_pid_found:
            self.last_sessions[member] = pid
        if process.ended_as is not None:
            self.awaiting_successor[member] = pid
        Loop.forget(self, pid)

    def talk(self, kind: str, details: "tuple[object, ...]") -> None:
        try:
            messages = self.kernel.load("pidone.supervisor.messages")
            getattr(messages, kind)(self, {**self.awaiting_successor, **self.pids}, details)
        except Exception:
            pass  # as in Loop.talk

    # -- actions

    def extras(self, member: int) -> "Extras | None":
        """Return what a process of a group gets beyond a single command, or None."""
        process, policy = self.group.by_id[member], self.group.by_id[member].policy
        self.notifications.forget(member)  # those of the instance before
        if policy.daemonizes:
            self.notifications.early[member] = []
        if process.role == INIT:
            self.oom_kills.at_step = self.oom_kills.recount()  # only kills while the step runs count
        self.awaiting_successor.pop(member, None)
        message = policy.termination_message
        extras = Extras(message)
        extras.launches = policy.daemonizes
        if process.declared.probe_files:
            process.declared.forked_at = self.kernel.monotonic()
        extras.pauses = 0 if process.declared.argv else process.declared.stop_signal
        if self.output is not None:
            extras.placed += self.output.placed(member)
        for spec in (policy.startup, policy.readiness):
            if spec is not None and spec[0] == "fd" and not extras.passing:
                extras.pass_on(self.notifications.fd_for(member), spec[1])
        return extras if extras.placed or extras.launches or extras.pauses or message is not None else None

    def sweep(self, number: int) -> None:
        if self.output is not None:
            self.output.close_writing()
        for pid in self.control.exec_sessions if self.control is not None else ():
            signal(self.kernel, pid, SIGHUP, True)  # an interactive shell ignores SIGTERM
        sweep(self, number)

    def exit(self, code: int, troubled: bool) -> "NoReturn":
        if self.control is not None:
            self.control.close()
        Loop.exit(self, code, troubled)

    def turned(self, member: int, what: str) -> None:
        self.add_event("turned", member, what)

    def take_over(self, gone: "dict[int, tuple[str, int]]") -> None:
        """Follow another plan that has taken over: keep only the names of removed processes."""
        self.plan = self.group.plan
        self.removed.update(gone)
        self.oom_kills.path = self.plan.oom
        self.notifications.know_members(self)
        for id in [*self.removed][:-MAX_NAMES]:
            del self.removed[id]
        for member in gone:
            self.notifications.forget(member)
            self.notifications.foreign_senders.discard(member)
            self.counters.forget(member)
            for what in (*PROBES, *HOOKS, "main_pid", "leftovers", "message", "suspects"):
                helpers.cancel(self, member, what)
            for kept in (self.last_sessions, self.awaiting_successor, self.stamps):
                kept.pop(member, None)
        if "pidone.supervisor.messages" in sys.modules:
            self.talk("forget", (gone,))
        output.carry_others(self)


GroupLoop.CALLS = {
    **Loop.CALLS,
    SWEEP: GroupLoop.sweep,
    EXIT: GroupLoop.exit,
    RUN_HELPER: helpers.run,
    CANCEL_HELPER: helpers.cancel,
    RECORD: GroupLoop.turned,
    TAKE_OVER: GroupLoop.take_over,
}
