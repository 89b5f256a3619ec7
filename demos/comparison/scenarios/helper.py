"""A helper crashes.

The helper has run for two seconds when SIGKILL from outside ends it. A supervisor starts it again,
and the app runs on.
"""

from __future__ import annotations

import time

from demos.comparison.peers import Scenario
from demos.comparison.stage import Stage

COLUMNS = {"it is back": "yes", "after (ms)": "less", "the app runs on": "yes", "and got no signal": "yes"}


def play(stage: Stage) -> dict[str, object]:
    stage.start(Scenario(helpers={"helper": []}))
    stage.happens(lambda: stage.said("helper started"))
    time.sleep(2)  # all supervisors delay the restart of a process that ends at once
    before = stage.find("main")
    died = stage.kill("helper")
    back = stage.happens(lambda: stage.when("helper started", 2), 5)
    after = stage.find("main")
    return {
        "it is back": back,
        "after (ms)": round((stage.when("helper started", 2) or 0) - died) if back else None,
        "the app runs on": before is not None and after is not None and before.pid == after.pid,
        "and got no signal": not any(words.startswith("main got") for _, words in stage.log()),
    }
