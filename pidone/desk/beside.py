"""Forks what goes on beside a process: probes, hooks, and pidone's own small helpers. PID 1 may lose any of them.

A command of the file's is executed as the process itself would be: its user, environment, directory and limits, but
with /dev/null for input and output (S42, S74: what it prints changes nothing and belongs in no log). Everything else
runs in the forked child, in the room `aside`, whose imports cost PID 1 nothing. Each leads a session, so that it can be
killed with all that it has started.
"""

import _signal
import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from pidone.init.inherited import Inherited

from pidone.init.events import UNKNOWN
from pidone.init.plan import SIDECAR, Process
from pidone.init.signals import ALL
from pidone.init.spawn import Refused, execute, fork_with_pipe, prepare

#: Helpers that are to outlast the sweep: they end by themselves.
LASTING = ("suspects", "pump")


def start(process: Process, inherited: "Inherited", handler: str, argument: "Any", awaited: bool) -> "tuple[int, int]":
    """Returns (pid, descriptor of its answer). Raises OSError where there is no pipe or no fork."""
    pid, reading, writing = fork_with_pipe(awaited)
    if pid == 0:
        code = UNKNOWN
        try:
            if handler == "exec":
                execute_beside(process, inherited, argument, writing)
            code = serve(inherited, handler, argument, writing)
        finally:
            posix._exit(code)
    posix.close(writing)
    return pid, reading


def execute_beside(process: Process, inherited: "Inherited", argv: "list[bytes]", answer: int) -> "NoReturn":
    try:
        slots = {slot: getattr(process, slot) for slot in Process.__slots__}
        slots.update(role=SIDECAR, argv=list(argv), care=None)
        command = Process(**slots)
        null = posix.open("/dev/null", posix.O_WRONLY)
        prepare(command, inherited, None)
        for fd in (1, 2):
            posix.dup2(null, fd)
        text = execute(command, inherited)[1]
    except Refused as refused:
        text = refused.text
    except Exception as error:
        text = "%s: %s" % (type(error).__name__, error)
    posix.write(answer, text.encode("utf-8", "backslashreplace")[:4096])
    posix._exit(UNKNOWN)


def serve(inherited: "Inherited", handler: str, argument: "Any", answer: int) -> int:
    """The verdict of a helper of our own, with its words in the pipe."""
    try:
        posix.setsid()
        inherited.restore_signals()
        # the caller's mask is the app's; ours end when they are told to, but for those that last
        _signal.pthread_sigmask(_signal.SIG_SETMASK, ALL if handler in LASTING else ())
        from pidone.aside import helpers

        verdict, text = helpers.run(handler, argument, answer)
    except BaseException as error:
        verdict, text = UNKNOWN, "%s: %s" % (type(error).__name__, error)
    posix.write(answer, text.encode("utf-8", "backslashreplace")[:4096])
    return verdict
