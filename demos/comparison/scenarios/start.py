"""From the container's start to the app's.

The time runs from exec of the container's PID 1 to the app's first instruction. It excludes the
engine's own time. The figure is the median of seven starts. The app has no helpers.
"""

from __future__ import annotations

from statistics import median

from demos.comparison.peers import Scenario
from demos.comparison.stage import Stage

COLUMNS = {"start (ms)": "less"}


def play(stage: Stage) -> dict[str, object]:
    return {"start (ms)": round(median(once(stage) for _ in range(7)), 1)}


def once(stage: Stage) -> float:
    stage.start(Scenario())
    took = (stage.when("main started") or 0) - (stage.when("stamp") or 0)
    stage.engine.docker("rm", "-f", stage.container.id)
    return took
