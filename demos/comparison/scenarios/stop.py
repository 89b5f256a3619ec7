"""`docker stop`.

The app has a buffer that needs 300 ms to be written, its helper one that needs 400. Docker gives ten seconds, then it
kills; a helper that the app still writes to should be told after the app has ended, and not before. (`tini -g` would
tell the helper, and then end with the app, as dumb-init does. runit's PID 1 tells its services and is gone in the
same moment: whether one of them hears it before the kernel kills it is chance.)
"""

from __future__ import annotations

from demos.comparison.peers import Scenario
from demos.comparison.stage import Stage

COLUMNS = {
    "seconds": "less",
    "the app is told": "yes",
    "the helper is told": "yes",
    "after the app has ended": "yes",
    "killed": "",
    "buffers lost": "less",
    "exit code": "",
}


def play(stage: Stage) -> dict[str, object]:
    stage.start(Scenario("flush=300", helpers={"helper": ["flush=400"]}))
    stage.happens(lambda: stage.said("helper started"))
    seconds = stage.stop()
    killed = [name for name in ("main", "helper") if not stage.said(f"{name} flushed")]
    told, flushed = stage.when("helper got 15"), stage.when("main flushed")
    return {
        "seconds": round(seconds, 1),
        "the app is told": stage.said("main got 15"),
        "the helper is told": told is not None,
        "after the app has ended": told > flushed if told and flushed else None,
        "killed": ", ".join(killed) or "nobody",
        "buffers lost": len(killed),
        "exit code": stage.code,
    }
