"""What a process of a group gets beyond what a single command does: descriptors of its own, an empty message file."""

import _signal
import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

from pidone.init.plan import CANNOT
from pidone.init.signals import ALL, show
from pidone.init.spawn import SetupError, write_file

#: PID 1 has a few descriptors for each process, and each has the lowest number that is free.
MAX_DESCRIPTORS = 1 << 16


class Extras:
    """message: its termination message's file, or None. placed: descriptors and the numbers they get in the process.

    launches: it is to go into the background. pauses: it runs no program, and ends by this signal; 0 for one that does.
    """

    __slots__ = ("launches", "message", "passing", "pauses", "placed")

    def __init__(self, message: "bytes | None") -> None:
        self.message = message
        self.launches = False
        self.pauses = 0
        self.placed: "list[tuple[int, int]]" = []
        self.passing: "list[int]" = []

    def pass_on(self, fd: int, number: int) -> None:
        """A descriptor that is the child's alone."""
        self.placed.append((fd, number))
        self.passing.append(fd)

    def in_parent(self, kernel: "Any") -> None:
        for fd in self.passing:
            kernel.close(fd)

    def in_child(self, answer: int) -> int:
        """As the process's own user: what it could not do itself is not done for it.

        Returns the answer's descriptor, which may have had to make room. Raises Refused.
        """
        what = "termination_message %s" % show(self.message or b"")
        try:
            if self.message is not None:
                empty_message(self.message)
            for fd, number in self.placed:
                what = "fd = %d" % number
                answer = place(fd, number, answer)
            if self.launches:
                what = "launch"
                stand_between()
        except OSError as error:
            raise SetupError(what, error) from None
        if self.pauses:
            pause(self.pauses)
        return answer


def pause(stop_signal: int) -> "NoReturn":
    """What `pause = true` runs: nothing. Every signal is blocked from its first moment; it heeds those to end by."""
    close_rest()
    try:
        write_file("/proc/self/comm", b"pause")  # its name in ps and in a report
    except OSError:
        pass
    _signal.sigwait((_signal.SIGINT, _signal.SIGTERM, stop_signal))
    posix._exit(0)


def stand_between() -> None:
    """Return in a child of this process, which waits for it, passes signals on and ends as it does. Raises OSError.

    A program whose parent is PID 1 takes itself for started by init, and stays where it is: sshd, and whatever uses
    python-daemon. For what is declared to go into the background, pidone's child is not that program but its parent.
    """
    pid = posix.fork()
    if pid == 0:
        return
    try:
        wait_between(pid)
    finally:
        posix._exit(CANNOT)  # it must never come back to where an app is started


def wait_between(pid: int) -> "NoReturn":
    close_rest()
    while True:
        number = _signal.sigwait(ALL)
        if number != _signal.SIGCHLD:
            try:
                posix.kill(pid, number)
            except OSError:
                pass  # its user is another one than ours by now: kill(2), EPERM
        elif posix.waitid(posix.P_PID, pid, posix.WEXITED | posix.WNOHANG | posix.WNOWAIT) is not None:
            break
    status = posix.waitpid(pid, 0)[1]
    if status & 0x7F:
        end_by(status & 0x7F)
    posix._exit(status >> 8)


def end_by(number: int) -> None:
    """As a process that this signal has killed; without a core of ours beside its own."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    except (ImportError, OSError, ValueError):
        pass
    if number not in (_signal.SIGKILL, _signal.SIGSTOP):
        _signal.signal(number, _signal.SIG_DFL)
        _signal.pthread_sigmask(_signal.SIG_UNBLOCK, (number,))
    posix.kill(posix.getpid(), number)
    posix._exit(128 + number)


def close_rest() -> None:
    """What an exec would have closed, and more: PID 1's own descriptors must end with PID 1."""
    posix.closerange(3, MAX_DESCRIPTORS)


def empty_message(path: bytes) -> None:
    """Its termination message's file is empty and everyone's at the start of each instance (S96). Raises OSError."""
    from pidone import paths  # in the child

    flags = posix.O_WRONLY | posix.O_CREAT | posix.O_NONBLOCK | posix.O_NOFOLLOW
    fd = (paths.open_file if paths.is_strict() else posix.open)(path, flags, 0o666)
    try:
        posix.ftruncate(fd, 0)
        posix.fchmod(fd, 0o666)
    except OSError:
        pass  # another user's, but one that we may write; or /dev/null
    posix.close(fd)


def place(fd: int, number: int, answer: int) -> int:
    """Give a descriptor its number, over whatever had it. Returns where the answer's is then. Raises OSError."""
    if number == answer:
        answer = posix.dup(answer)
    if fd == number:
        posix.set_inheritable(fd, True)
    else:
        posix.dup2(fd, number)
    return answer
