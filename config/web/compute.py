"""The worker: reads /run/web/jobs/ID.todo and writes ID.done.

On SIGTERM it finishes the waiting jobs of its current round, and ends.
"""

from __future__ import annotations

import json
import logging
import logging.handlers
import signal
import time
from pathlib import Path
from types import FrameType

JOBS = Path("/run/web/jobs")


def factors(number: int) -> list[int]:
    found = []
    divisor = 2
    while divisor * divisor <= number:
        if number % divisor:
            divisor += 1
        else:
            found.append(divisor)
            number //= divisor
    return [*found, number] if number > 1 else found


def work(todo: Path) -> None:
    done = todo.with_suffix(".done")
    partial = todo.with_suffix(".partial")
    partial.write_text(json.dumps(factors(int(todo.read_text()))))
    partial.rename(done)
    todo.unlink()


def main() -> None:
    log = logging.getLogger("compute")
    log.setLevel(logging.INFO)
    log.addHandler(logging.handlers.SysLogHandler("/run/web/log.sock"))
    log.handlers[0].ident = "compute: "  # type: ignore[attr-defined]
    stopping = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    JOBS.mkdir(exist_ok=True)
    log.info("ready")
    while not stopping:
        for todo in sorted(JOBS.glob("*.todo")):
            work(todo)
            log.info("job %s is done", todo.stem)
        time.sleep(0.05)
    log.info("stopped")


if __name__ == "__main__":
    main()
