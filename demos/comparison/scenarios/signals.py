"""Which signals reach the app.

There are 60 signals that a process can handle: 1 to 64 without SIGKILL and SIGSTOP, which no
process can handle, and without 32 and 33, which the C library uses itself. Each is sent to PID 1
from outside, as `docker kill --signal` does. The app says which signal it got. If a signal ends the
container, the next signal goes to a new one. (Under bare the app itself is PID 1. It has a handler
for each signal. An app without a handler would not get SIGTERM there at all.)
"""

from __future__ import annotations

import os
import signal

from demos.comparison.peers import Scenario
from demos.comparison.stage import Stage

ALL = [number for number in range(1, 65) if number not in (signal.SIGKILL, signal.SIGSTOP, 32, 33)]

COLUMNS = {"of 60 reach it": "more", "it gets another instead": "less", "lost": ""}

#: Up to this number, the lost signals are named.
FEW = 12

#: Seconds in which a forwarded signal arrives, even on a busy machine. The signals in ENDS may take
#: longer: supervisord checks for them once a second.
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
    """Send a signal to PID 1, and return the signal that the app got, or None."""
    if not stage.runs or not stage.running() or stage.find("main") is None:
        restart(stage)
    before = len(got(stage))
    os.kill(stage.init(), number)
    if not stage.happens(
        lambda: len(got(stage)) > before, ENDS.get(signal.Signals(number), PATIENCE) if number < 32 else PATIENCE
    ):
        restart(stage)  # the container may be suspended, or about to end
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
