"""The app touches memory that is not its own.

As above, but the kernel ends the app by SIGSEGV. A shell would show that as 139.
"""

from __future__ import annotations

from demos.comparison.scenarios.death import COLUMNS, look
from demos.comparison.stage import Stage

__all__ = ["COLUMNS", "play"]


def play(stage: Stage) -> dict[str, object]:
    return look(stage, "after=500", "fault=1", names=("SIGSEGV",))
