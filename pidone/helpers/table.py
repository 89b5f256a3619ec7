"""How a forked child of PID 1 runs one helper or one handler of a probe: each is a file with a function.

It returns (verdict, words). PID 1 keeps the time: who is late is killed.
"""

import _signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def run(place: str, argument: "tuple[Any, ...]", answer: int) -> "tuple[int, str]":
    """(YES, NO or UNKNOWN; words). place: "room.file:function"."""
    _signal.signal(_signal.SIGPIPE, _signal.SIG_IGN)  # a peer that hangs up is an answer, not our end
    module, _, name = place.partition(":")
    file = __import__("pidone." + module, fromlist=[name])
    return getattr(file, name, file.run)(*argument)  # type: ignore[no-any-return]  # most handlers have no `hook`
