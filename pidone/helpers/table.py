"""What is run in a forked child beside a process, by the name of its handler. A new one is one file and one line.

Each takes its argument and returns (verdict, words). PID 1 keeps the time: who is late is killed.
"""

import _signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: handler -> its module, with a function `run`
HELPERS = {
    "http": "probes.http", "hook": "probes.http", "tcp": "probes.tcp", "grpc": "probes.grpc", "file": "probes.file",
    "notify": "notify", "follow": "follow", "leftovers": "leftovers", "message": "message", "suspects": "suspects",
    "pump": "pump", "metrics": "metrics",
}  # fmt: skip


def run(handler: str, argument: "Any", answer: int) -> "tuple[int, str]":
    """(YES, NO or UNKNOWN; words). answer: the pipe to PID 1, for the one that has more to say than once."""
    _signal.signal(_signal.SIGPIPE, _signal.SIG_IGN)  # a peer that hangs up is an answer, not our end
    module = __import__("pidone.helpers." + HELPERS[handler], fromlist=["run"])
    if handler == "notify":
        return module.run(argument, answer)  # type: ignore[no-any-return]
    if handler == "hook":
        return module.hook(*argument)  # type: ignore[no-any-return]
    return module.run(*argument)  # type: ignore[no-any-return]
