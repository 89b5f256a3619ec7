"""The app exits with 3.

The app exits half a second after its start. A helper and a process of the app are left, and each
needs 300 ms to write its buffer when it gets SIGTERM. A platform restarts a failed container only
if the container ends, and it tells a failure from a success only by the exit code. (dumb-init
signals all processes and exits at the same moment, so the kernel kills them before they are done.
systemd records the failure in its journal, inside the container.)
"""

from __future__ import annotations

from demos.comparison.scenarios.death import COLUMNS, look
from demos.comparison.stage import Stage

__all__ = ["COLUMNS", "play"]


def play(stage: Stage) -> dict[str, object]:
    return look(stage, "after=500", "exit=3", names=("exit status 3", "exit code 3", "code=exited, status=3"))
