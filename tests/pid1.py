"""The one helper that runs pidone, as real PID 1 of a namespace, and what a failing test prints of it."""

from __future__ import annotations

import contextlib
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parent.parent
UNSHARE, SETSID = shutil.which("unshare") or "unshare", shutil.which("setsid") or "setsid"
#: As an engine does: PID 1 leads a session.
NAMESPACE = [UNSHARE, "--pid", "--fork", "--mount-proc", "--kill-child", SETSID]
PATIENCE = 20.0  # seconds after which an awaited event is taken to never come
PYTHON = sys.executable
#: To wrap a start in: SIGTERM waits for an app that does not look yet. For helper.c's apps only: others never get it.
HELD = ("env", "--block-signal=TERM")


class Result:
    """How a run ended. Printed whole where an assertion fails."""

    def __init__(self, arguments: Sequence[str], code: int, out: bytes, err: str) -> None:
        self.arguments, self.code, self.out, self.err = arguments, code, out, err

    @property
    def text(self) -> str:
        return self.out.decode(errors="replace")

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @property
    def plain(self) -> str:
        """stderr without the report of the end."""
        return "".join(line for line in self.err.splitlines(True) if not line.startswith("pidone: report: "))

    def __repr__(self) -> str:
        return f"\n$ {' '.join(self.arguments)}\nexit {self.code}\n-- stdout\n{self.text}\n-- stderr\n{self.err}"


def steady(text: str) -> str:
    """The helper's dump without what differs from run to run: numbers of pipes, sockets and cgroup hierarchies.

    A hierarchy in whose root the process is does not count: another engine may mount one meanwhile (cgroups(7)).
    """
    text = re.sub(r"^(cgroup: )\d+", r"\g<1>0", text, flags=re.M)
    text = re.sub(r"^cgroup: \d+:[^:]*:/\n", "", text, flags=re.M)
    return re.sub(r"(pipe|socket):\[\d+\]", r"\1", text)


class Running:
    """A pidone at work: lines of its stdout can be awaited, signals sent. Killed where a test forgets it."""

    def __init__(self, command: list[str], **options: Any) -> None:
        self.command = command
        self.seen = b""  # of stdout
        self.told = b""  # of stderr
        self.process = subprocess.Popen(
            command, stdin=options.pop("stdin", subprocess.DEVNULL), stdout=options.pop("stdout", subprocess.PIPE),
            stderr=options.pop("stderr", subprocess.PIPE), **options,
        )  # fmt: skip

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.end(kill=True)

    @property
    def pid(self) -> int:
        """Of PID 1, as numbered out here: the child that unshare has forked."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return int(until(lambda: children.read_text().split(), "unshare has forked")[0])

    def line(self, wanted: str, count: int = 1) -> str:
        """Wait for the `count`-th line of stdout that holds `wanted`."""
        return self.await_line(self.process.stdout, "seen", wanted, count)

    def said(self, wanted: str, count: int = 1) -> str:
        """Wait for the `count`-th line of stderr that holds `wanted`: what pidone has done, where an app's own last
        words come before its end.
        """
        return self.await_line(self.process.stderr, "told", wanted, count)

    def await_line(self, stream: IO[bytes] | None, so_far: str, wanted: str, count: int) -> str:
        assert stream is not None
        end = time.monotonic() + PATIENCE
        while True:
            have: bytes = getattr(self, so_far)
            found = [line for line in have.decode(errors="replace").splitlines(True) if wanted in line]
            if len(found) >= count and found[count - 1].endswith("\n"):
                return found[count - 1].rstrip("\n")
            ready = select.select([stream], [], [], max(0.0, end - time.monotonic()))[0]
            part = os.read(stream.fileno(), 65536) if ready else b""
            if not part:
                raise AssertionError(f"no line with {wanted!r} came: {self.end(kill=True)}")
            setattr(self, so_far, have + part)

    def kill(self, number: int) -> None:
        """Send PID 1 a signal from outside of its namespace, as an engine does."""
        os.kill(self.pid, number)

    def children(self) -> dict[str, int]:
        """name -> pid out here, of PID 1's children."""
        found = {}
        for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just been reaped
                found[Path(f"/proc/{pid}/comm").read_text().strip()] = int(pid)
        return found

    def child(self, argument: str) -> int:
        """Pid out here of the process of this namespace that has `argument` among its arguments."""
        space = os.stat(f"/proc/{self.pid}/ns/pid").st_ino

        def look() -> int | None:
            for entry in Path("/proc").iterdir():
                try:
                    if entry.name.isdigit() and entry.joinpath("ns/pid").stat().st_ino == space:
                        words = entry.joinpath("cmdline").read_bytes().split(b"\0")
                        if argument.encode() in words and int(entry.name) != self.pid:
                            return int(entry.name)
                except OSError:
                    continue
            return None

        return int(until(look, f"a process with the argument {argument} runs"))

    def kill_all(self) -> None:
        """PID 1 itself: when unshare has seen its end, nobody of the namespace is left, and its sockets are closed."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        try:
            pids = children.read_text().split()
            for pid in pids:
                os.kill(int(pid), signal.SIGKILL)
        except OSError:
            pids = []
        if not pids:
            self.process.send_signal(signal.SIGKILL)

    def end(self, kill: bool = False) -> Result:
        """Wait for its end."""
        if kill:
            self.kill_all()
        try:
            out, err = self.process.communicate(timeout=PATIENCE + 10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            out, err = self.process.communicate()
            err = (err or b"") + b"\n(the test lost its patience)"
        told = (self.told + (err or b"")).decode("utf-8", "replace")
        return Result(self.command, self.process.returncode, self.seen + (out or b""), told)


def compile_c(source: Path, to: Path) -> None:
    """A static program: it runs in any namespace, and in an image without a C library."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    assert compiler, "a C compiler is needed: apt-get install gcc libc6-dev"
    subprocess.run([compiler, "-O1", "-Wall", "-Werror", "-static", "-o", str(to), str(source)], check=True)


def until(get: Any, what: str, patience: float = PATIENCE) -> Any:
    """Poll where the kernel has no event for us, with a deadline."""
    end = time.monotonic() + patience
    while True:
        got = get()
        if got:
            return got
        assert time.monotonic() < end, f"waited in vain until {what}"
        time.sleep(0.005)


class Pidone:
    """program: the words that start it."""

    def __init__(self, *program: str) -> None:
        self.program = program

    def start(self, *arguments: str, wrap: Sequence[str] = (), **options: Any) -> Running:
        return Running([*NAMESPACE, *wrap, *self.program, *arguments], **options)

    def run(self, *arguments: str, wrap: Sequence[str] = (), **options: Any) -> Result:
        return self.start(*arguments, wrap=wrap, **options).end()

    def bare(self, *command: str, wrap: Sequence[str] = (), **options: Any) -> Result:
        """The same command without pidone, in the same namespaces."""
        return Running([*NAMESPACE, *wrap, *command], **options).end()
