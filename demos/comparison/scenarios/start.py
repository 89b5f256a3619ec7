"""From the container's start to the app's.

From the container's first instruction, exec of its PID 1, to the app's first: the middle of seven starts, the
engine's own time not counted. The app alone, without helpers.
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
