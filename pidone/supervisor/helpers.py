"""The helpers of the processes of a group, and of the group itself. PID 1 may lose any of them.

Theory. A helper is a forked child that answers through a pipe and ends. PID 1 keeps its pid and the
pipe, and forgets both when the helper has ended or was cancelled. Two tables describe each kind:
ARGUMENTS says which function of `helpers` or `probes` it runs, and with what; ON_HELPER_END says
what its end leads to. A new kind is a line in each.

A command of the file runs as the process itself does, with its user, environment, directory and
limits, but its input is /dev/null. Where it fails, the last line of its output is reported (S42,
S74).

S1 and so on: docs/reference/pod.md.
"""

import posix
from errno import EMFILE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from pidone.supervisor.loop import GroupLoop

    #: ("room.file:function", its arguments)
    Arguments = tuple[str, tuple[Any, ...]]

from pidone.group.policy import HOOKS, PROBES
from pidone.init.events import FAILURE, HELPER_ENDED, SIGKILL, SUCCESS, UNKNOWN, VERDICTS
from pidone.init.fork import fork_into
from pidone.init.loop import signal
from pidone.init.signals import ALL
from pidone.init.signals import name as signal_name
from pidone.supervisor import planner

#: Helpers that outlast the sweep, with all signals blocked: they end by themselves.
LASTING = ("suspects", "pump")

#: Runs a command of the file. It waits as PID 1 does, with all signals blocked.
COMMAND = "probes.exec:run"

#: The listener of sd_notify. It reports more than once, so PID 1 reads its pipe as it runs.
LISTENER = "helpers.notify:run"

#: Both run without helpers/table.py.
DIRECT = COMMAND, LISTENER


class Helpers:
    """The helpers that run.

    running: {pid: (member, what, descriptor of its answer)}.
    pids: {(member, what): pid}.
    cancelled_at: when PID 1 last killed one.
    """

    __slots__ = ("cancelled_at", "pids", "running")

    def __init__(self, began: float) -> None:
        self.running: "dict[int, tuple[int, str, int]]" = {}
        self.pids: "dict[tuple[int, str], int]" = {}
        self.cancelled_at = began - 1e9

    def add(self, pid: int, member: int, what: str, fd: int) -> None:
        self.running[pid] = member, what, fd
        self.pids[member, what] = pid

    def take(self, pid: int) -> "tuple[int, str, int] | None":
        """Remove a helper that has ended, and return it. Another of its kind may run already."""
        found = self.running.pop(pid, None)
        if found is not None and self.pids.get(found[:2]) == pid:
            del self.pids[found[:2]]
        return found


def run(loop: "GroupLoop", member: int, what: str) -> None:
    """Fork a helper. If that fails, the helper's end is queued with the verdict unknown."""
    try:
        place, arguments = ARGUMENTS[what](loop, member, what)
        mask = None if place == COMMAND else ALL if what in LASTING else ()
        if place not in DIRECT:
            place, arguments = "helpers.table:run", (place, arguments)
        pid, fd = fork_into(loop.kernel, "pidone." + place, arguments, loop.inherited, mask, awaited=what == "notify")
    except (OSError, ImportError) as error:
        text = "cannot fork: %s" % posix.strerror(getattr(error, "errno", EMFILE)).lower()
        loop.queue.append((HELPER_ENDED, member, what, UNKNOWN, text))
        return
    if what == "notify":
        loop.notifications.listen(fd)
        fd = -1
    if what == "pump" and loop.output is not None:
        loop.output.given = True
    if what in HOOKS:
        loop.add_event("helper_started", member, what)
    if what in PROBES:
        loop.counters.probe_started(pid)
    loop.helpers_running.add(pid, member, what, fd)


def cancel(loop: "GroupLoop", member: int, what: str, late: bool = False) -> None:
    """Kill a helper. late: its time is up; otherwise its answer is no longer needed."""
    pid = loop.helpers_running.pids.get((member, what))
    if pid is None:
        return
    _, _, fd = loop.helpers_running.take(pid) or (0, "", -1)
    if what in PROBES:
        loop.counters.probe_ended(pid, member, what, "timeout" if late else None)
    if fd >= 0:
        loop.kernel.close(fd)
    signal(loop.kernel, pid, SIGKILL, True)
    loop.dropped.add(pid)
    loop.helpers_running.cancelled_at = loop.kernel.monotonic()


def ended(loop: "GroupLoop", pid: int, code: int, number: int) -> bool:
    """Handle the end of a child that is no declared process. Return False if it was no helper."""
    found = loop.helpers_running.take(pid)
    if found is None:
        return False
    member, what, fd = found
    text, verdict = read_end(loop.kernel, fd), UNKNOWN if number else min(code, UNKNOWN)
    if number:
        text = "it was killed by %s" % signal_name(number)
    ON_HELPER_END[what](loop, member, what, verdict, text, pid)
    return True


def read_end(kernel: "Any", fd: int) -> str:
    """Return what an ended child left in its pipe: at most what fits into one write."""
    if fd < 0:
        return ""
    try:
        return str(kernel.read(fd, 4096), "utf-8", "replace")
    except BlockingIOError:
        return ""  # a child of the helper holds the other end
    finally:
        kernel.close(fd)


# -- what each kind runs with


def for_listener(loop: "GroupLoop", member: int, what: str) -> "Arguments":
    loop.notifications.sockets = [name for _, name in loop.plan.notify]
    loop.notifications.know_members(loop)
    names = [member.declared.name for member in loop.group.members] if loop.verbose else []
    return LISTENER, (loop.plan.notify, names)


def for_pump(loop: "GroupLoop", member: int, what: str) -> "Arguments":
    assert loop.output is not None
    return "helpers.pump:run", loop.output.of_pump()


def for_metrics(loop: "GroupLoop", member: int, what: str) -> "Arguments":
    return "helpers.metrics:run", (*(loop.plan.metrics or ()), loop.control and loop.control.path)


def for_suspects(loop: "GroupLoop", member: int, what: str) -> "Arguments":
    user = loop.declared(member).user
    return "helpers.suspects:run", (
        loop.pids.get(member, 0),
        user[0] if user else loop.kernel.getuid(),
        list(loop.helpers_running.running),
    )


def for_main_pid(loop: "GroupLoop", member: int, what: str) -> "Arguments":
    process, minimum_grace = loop.group.by_id[member], loop.plan.minimum_grace
    age = loop.kernel.monotonic() - process.started_at
    if process.policy.daemonizes and not process.main_pid_found:
        return "helpers.main_pid:run", (process.policy.pid_file, age, 4 * minimum_grace, None)
    exec_sessions = loop.control.exec_sessions if loop.control is not None else ()
    known = [*loop.members, *loop.helpers_running.running, *loop.dropped, *exec_sessions]
    return "helpers.main_pid:run", (process.policy.pid_file, age, minimum_grace, known)


def for_leftovers(loop: "GroupLoop", member: int, what: str) -> "Arguments":
    if member in loop.pids and not loop.group.by_id[member].main_pid_found:
        loop.last_sessions[member] = loop.pids[member]
    return "helpers.leftovers:run", (
        loop.last_sessions.get(member) or loop.pids.get(member, 0),
        loop.plan.minimum_grace,
    )


def for_message(loop: "GroupLoop", member: int, what: str) -> "Arguments":
    process, members = loop.group.by_id[member], len(loop.group.members)
    found = process.policy.termination_message
    return "helpers.message:run", (found, member == loop.group.primary, members, process.declared.user)


def for_probe(loop: "GroupLoop", member: int, what: str) -> "Arguments":
    handler, argument = getattr(loop.group.by_id[member].policy, what)[:2]
    if handler == "exec":
        return COMMAND, (loop.declared(member), loop.inherited, argument, True)
    if handler == "file":
        path, stale = argument
        argument = path, stale, loop.stamps.get(member, {}).get(path)
    return "probes.%s:run" % handler, argument


def for_hook(loop: "GroupLoop", member: int, what: str) -> "Arguments":
    handler, argument = getattr(loop.group.by_id[member].policy, what)[:2]
    if handler == "exec":
        return COMMAND, (loop.declared(member), loop.inherited, argument, False)
    return "probes.%s:hook" % handler, argument


# -- what the end of each kind leads to


def feed_group(loop: "GroupLoop", member: int, what: str, verdict: int, text: str, pid: int) -> None:
    """Let the group decide."""
    loop.feed((HELPER_ENDED, member, what, verdict, text))


def record_and_feed(loop: "GroupLoop", member: int, what: str, verdict: int, text: str, pid: int) -> None:
    loop.add_event("helper_ended", member, what, verdict, text)
    feed_group(loop, member, what, verdict, text, pid)


def probe_ended(loop: "GroupLoop", member: int, what: str, verdict: int, text: str, pid: int) -> None:
    """Count the answer, and let the group decide. Only a change of state is recorded."""
    loop.counters.probe_ended(pid, member, what, VERDICTS[verdict])
    feed_group(loop, member, what, verdict, text, pid)


def pump_ended(loop: "GroupLoop", member: int, what: str, verdict: int, text: str, pid: int) -> None:
    if loop.output is not None and not loop.output.given:
        verdict = FAILURE  # it has read all of an earlier plan's pipes, and not those of today
    feed_group(loop, member, what, verdict, text, pid)


def suspects_found(loop: "GroupLoop", member: int, what: str, verdict: int, text: str, pid: int) -> None:
    """Record the victim's pid, how many suspects there are, and (pid, uid, name) of the first."""
    try:
        head, *lines = text.split("\n")
        victim, many = head.split(" ")
        found = [line.split(" ", 2) for line in lines]
        who = [int(victim), int(many), *((int(pid), int(uid), name) for pid, uid, name in found)]
    except ValueError:
        who = [0, 0]  # the helper was killed itself
    loop.add_event("suspects", member, *who)


def main_pid_ended(loop: "GroupLoop", member: int, what: str, verdict: int, text: str, pid: int) -> None:
    if verdict == SUCCESS:
        verdict, text = set_main_pid(loop, member, pid, *[int(word) for word in text.split()])
    if verdict != SUCCESS and loop.group.by_id[member].ended_as is None:
        loop.add_event("failed", member, 1, text)
    record_and_feed(loop, member, what, verdict, text, pid)
    loop.awaiting_successor.pop(member, None)
    loop.notifications.found(loop, member, verdict == SUCCESS)


def set_main_pid(loop: "GroupLoop", member: int, helper: int, pid: int, session: int) -> "tuple[int, str]":
    """Let this orphan stand for the member from now on, if it is our child and still exists.

    A zombie counts as well (WNOWAIT).
    """
    try:
        loop.kernel.waitid(posix.P_PID, pid, posix.WEXITED | posix.WNOHANG | posix.WNOWAIT)
    except ChildProcessError:
        return FAILURE, "pid %d from its pid_file has exited or is not a child of pidone" % pid
    if pid in loop.members or pid in loop.helpers() or pid == helper:
        return FAILURE, "pid %d from its pid_file is another process of this group" % pid
    loop.pids[member] = pid
    loop.members[pid] = member
    loop.last_sessions[member] = session
    loop.add_event("main_pid", member, pid)
    return SUCCESS, ""


ARGUMENTS: "dict[str, Callable[[GroupLoop, int, str], Arguments]]" = {
    "notify": for_listener,
    "pump": for_pump,
    "metrics": for_metrics,
    **dict.fromkeys(PROBES, for_probe),
    **dict.fromkeys(HOOKS, for_hook),
    "main_pid": for_main_pid,
    "leftovers": for_leftovers,
    "message": for_message,
    "suspects": for_suspects,
}

ON_HELPER_END: "dict[str, Callable[[GroupLoop, int, str, int, str, int], None]]" = {
    "notify": feed_group,
    "pump": pump_ended,
    "metrics": feed_group,
    **dict.fromkeys(PROBES, probe_ended),
    **dict.fromkeys(HOOKS, record_and_feed),
    "main_pid": main_pid_ended,
    "leftovers": feed_group,
    "message": record_and_feed,
    "suspects": suspects_found,
    "plan": planner.planned,
}
