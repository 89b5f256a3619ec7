"""The control socket: a Unix socket, a forked session for each client, and a pipe of commands.

Theory. PID 1 accepts a connection, forks a session for it and goes on. The session holds a snapshot
of all that PID 1 knows. It reads the request, checks who asks, answers, and has a deadline of its
own (helpers/control/answer.py). A request that changes something reaches PID 1 as a command of a
fixed size. At most SESSIONS sessions answer at a time; other clients wait in the socket's queue.

E1 and so on: docs/reference/edge-cases.md.
"""

import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pidone.supervisor.loop import GroupLoop

from pidone import kernel as posix_kernel
from pidone import paths
from pidone.control.protocol import COMMAND_SIZE, EXEC, FOLLOW, OF_ALL, RELOAD, SCHEMA, SESSIONS, STOP_ALL, places
from pidone.init import proc
from pidone.init.events import COMMAND, GROUP
from pidone.init.fork import fork_into
from pidone.init.machine import STOP
from pidone.init.signals import show
from pidone.init.spawn import answer_pipe
from pidone.supervisor import planner

#: Commands read from the pipe at once.
COMMANDS_PER_READ = 8

#: The answer to a client for which PID 1 cannot fork a session.
CANNOT_FORK = (
    b'{"schema": %d, "ok": false, "error": "pidone cannot fork a session to answer: %s; '
    b'is a limit of processes reached?"}\n'
)

#: Connections accepted between two checks of signals and children (E29): each costs a fork.
ACCEPTS_PER_TURN = 4


class Control:
    """The socket, its sessions, and the pipe on which they send commands.

    place: (descriptor of the socket's directory, the socket's name there).
    sessions: pids of sessions that answer a request; at most SESSIONS.
    followers: pids of sessions whose answer goes on, as that of `follow`; at most SESSIONS.
    exec_sessions: {pid: member} of exec sessions, commands that run next to a process; at most
      SESSIONS.
    reading, writing: the ends of the pipe of commands.
    """

    __slots__ = ("kernel", "socket", "path", "place", "sessions", "followers", "exec_sessions", "reading", "writing")

    def __init__(self, path: bytes, shared: bool, kernel: "Any" = posix_kernel) -> None:
        """Listen at this path, and make the pipe of commands.

        shared: users other than root and pidone's own may connect; the session checks their rights.
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
        """Fork a session for each client that waits. Return True if more may wait."""
        for _ in range(ACCEPTS_PER_TURN):
            if len(self.sessions) >= SESSIONS:
                return False  # the end of a session leads here again
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
        """Return the pids of all sessions, followers and exec sessions."""
        return {*self.sessions, *self.followers, *self.exec_sessions}

    def carry_out_commands(self, loop: "GroupLoop") -> bool:
        """Carry out what the sessions command. Return True if more may wait."""
        commands, more = self.commands()
        for command in commands:
            carry_out(loop, self, *command)
        return more

    def commands(self) -> "tuple[list[tuple[int, ...]], bool]":
        """Read what the sessions command.

        Return ([(verb, process, number, pid, uid), ...], whether more may wait).
        """
        try:
            data = self.kernel.read(self.reading, COMMANDS_PER_READ * COMMAND_SIZE)
        except BlockingIOError:
            return [], False
        found = [
            tuple([int.from_bytes(data[at : at + 4], "big") for at in range(start, start + COMMAND_SIZE, 4)])
            for start in range(0, len(data) - COMMAND_SIZE + 1, COMMAND_SIZE)
        ]
        return found, len(found) == COMMANDS_PER_READ

    def close(self) -> None:
        """Remove the socket at the end, so that no client finds one that does not answer.

        The directory is open, so its descriptor leads to the socket even where that directory was
        moved.
        """
        try:
            self.kernel.unlink(self.place[1], dir_fd=self.place[0])
        except OSError:
            pass


def refuse(kernel: "Any", fd: int, error: OSError) -> None:
    """Tell a client why no session answers it. This never waits: the socket's buffer is empty."""
    try:
        kernel.write(fd, CANNOT_FORK % (SCHEMA, posix.strerror(error.errno or 0).lower().encode()))
    except OSError:
        pass
    kernel.close(fd)


def carry_out(loop: "GroupLoop", control: Control, verb: int, member: int, number: int, pid: int, uid: int) -> None:
    """Carry out one command. A command for a process that the plan no longer has is ignored."""
    if verb == FOLLOW:
        if len(control.followers) >= SESSIONS:
            loop.add_event("turned", GROUP, "follow refused", number)  # the session reads this, and ends
        elif number in control.sessions:
            control.sessions.discard(number)
            control.followers.add(number)
            loop.unread = True  # another client may be waiting for its turn
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
    """Handle the end of a session or an exec session. Return False if the pid is neither."""
    control = loop.control
    if control is None:
        return False
    if pid in control.sessions or pid in control.followers:
        control.sessions.discard(pid)
        control.followers.discard(pid)
        loop.unread = True  # another client may be waiting for its turn
        return True
    member = control.exec_sessions.pop(pid, None)
    if member is not None:
        loop.add_event("exec_ended", member, pid, code, number, proc.proc_stat(pid, loop.kernel)[0])
    return member is not None


def open_at(kernel: "Any", path: "bytes | None", uid: int, shared: bool) -> "tuple[Control | None, str]":
    """Open the control socket. Return (Control or None, what is wrong).

    path: the one that the file names, or None for the first usual place that can be had.
    shared: as in Control.
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
            pass  # pidone cannot write there: try the next place
    return None, ""
