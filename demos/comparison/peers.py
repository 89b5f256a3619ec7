"""The peers, and how each runs the programs of a scenario, as images with this peer do.

No peer gets extra code. s6 and runit can have `finish` scripts, supervisord an event listener, a
unit of systemd `SuccessAction=exit` and `FailureAction=exit`, tini a start script that waits. Then
the result would show that extra code, and not the peer.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

#: The packages of the one image of all peers. debootstrap makes it, as it does the tests' images.
PACKAGES = ["python3", "tini", "dumb-init", "catatonit", "s6", "runit", "supervisor", "systemd-sysv", "dbus"]

#: Where the compiled app.c and a run's files are inside the container.
APP = "/t/app"
OUT = "/out"


class Scenario:
    """The programs of a scenario.

    app: the arguments of `app` for the main program.
    helpers: {name: the arguments of `app` after the name}.
    init: the arguments of `app` for an init step, or empty for none.
    watched: a port on which the app answers HTTP, or 0. A peer that can probe it is set up to.
    """

    def __init__(
        self, *app: str, helpers: dict[str, Sequence[str]] | None = None, init: Sequence[str] = (), watched: int = 0
    ) -> None:
        self.app = ["main", *app]
        self.helpers = {name: [name, *words] for name, words in (helpers or {}).items()}
        self.init, self.watched = list(init), watched

    def commands(self) -> dict[str, list[str]]:
        """Return {name: command line}, the helpers first."""
        return {name: [APP, *words] for name, words in [*self.helpers.items(), ("main", self.app)]}


#: (the options of docker run, the command).
Words = tuple["list[str]", "list[str]"]


class Peer:
    """One peer.

    program: the program that the image must have.
    configure: a function (directory that is OUT inside, scenario) -> Words.
    what: its description on the page.
    needs: options by which docker run grants it privileges. Some scenarios leave them out.
    """

    def __init__(
        self, program: str, configure: Callable[[Path, Scenario], Words], what: str, needs: Sequence[str] = ()
    ) -> None:
        self.program, self.configure, self.what, self.needs = program, configure, what, needs


def script(directory: Path, scenario: Scenario) -> str:
    """Write the usual start script of images: helpers in the background, then exec of the app."""
    lines = ["#!/bin/sh", "set -e"]
    lines += [shlex.join([APP, *scenario.init])] if scenario.init else []
    lines += [f"{shlex.join(command)} &" for name, command in scenario.commands().items() if name != "main"]
    lines += [f"exec {shlex.join(scenario.commands()['main'])}"]
    return write(directory / "start.sh", "\n".join(lines) + "\n")


def write(path: Path, text: str) -> str:
    """Write an executable file. Return its path inside, for a file in the run's own directory."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return f"{OUT}/{path.name}"


def bare(directory: Path, scenario: Scenario) -> Words:
    if not (scenario.helpers or scenario.init):
        return [], scenario.commands()["main"]
    return [], [script(directory, scenario)]


def tini(directory: Path, scenario: Scenario) -> Words:
    return [], ["tini", "--", *bare(directory, scenario)[1]]


def dumb_init(directory: Path, scenario: Scenario) -> Words:
    return [], ["dumb-init", "--", *bare(directory, scenario)[1]]


SUPERVISORD = """\
[supervisord]
nodaemon=true
user=root
logfile=/dev/null
logfile_maxbytes=0
pidfile=/tmp/supervisord.pid
"""

PROGRAM = """\
[program:{name}]
command={command}
priority={priority}
redirect_stderr=true
stdout_logfile=/dev/stdout
stdout_logfile_maxbytes=0
"""


def supervisord(directory: Path, scenario: Scenario) -> Words:
    """Write supervisord.conf. An init step is one more program: supervisord knows no other kind."""
    text = SUPERVISORD
    if scenario.init:
        text += PROGRAM.format(name="step", command=shlex.join([APP, *scenario.init]), priority=1)
        text += "autorestart=false\nstartsecs=0\n"
    for place, (name, command) in enumerate(scenario.commands().items()):
        text += PROGRAM.format(name=name, command=shlex.join(command), priority=10 + place)
    write(directory / "supervisord.conf", text)
    return [], ["supervisord", "-c", f"{OUT}/supervisord.conf"]


def services(directory: Path, scenario: Scenario) -> list[str]:
    """Write NAME/run for each program; return docker run's options that mount them at /services.

    The init step is a line of main's script.
    """
    for name, command in scenario.commands().items():
        step = f"{shlex.join([APP, *scenario.init])} || exit 1\n" if scenario.init and name == "main" else ""
        write(directory / "services" / name / "run", f"#!/bin/sh\n{step}exec {shlex.join(command)}\n")
    return ["-v", f"{directory}/services:/services"]


def s6(directory: Path, scenario: Scenario) -> Words:
    return services(directory, scenario), ["s6-svscan", "/services"]


def runit(directory: Path, scenario: Scenario) -> Words:
    """Run runsvdir(8), which ends its services on SIGHUP, and not on SIGTERM.

    The stages of runit(8) are for whole systems.
    """
    return [*services(directory, scenario), "--stop-signal", "HUP"], ["runsvdir", "-P", "/services"]


#: The options that systemd needs to run in a container, and the signal that stops it (systemd(1)).
SYSTEMD = [
    "--cap-add", "SYS_ADMIN", "--security-opt", "seccomp=unconfined", "-v", "/sys/fs/cgroup:/sys/fs/cgroup:rw",
    "--tmpfs", "/run", "--tmpfs", "/run/lock", "--tmpfs", "/tmp", "-e", "container=docker", "--stop-signal", "RTMIN+3",
]  # fmt: skip


def systemd(directory: Path, scenario: Scenario) -> Words:
    units = directory / "units"
    needs = "[Unit]\n"
    if scenario.init:
        step = shlex.join([APP, *scenario.init])
        write(units / "step.service", f"[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart={step}\n")
        needs += "Requires=step.service\nAfter=step.service\n"
    for name in scenario.helpers:
        needs += f"Wants={name}.service\nAfter={name}.service\n"
    for name, command in scenario.commands().items():
        restart = "" if name == "main" else "Restart=always\n"
        head = needs if name == "main" else ""
        write(units / f"{name}.service", f"{head}[Service]\nType=exec\n{restart}ExecStart={shlex.join(command)}\n")
    write(units / "wants.conf", "[Unit]\nWants=main.service\n")
    mounts = []
    for unit in units.iterdir():
        place = "multi-user.target.d/main.conf" if unit.name == "wants.conf" else unit.name
        mounts += ["-v", f"{unit}:/etc/systemd/system/{place}:ro"]
    return mounts, ["/sbin/init"]


def pidone(directory: Path, scenario: Scenario) -> Words:
    if not (scenario.helpers or scenario.init or scenario.watched):
        return [], ["pidone", "--", *scenario.commands()["main"]]
    text = ""
    if scenario.init:
        text += entry("step", "init", [APP, *scenario.init])
    for name, command in scenario.commands().items():
        text += entry(name, "primary" if name == "main" else "sidecar", command)
    if scenario.watched:
        text += f'liveness = {{ http = "http://127.0.0.1:{scenario.watched}/", period = "1s" }}\n'
    write(directory / "pidone.toml", text)
    return [], ["pidone", "-c", f"{OUT}/pidone.toml"]


def entry(name: str, role: str, command: list[str]) -> str:
    return f'[[process]]\nname = "{name}"\nrole = "{role}"\ncommand = {json.dumps(command)}\n'


PEERS = {
    "bare": Peer("sh", bare, "no init: the app, or a start script that becomes it"),
    "tini": Peer("tini", tini, "the same start script under `tini --`"),
    "dumb-init": Peer("dumb-init", dumb_init, "the same under `dumb-init --`"),
    "supervisord": Peer("supervisord", supervisord, "a program each, options as they are by default"),
    "s6": Peer("s6-svscan", s6, "`s6-svscan` as PID 1, a `run` script each (the core that s6-overlay is made of)"),
    "runit": Peer("runsvdir", runit, "`runsvdir -P` as PID 1, a `run` script each, stopped by SIGHUP"),
    "systemd": Peer("/sbin/init", systemd, "`/sbin/init` with SYS_ADMIN and no seccomp profile, a unit each", SYSTEMD),
    "pidone": Peer("pidone", pidone, "the app by `pidone --`; with helpers, an init step or a probe, a group's file"),
}
