"""What the supervision costs while nothing happens.

The app and two helpers run, all idle. The figures are of all other processes. Memory is what
belongs to these processes alone (Private_Dirty). It excludes the pages of program files, which the
kernel can drop and may share. Processor time and wake-ups are those of ten seconds.
"""

from __future__ import annotations

import re
import time
from pathlib import Path

from demos.comparison.peers import Scenario
from demos.comparison.stage import Stage

COLUMNS = {"memory (MB)": "less", "processes": "less", "wake-ups in 10 s": "less", "CPU in 10 s (ms)": "less"}


def play(stage: Stage) -> dict[str, object]:
    stage.start(Scenario(helpers={"one": [], "two": []}))
    stage.happens(lambda: stage.said("one started") and stage.said("two started"))
    time.sleep(2)  # so that the work of the start is not counted
    pids = [one.pid for one in stage.supervision()]
    wakes, busy = work(pids)
    time.sleep(10)
    wakes_after, busy_after = work(pids)
    return {
        "memory (MB)": round(sum(map(private, pids)) / 1024, 1),
        "processes": len(pids),
        "wake-ups in 10 s": wakes_after - wakes,
        "CPU in 10 s (ms)": round((busy_after - busy) / 1e6, 1),
    }


def private(pid: int) -> int:
    """Return the private dirty memory of a process in kB."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(size) for size in re.findall(r"^Private_Dirty:\s+(\d+)", text, re.M))


def work(pids: list[int]) -> tuple[int, int]:
    """Return (voluntary switches, nanoseconds on a processor) so far, of all threads."""
    wakes = busy = 0
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            status = (task / "status").read_text()
            wakes += int(re.findall(r"^voluntary_ctxt_switches:\s+(\d+)", status, re.M)[0])
            busy += int((task / "schedstat").read_text().split()[0])
    return wakes, busy
