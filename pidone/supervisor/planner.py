"""Forks the child that reads the file. PID 1 itself parses nothing."""

import _signal
import errno
import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pidone.init.inherited import Inherited
    from pidone.init.slots import Plan
    from pidone.supervisor.loop import GroupLoop

from pidone.control.protocol import HUNG
from pidone.init import plan as plans
from pidone.init import signals
from pidone.init.events import GROUP, NEW_PLAN, SUCCESS
from pidone.init.fork import fork_into
from pidone.init.signals import show

#: The error if a signal has killed the child; its name follows.
KILLED = "the child that reads it was killed by "

STOPPING = (_signal.SIGTERM, _signal.SIGINT, _signal.SIGQUIT)


def ask(
    kernel: "Any", path: bytes, command: "list[bytes]", inherited: "Inherited", rewrites: "dict[int, int]"
) -> "tuple[Plan | None, int, list[int]]":
    """Fork the child and wait for its plan.

    Return (plan or None, exit code if there is no plan, signals that came meanwhile, for the
    group).

    A file that cannot be read, or hangs, must not make PID 1 deaf: a stop signal ends the child,
    and pidone. Raises OSError if there is no fork, or if the child was killed before it could say
    what is wrong.
    """
    pid, reading = begin(kernel, path, command, inherited)
    data, early = [], []  # type: list[bytes], list[int]
    while not read(kernel, reading, data):
        info = kernel.sigwaitinfo(signals.ALL)
        number = rewrites.get(info.si_signo, info.si_signo)
        if number in STOPPING:
            kernel.kill(pid, _signal.SIGKILL)  # and do not wait: a file system that hangs may hold it
            return None, 128 + number, []
        if info.si_code <= 0 or info.si_signo not in (_signal.SIGCHLD, _signal.SIGIO):  # the kernel sends PID 1 these
            early.append(info.si_signo)
    kernel.close(reading)
    status = kernel.waitpid(pid, 0)[1]
    if status:
        if posix.WIFSIGNALED(status):
            number = posix.WTERMSIG(status)
            raise OSError(errno.ECHILD, HUNG if number == _signal.SIGALRM else KILLED + signals.name(number))
        if data:  # the child could not begin, as if files of pidone are missing
            text = show(path), b"".join(data).decode("utf-8", "replace")
            kernel.load("pidone.init.messages").say("cannot read %s: %s" % text)
        return None, posix.WEXITSTATUS(status), []
    return plans.unpack(b"".join(data)), 0, early


def begin(
    kernel: "Any", path: bytes, command: "list[bytes]", inherited: "Inherited", token: bytes = b""
) -> "tuple[int, int]":
    """Fork the child. Return (pid, pipe that its plan comes from).

    token: the one in the names of the sd_notify sockets that exist, or empty.
    """
    arguments = path, command, inherited.cwd, token.decode()
    return fork_into(kernel, "pidone.config.answer:for_pid_1", arguments, inherited, None, awaited=True)


# -- reading the file again


def plan_again(loop: "GroupLoop", by: int) -> None:
    """Fork the child that reads the file again. Its plan is read as it comes.

    by: the pid of the session that asks.
    """
    wanted = loop.wanted
    if loop.planning is not None or loop.group.reloading is not None or wanted.config is None:
        loop.add_event("turned", GROUP, "not reloaded", by)
        return
    token = loop.plan.notify[0][1].split(b"/")[1] if loop.plan.notify else b""
    try:
        pid, fd = begin(loop.kernel, wanted.config, wanted.command, loop.inherited, token)
    except (OSError, ImportError):
        loop.add_event("turned", GROUP, "not reloaded")
        return
    loop.planning = fd, []
    loop.helpers_running.add(pid, GROUP, "plan", -1)


def read(kernel: "Any", fd: int, parts: "list[bytes]") -> bool:
    """Read what has come so far. Return True at its end."""
    try:
        while part := kernel.read(fd, 65536):
            parts.append(part)
        return True
    except BlockingIOError:
        return False


def planned(loop: "GroupLoop", member: int, what: str, verdict: int, text: str, pid: int) -> None:
    """Handle the end of the child: take its plan, or none if it has printed errors."""
    if loop.planning is None:
        return
    fd, parts = loop.planning
    read(loop.kernel, fd, parts)
    loop.kernel.close(fd)
    loop.planning = None
    try:
        plan = plans.unpack(b"".join(parts)) if verdict == SUCCESS else None
    except (ValueError, EOFError, TypeError):
        plan = None
    if plan is None:
        loop.add_event("turned", GROUP, "not reloaded")
        return
    plans.take(plan, loop.wanted)
    loop.feed((NEW_PLAN, plan))
