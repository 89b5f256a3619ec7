"""The control socket for others: two rights, all fields of requests, commands that wait, health.

E1 and so on: docs/reference/edge-cases.md.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest

from tests.support.control import Line
from tests.support.files import process
from tests.support.pid1 import PYTHON, ROOT, Pidone, Running, Write, until

LOOKER, STEERER, NOBODY, ADM = 33, 34, 4242, 4


class Shared(Line):
    """A group with a control socket that other users may use."""

    def start(self, *entries: str, group: str = "", **options: Any) -> Running:
        rights = f"look = ['{LOOKER}', '@{ADM}'], steer = ['{STEERER}']"
        file = self.write("g.toml", f"[group]\ncontrol = {{ path = '{self.path}', {rights} }}\n" + "".join(entries))
        return self.pidone.start("-c", file, **options)

    def as_user(self, uid: int, request: dict[str, Any], groups: str = "") -> dict[str, Any]:
        """Send a request as another user, with these supplementary groups."""
        script = "import json, socket, sys\ns = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\n"
        script += "s.sendall(sys.argv[2].encode() + b'\\n'); data = b''\n"
        script += "while not (data.endswith(b'\\n') and b'\"ok\"' in data): data += s.recv(65536)\n"
        script += "sys.stdout.write(data.decode().splitlines()[-1])\n"
        supplementary = [f"--groups={groups}"] if groups else ["--clear-groups"]
        user = ["setpriv", f"--reuid={uid}", f"--regid={uid}", *supplementary, "/usr/bin/python3", "-c", script]
        done = subprocess.run([*user, str(self.path), json.dumps(request)], capture_output=True, text=True)
        assert done.returncode == 0, done
        return dict(json.loads(done.stdout))


@pytest.fixture
def shared(pidone: Pidone, write: Write, tmp_path: Path) -> Shared:
    return Shared(pidone, write, tmp_path / "c.sock")


LOOKING: list[dict[str, Any]] = [
    {"do": "status"}, {"do": "health"}, {"do": "events"}, {"do": "report"},
    {"do": "wait", "name": "main", "until": "started"},
]  # fmt: skip
STEERING: list[dict[str, Any]] = [
    {"do": "signal", "name": "main", "signal": "USR1"}, {"do": "restart", "name": "log"}, {"do": "reload"},
    {"do": "exec", "name": "main", "argv": ["true"]}, {"do": "stop", "name": "log"},
]  # fmt: skip


def test_look_and_steer_are_two_rights_and_exec_needs_steer(shared: Shared, helper: str) -> None:
    log, main = process("log", "sidecar", helper, "app", "log"), process("main", "primary", helper, "app", "main")
    with shared.start(log, main) as run:
        run.line("main started")
        for request in LOOKING:
            for uid, groups in ((LOOKER, ""), (STEERER, ""), (NOBODY, str(ADM))):
                answer = shared.as_user(uid, request, groups)
                assert answer["ok"], (request, uid, answer)
            refused = shared.as_user(NOBODY, request)
            assert not refused["ok"] and "to look in control = { look = [...] } of [group]" in refused["error"], refused
        for request in STEERING:
            for uid, groups in ((LOOKER, ""), (NOBODY, str(ADM))):
                refused = shared.as_user(uid, request, groups)
                said = f"(uid {uid}) may look at this group but not steer it: add "
                assert not refused["ok"] and said in refused["error"] and "to steer in control" in refused["error"]
        assert shared.as_user(STEERER, STEERING[0])["ok"]
        run.line("main got 10")
        assert shared.as_user(STEERER, STEERING[1])["ok"] and shared.as_user(STEERER, STEERING[4])["ok"]
        assert shared.as_user(STEERER, {"do": "exec", "name": "main", "argv": ["true"]})["error"].startswith(
            "exec needs"
        )
        assert shared.ctl("health").stdout.startswith("unhealthy: log is terminated")  # root asks; no change


def test_a_user_without_rights_cannot_connect_and_sees_the_reason(
    pidone: Pidone, anyone: Pidone, write: Write, helper: str, public: Path
) -> None:
    path = public / f"control-{os.getpid()}"
    path.mkdir()
    path.chmod(0o755)
    file = write("g.toml", f"[group]\ncontrol = '{path}/c.sock'\n" + process("main", "primary", helper, "app", "main"))
    with pidone.start("-c", file) as run:
        run.line("main started")
        user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        python = Path(anyone.program[0]).read_text().splitlines()[0][2:].split()[0]
        command = [*user, python, "-m", "pidone.cli.main", "--socket", f"{path}/c.sock", "status"]
        done = subprocess.run(command, cwd=public / "source", capture_output=True, text=True)
        assert done.returncode == 1 and f"uid {NOBODY} may not use a control socket" in done.stderr, done
        assert "look = [...]" in done.stderr and "is a group running" not in done.stderr
        assert path.joinpath("c.sock").stat().st_mode & 0o777 == 0o600


def test_user_names_are_looked_up_at_each_request(pidone: Pidone, write: Write, helper: str, tmp_path: Path) -> None:
    """An init step may add a user later, and a user who does not exist is no error in the file."""
    text = f"[group]\ncontrol = {{ path = '{tmp_path}/c.sock', look = ['nosuch', '@nosuch', 'daemon'] }}\n"
    shared = Shared(pidone, write, tmp_path / "c.sock")
    with pidone.start("-c", write("g.toml", text + process("main", "primary", helper, "app", "main"))) as run:
        run.line("main started")
        assert shared.as_user(1, {"do": "health"})["ok"] and not shared.as_user(2, {"do": "health"})["ok"]


@pytest.mark.parametrize(
    ("control", "said"),
    [
        ("{ look = 'adm' }", "control.look = 'adm': expected a list of users"),
        ("{ look = ['a b'] }", "control.look = "), ("{ steer = ['@'] }", "control.steer = "),
        ("{ paht = '/x' }", "control.paht = '/x': expected 'path'; there is no 'paht'"),
        ("{ path = false, look = ['adm'] }", "expected a path, because look or steer is set"), ("5", "a path that"),
    ],
)  # fmt: skip
def test_wrong_values_of_control_are_refused(pidone: Pidone, write: Write, control: str, said: str) -> None:
    result = pidone.run("-c", write("g.toml", f"[group]\ncontrol = {control}\n" + process("m", "primary", "true")))
    assert result.code == 2 and said in result.err, result


def test_the_socket_is_named_before_the_command_or_after_it(
    pidone: Pidone, write: Write, helper: str, tmp_path: Path
) -> None:
    line = Line(pidone, write, tmp_path / "c.sock")
    with line.start(process("main", "primary", helper, "app", "main")) as run:
        run.line("main started")
        for words in (["--socket", str(line.path), "health"], ["health", "--socket", str(line.path)]):
            command = [PYTHON, "-m", "pidone.cli.main", *words]
            assert subprocess.run(command, cwd=ROOT, capture_output=True).returncode == 0, words


# -- every field of every request, with every type

VALUES = [
    "abc",
    "",
    -1,
    1.5,
    1e999,
    float("nan"),
    True,
    None,
    [],
    [1],
    {},
    {"a": 1},
    10**30,
    "\0",
    "x" * 5000,
    ["a", 1],
]
FIELDS = {
    "status": [], "report": [], "health": [], "reload": [], "nonsense": ["name"],
    "events": ["since", "follow"], "logs": ["name", "lines", "follow"], "wait": ["name", "until", "timeout"],
    "signal": ["name", "signal"], "start": ["name", "wait", "timeout"], "restart": ["name", "wait", "timeout"],
    "stop": ["name"], "exec": ["name", "argv", "tty", "term"],
}  # fmt: skip
RIGHT = {"name": "log", "until": "started", "timeout": 1, "signal": "USR1", "argv": ["true"], "lines": 1, "wait": False}


@pytest.fixture
def plain(pidone: Pidone, write: Write, tmp_path: Path, helper: str) -> Iterator[tuple[Line, Running]]:
    line = Line(pidone, write, tmp_path / "c.sock")
    log, main = process("log", "sidecar", helper, "app", "log"), process("main", "primary", helper, "app", "main")
    with line.start(log, main, group="log = 'prefix'") as run:
        run.line("main started")
        yield line, run


@pytest.mark.parametrize("verb", [verb for verb in FIELDS if FIELDS[verb]])
def test_every_field_of_every_type_gets_an_answer(plain: tuple[Line, Running], verb: str) -> None:
    """The socket stays open, and the answer names the error."""
    line, run = plain
    for field in FIELDS[verb]:
        for value in VALUES:
            request = {"do": verb, **{key: RIGHT[key] for key in FIELDS[verb] if key in RIGHT}, field: value}
            if value is True and field == "follow":
                continue  # the answer would not end
            if verb == "stop" and value is None:
                continue  # this stops the whole group
            with line.connect() as one:
                one.sendall(json.dumps(request).encode() + b"\n")
                answer = answer_of(one)
            assert "ok" in answer, (request, answer)
            if not answer["ok"]:
                assert answer["error"] and "Traceback" not in answer["error"] and "internal" not in answer["error"], (
                    answer
                )
    assert run.process.poll() is None and line.good("status")


def answer_of(one: socket.socket) -> dict[str, Any]:
    data = b""
    while part := one.recv(65536):
        data += part
    assert data, "it has hung up"
    return dict(json.loads(data.splitlines()[-1]))


def test_a_wrong_number_says_what_would_be_right(plain: tuple[Line, Running]) -> None:
    line, _ = plain
    for value in ('"abc"', "NaN", "[1]", "-1", "1e999", "9" * 400, "-" + "9" * 400):
        answer = line.ask(f'{{"do": "wait", "name": "main", "until": "ready", "timeout": {value}}}\n'.encode())
        assert not answer["ok"] and answer["error"].startswith("timeout = "), answer
        assert "expected a number of seconds from 0" in answer["error"], answer


# -- commands that wait


def test_restart_and_start_wait_for_the_start_or_say_why_it_failed(
    pidone: Pidone, write: Write, helper: str, tmp_path: Path
) -> None:
    line = Line(pidone, write, tmp_path / "c.sock")
    script = f"test -e {tmp_path}/bad && exit 7; test -e {tmp_path}/slow || touch {tmp_path}/up; exec sleep 60"
    more = f"restart = 'on-failure'\nbackoff = {{ initial = '60s' }}\nstartup = {{ file = '{tmp_path}/up', period = "
    more += "'50ms', failure_threshold = 5 }\npre_stop = { exec = ['false'] }"  # its failure is not the reason
    web = process("web", "sidecar", "sh", "-c", script, more=more)
    with line.start(web, process("main", "primary", helper, "app", "main")) as run:
        run.line("main started")
        line.good("restart", "web")
        assert line.status()["web"]["started"]
        (tmp_path / "bad").touch()
        done = line.ctl("restart", "web")
        said = "pidonectl: web ended with exit code 7 before it had started\n"
        assert done.returncode == 1 and done.stderr == said, done
        until(
            lambda: line.status()["web"]["reason"] == "CrashLoopBackOff", "its first restart, which is at once, is over"
        )
        (tmp_path / "bad").unlink()
        line.good("start", "web")
        assert line.status()["web"]["started"]
        (tmp_path / "slow").touch()
        done = line.ctl("restart", "web")
        assert done.returncode == 1 and "pidonectl: web: its startup failed: " in done.stderr, done
        done = line.ctl("restart", "web", "--timeout", "50ms")
        assert done.returncode == 124 and "web did not start within 0.05 s" in done.stderr, done
        (tmp_path / "slow").unlink()
        line.good("restart", "--no-wait", "web")
        run.kill(signal.SIGTERM)
        run.end()


def test_a_command_that_cannot_be_executed_is_the_answer(
    pidone: Pidone, write: Write, helper: str, tmp_path: Path
) -> None:
    line = Line(pidone, write, tmp_path / "c.sock")
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    with line.start(process("web", "sidecar", str(program)), process("main", "primary", helper, "app", "main")) as run:
        run.line("main started")
        program.unlink()
        done = line.ctl("restart", "web")
        assert done.returncode == 1 and f"web could not be started: {program}: no such file" in done.stderr, done
        run.kill(signal.SIGTERM)
        run.end()


def test_a_client_gets_an_error_when_pid_1_cannot_fork(anyone: Pidone, write: Write, helper: str, public: Path) -> None:
    """At the limit of processes, the error is not "connection reset" or "it may have ended"."""
    uid = 2_000_000 + os.getpid()
    path = public / f"limit-{os.getpid()}"
    path.mkdir()
    os.chown(path, uid, uid)
    file = write("g.toml", f"[group]\ncontrol = '{path}/c.sock'\n" + process("main", "primary", helper, "app", "main"))
    user = ("setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups")
    with anyone.start("-c", file, wrap=user) as run:
        run.line("main started")
        limit(1, run, user)
        command = [PYTHON, "-m", "pidone.cli.main", "status", "--socket", f"{path}/c.sock"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 1 and "pidone cannot fork a session to answer" in done.stderr, done
        assert "is a limit of processes reached?" in done.stderr and "reset" not in done.stderr
        limit(1000, run, user)
        assert subprocess.run(command, cwd=ROOT, capture_output=True).returncode == 0


def limit(number: int, run: Running, user: tuple[str, ...]) -> None:
    """Set the limit as the process's own user: root needs CAP_SYS_RESOURCE (prlimit(2))."""
    subprocess.run([*user, "prlimit", "--pid", str(run.pid), f"--nproc={number}:"], check=True)


# -- health


def test_a_sidecar_that_has_completed_is_healthy_everywhere(
    pidone: Pidone, write: Write, helper: str, tmp_path: Path
) -> None:  # E51
    line = Line(pidone, write, tmp_path / "c.sock")
    once = process("once", "sidecar", "true", more="restart = 'on-failure'")
    bad = process("bad", "sidecar", "false", more="restart = 'never'\nessential = false")
    main = process("main", "primary", helper, "app", "main")
    with line.start(once, main) as run:
        run.line("main started")
        run.said("sidecar once")
        assert line.good("health") == "healthy\n"
        found = json.loads(line.good("status", "--json"))
        assert next(one for one in found["processes"] if one["name"] == "once")["ready"]
        assert found["conditions"]["Ready"]["status"] and found["conditions"]["ContainersReady"]["status"]
        for until_what in ("ready", "started"):
            assert line.good("wait", "once", "--until", until_what, "--timeout", "5s") == ""
        run.kill(signal.SIGTERM)
        run.end()
    with line.start(bad.replace("essential = false", ""), main) as run:
        run.said("sidecar bad")
        assert line.ctl("health").returncode == 1
        run.kill(signal.SIGTERM)
        run.end()


# -- the client's terminal


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_exec_gives_the_terminal_back_when_a_signal_ends_it(plain: tuple[Line, Running], number: int) -> None:
    line, _ = plain
    ours, theirs = os.openpty()
    before = termios.tcgetattr(theirs)
    command = [PYTHON, "-m", "pidone.cli.main", "exec", "--socket", str(line.path), "log", "--", "sleep", "4321"]
    client = subprocess.Popen(command, cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    until(lambda: termios.tcgetattr(theirs) != before, "it is raw")
    client.send_signal(number)
    assert client.wait(20) == 128 + number
    assert termios.tcgetattr(theirs) == before
    os.close(ours)
    os.close(theirs)


def test_a_session_that_is_hung_up_leaves_no_exec(plain: tuple[Line, Running]) -> None:
    """The terminal itself is gone: there is nothing to restore, and no traceback."""
    line, run = plain
    words = ["-m", "pidone.cli.main", "exec", "--socket", str(line.path), "log", "--", "sleep", "5432"]
    shell = pexpect.spawn(PYTHON, words, cwd=str(ROOT))
    until(lambda: "sleep" in run.children(), "the command runs")
    shell.close(force=False)
    until(lambda: "sleep" not in run.children(), "it is gone")
    assert re.search("main", line.good("status"))
