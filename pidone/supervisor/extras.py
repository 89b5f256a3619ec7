"""What a process of a group gets beyond a single command, such as descriptors of its own.

S1 and so on: docs/reference/pod.md.
"""

import _signal
import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

from pidone.init.plan import CANNOT
from pidone.init.signals import ALL, show
from pidone.init.spawn import SetupError, write_file

#: More than any descriptor of PID 1: it has a few for each process, and the kernel gives out the
#: lowest number that is free.
MAX_DESCRIPTORS = 1 << 16


class Extras:
    """What one process gets.

    message: the path of its termination message's file, or None.
    launches: the process daemonizes, so it gets an intermediate process.
    pauses: its stop signal, if it runs no program (`pause = true`); 0 for one that runs a program.
    placed: (descriptor, the number that it gets in the process).
    passing: those of them that PID 1 closes after the fork.
    """

    __slots__ = ("launches", "message", "passing", "pauses", "placed")

    def __init__(self, message: "bytes | None") -> None:
        self.message = message
        self.launches = False
        self.pauses = 0
        self.placed: "list[tuple[int, int]]" = []
        self.passing: "list[int]" = []

    def pass_on(self, fd: int, number: int) -> None:
        """Place a descriptor that is the child's alone: PID 1 closes it after the fork."""
        self.placed.append((fd, number))
        self.passing.append(fd)

    def in_parent(self, kernel: "Any") -> None:
        for fd in self.passing:
            kernel.close(fd)

    def in_child(self, answer: int) -> int:
        """Prepare the child, as the process's own user: nothing is done that this user cannot do.

        Return the answer's descriptor, which may have moved to make room. Raises SetupError.
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
                fork_intermediate()
        except OSError as error:
            raise SetupError(what, error) from None
        if self.pauses:
            pause(self.pauses)
        return answer


def pause(stop_signal: int) -> "NoReturn":
    """Run no program (`pause = true`): exit with 0 at SIGINT, SIGTERM or the stop signal.

    All signals are blocked from the first moment, and it waits for these.
    """
    close_rest()
    try:
        write_file("/proc/self/comm", b"pause")  # its name in ps and in a report
    except OSError:
        pass
    _signal.sigwait((_signal.SIGINT, _signal.SIGTERM, stop_signal))
    posix._exit(0)


def fork_intermediate() -> None:
    """Fork and return in the child; the parent waits for it, passes signals on and ends as it does.

    A program whose parent is PID 1 assumes that init started it, and stays in the foreground: sshd,
    and programs that use python-daemon. So daemons are started through an intermediate process:
    pidone's child is this parent, not the program. Raises OSError.
    """
    pid = posix.fork()
    if pid == 0:
        return
    try:
        be_intermediate(pid)
    finally:
        posix._exit(CANNOT)  # never return into the code that starts an app


def be_intermediate(pid: int) -> "NoReturn":
    close_rest()
    while True:
        number = _signal.sigwait(ALL)
        if number != _signal.SIGCHLD:
            try:
                posix.kill(pid, number)
            except OSError:
                pass  # EPERM: it has changed its user (kill(2))
        elif posix.waitid(posix.P_PID, pid, posix.WEXITED | posix.WNOHANG | posix.WNOWAIT) is not None:
            break
    status = posix.waitpid(pid, 0)[1]
    if status & 0x7F:
        end_by(status & 0x7F)
    posix._exit(status >> 8)


def end_by(number: int) -> None:
    """End as if this signal had killed us, without a core dump next to the program's own."""
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
    """Close what an exec would close, and more: PID 1's own descriptors must end with PID 1."""
    posix.closerange(3, MAX_DESCRIPTORS)


def empty_message(path: bytes) -> None:
    """Empty the termination message's file, and let every user write it, for each instance (S96).

    Raises OSError.
    """
    from pidone import paths  # only in the child

    flags = posix.O_WRONLY | posix.O_CREAT | posix.O_NONBLOCK | posix.O_NOFOLLOW
    fd = (paths.open_file if paths.is_strict() else posix.open)(path, flags, 0o666)
    try:
        posix.ftruncate(fd, 0)
        posix.fchmod(fd, 0o666)
    except OSError:
        pass  # /dev/null, or another user's file that we may write
    posix.close(fd)


def place(fd: int, number: int, answer: int) -> int:
    """Give a descriptor this number, over whatever had it. Return where the answer's is then.

    Raises OSError.
    """
    if number == answer:
        answer = posix.dup(answer)
    if fd == number:
        posix.set_inheritable(fd, True)
    else:
        posix.dup2(fd, number)
    return answer
