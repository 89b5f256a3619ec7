"""Run pidone as the real PID 1 of a namespace, and show what a failing test needs of the run."""

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
from typing import IO, Any, Callable

ROOT = Path(__file__).resolve().parent.parent.parent
UNSHARE, SETSID = shutil.which("unshare") or "unshare", shutil.which("setsid") or "setsid"
#: PID 1 leads a session, as in a container of an engine.
NAMESPACE = [UNSHARE, "--pid", "--fork", "--mount-proc", "--kill-child", SETSID]
PATIENCE = 20.0  # seconds after which a test gives up on an expected event
PYTHON = sys.executable
#: A wrapper for a start: SIGTERM stays blocked until the app reads it. For helper.c's apps only:
#: others never get the signal.
HELD = ("env", "--block-signal=TERM")


class Result:
    """The result of a run. A failing assertion prints all of it."""

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
        """Return stderr without the report of the end."""
        return "".join(line for line in self.err.splitlines(True) if not line.startswith("pidone: report: "))

    def __repr__(self) -> str:
        return f"\n$ {' '.join(self.arguments)}\nexit {self.code}\n-- stdout\n{self.text}\n-- stderr\n{self.err}"


def steady(text: str) -> str:
    """Return the helper's dump without what differs from run to run.

    That is the numbers of pipes, sockets and cgroup hierarchies. A hierarchy in whose root the
    process is does not count: another engine may mount one meanwhile (cgroups(7)).
    """
    text = re.sub(r"^(cgroup: )\d+", r"\g<1>0", text, flags=re.M)
    text = re.sub(r"^cgroup: \d+:[^:]*:/\n", "", text, flags=re.M)
    return re.sub(r"(pipe|socket):\[\d+\]", r"\1", text)


class Running:
    """A running pidone: a test can await lines of its stdout and send it signals.

    Where a test leaves it running, __exit__ kills it.
    """

    def __init__(self, command: list[str], **options: Any) -> None:
        self.command = command
        self.seen = b""  # stdout so far
        self.told = b""  # stderr so far
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
        """Return the pid of PID 1 in the outer namespace: the child that unshare has forked."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return int(until(lambda: children.read_text().split(), "unshare has forked")[0])

    def line(self, wanted: str, count: int = 1) -> str:
        """Wait for the `count`-th line of stdout that contains `wanted`."""
        return self.await_line(self.process.stdout, "seen", wanted, count)

    def said(self, wanted: str, count: int = 1) -> str:
        """Wait for the `count`-th line of stderr that contains `wanted`.

        It shows what pidone has done; an app prints its own last line before it ends.
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
        """Send PID 1 a signal from outside its namespace, as an engine does."""
        os.kill(self.pid, number)

    def children(self) -> dict[str, int]:
        """Return {name: pid in the outer namespace} of PID 1's children."""
        found = {}
        for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # PID 1 has just reaped it
                found[Path(f"/proc/{pid}/comm").read_text().strip()] = int(pid)
        return found

    def child(self, argument: str) -> int:
        """Return the outer pid of the process of this namespace that has this argument."""
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
        """Kill PID 1 itself.

        When unshare sees the end of PID 1, no process of the namespace is left, and their sockets
        are closed.
        """
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
        """Wait for the end, and return the result."""
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
    """Compile a static program: it runs in any namespace, and in an image without a C library."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    assert compiler, "a C compiler is needed: apt-get install gcc libc6-dev"
    subprocess.run([compiler, "-O1", "-Wall", "-Werror", "-static", "-o", str(to), str(source)], check=True)


def until(get: Any, what: str, patience: float = PATIENCE) -> Any:
    """Poll, with a deadline, where the kernel sends no event."""
    end = time.monotonic() + patience
    while True:
        got = get()
        if got:
            return got
        assert time.monotonic() < end, f"waited in vain until {what}"
        time.sleep(0.005)


class Pidone:
    """A way to start pidone.

    program: the command that starts it, as a list of words.
    """

    def __init__(self, *program: str) -> None:
        self.program = program

    def start(self, *arguments: str, wrap: Sequence[str] = (), **options: Any) -> Running:
        return Running([*NAMESPACE, *wrap, *self.program, *arguments], **options)

    def run(self, *arguments: str, wrap: Sequence[str] = (), **options: Any) -> Result:
        return self.start(*arguments, wrap=wrap, **options).end()

    def bare(self, *command: str, wrap: Sequence[str] = (), **options: Any) -> Result:
        """Run the same command without pidone, in the same namespaces."""
        return Running([*NAMESPACE, *wrap, *command], **options).end()


PACKAGE = ROOT / "pidone"


Write = Callable[[str, str], str]
