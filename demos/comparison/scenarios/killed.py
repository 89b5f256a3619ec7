"""The app is killed.

As above, by SIGKILL from outside of the container: as the kernel does it when memory runs out. A shell would call
that 137.
"""

from __future__ import annotations

import signal

from demos.comparison.scenarios.death import COLUMNS, look
from demos.comparison.stage import Stage

__all__ = ["COLUMNS", "play"]


def play(stage: Stage) -> dict[str, object]:
    return look(stage, kill=signal.SIGKILL, names=("SIGKILL",))
