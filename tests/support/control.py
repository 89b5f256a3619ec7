"""A client of a group's control socket."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from pathlib import Path
from typing import Any

from tests.support.pid1 import PATIENCE, PYTHON, ROOT, Pidone, Running, Write


class Line:
    """A group with a control socket at its own path."""

    def __init__(self, pidone: Pidone, write: Write, path: Path) -> None:
        self.pidone, self.write, self.path = pidone, write, path

    def start(self, *entries: str, group: str = "", **options: Any) -> Running:
        file = self.write("g.toml", f"[group]\ncontrol = '{self.path}'\n{group}\n" + "".join(entries))
        return self.pidone.start("-c", file, **options)

    def ctl(self, *words: str, socket: str = "", **options: Any) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PIDONE_CONTROL": socket or str(self.path)}
        command = [PYTHON, "-m", "pidone.cli.main", *words]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, **options)

    def client(self, *words: str, **options: Any) -> subprocess.Popen[str]:
        """Start a client that runs in the background."""
        command = [PYTHON, "-m", "pidone.cli.main", words[0], "--socket", str(self.path), *words[1:]]
        return subprocess.Popen(command, cwd=ROOT, text=True, **options)

    def good(self, *words: str, **options: Any) -> str:
        result = self.ctl(*words, **options)
        assert result.returncode == 0 and result.stderr == "", result
        return result.stdout

    def status(self) -> dict[str, Any]:
        """Return {name: entry of the process}."""
        return {one["name"]: one for one in json.loads(self.good("status", "--json"))["processes"]}

    def connect(self) -> socket.socket:
        line = socket.socket(socket.AF_UNIX)
        line.connect(str(self.path))  # without a time limit it waits in the queue; with one, a full queue is an error
        line.settimeout(PATIENCE)
        return line

    def ask(self, request: bytes) -> dict[str, Any]:
        with self.connect() as line:
            line.sendall(request)
            data = b""
            while part := line.recv(65536):
                data += part
        return dict(json.loads(data.splitlines()[-1])) if data else {}


def resident(run: Running) -> int:
    """Return the private memory of PID 1 in kB (proc(5), smaps_rollup)."""
    lines = Path(f"/proc/{run.pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Clean:", "Private_Dirty:")))
