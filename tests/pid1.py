"""The one helper that runs pidone, as real PID 1 of a namespace, and what a failing test prints of it."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
NAMESPACE = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
PATIENCE = 20.0  # seconds after which an awaited event is taken to never come


class Result:
    """How a run ended. Printed whole where an assertion fails."""

    def __init__(self, arguments: list[str], code: int, out: bytes, err: str) -> None:
        self.arguments, self.code, self.out, self.err = arguments, code, out, err

    @property
    def text(self) -> str:
        return self.out.decode(errors="replace")

    def __repr__(self) -> str:
        return f"\n$ {' '.join(self.arguments)}\nexit {self.code}\n-- stdout\n{self.text}\n-- stderr\n{self.err}"


class Running:
    """A pidone at work: lines of its stdout can be awaited, signals sent."""

    def __init__(self, command: list[str], **options: Any) -> None:
        self.command = command
        self.seen = b""
        self.process = subprocess.Popen(
            command, stdin=options.pop("stdin", subprocess.DEVNULL), stdout=subprocess.PIPE,
            stderr=options.pop("stderr", subprocess.PIPE), **options,
        )  # fmt: skip

    def pid(self) -> int:
        """Of PID 1, as numbered out here: the child that unshare has forked."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return int(until(lambda: children.read_text().split(), "unshare has forked")[0])

    def line(self, wanted: str) -> str:
        """Wait for a line of stdout that holds `wanted`."""
        assert self.process.stdout is not None
        end = time.monotonic() + PATIENCE
        while True:
            for line in self.seen.decode(errors="replace").splitlines():
                if wanted in line:
                    return line
            ready = select.select([self.process.stdout], [], [], max(0.0, end - time.monotonic()))[0]
            part = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            if not part:
                raise AssertionError(f"no line with {wanted!r} came: {self.end(kill=True)}")
            self.seen += part

    def kill(self, number: int) -> None:
        os.kill(self.pid(), number)

    def end(self, kill: bool = False) -> Result:
        if kill:
            self.process.kill()
        try:
            out, err = self.process.communicate(timeout=PATIENCE + 10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            out, err = self.process.communicate()
            err = (err or b"") + b"\n(the test lost its patience)"
        return Result(self.command, self.process.returncode, self.seen + out, (err or b"").decode(errors="replace"))


def until(get: Any, what: str) -> Any:
    """Poll where the kernel has no event for us, with a deadline."""
    end = time.monotonic() + PATIENCE
    while True:
        got = get()
        if got:
            return got
        assert time.monotonic() < end, f"waited in vain until {what}"
        time.sleep(0.005)


class Pidone:
    """launcher: the fast one, written for this test session."""

    def __init__(self, launcher: str) -> None:
        self.launcher = launcher

    def start(self, *arguments: str, wrap: tuple[str, ...] = (), **options: Any) -> Running:
        return Running([*NAMESPACE, *wrap, self.launcher, *arguments], **options)

    def run(self, *arguments: str, wrap: tuple[str, ...] = (), **options: Any) -> Result:
        return self.start(*arguments, wrap=wrap, **options).end()

    def bare(self, *command: str, wrap: tuple[str, ...] = (), **options: Any) -> Result:
        """The same command without pidone, in the same namespaces."""
        return Running([*NAMESPACE, *wrap, *command], **options).end()


PYTHON = [sys.executable, "-u"]
