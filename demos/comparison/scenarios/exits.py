"""The app exits with 3.

Half a second after its start, with a helper beside it and a process of its own left behind (one that needs 300 ms to
write its buffer). A platform that starts failed containers again can do so only if the container ends, and can tell
a failure
from a success only by the exit code.
"""

from __future__ import annotations

from demos.comparison.scenarios.death import COLUMNS, look
from demos.comparison.stage import Stage

__all__ = ["COLUMNS", "play"]


def play(stage: Stage) -> dict[str, object]:
    return look(stage, "after=500", "exit=3", names=("exit status 3", "exit code 3", "code=exited, status=3"))
