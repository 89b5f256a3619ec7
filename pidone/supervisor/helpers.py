"""Forks what goes on beside a process: probes, hooks, and pidone's own small helpers. PID 1 may lose any of them.

A command of the file's is executed as the process itself would be: its user, environment, directory and limits, but
with /dev/null for input, and an output of which the last line is told where it fails (S42, S74). Everything else runs
in the forked child, in the room `aside`, whose imports cost PID 1 nothing. Each leads a session, so that it can be
killed with all that it has started.
"""

import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pidone.init.inherited import Inherited

from pidone.init.events import UNKNOWN
from pidone.init.plan import SIDECAR, Process
from pidone.init.signals import ALL
from pidone.init.spawn import fork_with_pipe

#: A command as it stands, and one in which $(NAME) is replaced (S43).
COMMANDS = EXEC, EXPANDED = "exec", "expanded"

#: Helpers that are to outlast the sweep: they end by themselves.
LASTING = ("suspects", "pump")


def start(process: Process, inherited: "Inherited", handler: str, argument: "Any", awaited: bool) -> "tuple[int, int]":
    """Returns (pid, descriptor of its answer). Raises OSError where there is no pipe or no fork."""
    pid, reading, writing = fork_with_pipe(awaited)
    if pid == 0:
        code = UNKNOWN
        try:
            if handler in COMMANDS:
                code = execute_beside(process, inherited, argument, writing, handler == EXPANDED)
            else:
                code = serve(inherited, handler, argument, writing)
        finally:
            posix._exit(code)
    posix.close(writing)
    return pid, reading


def execute_beside(process: Process, inherited: "Inherited", argv: "list[bytes]", answer: int, expanded: bool) -> int:
    """The verdict, with its words in the pipe."""
    try:
        from pidone.helpers import command

        words = list(argv)
        if expanded and any(b"$" in word for word in words):
            from pidone.config.policy import expand

            words = [expand(word, dict(process.env)) for word in words]
        slots = {slot: getattr(process, slot) for slot in Process.__slots__}
        slots.update(role=SIDECAR, argv=words, care=None, who=None, files=())
        verdict, text = command.run(Process(**slots), inherited)
    except BaseException as error:
        verdict, text = UNKNOWN, "%s: %s" % (type(error).__name__, error)
    posix.write(answer, text.encode("utf-8", "backslashreplace")[:4096])
    return verdict


def serve(inherited: "Inherited", handler: str, argument: "Any", answer: int) -> int:
    """The verdict of a helper of our own, with its words in the pipe."""
    try:
        posix.setsid()
        # the caller's mask is the app's; ours end when they are told to, but for those that last
        inherited.restore_signals(ALL if handler in LASTING else ())
        from pidone.helpers import table as helpers

        verdict, text = helpers.run(handler, argument, answer)
    except BaseException as error:
        verdict, text = UNKNOWN, "%s: %s" % (type(error).__name__, error)
    posix.write(answer, text.encode("utf-8", "backslashreplace")[:4096])
    return verdict
