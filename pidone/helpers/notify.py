"""The listener of sd_notify(3): passes notifications to PID 1 as records of 16 bytes.

Each process has a socket in the abstract namespace, which needs no writable directory and leaves
nothing behind. Any process in the network namespace may send to it. So the kernel adds the sender's
pid to each datagram (SCM_CREDENTIALS, unix(7)), and the record names the child of PID 1 that the
sender descends from, and the sender's session.
"""

import _signal
import _socket
import posix
import sys
from errno import EADDRINUSE
from time import monotonic, sleep

TYPE_CHECKING = False
if TYPE_CHECKING:
    #: ((the process's place in the plan, name of its socket), ...)
    Sockets = tuple[tuple[int, bytes], ...]
    #: (place of the socket, the sender's ancestor that is pidone's child, is it about readiness?)
    Key = tuple[int, int, bool]

from pidone.helpers import proc
from pidone.init.events import ALIVE, DEAD, LISTENING, READY, UNKNOWN, UNREADY

#: Longer datagrams are ignored (systemd: NOTIFY_BUFFER_MAX).
MAX_DATAGRAM = 4096

#: Seconds to wait until a socket's name is free.
PATIENCE = 1.0

#: Least average seconds between two notifications of one process that are passed on.
QUIET = 0.02

#: Notifications that may be passed on at once all the same, as of a reload that is quickly over.
BURST = 8.0

#: Keys that are remembered; beyond them, all are forgotten.
MANY = 1000

NOTIFICATION_OF_LINE = {
    b"READY=1": READY, b"STOPPING=1": UNREADY, b"RELOADING=1": UNREADY, b"WATCHDOG=1": ALIVE, b"WATCHDOG=trigger": DEAD,
}  # fmt: skip


def run(sockets: "Sockets", all_names: "list[str]", answer: int) -> "tuple[int, str]":
    """Listen until killed. Return only where the sockets cannot be bound.

    A record names its socket by the place in `sockets`, because members may get other numbers.

    all_names: the members' names, to print each STATUS; or an empty list to print none.
    answer: the pipe to PID 1.
    """
    _signal.signal(_signal.SIGPIPE, _signal.SIG_IGN)
    names = [all_names[member] for member, _ in sockets] if all_names else []
    try:
        open_sockets = {listen(name): place for place, (_, name) in enumerate(sockets)}
    except OSError as error:
        from pidone.init import messages

        messages.say("cannot listen for sd_notify: %s" % posix.strerror(error.errno or 0).lower())
        return UNKNOWN, ""  # the pipe carries records only, no text
    send_notification(answer, 0, LISTENING, 0, 0)
    import select

    poll = select.poll()
    by_fd = {socket.fileno(): (socket, member) for socket, member in open_sockets.items()}
    for fd in by_fd:
        poll.register(fd, select.POLLIN)
    sieve = Sieve(answer)
    while True:
        for fd, _ in poll.poll(sieve.timeout()):
            socket, member = by_fd[fd]
            for what, top, session, status in receive(socket):
                if status is not None:
                    say_status(names, member, top, session, status)
                else:
                    sieve.take((member, top, what in (READY, UNREADY)), what, session)
        sieve.flush()


class Sieve:
    """Passes notifications on at once, so long as they come no faster than one in QUIET seconds.

    Of those that come faster it passes on only the latest, so that floods cost little.

    answer: the pipe to PID 1.
    passed: {key: (latest notification that PID 1 has, when it was passed on, how many may follow at
        once)}.
    held: {key: (notification, session)} that wait for their turn.
    """

    def __init__(self, answer: int) -> None:
        self.answer = answer
        self.passed: "dict[Key, tuple[int, float, float]]" = {}
        self.held: "dict[Key, tuple[int, int]]" = {}

    def take(self, key: "Key", word: int, session: int) -> None:
        if key in self.held:
            if self.held[key][0] != DEAD:
                self.held[key] = word, session
            return
        now = monotonic()
        before, at, _ = self.passed.get(key, (-1, -1.0, BURST))
        if word == before and now - at < QUIET:
            return  # PID 1 knows it
        left = self.allowed(key, now)
        if left >= 1.0:
            self.pass_on(key, word, session, now, left - 1.0)
        else:
            self.held[key] = word, session

    def allowed(self, key: "Key", now: float) -> float:
        """Return how many notifications may be passed on now."""
        _, at, left = self.passed.get(key, (-1, -1.0, BURST))
        return min(BURST, left + (now - at) / QUIET)

    def pass_on(self, key: "Key", word: int, session: int, now: float, left: float) -> None:
        if len(self.passed) > MANY:
            self.passed = {}
        self.passed[key] = word, now, left
        send_notification(self.answer, key[0], word, key[1], session)

    def timeout(self) -> "float | None":
        """Return the milliseconds until the next check of `held`, or None where it is empty."""
        return QUIET * 1000 if self.held else None

    def flush(self) -> None:
        now = monotonic()
        for key, (word, session) in list(self.held.items()):
            left = self.allowed(key, now)
            if left < 1.0:
                continue
            del self.held[key]
            if word != self.passed.get(key, (-1,))[0] or word == ALIVE:
                self.pass_on(key, word, session, now, left - 1.0)


def listen(name: bytes) -> "_socket.socket":
    socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
    socket.setsockopt(_socket.SOL_SOCKET, _socket.SO_PASSCRED, 1)
    end = monotonic() + PATIENCE
    while True:
        try:
            socket.bind(b"\0" + name[1:])
            return socket
        except OSError as error:
            if error.errno != EADDRINUSE or monotonic() > end:
                raise
            sleep(0.001)  # PID 1 has killed the previous listener, which is about to exit


def receive(socket: "_socket.socket") -> "list[tuple[int, int, int, bytes | None]]":
    """Read one datagram. Return [(what, top, session, text), ...], one for each known line.

    what: a notification, or 0 for STATUS.
    top: the sender's ancestor that is pidone's child, or the sender.
    session: the sender's session.
    text: the text of STATUS, or None.
    """
    space = _socket.CMSG_SPACE(12) + _socket.CMSG_SPACE(4 * 64)
    try:
        data, ancillary, flags, _ = socket.recvmsg(MAX_DATAGRAM, space, _socket.MSG_CMSG_CLOEXEC)
    except OSError:
        return []
    sender = 0
    for level, kind, value in ancillary:
        if level == _socket.SOL_SOCKET and kind == _socket.SCM_CREDENTIALS:
            sender = int.from_bytes(value[:4], sys.byteorder, signed=True)
        elif level == _socket.SOL_SOCKET and kind == _socket.SCM_RIGHTS:
            close_all(value)  # the sender of BARRIER=1 waits until they are closed; they have no other use
    if flags & _socket.MSG_TRUNC or sender <= 0:
        return []  # too long, or from another PID namespace
    top, session = family(sender)
    found: "list[tuple[int, int, int, bytes | None]]" = []
    for line in data.split(b"\n"):
        if line in NOTIFICATION_OF_LINE:
            found.append((NOTIFICATION_OF_LINE[line], top, session, None))
        elif line[:7] == b"STATUS=":
            found.append((0, top, session, line[7:]))
    return found


def close_all(value: bytes) -> None:
    for start in range(0, len(value) - 3, 4):
        posix.close(int.from_bytes(value[start : start + 4], sys.byteorder))


def family(sender: int) -> "tuple[int, int]":
    """Return (the ancestor of `sender` whose parent is pidone, or itself; the session of `sender`).

    Where the sender has exited, return (sender, 0).
    """
    init = posix.getppid()
    fields = proc.stat(sender)
    if not fields:
        return sender, 0
    session, top = proc.session(fields), sender
    for _ in range(1 << 10):
        above = proc.parent(fields)
        if above in (init, 0):
            break
        top, fields = above, proc.stat(above)
        if not fields:
            break
    return top, session


def send_notification(answer: int, *numbers: int) -> None:
    posix.write(answer, b"".join(max(0, number).to_bytes(4, "big") for number in numbers))


def say_status(names: "list[str]", member: int, top: int, session: int, status: bytes) -> None:
    if names:
        from pidone.init import messages
        from pidone.init.signals import show

        messages.say("%s (pid %d) says: %s" % (names[member], session or top, show(status)))
