"""What the platform sees of an app that has failed.

The app has a helper, and fails for good: it exits with 3 at every start. The table shows what
`docker inspect` says as soon as the container has ended, or a HEALTHCHECK that asks the app has
marked it unhealthy. It also shows whether Docker's own `--restart on-failure` starts the container
again.
"""

from __future__ import annotations

from demos.comparison.peers import Scenario
from demos.comparison.stage import ASKED, Stage

COLUMNS = {
    "docker inspect": "",
    "exit code": "",
    "times started inside": "",
    "on-failure starts the container again": "yes",
    "a HEALTHCHECK says unhealthy": "",
    "the failure can be told from outside": "yes",
}


def play(stage: Stage) -> dict[str, object]:
    scenario = Scenario("serve=8080", "after=700", "exit=3", helpers={"helper": []})
    stage.start(scenario, *ASKED)
    unhealthy = stage.happens(
        lambda: not stage.running() or stage.container.inspect()["State"]["Health"]["Status"] == "unhealthy"
    )
    over = stage.ended(1)
    code = stage.code if over else None
    started = sum(words == "main started" for _, words in stage.log())
    stage.engine.docker("rm", "-f", stage.container.id, check=False)
    stage.start(scenario, "--restart", "on-failure:1")
    again = stage.happens(lambda: stage.container.inspect()["RestartCount"] == 1, 5)
    return {
        "docker inspect": "exited" if over else "running",
        "exit code": code,
        "times started inside": started,
        "on-failure starts the container again": again,
        "a HEALTHCHECK says unhealthy": None if over else unhealthy,
        "the failure can be told from outside": bool(code) or (unhealthy and not over),
    }
