"""Without privileges.

A cautious platform runs a container like this: all capabilities dropped, a read-only root with a
`/run` and a `/tmp`, Docker's own seccomp profile, and no writable cgroups.
"""

from __future__ import annotations

from demos.comparison.peers import Scenario
from demos.comparison.stage import Stage

COLUMNS = {"the app starts": "yes"}


def play(stage: Stage) -> dict[str, object]:
    careful = ["--cap-drop", "ALL", "--read-only", "--tmpfs", "/run", "--tmpfs", "/tmp", "-e", "container=docker"]
    try:
        stage.start(Scenario(), *careful, granted=False)
    except RuntimeError:
        return {"the app starts": False}
    return {"the app starts": True}
