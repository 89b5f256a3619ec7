"""The peers, and how each runs one command or a group of N processes as PID 1.

SINGLE has the inits that take a command, and forward signals and reap as pidone does. GROUP has a
function for each supervisor. It writes the supervisor's configuration into a directory, and returns
its command line. A peer that is not installed is left out, and its name is in `Peers.missing`.
"""

from __future__ import annotations

import shutil
import sys
import sysconfig
from pathlib import Path
from typing import Callable

from pidone.cli import launcher

Group = Callable[[Path, int, "list[str]"], "list[str]"]

SCRIPTS = Path(sysconfig.get_path("scripts"))


def find(program: str) -> str | None:
    """Find a program next to this Python, where pip puts circus and honcho, or on PATH."""
    installed = SCRIPTS / program
    return str(installed) if installed.exists() else shutil.which(program)


def write_pidone(directory: Path) -> str:
    path = directory / "pidone"
    launcher.write(path)
    return str(path)


def service_directories(directory: Path, count: int, app: list[str]) -> None:
    """Write DIRECTORY/aN/run for each service, as s6 and runit read it."""
    for number in range(count):
        service = directory / f"a{number}"
        service.mkdir()
        run = service / "run"
        run.write_text(f"#!/bin/sh\nexec {' '.join(app)}\n")
        run.chmod(0o755)


def s6(directory: Path, count: int, app: list[str]) -> list[str]:
    service_directories(directory, count, app)
    return ["s6-svscan", "-c", str(max(count, 10)), str(directory)]


def runit(directory: Path, count: int, app: list[str]) -> list[str]:
    service_directories(directory, count, app)
    return ["runsvdir", "-P", str(directory)]


def supervisord(directory: Path, count: int, app: list[str]) -> list[str]:
    file = directory / "supervisord.conf"
    file.write_text(
        f"[supervisord]\nnodaemon=true\nuser=root\nlogfile=/dev/null\nlogfile_maxbytes=0\npidfile={directory}/pid\n"
        f"minfds={count * 4 + 200}\n"
        f"[program:a]\ncommand={' '.join(app)}\nnumprocs={count}\nprocess_name=%(program_name)s%(process_num)s\n"
        "startsecs=0\nautorestart=false\nstdout_logfile=NONE\nstderr_logfile=NONE\n"
    )
    return ["supervisord", "-c", str(file)]


def circus(directory: Path, count: int, app: list[str]) -> list[str]:
    file = directory / "circus.ini"
    file.write_text(
        f"[circus]\nendpoint = ipc://{directory}/endpoint\npubsub_endpoint = ipc://{directory}/pubsub\n"
        f"[watcher:a]\ncmd = {' '.join(app)}\nnumprocesses = {count}\ncopy_env = True\nwarmup_delay = 0\n"
        "respawn = False\n"
    )
    return ["circusd", str(file)]


def honcho(directory: Path, count: int, app: list[str]) -> list[str]:
    (directory / "Procfile").write_text(f"a: exec {' '.join(app)}\n")
    return ["honcho", "-d", str(directory), "start", "-c", f"a={count}"]


def pidone_group(directory: Path, count: int, app: list[str]) -> list[str]:
    """Write a group of count - 1 sidecars and a primary; return the command line."""
    command = ", ".join(f'"{word}"' for word in app)
    roles = ["sidecar"] * (count - 1) + ["primary"]
    text = "".join(
        f'[[process]]\nname = "a{number}"\nrole = "{role}"\ncommand = [{command}]\n'
        for number, role in enumerate(roles)
    )
    file = directory / "pidone.toml"
    file.write_text(text)
    return [write_pidone(directory), "-c", str(file)]


#: name -> the arguments before COMMAND
SINGLE: dict[str, list[str]] = {
    "no init": [],
    "pidone": ["pidone"],
    "tini": ["tini", "--"],
    "dumb-init": ["dumb-init", "--"],
    "catatonit": ["catatonit", "--"],
}

GROUP: dict[str, Group] = {
    "pidone": pidone_group,
    "s6": s6,
    "runit": runit,
    "supervisord": supervisord,
    "circus": circus,
    "honcho": honcho,
}

PROGRAMS = {"s6": "s6-svscan", "runit": "runsvdir", "circus": "circusd"}


class Peers:
    """The peers that are installed.

    directory: where pidone's launcher is written.
    against: the launcher of another pidone, measured under the name "before"; or None.
    missing: the names of the peers that are not installed.
    single: name -> the arguments before COMMAND.
    group: name -> a function as in GROUP.
    floor: the arguments before a Python program, for a bare interpreter.
    """

    def __init__(self, directory: Path, against: Path | None = None) -> None:
        others = {**SINGLE, **GROUP}.keys() - {"no init", "pidone"}
        self.missing = sorted(name for name in others if not find(PROGRAMS.get(name, name)))
        launcher_path = write_pidone(directory)
        self.single = {name: self._found(words) for name, words in SINGLE.items() if name not in self.missing}
        self.single["pidone"] = [launcher_path, "--"]
        if against is not None:
            self.single["before"] = [str(against), "--"]
        self.group = {name: self._absolute(make) for name, make in GROUP.items() if name not in self.missing}
        if against is not None:
            group = self.group["pidone"]
            self.group["before"] = lambda directory, count, app: [str(against), *group(directory, count, app)[1:]]
        self.floor = [sys.executable, "-I", "-S", "-c"]

    @staticmethod
    def _found(words: list[str]) -> list[str]:
        return [find(words[0]) or words[0], *words[1:]] if words else []

    def _absolute(self, make: Group) -> Group:
        return lambda directory, count, app: self._found(make(directory, count, app))
