"""The app exits with 3.

Half a second after its start, with a helper beside it and a process of its own left behind, each of which needs 300
ms to write its buffer once it is told to end. A platform that starts failed containers again can do so only if the
container ends, and tells a failure from a success by the exit code only. (dumb-init tells all of them, and exits in
the same moment: the kernel kills them before they are ready. What systemd knows of it stands in its journal, inside
of the container.)
"""

from __future__ import annotations

from demos.comparison.scenarios.death import COLUMNS, look
from demos.comparison.stage import Stage

__all__ = ["COLUMNS", "play"]


def play(stage: Stage) -> dict[str, object]:
    return look(stage, "after=500", "exit=3", names=("exit status 3", "exit code 3", "code=exited, status=3"))
