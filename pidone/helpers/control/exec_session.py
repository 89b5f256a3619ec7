"""`pidonectl exec NAME -- CMD`: runs a command next to a process, on the caller's descriptors.

Theory. The session's process, a child of PID 1, becomes the command, so that PID 1 reaps the
command and names it in the record. Before that, it forks a keeper (twice, so that the command has
no child that it does not know), which holds the connection. When the command has ended, the keeper
tells the client how. When the client has hung up, the keeper ends the command and all of its
session. So no broken connection leaves an orphan.
"""

from __future__ import annotations

import os
import select
import signal
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from pidone.helpers.control.session import Session
    from pidone.helpers.snapshot import ProcessState

from pidone.config import lookup
from pidone.control.protocol import EXEC
from pidone.helpers import leftovers
from pidone.helpers.control.session import RequestError
from pidone.init.plan import CANNOT, MINIMUM_GRACE, PRIMARY
from pidone.init.slots import Process as Declared
from pidone.init.spawn import SetupError, execute, prepare
from pidone.report import replay

#: Seconds between two SIGHUPs during the group's stop, until its grace is over.
HANGUP_INTERVAL = 0.3


class Foreground:
    """Stands for a Terminal in `prepare`.

    This process leads a session already. Where stdin is a terminal, it becomes the controlling one.
    """

    def __init__(self, tty: bool) -> None:
        self.tty = tty

    def in_child(self) -> None:
        if self.tty:
            import fcntl
            import termios

            fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def run(session: Session, request: dict[str, Any]) -> NoReturn:
    """Become the command. Never returns. Raises RequestError.

    request: its "name", "argv", "tty" and "term" count.
    """
    signal.alarm(0)  # from here on, this process lives as long as its client
    process = session.process(request["name"])
    argv = [os.fsencode(word) for word in request["argv"]]
    if not argv or len(session.fds) != 3:
        raise RequestError("exec needs a command and three descriptors")
    try:
        pidfd = os.pidfd_open(os.getpid())
    except (OSError, AttributeError):
        pidfd = -1  # Linux before 5.3, or a seccomp filter
    session.command(EXEC, process.id, os.getpid())
    fork_keeper(session, os.getpid(), pidfd)
    become(session, process, argv, bool(request.get("tty")), request.get("term"))


def become(session: Session, process: ProcessState, argv: list[bytes], tty: bool, term: Any) -> NoReturn:
    inherited, declared = session.known.common.inherited, process.declared
    slots = {slot: getattr(declared, slot) for slot in Declared.__slots__}
    slots.update(role=PRIMARY, argv=argv, policy=None, to_look_up=None, probe_files=())
    if isinstance(term, str):
        slots["env"] = (*declared.env, (b"TERM", os.fsencode(term)))
    command = Declared(**slots)
    code = CANNOT
    try:
        if declared.to_look_up is not None and not declared.resolved:  # the process was not started yet
            command.user, found = lookup.of(declared.to_look_up, declared.declared_env)
            command.env = (*found, *slots["env"])
        for number, fd in enumerate(session.fds):
            os.dup2(fd, number)
            os.close(fd)
        inherited.closed = ()  # closed descriptors of PID 1's are not the caller's: close none
        prepare(command, inherited, Foreground(tty))  # type: ignore[arg-type]
        code, text = execute(command, inherited)
    except SetupError as refused:
        text = refused.text
    except lookup.UnknownNameError as unknown:
        text = str(unknown)
    except (OSError, ValueError) as error:
        text = str(getattr(error, "strerror", None) or error).lower()
    session.send_answer(
        {"ok": False, "error": f"cannot run {os.fsdecode(argv[0])} next to {declared.name}: {text}", "code": code}
    )
    os._exit(code)


class StoppingError(Exception):
    """The keeper has received the SIGTERM of the group's stop."""


def stopping(number: int, frame: object) -> None:
    raise StoppingError


def fork_keeper(session: Session, pid: int, pidfd: int) -> None:
    # a stop that comes now must not end the keeper; the command gets its own mask before its exec
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGHUP))
    between = os.fork()
    if between:
        os.waitpid(between, 0)
        return
    try:
        if os.fork() == 0:
            os.setsid()
            for fd in (0, 1, 2, *session.fds):  # otherwise a pipe of the caller's would never come to its end
                os.close(fd)
            signal.signal(signal.SIGTERM, stopping)
            try:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM,))
                keep(session, pid, pidfd)
            except StoppingError:
                signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM,))
                hang_up_again(session, pid)
    finally:
        os._exit(0)


def keep(session: Session, pid: int, pidfd: int) -> None:
    """Wait until the command has ended, and tell the client how.

    Where the client hangs up first, end the command and all of its session.
    """
    poll = select.poll()
    poll.register(session.connection, select.POLLIN | select.POLLHUP)
    if pidfd >= 0:
        poll.register(pidfd, select.POLLIN)
    while True:
        ready = [fd for fd, _ in poll.poll(None if pidfd >= 0 else 50)]
        if pidfd in ready or (pidfd < 0 and not running(pid)):
            tell_end(session, pid)
            return
        if session.connection.fileno() in ready and session.has_hung_up():
            hang_up(pid)
            return


def running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return True
    except OSError:
        return False


def tell_end(session: Session, pid: int) -> None:
    """Tell the client how the command ended, once PID 1 has recorded it."""
    end = time.monotonic() + MINIMUM_GRACE
    while time.monotonic() < end:
        for event in replay.events(session.known.common.memory, session.since):
            if event[2] == "exec_ended" and event[4] == pid:
                session.send_answer({"ok": True, "code": event[5], "signal": event[6]})
                return
        time.sleep(0.002)
    session.send_answer({"ok": False, "error": "it exited, but its exit code is unknown"})


def hang_up_again(session: Session, pid: int) -> None:
    """Send SIGHUP to the command until it ends, in the group's stop; then tell the client how.

    The stop has sent one SIGHUP. A shell that was about to read its next line may miss that.
    """
    while running(pid):
        time.sleep(HANGUP_INTERVAL)
        try:
            os.killpg(pid, signal.SIGHUP)
        except OSError:
            pass  # the command has ended meanwhile
    tell_end(session, pid)


def hang_up(pid: int) -> None:
    """End the command, and then what it has left behind.

    SIGHUP comes first, as from a terminal that hangs up, then SIGTERM and SIGKILL.
    """
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGKILL):
        for whom in (-pid, pid):
            try:
                os.kill(whom, number)
                os.kill(whom, signal.SIGCONT)
            except OSError:
                pass
        end = time.monotonic() + MINIMUM_GRACE / 4
        while running(pid) and time.monotonic() < end:
            time.sleep(0.01)
    leftovers.run(pid, MINIMUM_GRACE)
