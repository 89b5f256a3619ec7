"""What three scenarios observe: the app has died. It leaves a helper and a process of its own."""

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

#: Seconds in which a container may end by itself.
PATIENCE = 4.0


def look(stage: Stage, *app: str, kill: int = 0, names: tuple[str, ...]) -> dict[str, object]:
    """Let the app die, and return a value for each column.

    app: the arguments of the app.
    kill: the signal from outside that ends the app, or 0 if it ends by itself.
    names: texts, of which one must be in the container's output if that names the end.
    """
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
