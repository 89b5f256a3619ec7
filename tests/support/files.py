"""Text of a group's file, and small questions that many tests ask."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support.pid1 import PYTHON, ROOT, Result, Write, steady


def process(name: str, role: str, *command: str, more: str = "") -> str:
    words = ", ".join(f"'{word}'" for word in command)
    return f'[[process]]\nname = "{name}"\nrole = "{role}"\ncommand = [{words}]\n{more}\n'


def pending(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("ShdPnd")), 16)


def check(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    command = [PYTHON, "-m", "pidone.cli.main", "check", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, **options)  # type: ignore[call-overload,no-any-return]


def said(result: Result) -> str:
    """Return the line of the report."""
    found = [line for line in result.err.splitlines() if line.startswith("pidone: report: ")]
    assert len(found) == 1, result
    return found[0]


def one(write: Write, script: str, log: str = "'prefix'", group: str = "") -> str:
    return write("g.toml", f"[group]\n{group}\n" + process("main", "primary", write("main.sh", "#!/bin/sh\n" + script),
                                                             more=f"log = {log}"))  # fmt: skip


def seen(result: Result) -> list[str]:
    """Return the lines of the dump without what differs from run to run."""
    assert result.code == 0 and result.err == "", result
    return steady(result.text).splitlines()
