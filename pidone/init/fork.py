"""How PID 1 forks what it may lose: probes and hooks, sessions, the pump, the file's reader, a report."""

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
    """Fork a child that PID 1 may lose, and have it run "module:function", with the arguments and its answer's pipe.

    It leads a session, so that it can be killed with all that it has started. mask: of its signals, which are the
    app's otherwise; None leaves them as PID 1 has them, blocked. The function returns an exit code, and words for the
    pipe; what it raises is told there, too. Its imports cost PID 1 nothing. answers: is there a pipe at all? Returns
    (pid, descriptor of the answer or -1). Raises OSError where there is no pipe or no fork.
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
