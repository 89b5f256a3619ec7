"""The control line: a Unix socket, whose every session is a forked child, and a pipe by which they command.

Theory. PID 1 accepts, forks and forgets: the child holds a snapshot of all that PID 1 knows, reads the request, checks
who asks, answers, and has a deadline of its own (aside/session.py). What is to change something reaches PID 1 as a
command of a fixed size. At most SESSIONS children answer at a time; others wait in the socket's queue.
"""

import _signal
import _socket
import posix
from errno import EADDRINUSE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pidone.desk.loop import GroupLoop

from pidone.init.signals import show
from pidone.init.spawn import answer_pipe

SESSIONS = 16

#: Connections that are accepted between two looks at signals and children (E29): each costs a fork.
AT_ONCE = 4

#: Connections that the kernel keeps waiting for us.
QUEUE = 128

#: A command: verb, member, number, the commander's pid and uid, the plan's generation; 4 bytes each.
COMMAND_SIZE = 24

#: Verbs that are the loop's own business, beside those of pod/steer.py.
EXEC, RELOAD, FOLLOW = 16, 17, 18

#: sockaddr_un's path, with its end (unix(7)).
LONGEST = 107


def places(uid: int, runtime: "bytes | None") -> "list[bytes]":
    """Where the socket is looked for where nobody says: the first that can be made, or where one answers."""
    found = [b"/run/pidone/control.sock"]
    if runtime:
        found.append(runtime + b"/pidone/control.sock")
    return [*found, b"/tmp/pidone-%d/control.sock" % uid, b"/dev/shm/pidone-%d/control.sock" % uid]


def is_own(place: bytes, uid: int) -> bool:
    """Is it in a directory of this user's, or root's? In anybody else's, or behind a link, it would be in his hands."""
    try:
        status = posix.lstat(place.rpartition(b"/")[0])
    except OSError:
        return False
    return status.st_mode & 0o170000 == 0o040000 and status.st_uid in (0, uid)


class Control:
    """sessions: pids of those that answer. followers: of those that go on telling what comes; as many again.

    guests: {pid: member} of commands that run beside a process; as many again.
    """

    __slots__ = ("socket", "path", "sessions", "followers", "guests", "reading", "writing")

    def __init__(self, path: bytes) -> None:
        """Raises OSError; FileExistsError where another pidone answers at this path."""
        self.socket = listen(path)
        self.path = path
        self.sessions: "set[int]" = set()
        self.followers: "set[int]" = set()
        self.guests: "dict[int, int]" = {}
        self.reading, self.writing = answer_pipe(awaited=True)

    def look(self, loop: "GroupLoop") -> bool:
        """Fork a session for each that waits. True if there may be more."""
        for _ in range(AT_ONCE):
            if len(self.sessions) >= SESSIONS:
                return False  # the end of one of them comes here again
            try:
                fd = self.socket._accept()[0]  # type: ignore[attr-defined]
            except OSError:
                return False
            try:
                pid = posix.fork()
            except OSError:
                posix.close(fd)
                return False
            if pid == 0:
                serve(loop, fd)
            posix.close(fd)
            self.sessions.add(pid)
        return True

    def commands(self) -> "list[tuple[int, ...]]":
        """What the sessions command: (verb, member, number, pid, uid, generation)."""
        try:
            data = posix.read(self.reading, 8 * COMMAND_SIZE)
        except BlockingIOError:
            return []
        return [
            tuple([int.from_bytes(data[at : at + 4], "big") for at in range(start, start + COMMAND_SIZE, 4)])
            for start in range(0, len(data) - COMMAND_SIZE + 1, COMMAND_SIZE)
        ]

    def close(self) -> None:
        """At the end: nobody is to find a socket that does not answer."""
        try:
            posix.unlink(self.path)
        except OSError:
            pass


def serve(loop: "GroupLoop", fd: int) -> None:
    """The session's whole life."""
    try:
        posix.setsid()
        loop.inherited.restore_signals()
        _signal.pthread_sigmask(_signal.SIG_SETMASK, ())
        from pidone.aside.session import run

        run(loop, fd)
    finally:
        posix._exit(0)


def listen(path: bytes) -> "_socket.socket":
    import fcntl

    socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC | _socket.SOCK_NONBLOCK)
    before = posix.umask(0o177)
    try:
        try:
            socket.bind(path)
        except OSError as error:
            if error.errno == EADDRINUSE and posix.lstat(path).st_mode & 0o170000 != 0o140000:
                raise FileExistsError(EADDRINUSE, "there is something that is no socket") from None
            if error.errno != EADDRINUSE or answers(path):
                raise
            posix.unlink(path)  # of one that was killed
            socket.bind(path)
    finally:
        posix.umask(before)
    socket.listen(QUEUE)
    fcntl.fcntl(socket.fileno(), fcntl.F_SETOWN, posix.getpid())
    fcntl.fcntl(socket.fileno(), fcntl.F_SETFL, posix.O_NONBLOCK | fcntl.FASYNC)
    return socket


def answers(path: bytes) -> bool:
    """Does somebody listen there? Raises FileExistsError if so, for a socket is never taken from another."""
    probe = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC | _socket.SOCK_NONBLOCK)
    try:
        probe.connect(path)
    except BlockingIOError:
        pass  # its queue is full
    except OSError:
        return False
    finally:
        probe.close()
    raise FileExistsError(EADDRINUSE, "another pidone answers there")


def open_at(path: "bytes | None", uid: int) -> "tuple[Control | None, str]":
    """path: where the file says, or None for the first place that can be had. (control line or None, what is wrong)."""
    if path is not None:
        try:
            return Control(path), ""
        except OSError as error:
            return None, "no control line: %s: %s" % (show(path), (error.strerror or "").lower())
    for place in places(uid, posix.environ.get(b"XDG_RUNTIME_DIR")):
        try:
            try:
                posix.mkdir(place.rpartition(b"/")[0], 0o700)
            except FileExistsError:
                if not is_own(place, uid):
                    continue
            return Control(place), ""
        except FileExistsError:
            text = 'no control line: another pidone answers at %s; control = "/path" of [group] names another'
            return None, text % show(place)
        except OSError:
            continue  # it cannot be written there
    return None, ""
