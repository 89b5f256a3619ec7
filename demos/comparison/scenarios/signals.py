"""Which signals reach the app.

All 60 that a process can be sent and take: 1 to 64 but SIGKILL and SIGSTOP, which nobody can take, and 32 and 33,
which are the C library's own. Each is sent to PID 1 from outside, as `docker kill --signal` does, and the app says
what it got. Where the container ends of one, the next is sent to a new one. (The app is PID 1 itself under bare: it
has a handler for each. One that has none would not see SIGTERM there at all.)
"""

from __future__ import annotations

import os
import signal

from demos.comparison.peers import Scenario
from demos.comparison.stage import Stage

ALL = [number for number in range(1, 65) if number not in (signal.SIGKILL, signal.SIGSTOP, 32, 33)]

COLUMNS = {"of 60 reach it": "more", "it gets another instead": "less", "lost": ""}

#: So many that are lost are named.
FEW = 12

#: Seconds in which a signal that is passed on has come, on a busy machine too; those by which people end a program may
#: take longer: supervisord looks at them once a second.
PATIENCE = 0.3
ENDS: dict[int, float] = {signal.SIGTERM: 2.5, signal.SIGINT: 2.5, signal.SIGQUIT: 2.5, signal.SIGHUP: 2.5}


def play(stage: Stage) -> dict[str, object]:
    found = {number: try_one(stage, number) for number in ALL}
    lost = [name(number) for number, got in found.items() if got is None]
    return {
        "of 60 reach it": sum(got == number for number, got in found.items()),
        "it gets another instead": sum(got not in (None, number) for number, got in found.items()),
        "lost": ", ".join(lost) or "none" if len(lost) <= FEW else str(len(lost)),
    }


def try_one(stage: Stage, number: int) -> int | None:
    """What the app got of it: this signal, another, or None."""
    if not stage.runs or not stage.running() or stage.find("main") is None:
        restart(stage)
    before = len(got(stage))
    os.kill(stage.init(), number)
    if not stage.happens(
        lambda: len(got(stage)) > before, ENDS.get(signal.Signals(number), PATIENCE) if number < 32 else PATIENCE
    ):
        restart(stage)  # it may be stopped, or about to end
        return None
    first = got(stage)[before]
    if first in (signal.SIGTERM, signal.SIGINT) or first != number:
        restart(stage)
    return first


def restart(stage: Stage) -> None:
    if stage.runs:
        stage.engine.docker("rm", "-f", stage.container.id, check=False)
    stage.start(Scenario())


def got(stage: Stage) -> list[int]:
    return [int(words.split()[2]) for _, words in stage.log() if words.startswith("main got")]


def name(number: int) -> str:
    try:
        return signal.Signals(number).name.removeprefix("SIG")
    except ValueError:
        return f"RTMIN+{number - 34}" if number < 49 else f"RTMAX-{64 - number}"
