"""docs/how-to/post-mortem.md: five deaths, and their traces.

Each is tried under nothing, tini, supervisord and pidone.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from demos.comparison.peers import PROGRAM, SUPERVISORD
from demos.comparison.play import IMAGE
from tests.support.engine import Container, Engine, mount
from tests.support.files import process
from tests.support.pid1 import ROOT, Write, until

DOCUMENT = ROOT / "docs" / "how-to" / "post-mortem.md"
UNDER = ("nothing", "tini", "supervisord", "pidone")


class Death:
    """A way to die.

    app: a line of the shell.
    entries: the same as entries of pidone's file.
    options: those of docker run.
    group: keys of pidone's [group].
    stop: whether docker stop causes the death.
    """

    def __init__(
        self, app: str, *entries: str, options: tuple[str, ...] = (), group: str = "", stop: bool = False
    ) -> None:
        self.app, self.options, self.stop = app, options, stop
        self.file = f"[group]\n{group}\n" + "".join(entries)


EAT = "b = []\nwhile True: b.append(bytearray(1 << 20))"
HANG = "import socket, time; s = socket.create_server(('127.0.0.1', 8080)); print('up', flush=True); time.sleep(1000)"
MAIN = "/t/helper app main"
PROBE = "liveness = { http = 'http://127.0.0.1:8080/', period = '200ms', timeout = '300ms' }"

DEATHS = {
    "Out of memory": Death(
        f"exec python3 -c '{EAT}'",
        process("log", "sidecar", "/t/helper", "app", "log") + process("main", "primary", "python3", "-c", "EAT"),
        options=("--memory", "64m", "--memory-swap", "64m"),
    ),
    "A segmentation fault": Death("exec /t/helper fault", process("main", "primary", "/t/helper", "fault")),
    "SIGKILL from a neighbour": Death(
        f"python3 /t/kill.py & exec {MAIN}",
        process("log", "sidecar", "/t/helper", "app", "log", more="user = '1001:1001'")
        + process("cron", "sidecar", "python3", "/t/kill.py")
        + process("main", "primary", "/t/helper", "app", "main", more="user = '1000:1000'"),
    ),
    "It hangs": Death(f'exec python3 -c "{HANG}"', process("main", "primary", "python3", "-c", "HANG", more=PROBE)),
    "It ignores its stop signal": Death(
        f"exec {MAIN} ignore=15", process("main", "primary", *MAIN.split(), "ignore=15"),
        group="grace = '1s'", stop=True,
    ),
}  # fmt: skip

#: A neighbour that kills the app, and runs on for a while.
KILL = """
import glob, os, signal, time
while True:
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            if open(path, "rb").read().split(b"\\0")[:3] == [b"/t/helper", b"app", b"main"]:
                os.kill(int(path.split("/")[2]), signal.SIGKILL)
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                time.sleep(1)
                raise SystemExit
        except OSError:
            pass
    time.sleep(0.01)
"""


class Field:
    """The containers that a test started, and where.

    engine: the engine they run on.
    directory: /out in them.
    tools: /t in them, with the compiled helper.
    """

    def __init__(self, engine: Engine, directory: Path, tools: Path) -> None:
        self.engine, self.directory, self.tools = engine, directory, tools
        self.containers: list[Container] = []


@pytest.fixture
def field(compared: Engine, public: Path, helper: str, tmp_path: Path) -> Iterator[Field]:
    tmp_path.chmod(0o777)
    (public / "kill.py").write_text(KILL)
    field = Field(compared, tmp_path, public)
    yield field
    for container in field.containers:
        container.__exit__(None)


def run(field: Field, death: Death, under: str, write: Write) -> Container:
    words = ["-v", f"{field.tools}:/t:ro", "-v", f"{field.directory}:/out", *death.options]
    write("app.sh", f"#!/bin/sh\n{death.app}\n")
    if under == "pidone":
        text = death.file.replace("'EAT'", f"'''{EAT}'''").replace("'HANG'", f'"""{HANG}"""')
        words += [*mount(write("pidone.toml", text)), IMAGE, "pidone"]
    elif under == "supervisord":
        program = PROGRAM.format(name="main", command="/out/app.sh", priority=1) + ONCE
        write("supervisord.conf", SUPERVISORD + program)
        words += [IMAGE, "supervisord", "-c", "/out/supervisord.conf"]
    else:
        words += [IMAGE, *(["tini", "--"] if under == "tini" else []), "sh", "-c", death.app]
    container = Container(field.engine, *words)
    field.containers.append(container)
    return container


#: Keys with which supervisord does not restart a program that has ended.
ONCE = "startsecs=0\nautorestart=false\n"


def happens(what: Callable[[], object], patience: float) -> bool:
    try:
        until(what, "it happens", patience)
    except AssertionError:
        return False
    return True


def outcome(container: Container, death: Death) -> tuple[str, list[str]]:
    """Return ("ends with 137" or "runs on", lines of the log that are not the app's own)."""
    if death.stop:
        container.said("main started")
        container.engine.docker("stop", "-t", "3", container.id)
    over = happens(lambda: not container.inspect()["State"]["Running"], patience=4)
    state = container.inspect()["State"]
    how = f"ends with {state['ExitCode']}" if over else "runs on"
    lines = "\n".join(container.logs()).splitlines()
    return how, [line for line in lines if line and not re.match(r"(up|main|log|rest) ?(started|got|ends)?", line)]


def sections() -> dict[str, str]:
    parts = re.split(r"^## \d\. (.+)$", DOCUMENT.read_text(), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


def told(death: str) -> dict[str, tuple[str, str]]:
    """Return {under: (how it ends, what the log says)} of a section's table."""
    rows = re.findall(r"^\| ([a-z]+) \| ([^|]+) \| ([^|]+) \|$", sections()[death], re.M)
    return {under: (how.strip(), says.strip()) for under, how, says in rows if under in UNDER}


def test_the_document_has_a_row_for_each() -> None:
    assert list(sections()) == list(DEATHS)
    for death in DEATHS:
        assert tuple(told(death)) == UNDER, death


@pytest.mark.parametrize("under", UNDER)
@pytest.mark.parametrize("death", DEATHS)
def test_each_death_leaves_what_the_document_says(field: Field, write: Write, death: str, under: str) -> None:
    how, says = told(death)[under]
    container = run(field, DEATHS[death], under, write)
    found, lines = outcome(container, DEATHS[death])
    assert found == how, (found, lines)
    if says.startswith("nothing"):  # supervisord prints more, but nothing about this
        assert not [line for line in lines if " INFO " not in line], lines
        return
    pattern = says.strip("`").replace("[", "[[]").replace("…", "*")

    def is_said() -> bool:
        return any(fnmatch.fnmatchcase(line, pattern) for line in "\n".join(container.logs()).splitlines())

    assert happens(is_said, 3), (pattern, lines)
