"""The app is killed.

As above, but SIGKILL from outside the container ends the app. The kernel does the same when memory
runs out. A shell would show that as 137.
"""

from __future__ import annotations

import signal

from demos.comparison.scenarios.death import COLUMNS, look
from demos.comparison.stage import Stage

__all__ = ["COLUMNS", "play"]


def play(stage: Stage) -> dict[str, object]:
    return look(stage, kill=signal.SIGKILL, names=("SIGKILL",))
