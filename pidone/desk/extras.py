"""What a process of a group gets beyond what a single command does: descriptors of its own, an empty message file."""

import _signal
import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

from pidone.init.signals import show
from pidone.init.spawn import Refused, write_file


class Extras:
    """message: its termination message's file, or None. placed: descriptors and the numbers they get in the process.

    launches: it is to go into the background. pauses: it runs no program.
    """

    __slots__ = ("launches", "message", "passing", "pauses", "placed")

    def __init__(self, message: "bytes | None") -> None:
        self.message = message
        self.launches = self.pauses = False
        self.placed: "list[tuple[int, int]]" = []
        self.passing: "list[int]" = []

    def pass_on(self, fd: int, number: int) -> None:
        """A descriptor that is the child's alone."""
        self.placed.append((fd, number))
        self.passing.append(fd)

    def in_parent(self) -> None:
        for fd in self.passing:
            posix.close(fd)

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
                stand_between(answer)
        except OSError as error:
            raise Refused(what, error) from None
        if self.pauses:
            pause(answer)
        return answer


def pause(answer: int) -> "NoReturn":
    """What `pause = true` runs: nothing. It has every signal blocked from its first moment, and heeds two of them."""
    posix.close(answer)  # as an exec would
    try:
        write_file("/proc/self/comm", b"pause")  # its name in ps and in a report
    except OSError:
        pass
    _signal.sigwait((_signal.SIGINT, _signal.SIGTERM))
    posix._exit(0)


def stand_between(answer: int) -> None:
    """Return in a child of this process, which waits for it and ends as it does. Raises OSError.

    A program whose parent is PID 1 takes itself for started by init, and stays where it is: sshd, and whatever uses
    python-daemon. For what is declared to go into the background, pidone's child is not that program but its parent.
    """
    pid = posix.fork()
    if pid == 0:
        return
    posix.close(answer)
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())
    status = posix.waitpid(pid, 0)[1]
    posix._exit(status >> 8 if status & 0x7F == 0 else 128 + (status & 0x7F))


def empty_message(path: bytes) -> None:
    """Its termination message's file is empty and everyone's at the start of each instance (S96). Raises OSError."""
    flags = posix.O_WRONLY | posix.O_CREAT | posix.O_NONBLOCK | posix.O_NOFOLLOW
    fd = posix.open(path, flags, 0o666)
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
