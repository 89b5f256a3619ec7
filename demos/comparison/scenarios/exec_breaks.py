"""A `docker exec` breaks off.

A shell in the container starts programs in the background. Then the connection breaks: the client
is killed. The programs that still run have no parent but PID 1.
"""

from __future__ import annotations

import subprocess
import time

from demos.comparison.peers import Scenario
from demos.comparison.stage import Stage

COLUMNS = {
    "runs on after 1 s": "less",
    "zombies when it has ended": "less",
    "can write its buffer at docker stop": "yes",
}


def play(stage: Stage) -> dict[str, object]:
    stage.start(Scenario())
    line = "/t/app lost flush=100 & /t/app brief after=1 & exec sleep 1"
    command = ["docker", "exec", stage.container.id, "sh", "-c", line]
    client = subprocess.Popen(command, env=stage.engine.environment, stdin=subprocess.DEVNULL)
    try:
        stage.happens(lambda: stage.said("lost started") and stage.said("brief ends"))
    finally:
        client.kill()
        client.wait()
    stage.happens(lambda: not [one for one in stage.processes() if one.name == "sleep" and one.state != "Z"])
    time.sleep(1)  # the columns are on the state after one second
    left, zombies = stage.find("lost") is not None, stage.zombies()
    stage.stop()
    return {
        "runs on after 1 s": int(left),
        "zombies when it has ended": zombies,
        "can write its buffer at docker stop": stage.said("lost flushed"),
    }
