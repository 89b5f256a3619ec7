"""Forks the child that reads the file. PID 1 itself parses nothing (DESIGN.md, principle 1)."""

import _signal
import errno
import posix
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from pidone.init.plan import Plan

from pidone.init import plan as plans
from pidone.init import signals
from pidone.init.spawn import fork_with_pipe

#: Why the child that reads the file has not lived.
KILLED = "the child that reads it was killed by "
HUNG = "a user or a group in it cannot be looked up: what /etc/nsswitch.conf asks for them hangs"

STOPPING = (_signal.SIGTERM, _signal.SIGINT, _signal.SIGQUIT)


def ask(
    path: bytes, command: "list[bytes]", cwd: "bytes | None", rewrites: "dict[int, int]"
) -> "tuple[Plan | None, int, list[int]]":
    """(plan, exit code where there is none, signals that came meanwhile and wait for the group).

    A file that cannot be read, or hangs, must not make PID 1 deaf: a signal to stop ends the child, and pidone.
    Raises OSError where there is no fork, or the child did not live to say what is wrong.
    """
    pid, reading = begin(path, command, cwd)
    data, early = [], []  # type: list[bytes], list[int]
    while True:
        try:
            part = posix.read(reading, 65536)
            if not part:
                break
            data.append(part)
            continue
        except BlockingIOError:
            pass
        info = _signal.sigwaitinfo(signals.ALL)
        number = rewrites.get(info.si_signo, info.si_signo)
        if number in STOPPING:
            posix.kill(pid, _signal.SIGKILL)  # and no waiting for it: a file system that hangs may hold it
            return None, 128 + number, []
        if info.si_code <= 0 or info.si_signo not in (_signal.SIGCHLD, _signal.SIGIO):  # those two are our own
            early.append(info.si_signo)
    posix.close(reading)
    status = posix.waitpid(pid, 0)[1]
    if status:
        if posix.WIFSIGNALED(status):
            number = posix.WTERMSIG(status)
            raise OSError(errno.ECHILD, HUNG if number == _signal.SIGALRM else KILLED + signals.name(number))
        return None, posix.WEXITSTATUS(status), []
    return plans.unpack(b"".join(data)), 0, early


def begin(path: bytes, command: "list[bytes]", cwd: "bytes | None", token: bytes = b"") -> "tuple[int, int]":
    """Fork the child. (pid, pipe from which its plan comes). token: of the sockets for sd_notify that are there."""
    pid, reading, writing = fork_with_pipe(awaited=True)
    if pid == 0:
        _answer(path, command, cwd, writing, token)
    posix.close(writing)
    return pid, reading


def _answer(path: bytes, command: "list[bytes]", cwd: "bytes | None", writing: int, token: bytes) -> "NoReturn":
    """The child: everything that may be slow, large or wrong. Its imports cost PID 1 nothing."""
    code = 2
    try:
        if cwd is not None:
            posix.chdir(cwd)  # FILE may be relative to where the container started
        from pidone.config import answer

        code = answer.main(path, command, writing, token.decode())
    except BaseException as error:
        what = (path.decode("utf-8", "replace"), type(error).__name__, error)
        sys.stderr.write("pidone: cannot read %s: %s: %s\n" % what)
    finally:
        posix._exit(code)
