"""What three scenarios look at: the app has died, with a helper beside it and a process of its own left behind."""

from __future__ import annotations

import time

from demos.comparison.peers import Scenario
from demos.comparison.stage import Stage

COLUMNS = {
    "the container ends": "yes",
    "after (ms)": "less",
    "exit code": "",
    "the helper can write its buffer": "yes",
    "what the app left behind can, too": "yes",
    "the app is started again": "",
    "the log names the end": "yes",
}

#: Seconds that a container gets to end of its own accord.
PATIENCE = 4.0


def look(stage: Stage, *app: str, kill: int = 0, names: tuple[str, ...]) -> dict[str, object]:
    """app: words of the app. kill: the signal that ends it, from outside. names: words of a log that names the end."""
    stage.start(Scenario(*app, "leave=1", helpers={"helper": ["flush=300"]}))
    stage.happens(lambda: stage.said("rest started"))
    if kill:
        died = stage.kill("main", kill)
    else:
        stage.happens(lambda: stage.said("main ends"))
        died = stage.when("main ends") or time.monotonic() * 1000
    over = stage.ended(PATIENCE)
    took = stage.when_over() - died if over else None
    return {
        "the container ends": over,
        "after (ms)": round(took) if took is not None else None,
        "exit code": stage.code if over else None,
        "the helper can write its buffer": stage.said("helper flushed"),
        "what the app left behind can, too": stage.said("rest flushed"),
        "the app is started again": stage.when("main started", 2) is not None,
        "the log names the end": any(name in stage.output for name in names),
    }
