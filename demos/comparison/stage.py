"""One container under one peer: what a scenario does with it and observes from outside.

No program inside helps with that. The engine runs on this machine, so the container's processes are
the processes of this machine that have its PID namespace.
"""

from __future__ import annotations

import calendar
import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

from demos.comparison.peers import APP, OUT, PEERS, Scenario
from tests.support.engine import Container, Engine

#: Seconds after which an event that has not happened counts as one that never happens.
PATIENCE = 8.0

#: Options of docker run for a HEALTHCHECK that asks the app.
ASKED = [
    "--health-cmd", f"{APP} ask 8080", "--health-interval", "1s", "--health-timeout", "2s", "--health-retries", "2",
]  # fmt: skip


class Process:
    """One process of the container.

    pid: its pid on this machine.
    name: "app NAME" for a program of the scenario, the kernel's name (comm) for others.
    state: a letter of proc(5).
    """

    def __init__(self, pid: int, name: str, state: str) -> None:
        self.pid, self.name, self.state = pid, name, state


class Stage:
    """A scenario's view of one peer.

    peer: the name of the peer.
    directory: for the files of this run.
    tools: the directory with the compiled app.
    runs: how many containers it has started.
    container: the latest container.
    home: the files of the latest container, OUT inside.
    """

    container: Container
    home: Path

    def __init__(self, engine: Engine, image: str, peer: str, directory: Path, tools: Path) -> None:
        self.engine, self.image, self.peer, self.directory, self.tools = engine, image, peer, directory, tools
        self.runs = 0

    def start(self, scenario: Scenario, *options: str, told: bool = True, granted: bool = True) -> Container:
        """Start a new container, and wait until the app has started.

        options: further options of docker run.
        told: whether to wait for the app.
        granted: whether the peer gets the privileges that it needs.
        Raises RuntimeError, with what the engine or the container said.
        """
        self.runs += 1
        self.home = self.directory / str(self.runs)
        self.home.mkdir()
        self.home.chmod(0o777)
        peer = PEERS[self.peer]
        own, command = peer.configure(self.home, scenario)
        volumes = ["-v", f"{self.tools}:/t:ro", "-v", f"{self.home}:{OUT}", *(peer.needs if granted else ())]
        self.container = Container(self.engine, *volumes, *own, *options, self.image, APP, "stamp", *command)
        if self.container.refused:
            raise RuntimeError(f"does not start: {self.container.refused.strip()}")
        if told and not self.happens(lambda: self.when("main started")):
            raise RuntimeError(f"does not bring the app up: {' '.join(''.join(self.container.logs()).split())[-300:]}")
        return self.container

    # -- observations

    def log(self) -> list[tuple[float, str]]:
        """Return all lines of the scenario's programs: (ms of the monotonic clock, text)."""
        file = self.home / "log"
        lines = file.read_text().splitlines() if file.exists() else []
        return [(float(at), words) for at, words in (line.split(" ", 1) for line in lines)]

    def when(self, words: str, count: int = 1) -> float | None:
        """Return the time of the count-th line with exactly this text, or None."""
        found = [at for at, said in self.log() if said == words]
        return found[count - 1] if len(found) >= count else None

    def said(self, words: str) -> bool:
        return self.when(words) is not None

    def happens(self, what: Callable[[], object], patience: float = PATIENCE) -> bool:
        """Wait until what() is true, and return whether that came within `patience` seconds.

        It polls, because a container sends no events for these observations.
        """
        end = time.monotonic() + patience
        while not what():
            if time.monotonic() > end:
                return False
            time.sleep(0.005)
        return True

    def running(self) -> bool:
        return bool(self.container.inspect()["State"]["Running"])

    def ended(self, patience: float = PATIENCE) -> bool:
        return self.happens(lambda: not self.running(), patience)

    def when_over(self) -> float:
        """Return when the container's PID 1 ended, by the engine's account, in ms of the clock."""
        at = str(self.container.inspect()["State"]["FinishedAt"])
        whole, _, fraction = at.rstrip("Z").partition(".")
        noted = calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + float(f"0.{fraction or 0}")
        return 1000 * (noted - time.time() + time.monotonic())

    @property
    def code(self) -> int:
        return int(self.container.inspect()["State"]["ExitCode"])

    @property
    def output(self) -> str:
        return "\n".join(self.container.logs())

    def init(self) -> int:
        """Return this machine's pid of the container's PID 1, or 0 if it has ended."""
        return int(self.container.inspect()["State"]["Pid"])

    def processes(self) -> list[Process]:
        """Return all processes of the container's PID namespace."""
        init = self.init()
        namespace = link(f"/proc/{init}/ns/pid") if init else ""
        found: list[Process] = []
        for entry in os.listdir("/proc"):
            if namespace and entry.isdigit() and link(f"/proc/{entry}/ns/pid") == namespace:
                found += filter(None, [process(int(entry))])
        return found

    def zombies(self) -> int:
        return sum(one.state == "Z" for one in self.processes())

    def find(self, name: str) -> Process | None:
        """Return the scenario's program with this name, or None if it does not run."""
        return next((one for one in self.processes() if one.name == f"app {name}" and one.state != "Z"), None)

    def supervision(self) -> list[Process]:
        """Return the container's processes that are no programs of the scenario."""
        return [one for one in self.processes() if not one.name.startswith("app ")]

    def kill(self, name: str, number: int = signal.SIGKILL) -> float:
        """Send a program a signal, and return the time of that in ms of the clock."""
        one = self.find(name)
        if one is None:
            raise RuntimeError(f"{name} is not there to be killed")
        at = time.monotonic() * 1000
        os.kill(one.pid, number)
        return at

    def stop(self) -> float:
        """Run `docker stop`, with its ten seconds. Return how long it took, in seconds."""
        began = time.monotonic()
        self.engine.docker("stop", self.container.id)
        return time.monotonic() - began


def link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def process(pid: int) -> Process | None:
    """Return a process by its pid on this machine, or None if it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return None
    fields = dict(re.findall(r"^(Name|State):\s*(.+)$", status, re.M))
    name = f"app {words[1]}" if words[0].endswith("/app") and len(words) > 1 else fields["Name"]
    return Process(pid, name, fields["State"][0])
