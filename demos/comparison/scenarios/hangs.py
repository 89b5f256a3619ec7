"""The app hangs.

SIGSTOP suspends the app. The kernel still accepts connections to it, but nothing answers. Docker's
own HEALTHCHECK notices that under every peer. It marks the container unhealthy, and leaves it as it
is. Only pidone can probe the app by itself (`liveness = { http = ... }`, once a second). systemd
has a watchdog (`WatchdogSec=`) for an app that sends it messages. This app, like most, sends none.
"""

from __future__ import annotations

import signal
import time

from demos.comparison.peers import Scenario
from demos.comparison.stage import ASKED, Stage

COLUMNS = {
    "the init notices within 12 s": "yes",
    "after (s)": "less",
    "and the container ends": "yes",
    "a HEALTHCHECK says unhealthy": "yes",
}


def play(stage: Stage) -> dict[str, object]:
    stage.start(Scenario("serve=8080", watched=8080), *ASKED)
    stopped = stage.kill("main", signal.SIGSTOP)
    unhealthy, noticed = False, None
    while time.monotonic() * 1000 - stopped < 12_000 and not (noticed and not stage.running()):
        state = stage.container.inspect()["State"]
        unhealthy = unhealthy or state["Health"]["Status"] == "unhealthy"
        main = stage.find("main")
        if noticed is None and (main is None or main.state != "T"):
            noticed = time.monotonic() * 1000
        time.sleep(0.05)
    return {
        "the init notices within 12 s": noticed is not None,
        "after (s)": round((noticed - stopped) / 1000, 1) if noticed else None,
        "and the container ends": not stage.running(),
        "a HEALTHCHECK says unhealthy": unhealthy if stage.running() else None,
    }
