"""A child leaves a thousand orphans.

The app starts a program that starts a thousand others and ends before they do. They end at once, and belong to PID 1
now: if it does not wait for them, they stay as zombies until the table of processes is full.
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
    time.sleep(1)  # what is asked is what there is after one second
    return {"zombies after 1 s": stage.zombies(), "the app runs on": stage.find("main") is not None}
