"""`docker stop`.

The app needs 300 ms to write its buffer, and its helper needs 400 ms. Docker kills both after ten
seconds. The app may still write to the helper, so the helper should get its signal after the app
has ended, not before. (`tini -g` would signal the helper, and then end with the app, as dumb-init
does. runit's PID 1 signals its services and exits at the same moment. It is chance whether a
service gets the signal before the kernel kills it.)
"""

from __future__ import annotations

from demos.comparison.peers import Scenario
from demos.comparison.stage import Stage

COLUMNS = {
    "seconds": "less",
    "the app gets SIGTERM": "yes",
    "the helper gets SIGTERM": "yes",
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
        "the app gets SIGTERM": stage.said("main got 15"),
        "the helper gets SIGTERM": told is not None,
        "after the app has ended": told > flushed if told and flushed else None,
        "killed": ", ".join(killed) or "nobody",
        "buffers lost": len(killed),
        "exit code": stage.code,
    }
