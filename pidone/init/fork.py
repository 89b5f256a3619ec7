"""Fork what PID 1 may lose: probes, hooks, sessions, the pump, the file's reader, a report."""

import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _signal import Signals
    from typing import Any

    from pidone.init.inherited import Inherited

    Mask = set[Signals] | tuple[int, ...] | None

from pidone.init.events import UNKNOWN
from pidone.init.spawn import fork_with_pipe


def fork_into(
    kernel: "Any", target: str, arguments: "tuple[Any, ...]", inherited: "Inherited",
    mask: "Mask" = (), awaited: bool = False, answers: bool = True,
) -> "tuple[int, int]":  # fmt: skip
    """Fork a child that PID 1 may lose, and return (pid, descriptor of its answer or -1).

    The child leads a session, so that PID 1 can kill it with all that it has started. It imports
    the target itself, which costs PID 1 nothing. It calls the function with the arguments and the
    writing end of its pipe. The function returns an exit code and a text for the pipe. An exception
    becomes the text, and the exit code is UNKNOWN.

    target: "module:function".
    mask: the child's signal mask; its dispositions are the app's. None leaves both as PID 1 has
        them, with all signals blocked.
    awaited: whether PID 1 gets a SIGIO when there is an answer.
    answers: whether there is a pipe.
    Raises OSError where there is no pipe or no fork.
    """
    pid, reading, writing = fork_with_pipe(awaited, kernel) if answers else (kernel.fork(), -1, -1)
    if pid == 0:
        code, text = UNKNOWN, ""
        try:
            try:
                posix.setsid()
                if mask is not None:
                    inherited.restore_signals(mask)
                module, _, name = target.partition(":")
                code, text = getattr(__import__(module, fromlist=[name]), name)(*arguments, writing)
            except BaseException as error:
                text = "%s: %s" % (type(error).__name__, error)
            if text:
                posix.write(writing, text.encode("utf-8", "backslashreplace")[:4096])
        finally:
            posix._exit(code)
    if writing >= 0:
        kernel.close(writing)
    return pid, reading
