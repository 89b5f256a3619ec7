"""An init step fails.

A step must run before the app, such as a migration. It exits with 4. (The start script begins with
`set -e`. supervisord knows no steps, and runs it as one more program. In the cores of s6 and runit
it is a line of the app's `run`.)
"""

from __future__ import annotations

from demos.comparison.peers import Scenario
from demos.comparison.stage import Stage

COLUMNS = {"the app starts regardless": "no", "the container ends": "yes", "exit code": "", "times tried": ""}


def play(stage: Stage) -> dict[str, object]:
    stage.start(Scenario(init=["step", "4"]), told=False)
    stage.happens(lambda: stage.said("step"))
    over = stage.ended(4)
    return {
        "the app starts regardless": stage.said("main started"),
        "the container ends": over,
        "exit code": stage.code if over else None,
        "times tried": sum(words == "step" for _, words in stage.log()),
    }
