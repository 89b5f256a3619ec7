"""Runs one helper or one probe handler in a forked child of PID 1.

Each is a file with a function that returns (verdict, text). PID 1 keeps the time, and kills a
helper that is late.
"""

import _signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def run(place: str, argument: "tuple[Any, ...]", answer: int) -> "tuple[int, str]":
    """Return (SUCCESS, FAILURE or UNKNOWN; text). place: "room.file:function"."""
    _signal.signal(_signal.SIGPIPE, _signal.SIG_IGN)  # a peer that hangs up must not kill us: it is an answer
    module, _, name = place.partition(":")
    file = __import__("pidone." + module, fromlist=[name])
    return getattr(file, name, file.run)(*argument)  # type: ignore[no-any-return]  # most handlers have no `hook`
