"""How many files of pidone/ one event visits in a real PID 1.

docs/explanation/architecture.md has the figures.
"""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest

from tests.support.files import process
from tests.support.pid1 import PYTHON, ROOT, Pidone, Write

#: Start pidone, and write the file and the function of each of its calls to the file `trace`.
TRACE = """
import posix, sys
sys.path.append({root!r})
trace = posix.open(sys.argv.pop(1), posix.O_WRONLY | posix.O_CREAT | posix.O_APPEND | posix.O_CLOEXEC, 0o600)
def called(frame, event, argument):
    path = frame.f_code.co_filename
    if event == "call" and "/pidone/" in path and posix.getpid() == 1:
        posix.write(trace, (path.rpartition("/pidone/")[2] + " " + frame.f_code.co_name + "\\n").encode())
from pidone.init.main import main
sys.setprofile(called)
main()
"""

#: Files that only record and count.
BESIDES = ("supervisor/record.py", "supervisor/counters.py", "init/record.py")

#: {event: (its words in the page, the first and the last function of its way)}.
WAYS = {
    "stop": ("a stop signal, to SIGTERM at the primary", "init/machine.py take", "init/loop.py kill"),
    "restart": (
        "an exit, to the timer of its restart",
        "supervisor/loop.py end_event",
        "group/ending.py restart_later",
    ),
}


def visited(lines: list[str], first: str, last: str) -> set[str]:
    """Return the files from the last call of `first` before `last` to the first call of `last`.

    The two loops count as one.
    """
    end = lines.index(last)
    begin = max(place for place in range(end) if lines[place] == first)
    files = {line.split()[0] for line in lines[begin : end + 1]} - {*BESIDES}
    return {"the loop" if file in ("init/loop.py", "supervisor/loop.py") else file for file in files}


@pytest.mark.parametrize("way", WAYS)
def test_one_event_visits_as_many_files_as_the_page_says(write: Write, helper: str, tmp_path: Path, way: str) -> None:
    words, first, last = WAYS[way]
    file = write(
        "g.toml",
        "[group]\ncontrol = false\n"
        + process("log", "sidecar", helper, "app", "log")
        + process("main", "primary", helper, "app", "main"),
    )
    trace = tmp_path / "trace"
    pidone = Pidone(PYTHON, "-I", "-S", write("trace.py", TRACE.format(root=str(ROOT))), str(trace))
    with pidone.start("-c", file) as run:
        run.line("log started")
        run.line("main started")
        before = trace.stat().st_size
        if way == "restart":
            os.kill(run.child("log"), signal.SIGTERM)
            run.line("log started", count=2)
        run.kill(signal.SIGTERM)
        run.end()
    lines = trace.read_text()[before:].splitlines()
    files = visited(lines, first, last)
    page = (ROOT / "docs" / "explanation" / "architecture.md").read_text()
    shown = re.search(rf"^\| {words} \| (\d+): (.*) \|$", page, re.M)
    assert shown, f"| {words} | {len(files)}: {', '.join(sorted(files))} |"
    assert shown[2] == ", ".join(f"`{name}`" if "/" in name else name for name in sorted(files)), sorted(files)
    assert int(shown[1]) == len(files) <= {"stop": 7, "restart": 8}[way]
