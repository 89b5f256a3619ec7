"""The README's table: what each peer does in the same container with the same app, found out here and compared.

s6 is the core of s6-overlay, which Debian does not have; it, supervisord and systemd run the app as their one service,
configured as their own documentation has it for a container.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest

from tests.docker.engine import Container, Engine
from tests.pid1 import PATIENCE, ROOT, until

PACKAGES = ["python3", "tini", "dumb-init", "s6", "supervisor", "systemd-sysv", "dbus"]
PEERS = ("pidone", "tini", "dumb-init", "s6", "supervisord", "systemd")

#: What systemd needs to run at all in a container (an image of it says the same to whoever runs it).
SYSTEMD = [
    "--cap-add", "SYS_ADMIN", "--security-opt", "seccomp=unconfined", "-v", "/sys/fs/cgroup:/sys/fs/cgroup:rw",
    "--tmpfs", "/run", "--tmpfs", "/run/lock", "--tmpfs", "/tmp", "-e", "container=docker", "--stop-signal", "RTMIN+3",
]  # fmt: skip

SUPERVISORD = """\
[supervisord]
nodaemon=true
user=root
logfile=/dev/null
logfile_maxbytes=0
pidfile=/tmp/supervisord.pid
[program:main]
command=sh -c '{app}'
startsecs=0
autorestart=false
"""

UNIT = """\
[Service]
Type=exec
ExecStart=/bin/sh -c '{app}'
"""


class Field:
    """Starts a peer with an app, and looks at what the app has written."""

    def __init__(self, engine: Engine, directory: Path, tools: Path) -> None:
        self.engine, self.directory, self.tools = engine, directory, tools
        self.containers: list[Container] = []

    def start(self, peer: str, app: str, *options: str) -> Container:
        """app: of the shell, its output in a file that the test can read whatever the peer does with stdout."""
        for file in self.directory.glob("log"):
            file.unlink()
        line = f"exec >> /out/log 2>&1; {app}"
        common = ["-v", f"{self.tools}:/t:ro", "-v", f"{self.directory}:/out", *options]
        container = Container(self.engine, *common, *getattr(self, f"_{peer.replace('-', '_')}")(line))
        self.containers.append(container)
        return container

    def _pidone(self, line: str) -> list[str]:
        return ["--entrypoint", "pidone", "plain", "--", "sh", "-c", line]

    def _tini(self, line: str) -> list[str]:
        return ["peers", "tini", "--", "sh", "-c", line]

    def _dumb_init(self, line: str) -> list[str]:
        return ["peers", "dumb-init", "--", "sh", "-c", line]

    def _s6(self, line: str) -> list[str]:
        service = self.directory / "s6" / "main"
        service.mkdir(parents=True, exist_ok=True)
        (service / "run").write_text(f"#!/bin/sh\n{line}\n")
        (service / "run").chmod(0o755)
        return [
            "--tmpfs",
            "/services:exec",
            "peers",
            "sh",
            "-c",
            "cp -r /out/s6/main /services; exec s6-svscan /services",
        ]

    def _supervisord(self, line: str) -> list[str]:
        (self.directory / "supervisord.conf").write_text(SUPERVISORD.format(app=line))
        return ["peers", "supervisord", "-c", "/out/supervisord.conf"]

    def _systemd(self, line: str) -> list[str]:
        unit, wants = self.directory / "main.service", self.directory / "wants.conf"
        unit.write_text(UNIT.format(app=line))
        wants.write_text("[Unit]\nWants=main.service\n")
        system = "/etc/systemd/system"
        mounts = ["-v", f"{unit}:{system}/main.service:ro", "-v", f"{wants}:{system}/multi-user.target.d/main.conf:ro"]
        return [*SYSTEMD, *mounts, "peers", "/sbin/init"]

    def log(self) -> str:
        file = self.directory / "log"
        return file.read_text() if file.exists() else ""

    def wait(self, words: str) -> bool:
        return happens(lambda: words in self.log())


def happens(what: Callable[[], object], patience: float = PATIENCE) -> bool:
    try:
        until(what, "it happens", patience)
    except AssertionError:
        return False
    return True


def ended(container: Container) -> bool:
    return happens(lambda: not container.inspect()["State"]["Running"], patience=6)


APP = "exec /t/helper app main code=7"


def stop_reaches_the_app(field: Field, peer: str) -> bool:
    container = field.start(peer, APP)
    assert field.wait("main started"), f"{peer} does not come up: {container.end(wait=False)}"
    container.engine.docker("stop", container.id)
    return "main got 15" in field.log()


def its_end_is_the_container_s(field: Field, peer: str) -> bool:
    return ended(field.start(peer, "sleep 1; exit 7"))


def its_code_is_the_container_s(field: Field, peer: str) -> bool:
    container = field.start(peer, "sleep 1; exit 7")
    return ended(container) and container.inspect()["State"]["ExitCode"] == 7


def zombies_are_reaped(field: Field, peer: str) -> bool:
    container = field.start(peer, f"/t/helper orphans 20; {APP}")
    assert field.wait("main started")
    script = "grep -l 'State:.Z' /proc/[0-9]*/status 2>/dev/null | wc -l"
    return happens(lambda: container.exec("sh", "-c", script).text.strip() == "0")


def leftovers_have_time_to_end(field: Field, peer: str) -> bool:
    field.start(peer, "/t/helper leave x /t/helper app rest delay=300; sleep 1; exit 7")
    return happens(lambda: "rest ends" in field.log(), patience=6)


def a_kill_is_said(field: Field, peer: str) -> bool:
    container = field.start(peer, APP)
    assert field.wait("main started")
    container.exec("python3", "-c", KILL, check=False)  # the end of the container is this one's too
    happens(lambda: "SIGKILL" in "".join(container.logs()), patience=3)
    return "SIGKILL" in "".join(container.logs())


#: kill -9 of the app, without procps.
KILL = """
import os, signal, glob
for path in glob.glob("/proc/[0-9]*/cmdline"):
    if b"/t/helper\\0app\\0main" in open(path, "rb").read():
        os.kill(int(path.split("/")[2]), signal.SIGKILL)
"""


def no_privileges_are_needed(field: Field, peer: str) -> bool:
    """Its image's own options aside: all capabilities dropped, a read-only root, docker's default seccomp."""
    global SYSTEMD
    kept, SYSTEMD = SYSTEMD, ["--tmpfs", "/run", "--tmpfs", "/tmp", "-e", "container=docker"]
    try:
        field.start(peer, APP, "--cap-drop", "ALL", "--read-only", *([] if peer == "systemd" else ["--tmpfs", "/tmp"]))
        return happens(lambda: "main started" in field.log(), patience=8)
    finally:
        SYSTEMD = kept


#: row of the table -> how it is found out
ROWS: dict[str, Callable[[Field, str], bool]] = {
    "`docker stop` reaches the app": stop_reaches_the_app,
    "the container ends when the app ends": its_end_is_the_container_s,
    "and with the app's exit code": its_code_is_the_container_s,
    "orphans are reaped": zombies_are_reaped,
    "what the app leaves behind is told, and given time": leftovers_have_time_to_end,
    "says that the app was killed, and by which signal": a_kill_is_said,
    "runs with no capabilities, on a read-only root": no_privileges_are_needed,
}


@pytest.fixture(scope="module")
def peers(engine: Engine) -> Engine:
    engine.import_base("peers", PACKAGES)
    return engine


@pytest.fixture
def field(peers: Engine, public: Path, helper: str, tmp_path: Path) -> Iterator[Field]:
    tmp_path.chmod(0o777)
    field = Field(peers, tmp_path, public)
    yield field
    for container in field.containers:
        container.__exit__(None)


def table() -> dict[tuple[str, str], str]:
    """(row, peer) -> cell of the README's table of behaviour."""
    lines = [line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    head = next(row for row in cells if "systemd" in row)
    return {(row[0], peer): row[head.index(peer)] for row in cells for peer in PEERS if len(row) == len(head)}


@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize("row", ROWS)
def test_the_readme_s_table_says_what_is_found_here(field: Field, row: str, peer: str) -> None:
    found = ROWS[row](field, peer)
    said = re.sub(r"[^a-z]", "", table()[row, peer])
    assert said == ("yes" if found else "no"), f"{row}, {peer}: found {found}, and the README says {said!r}"
