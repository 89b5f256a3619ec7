"""The loop of a group: as that of a single command, and what goes on beside its processes.

It carries out what the group decides and decides nothing. What belongs together has an object of its own: `asides`, the
helpers that run; `notifications`, what processes say of themselves; `memory_kills`; `output`, the pipes; `control`, the
socket and who answers; `record`; `tally`, counts for those who measure.
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
from pidone.init.events import ASIDE, DROP, EXIT, EXITED, NOTE, RESOLVED, SIGHUP, SIGKILL, SWEEP, TAKE_OVER
from pidone.init.loop import Loop, signal, sweep
from pidone.init.plan import CANNOT, INIT
from pidone.oom import is_large
from pidone.supervisor import control_server, helpers, output, planner
from pidone.supervisor.counters import Tally
from pidone.supervisor.extras import Extras
from pidone.supervisor.helpers import Helpers
from pidone.supervisor.notifications import Notifications
from pidone.supervisor.oom import RECENT, MemoryKills
from pidone.supervisor.record import Record

#: So many processes that are gone are remembered by name, for the record that tells of them.
MOST_NAMES = 1000


class GroupLoop(Loop):
    """former: the session of each member's latest instance. stamps: {member: {file: what it was like at the start of
    the instance}}. left: {member: pid} of those that have ended, which is not told before their successor has been
    looked for. gone: {id: (name, role)} of those that were members once. planning: the file is being read again.
    """

    __slots__ = (
        "wanted", "asides", "notifications", "memory_kills", "output", "control", "tally", "former", "stamps", "left",
        "gone", "planning",
    )  # fmt: skip
    group: "Group"
    AWAITS = True

    def __init__(
        self, group: "Group", inherited: "Inherited", terminal: "Terminal | None", wanted: "Arguments", kernel: "Any"
    ) -> None:
        Loop.__init__(self, group, inherited, terminal, wanted, kernel)
        self.wanted = wanted
        self.record = Record(self.began, kernel)
        self.asides = Helpers(self.began)
        self.notifications = Notifications(kernel)
        self.memory_kills = MemoryKills(kernel, self.plan.oom, self.began, self.note)
        self.output: "Output | None" = None
        self.control: "Control | None" = None
        self.tally = Tally(kernel)
        self.former: "dict[int, int]" = {}
        self.left: "dict[int, int]" = {}
        self.stamps: "dict[int, dict[bytes, Any]]" = {}
        self.gone: "dict[int, tuple[str, int]]" = {}
        self.planning: "tuple[int, list[bytes]] | None" = None

    def run(self, early: "list[int]") -> "NoReturn":
        try:
            self.output = output.of_group(self.group, self.kernel)
        except OSError as error:
            self.talk("tell", ("line", "no pipes for the output: %s" % posix.strerror(error.errno or 0).lower()))
            self.kernel._exit(CANNOT)
        if self.plan.control != b"":
            shared = any(self.plan.access)
            self.control, wrong = control_server.open_at(self.kernel, self.plan.control, self.kernel.getuid(), shared)
            if wrong:
                self.talk("tell", ("line", wrong))
        Loop.run(self, early)

    def declared(self, member: int) -> "Process":
        return self.group.by_id[member].declared

    # -- events

    def feed(self, event: "Event") -> None:
        self.tally.woken()  # what it leads to, a child may have to wait for
        Loop.feed(self, event)

    def reap(self) -> bool:
        more = Loop.reap(self)
        self.tally.looked(more)
        return more

    def hear(self) -> None:
        self.tally.woken()
        self.memory_kills.look()
        self.read_answers()
        self.unread = self.notifications.hear(self)
        if self.planning is not None:
            planner.read(self.kernel, *self.planning)
        if self.control is not None:
            more = self.control.hear(self)
            self.unread = self.control.look(self) or more or self.unread

    def helpers(self) -> "set[int]":
        clients = self.control.clients() if self.control is not None else ()
        return {*self.asides.running, *self.dropped, *clients}

    def orphans_killed(self, number: int) -> None:
        if self.kernel.monotonic() - self.asides.cancelled_at < RECENT:
            return  # what a probe had started, perhaps
        try:
            self.memory_kills.orphans_killed(number)
        except Exception as error:  # whoever was reaped behind them must not be lost for it
            trouble.seen(self, error)

    def undeclared(self, pid: int, code: int, number: int, core: bool, noted: bool) -> None:
        """A helper has ended, somebody's session or command, or an orphan."""
        if pid not in self.dropped:
            if number == SIGKILL:
                self.orphans_killed(1)
            if helpers.ended(self, pid, code, number) or control_server.ended(self, pid, code, number):
                return
        Loop.undeclared(self, pid, code, number, core, noted)

    def looked_up(self, pid: int, found: bytes) -> None:
        member = self.members.get(pid)
        if member is not None:
            process = self.declared(member)
            process.user, process.env, self.stamps[member] = marshal.loads(found)
            process.known = True
            self.feed((RESOLVED, member))

    def member_ended(self, member: int, pid: int, code: int, number: int, core: bool) -> None:
        """Of an old memory kill's possible victim the size decides (E56), which the kernel tells when it is reaped."""
        sent = self.group.by_id[member].sent
        if number != SIGKILL or SIGKILL in sent or not self.memory_kills.may_be_old():
            Loop.member_ended(self, member, pid, code, number, core)
            return
        size = reap.bury(self.kernel, pid, True)
        self.buried_already(member, pid, code, number, core, is_large(size * 1024, self.plan.memory))
        self.note("sized", member, pid, size)

    def ending(self, member: int, pid: int, code: int, number: int, core: bool, large: "bool | None" = None) -> "Event":
        """large: is it large enough to have been chosen by the memory killer? None where its size is not known."""
        process = self.group.by_id[member]
        if large is None:
            large = number != SIGKILL or not self.memory_kills.may_be_old()
        if process.policy.daemonizes and not process.followed and code == number == 0:
            self.note("launched", member, pid)
            return EXITED, member, 0, 0, False
        oom = self.memory_kills.is_victim(process, number, large)
        self.note("exited", member, pid, code, number, core, oom)
        self.tally.exited(member, 128 + number if number else code)
        unknown = number == SIGKILL and not oom and SIGKILL not in process.sent
        if unknown and (member, "suspects") not in self.asides.pids:
            helpers.run(self, member, "suspects")
        return EXITED, member, code, number, oom

    def forget(self, pid: int) -> None:
        member = self.members[pid]
        process = self.group.by_id[member]
        if not process.followed:
            self.former[member] = pid
        if process.ended_as is not None:
            self.left[member] = pid
        Loop.forget(self, pid)

    def talk(self, kind: str, details: "tuple[object, ...]") -> None:
        try:
            words = self.kernel.load("pidone.supervisor.words")
            getattr(words, kind)(self, {**self.left, **self.pids}, details)
        except Exception:
            pass  # as in Loop.talk

    # -- actions

    def extras(self, member: int) -> "Extras | None":
        """What a process of a group gets that a single command does not."""
        process, policy = self.group.by_id[member], self.group.by_id[member].policy
        self.notifications.forget(member)  # of the instance before
        if policy.daemonizes:
            self.notifications.early[member] = []
        if process.role == INIT:
            self.memory_kills.at_step = self.memory_kills.recount()  # what counts is what happens in its time
        self.left.pop(member, None)
        message = policy.termination_message
        extras = Extras(message)
        extras.launches = policy.daemonizes
        if process.declared.files:
            process.declared.since = self.kernel.monotonic()
        extras.pauses = 0 if process.declared.argv else process.declared.stop_signal
        if self.output is not None:
            extras.placed += self.output.placed(member)
        for spec in (policy.startup, policy.readiness):
            if spec is not None and spec[0] == "fd" and not extras.passing:
                extras.pass_on(self.notifications.line_for(member), spec[1])
        return extras if extras.placed or extras.launches or extras.pauses or message is not None else None

    def sweep(self, number: int) -> None:
        if self.output is not None:
            self.output.close_writing()
        for pid in self.control.guests if self.control is not None else ():
            signal(self.kernel, pid, SIGHUP, True)  # an interactive shell does not listen to SIGTERM
        sweep(self, number)

    def exit(self, code: int, troubled: bool) -> "NoReturn":
        if self.control is not None:
            self.control.close()
        Loop.exit(self, code, troubled)

    def turned(self, member: int, what: str) -> None:
        self.note("turned", member, what)

    def take_over(self, gone: "dict[int, tuple[str, int]]") -> None:
        """Another plan has: what is kept of those that are in it no more is forgotten, but for their names."""
        self.plan = self.group.plan
        self.gone.update(gone)
        self.memory_kills.path = self.plan.oom
        self.notifications.know_members(self)
        for id in [*self.gone][:-MOST_NAMES]:
            del self.gone[id]
        for member in gone:
            self.notifications.forget(member)
            self.notifications.strangers.discard(member)
            self.tally.forget(member)
            for what in (*PROBES, *HOOKS, "follow", "leftovers", "message", "suspects"):
                helpers.cancel(self, member, what)
            for kept in (self.former, self.left, self.stamps):
                kept.pop(member, None)
        if "pidone.supervisor.words" in sys.modules:
            self.talk("forget", (gone,))
        output.carry_others(self)


GroupLoop.CALLS = {
    **Loop.CALLS,
    SWEEP: GroupLoop.sweep,
    EXIT: GroupLoop.exit,
    ASIDE: helpers.run,
    DROP: helpers.cancel,
    NOTE: GroupLoop.turned,
    TAKE_OVER: GroupLoop.take_over,
}
