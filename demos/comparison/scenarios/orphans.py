"""A child leaves a thousand orphans.

The app starts a program. That starts a thousand others, and ends before they do. The orphans end at
once, and PID 1 is now their parent. If PID 1 does not reap them, they stay as zombies until the
process table is full.
"""

from __future__ import annotations

import time

from demos.comparison.peers import Scenario
from demos.comparison.stage import Stage

COLUMNS = {"zombies after 1 s": "less", "the app runs on": "yes"}


def play(stage: Stage) -> dict[str, object]:
    stage.start(Scenario("orphans=1000"))
    if not stage.happens(lambda: stage.said("main made")):
        raise RuntimeError("the orphans could not be made")
    time.sleep(1)  # the columns are on the state after one second
    return {"zombies after 1 s": stage.zombies(), "the app runs on": stage.find("main") is not None}
