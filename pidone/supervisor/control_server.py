"""The control socket: a Unix socket, whose every session is a forked child, and a pipe by which they command.

Theory. PID 1 accepts, forks and forgets: the child holds a snapshot of all that PID 1 knows, reads the request, checks
who asks, answers, and has a deadline of its own (helpers/control/answer.py). What is to change something reaches PID
1 as a command of a fixed size. At most SESSIONS children answer at a time; others wait in the socket's queue.
"""

import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pidone.supervisor.loop import GroupLoop

from pidone import kernel as posix_kernel
from pidone import paths
from pidone.control.protocol import COMMAND_SIZE, EXEC, FOLLOW, OF_ALL, RELOAD, SESSIONS, STOP_ALL, places
from pidone.init import proc
from pidone.init.events import COMMAND, GROUP
from pidone.init.fork import fork_into
from pidone.init.machine import STOP
from pidone.init.signals import show
from pidone.init.spawn import answer_pipe
from pidone.supervisor import planner

#: Commands that are read at once.
COMMANDS = 8

#: What a client hears for which PID 1 cannot fork a session.
CANNOT_FORK = (
    b'{"ok": false, "error": "pidone cannot fork a session to answer: %s; is a limit of processes reached?"}\n'
)

#: Connections that are accepted between two looks at signals and children (E29): each costs a fork.
ACCEPTS_PER_TURN = 4


class Control:
    """sessions: pids of those that answer. followers: of those that go on telling what comes; as many again.

    guests: {pid: member} of commands that run beside a process; as many again. place: (descriptor of the socket's
    directory, its name there).
    """

    __slots__ = ("kernel", "socket", "path", "place", "sessions", "followers", "exec_sessions", "reading", "writing")

    def __init__(self, path: bytes, shared: bool, kernel: "Any" = posix_kernel) -> None:
        """shared: others than root and pidone's own user may connect; the session asks who may what.

        Raises OSError; FileExistsError where another pidone answers at this path.
        """
        self.kernel = kernel
        self.socket, self.place = kernel.load("pidone.supervisor.control_socket").listen(path, shared)
        self.path = path
        self.sessions: "set[int]" = set()
        self.followers: "set[int]" = set()
        self.exec_sessions: "dict[int, int]" = {}
        self.reading, self.writing = answer_pipe(True, kernel)

    def accept(self, loop: "GroupLoop") -> bool:
        """Fork a session for each that waits. True if there may be more."""
        for _ in range(ACCEPTS_PER_TURN):
            if len(self.sessions) >= SESSIONS:
                return False  # the end of one of them comes here again
            try:
                fd = self.socket._accept()[0]
            except OSError:
                return False
            try:
                pid, _ = fork_into(
                    loop.kernel, "pidone.helpers.control.answer:run", (loop, fd), loop.inherited, answers=False
                )
            except OSError as error:
                refuse(loop.kernel, fd, error)
                return False
            loop.kernel.close(fd)
            self.sessions.add(pid)
        return True

    def clients(self) -> "set[int]":
        """Pids of who serves somebody, or is somebody's command."""
        return {*self.sessions, *self.followers, *self.exec_sessions}

    def carry_out_commands(self, loop: "GroupLoop") -> bool:
        """Do what the sessions command. True if there may be more."""
        commands, more = self.commands()
        for command in commands:
            carry_out(loop, self, *command)
        return more

    def commands(self) -> "tuple[list[tuple[int, ...]], bool]":
        """(what the sessions command: (verb, process, number, pid, uid); may there be more?)."""
        try:
            data = self.kernel.read(self.reading, COMMANDS * COMMAND_SIZE)
        except BlockingIOError:
            return [], False
        found = [
            tuple([int.from_bytes(data[at : at + 4], "big") for at in range(start, start + COMMAND_SIZE, 4)])
            for start in range(0, len(data) - COMMAND_SIZE + 1, COMMAND_SIZE)
        ]
        return found, len(found) == COMMANDS

    def close(self) -> None:
        """At the end: nobody is to find a socket that does not answer. Whoever has moved its directory has moved it."""
        try:
            self.kernel.unlink(self.place[1], dir_fd=self.place[0])
        except OSError:
            pass


def refuse(kernel: "Any", fd: int, error: OSError) -> None:
    """Say why nobody answers. The socket's buffer is empty: this does not wait."""
    try:
        kernel.write(fd, CANNOT_FORK % posix.strerror(error.errno or 0).lower().encode())
    except OSError:
        pass
    kernel.close(fd)


def carry_out(loop: "GroupLoop", control: Control, verb: int, member: int, number: int, pid: int, uid: int) -> None:
    """One command of a session's. A process that another plan has no more is nobody."""
    if verb == FOLLOW:
        if len(control.followers) >= SESSIONS:
            loop.add_event("turned", GROUP, "follow refused", number)  # it hears that, and ends
        elif number in control.sessions:
            control.sessions.discard(number)
            control.followers.add(number)
            loop.unread = True  # one more may be waiting for its turn
        return
    if verb not in OF_ALL and member not in loop.group.by_id:
        return
    if verb == EXEC and len(control.exec_sessions) >= SESSIONS:
        loop.add_event("turned", GROUP, "exec refused", number)
        return
    vital = verb == STOP_ALL and loop.group.phase < STOP
    loop.add_event("command", verb, member, number, pid, uid, vital=vital)
    if verb == EXEC and number in control.sessions:
        control.sessions.discard(number)
        control.exec_sessions[number] = member
        loop.add_event("exec_started", member, number)
    elif verb == RELOAD:
        planner.plan_again(loop, number)
    elif verb < EXEC:
        loop.feed((COMMAND, verb, member, number))


def ended(loop: "GroupLoop", pid: int, code: int, number: int) -> bool:
    """A session has ended, or somebody's command. False if it was none."""
    control = loop.control
    if control is None:
        return False
    if pid in control.sessions or pid in control.followers:
        control.sessions.discard(pid)
        control.followers.discard(pid)
        loop.unread = True  # one more may be waiting for its turn
        return True
    member = control.exec_sessions.pop(pid, None)
    if member is not None:
        loop.add_event("exec_ended", member, pid, code, number, proc.proc_stat(pid, loop.kernel)[0])
    return member is not None


def open_at(kernel: "Any", path: "bytes | None", uid: int, shared: bool) -> "tuple[Control | None, str]":
    """path: where the file says, or None for the first place that can be had. shared: as of Control.

    (control socket or None, what is wrong).
    """
    if path is not None:
        try:
            return Control(path, shared, kernel), ""
        except (OSError, ImportError) as error:
            why = paths.reason(error) if isinstance(error, OSError) else str(error)
            return None, "no control socket: %s: %s" % (show(path), why)
    for place in places(uid, posix.environ.get(b"XDG_RUNTIME_DIR")):
        try:
            if kernel.load("pidone.supervisor.control_socket").make_directory(place, shared, uid):
                return Control(place, shared, kernel), ""
        except FileExistsError:
            text = 'no control socket: another pidone answers at %s; control = "/path" of [group] names another'
            return None, text % show(place)
        except (OSError, ImportError):
            pass  # it cannot be written there
    return None, ""
