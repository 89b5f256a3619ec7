"""The control socket: its answers, its commands, and the protection of PID 1 from its clients."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest

from tests.support.control import Line, resident
from tests.support.files import process
from tests.support.pid1 import PATIENCE, PYTHON, ROOT, Pidone, Running, Write, until


@pytest.fixture
def line(pidone: Pidone, write: Write, tmp_path: Path) -> Line:
    return Line(pidone, write, tmp_path / "c.sock")


@pytest.fixture
def app(line: Line, helper: str) -> Iterator[tuple[Line, Running]]:
    """Start a sidecar `log` and the primary `main`, and yield when both are up."""
    log, main = process("log", "sidecar", helper, "app", "log"), process("main", "primary", helper, "app", "main")
    with line.start(log, main) as run:
        run.line("log started")
        run.line("main started")
        line.good("wait", "main", "--until", "started")
        yield line, run


App = tuple[Line, Running]


def test_status_is_a_table_for_people_and_json_for_machines(app: App) -> None:
    line, _ = app
    rows = [row.split() for row in line.good("status").splitlines()]
    assert rows[0][:2] == ["group:", "Running,"] and rows[2][:4] == ["process", "role", "state", "ready"], rows
    assert rows[3][:5] == ["log", "sidecar", "running", "yes", "0"] and rows[4][:4] == [
        "main",
        "primary",
        "running",
        "yes",
    ]
    found = line.status()
    assert found["log"]["state"] == "running" and found["log"]["pid"] == int(rows[3][5]) and found["main"]["ready"]


def test_stop_holds_a_sidecar_down_and_start_or_restart_starts_it(app: App) -> None:
    line, run = app
    first = line.status()["log"]["pid"]
    line.good("stop", "log")
    run.line("log ends")
    down = line.status()["log"]
    assert down["held_down"] and down["state"] == "terminated" and down["pid"] is None, down
    assert "terminated(Completed, exit code 0), stopped by command" in line.good("status")
    assert line.ctl("health").returncode == 1
    line.good("start", "log")
    run.line("log started", count=2)
    line.good("restart", "log")
    run.line("log started", count=3)
    assert line.status()["log"]["pid"] != first and line.good("health") == "healthy\n"
    run.kill(signal.SIGTERM)
    assert run.end().code == 0


def test_a_primary_can_be_restarted_alone_but_not_stopped_alone(app: App) -> None:
    line, run = app
    result = line.ctl("stop", "main")
    assert result.returncode == 1 and "main is the primary: the group ends with it" in result.stderr, result
    line.good("restart", "main")
    run.line("main started", count=2)
    assert line.status()["log"]["restarts"] == 0 and run.process.poll() is None
    line.good("stop")
    result2 = run.end()
    assert result2.code == 0 and result2.err == "", result2


def test_a_start_cuts_a_back_off_short(line: Line, helper: str) -> None:
    loop = process("loop", "sidecar", "false", more="backoff = { initial = '60s' }")
    with line.start(loop, process("main", "primary", helper, "app", "main")) as run:
        run.line("main started")
        until(lambda: line.status()["loop"]["reason"] == "CrashLoopBackOff", "it is in back-off")
        before = line.status()["loop"]["restarts"]
        line.good("start", "loop")
        assert line.status()["loop"]["restarts"] > before
        assert line.ctl("start", "main").stderr.startswith("pidonectl: main is already running as pid ")


def test_a_signal_reaches_the_process_and_a_wrong_one_is_an_error(app: App) -> None:
    line, run = app
    line.good("signal", "log", "USR1")
    run.line("log got 10")
    line.good("signal", "main", "RTMIN+3")
    run.line(f"main got {signal.SIGRTMIN + 3}")
    assert line.ctl("signal", "log", "NOPE").stderr == "pidonectl: unknown signal 'NOPE'\n"
    assert line.ctl("signal", "lgo", "HUP").stderr == "pidonectl: no process 'lgo'; is it 'log'?\n"


def test_wait_ends_when_the_state_is_reached_and_reports_a_timeout(line: Line, helper: str, tmp_path: Path) -> None:
    ready = f"readiness = {{ file = '{tmp_path}/ready', period = '20ms' }}"
    with line.start(process("main", "primary", helper, "app", "main", more=ready)) as run:
        run.line("main started")
        result = line.ctl("wait", "main", "--timeout", "100ms")
        assert result.returncode == 124 and result.stderr == "pidonectl: main was not ready within 0.1 s\n", result
        health = line.ctl("health")
        assert health.returncode == 1 and health.stdout == "unhealthy: main is running(started, not ready)\n", health
        waiting = subprocess.Popen(
            [PYTHON, "-m", "pidone.cli.main", "wait", "main", "--socket", str(line.path)], cwd=ROOT
        )
        (tmp_path / "ready").touch()
        assert waiting.wait(20) == 0
        ended = line.client("wait", "main", "--until", "exited", stderr=subprocess.DEVNULL)
        until(lambda: json.loads(line.good("status", "--json"))["sessions"] >= 1, "it waits")
        run.kill(signal.SIGTERM)
        ended.wait(20)
        run.end()


def test_events_lists_past_events_and_follows_new_ones(app: App) -> None:
    line, _ = app
    assert re.search(r"^ +[0-9.]+  execed +the exec of log \(pid \d+\) succeeded", line.good("events"), re.M)
    follow = line.client("events", "--follow", stdout=subprocess.PIPE)
    assert follow.stdout is not None
    seen = [json.loads(follow.stdout.readline())]
    line.good("signal", "log", "USR2")
    while seen[-1]["what"] != "sent":
        seen.append(json.loads(follow.stdout.readline()))
    assert seen[-1]["process"] == "log" and seen[-1]["signal"] == "SIGUSR2"
    assert [event["n"] for event in seen] == sorted({event["n"] for event in seen})
    command_received = next(event for event in seen if event["what"] == "command")
    assert command_received["verb"] == "signal" and command_received["uid"] == 0
    follow.kill()
    follow.wait()
    follow.stdout.close()


def test_logs_are_the_last_lines_of_carried_output(line: Line, tmp_path: Path) -> None:
    script = "for i in $(seq 30); do echo line $i; done; "
    script += f"until [ -e {tmp_path}/go ]; do sleep 0.01; done; echo more; sleep 60"
    with line.start(process("main", "primary", "sh", "-c", script, more="log = 'prefix'")) as run:
        run.line("main: line 30")
        assert line.good("logs", "-n", "2") == "main: line 29\nmain: line 30\n"
        assert line.good("logs", "main", "-n", "1") == "line 30\n"
        follow = line.client("logs", "-f", stdout=subprocess.PIPE)
        until(lambda: json.loads(line.good("status", "--json"))["sessions"] >= 1, "it follows")
        (tmp_path / "go").touch()
        assert follow.stdout is not None
        while (text := follow.stdout.readline()) != "main: more\n":
            assert text.startswith("main: line "), text
        follow.kill()
        follow.wait()
        follow.stdout.close()
    with line.start(process("main", "primary", "sleep", "60")):
        until(lambda: line.path.exists() and line.ctl("health").returncode == 0, "it is up")
        assert 'pidone does not carry that output; set log = "prefix" in the file' in line.ctl("logs").stderr


def test_the_report_so_far(app: App) -> None:
    line, _ = app
    text = line.good("report", "--live")
    assert "it is running" in text and "running, ready" in text, text
    assert line.good("report", "--svg").startswith("<svg") and "<svg" in line.good("report", "--html")


@pytest.mark.once
def test_top_once_has_processor_time_and_memory(line: Line, helper: str) -> None:
    busy = process("busy", "sidecar", "sh", "-c", "while :; do :; done")
    with line.start(busy, process("main", "primary", helper, "app", "main")) as run:
        run.line("main started")
        inside = ["nsenter", "-t", str(run.pid), "-p", "-m"]  # the pids are those of the namespace
        words = [PYTHON, "-m", "pidone.cli.main", "top", "--once", "--socket", str(line.path)]
        result = subprocess.run([*inside, *words], cwd=ROOT, capture_output=True, text=True, timeout=30)
        rows = [row.split() for row in result.stdout.splitlines()]
        assert result.returncode == 0 and rows[2][:2] == ["process", "role"], result
        assert int(rows[3][6].rstrip("%")) > 10 and rows[4][6] == "0%" and rows[4][7] != "-", rows


@pytest.mark.once
def test_top_shows_and_acts_on_a_terminal(app: App) -> None:
    line, run = app
    words = ["-m", "pidone.cli.main", "top", "-d", "200ms", "--socket", str(line.path)]
    environment: Any = {**os.environ, "TERM": "xterm"}
    screen = pexpect.spawn(
        PYTHON, words, encoding="utf-8", timeout=20, dimensions=(24, 120), cwd=str(ROOT), env=environment
    )
    screen.expect("log +sidecar +running +yes")
    screen.expect("q quit")
    screen.send("r")
    screen.expect("restart log: done")
    run.line("log started", count=2)
    screen.send("\x1b[B")
    screen.send("s")
    screen.expect("stop main: main is the primary")
    screen.send("q")
    screen.expect(pexpect.EOF)
    screen.close()
    assert screen.exitstatus == 0 and line.good("health") == "healthy\n"


class TestExec:
    def test_it_runs_as_the_process_does(self, line: Line, helper: str, tmp_path: Path) -> None:
        more = "user = '4242:4343'\ncwd = '/usr'\nenv = { OWN = 'yes' }\numask = '0027'"
        with line.start(process("main", "primary", helper, "app", "main", more=more)) as run:
            run.line("main started")
            script = "id -u; id -g; pwd; echo $OWN; umask; cat; echo err >&2; exit 9"
            result = line.ctl("exec", "main", "--", "sh", "-c", script, input="from stdin\n")
            assert result.returncode == 9 and result.stderr == "err\n", result
            assert result.stdout.splitlines() == ["4242", "4343", "/usr", "yes", "0027", "from stdin"], result
            assert line.ctl("exec", "main", "--", "sh", "-c", "kill -9 $$").returncode == 137

    def test_a_missing_program_is_an_error(self, app: App) -> None:
        line, _ = app
        result = line.ctl("exec", "log", "--", "/nope")
        assert result.returncode == 127, result
        assert result.stderr == "pidonectl: cannot run /nope next to log: /nope: no such file or directory\n", result
        assert line.ctl("exec", "log").returncode == 2

    def test_it_is_reaped_and_named_in_the_record(self, app: App) -> None:
        line, _ = app
        line.good("exec", "log", "--", "sleep", "0.01")
        events = [json.loads(text) for text in line.good("events", "--json").splitlines()]
        parted = [event for event in events if event["what"] == "exec_ended"]
        assert len(parted) == 1 and parted[0]["process"] == "log" and parted[0]["name"] == "sleep", parted

    def test_a_connection_that_breaks_leaves_no_orphan(self, app: App, helper: str) -> None:
        line, run = app
        script = "trap '' HUP TERM; sleep 4321 & sleep 5432"
        client = line.client("exec", "log", "--", "sh", "-c", script, stdin=subprocess.DEVNULL)
        for word in ("4321", "5432"):
            run.child(word)
        client.kill()
        client.wait()
        until(lambda: not alive(run, "4321") and not alive(run, "5432"), "both are gone")
        assert line.status()["log"]["restarts"] == 0

    def test_an_exec_session_on_a_terminal_has_its_own_terminal(self, app: App) -> None:
        """The session has job control, a window size and its own Ctrl-C.

        The client restores its own terminal.
        """
        line, run = app
        shell = pexpect.spawn(
            "bash", ["--norc", "-i"], encoding="utf-8", timeout=20, dimensions=(31, 97), cwd=str(ROOT)
        )
        shell.sendline("PS1='out''> '; stty -g")
        shell.expect(r"([0-9a-f]+:[0-9a-f:]{60,})")
        before = shell.match[1]
        shell.expect("out> ")
        shell.sendline(f"{PYTHON} -m pidone.cli.main exec --socket {line.path} log -- bash --norc -i")
        shell.expect(r"[$#] ")
        shell.sendline("PS1='in''> '; stty size; tty; ps -o stat= -p $$")
        shell.expect("31 97")
        shell.expect(r"S\w*s\+?|Ss\+?")
        shell.expect("in> ")
        shell.setwinsize(40, 120)
        until(lambda: size(shell) == "40 120", "the new size has come through")
        shell.sendline("sleep 100")
        until(lambda: in_foreground(run, "sleep"), "it is in the foreground")
        shell.send("\x1a")
        shell.expect("Stopped")
        shell.expect("in> ")
        shell.sendline("fg")
        shell.expect("sleep 100")
        until(lambda: in_foreground(run, "sleep"), "it is in the foreground again")
        shell.send("\x03")
        shell.expect("in> ")
        shell.sendline("exit 6")
        shell.expect("out> ")
        shell.sendline("echo code $?; stty -g")
        shell.expect("code 6")
        shell.expect(r"([0-9a-f]+:[0-9a-f:]{60,})")
        after = shell.match[1]
        shell.close(force=True)
        assert before == after, "our terminal is as it was"

    def test_a_stop_does_not_wait_for_an_interactive_shell(self, app: App) -> None:
        line, run = app
        words = ["-m", "pidone.cli.main", "exec", "--socket", str(line.path), "log", "--", "bash", "--norc", "-i"]
        shell = pexpect.spawn(PYTHON, words, encoding="utf-8", timeout=20, cwd=str(ROOT))
        shell.expect(r"[$#] ")
        began = time.monotonic()
        run.kill(signal.SIGTERM)
        result = run.end()
        shell.close(force=True)
        assert result.code == 0 and time.monotonic() - began < 5, result

    def test_a_stop_repeats_sighup_until_an_exec_session_ends(self, app: App, tmp_path: Path) -> None:
        """Such is a shell that is about to read its next line when the first SIGHUP comes."""
        line, run = app
        script = f"n=0; trap 'n=$((n+1)); [ $n = 2 ] && exit 0' HUP; trap '' TERM; touch {tmp_path}/up; "
        guest = line.client("exec", "log", "--", "sh", "-c", f"{script} while :; do sleep 0.05; done")
        until((tmp_path / "up").exists, "it runs")
        began = time.monotonic()
        run.kill(signal.SIGTERM)
        result = run.end()
        guest.wait(PATIENCE)
        assert result.code == 0 and time.monotonic() - began < 6, result
        assert "SIGKILL" not in result.err, result


def in_foreground(run: Running, name: str) -> bool:
    """Return whether a process of this name in the namespace is in the foreground of its terminal.

    A suspended process does not count.
    """
    space = str(os.stat(f"/proc/{run.pid}/ns/pid").st_ino)
    rows = subprocess.run(["ps", "-eo", "pidns=,stat=,comm="], capture_output=True, text=True).stdout.splitlines()
    found = [row.split() for row in rows if row.split()[0] == space and row.split()[2] == name]
    return any(state.startswith("S") and "+" in state for _, state, _ in found)


def size(shell: Any) -> str:
    shell.sendline("stty size")
    shell.expect(r"(\d+ \d+)\r")
    return str(shell.match[1])


def alive(run: Running, word: str) -> bool:
    space = os.stat(f"/proc/{run.pid}/ns/pid").st_ino
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            inside = entry.name.isdigit() and (entry / "ns/pid").stat().st_ino == space
            if inside and word.encode() in (entry / "cmdline").read_bytes().split(b"\0"):
                return True
    return False


class TestHostile:
    @pytest.mark.parametrize(
        ("asked", "said"),
        [
            (b"nonsense\n", "the request is not JSON"), (b"[1]\n", 'has no "do"'), (b"{}\n", 'no "do"'),
            (b'{"do": "fly"}\n', "there is no 'fly' here"), (b'{"do": "signal"}\n', "the request has no name"),
            (b'{"do": "wait", "name": "log", "until": 5}\n', "until = 5: expected a string"),
            (b"\xff\xfe\0\n", "not JSON"),
            (b'{"do": "exec", "name": "log", "argv": ["true"]}\n', "three descriptors"),
            (b"[" * 60000 + b"\n", "not JSON"),
            (b"x" * 100000, "more than 65536 bytes"),
            (b'{"do": "stop", "name": {"a": 1}}\n', "name = {'a': 1}: expected"),
        ],
    )  # fmt: skip
    def test_an_invalid_request_gets_an_error(self, app: App, asked: bytes, said: str) -> None:
        line, _ = app
        if len(asked) <= 65536:
            assert said in line.ask(asked).get("error", "")
        else:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the server closes early
                assert said in line.ask(asked).get("error", said)
        assert line.good("health") == "healthy\n"

    def test_half_a_request_and_no_request_time_out(self, app: App) -> None:
        line, _ = app
        with line.connect() as half, line.connect() as none:
            half.sendall(b'{"do": "sta')
            assert b"incomplete request" in half.recv(100) and half.recv(100) == b"", "told after its deadline"
            assert none.recv(100) == b"", "hung up after its deadline"

    @pytest.mark.parametrize("end", [b"\n", b""])
    @pytest.mark.parametrize(
        "asked, said",
        [
            (b'{"do": "wait", "name": "main", "until": "exited", "timeout": 0.3}', b'"reached": false'),
            (b'{"do": "restart", "name": "log"}', b'"ok": true'), (b'{"do": "reload"}', b'"ok": true'),
        ],
    )  # fmt: skip
    def test_a_client_that_shuts_down_its_sending_half_gets_an_answer(
        self, app: App, asked: bytes, said: bytes, end: bytes
    ) -> None:
        """The client shuts down its sending half and reads on, as `nc -N` does."""
        line, _ = app
        with line.connect() as client:
            client.sendall(asked + end)
            client.shutdown(socket.SHUT_WR)
            answer = b""
            while part := client.recv(1000):
                answer += part
        assert said in answer, answer

    def test_another_user_is_refused_even_if_the_socket_s_mode_is_open(self, app: App) -> None:
        line, _ = app
        assert line.path.stat().st_mode & 0o777 == 0o600
        line.path.chmod(0o777)
        script = (
            "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\n"
            "try: s.sendall(b'{}\\n')\n"
            "except BrokenPipeError: pass  # refused before it has asked\n"
            "sys.stdout.write(s.recv(999).decode())"
        )
        command = [
            "setpriv",
            "--reuid=4242",
            "--regid=4242",
            "--clear-groups",
            "/usr/bin/python3",
            "-c",
            script,
            str(line.path),
        ]
        result = subprocess.run(command, capture_output=True, text=True)
        assert "4242 (uid 4242) may not look at this group: add " in result.stdout, result
        assert line.good("health") == "healthy\n"

    def test_many_following_clients_delay_no_other_client(self, app: App) -> None:
        line, _ = app
        followers = [line.connect() for _ in range(20)]
        for one in followers[:14]:
            one.sendall(b'{"do": "events", "follow": true}\n')
            assert one.recv(1)
        assert line.good("health") == "healthy\n"
        for one in followers:
            one.close()

    def test_a_command_is_accepted_while_more_arrives_than_is_recorded(self, app: App) -> None:
        """A session must not write to the record, which is in PID 1's memory, too."""
        line, run = app
        for _ in range(5):
            for _ in range(300):  # the record takes a hundred a second
                run.kill(signal.SIGWINCH)
            line.good("signal", "log", "SIGCONT")

    @pytest.mark.once
    def test_sixteen_of_many_commands_run_and_the_rest_are_refused(self, app: App) -> None:
        """PID 1 counts them itself, however many sessions have seen a free place."""
        line, _ = app
        guests = [line.client("exec", "log", "--", "sh", "-c", "exit 6", stderr=subprocess.DEVNULL) for _ in range(24)]
        codes = sorted(one.wait(PATIENCE * 2) for one in guests)
        assert set(codes) <= {1, 6} and codes.count(6) >= 16, codes
        until(lambda: json.loads(line.good("status", "--json"))["exec_sessions"] == 0, "nobody is counted any more")
        assert line.ctl("exec", "log", "--", "true").returncode == 0

    @pytest.mark.once
    def test_sixteen_exec_sessions_run_and_a_seventeenth_is_refused(self, app: App) -> None:
        line, run = app
        guests = [line.client("exec", "log", "--", "sh", "-c", f"exec sleep 30{n}") for n in range(16)]
        until(lambda: json.loads(line.good("status", "--json"))["exec_sessions"] == 16, "all of them run")
        refused = line.ctl("exec", "log", "--", "true")
        assert refused.returncode == 1 and "16 exec sessions already run" in refused.stderr, refused
        os.kill(run.child("300"), signal.SIGKILL)
        assert guests[0].wait(PATIENCE) == 137
        until(lambda: json.loads(line.good("status", "--json"))["exec_sessions"] == 15, "it is counted no more")
        assert line.ctl("exec", "log", "--", "sh", "-c", "exit 6").returncode == 6
        for one in guests[1:]:
            one.kill()
            one.wait()

    def test_a_request_of_a_hundred_megabytes_costs_no_memory(self, app: App) -> None:
        line, run = app
        before = resident(run)
        with line.connect() as flood, contextlib.suppress(OSError):
            for _ in range(1600):
                flood.sendall(b"x" * 65536)
        assert line.good("health") == "healthy\n" and resident(run) < before + 1024

    def test_a_failed_start_is_not_counted_as_an_orphan(self, line: Line, helper: str) -> None:
        """PID 1 knows the child as its own, however early its answer comes."""
        once = Path(line.write("once.sh", '#!/bin/sh\nrm "$0"\nexit 1\n'))
        once.chmod(0o755)
        loop = process("loop", "sidecar", str(once), more="backoff = { initial = '1ms', max = '1ms' }")
        with line.start(loop, process("main", "primary", helper, "app", "main")) as run:
            run.line("main started")
            until(lambda: line.status()["loop"]["restarts"] > 20, "it has failed to start")
            assert json.loads(line.good("status", "--json"))["orphans"] == 0
            run.kill(signal.SIGTERM)
            assert run.end().code == 0

    @pytest.mark.once
    @pytest.mark.timeout(600)
    def test_a_thousand_hostile_and_good_clients_cost_pid_1_nothing(self, app: App, helper: str) -> None:
        """PID 1 keeps reaping, loses no descriptor and no memory, and answers good clients."""
        line, run = app
        enter = ["nsenter", "-t", str(run.pid), "-p", "-m", helper, "orphans", "2000000"]
        storm = subprocess.Popen(enter, stdout=subprocess.DEVNULL)
        until(lambda: json.loads(line.good("status", "--json"))["orphans"] > 1000, "the storm has begun")
        self.siege(line, run, 100)  # fills the record, and forks
        until(lambda: not list_sessions(run), "no session is left")
        before, fds = resident(run), len(os.listdir(f"/proc/{run.pid}/fd"))
        self.siege(line, run, 900)
        assert storm.poll() is None, "the storm was over before the siege"
        parent = Path(f"/proc/{storm.pid}/task/{storm.pid}/children").read_text()  # of the orphans; it is not an orphan
        os.kill(int(parent), signal.SIGKILL)
        storm.wait()
        # An idle machine needs a thousandth of this: the test only checks that there is a bound.
        assert 0 < json.loads(line.good("status", "--json"))["longest_wait"] < 5
        until(lambda: not list_sessions(run), "no session is left")
        assert resident(run) < before + 300 and len(os.listdir(f"/proc/{run.pid}/fd")) == fds

    def siege(self, line: Line, run: Running, good: int) -> None:
        """Connect 200 hostile clients at once, then `good` good ones one after the other."""
        hostile = []
        for number in range(200):
            with contextlib.suppress(OSError):
                one = socket.socket(socket.AF_UNIX)
                one.setblocking(False)
                one.connect(str(line.path))
                one.send([b"", b"{", b"\0" * 100, b'{"do": "events", "follow": true}\n'][number % 4])
                hostile.append(one)
        told = run.seen.decode().count("main got 10")
        run.kill(signal.SIGUSR1)
        run.line("main got 10", count=told + 1)
        for one in hostile:
            one.close()
        for _ in range(good):
            assert line.ask(b'{"do": "health"}\n').get("healthy") is True


def list_sessions(run: Running) -> list[str]:
    return [name for name in run.children() if name.startswith("pidone")]


class TestPlaces:
    def test_a_killed_pidone_s_socket_is_replaced_a_running_one_s_is_not(self, line: Line, helper: str) -> None:
        main = process("main", "primary", helper, "app", "main")
        with line.start(main) as first:
            first.line("main started")
            first.end(kill=True)
        assert line.path.exists()
        with line.start(main) as second:
            second.line("main started")
            assert line.good("health") == "healthy\n"
            with line.start(main) as third:
                third.line("main started")
                third.kill(signal.SIGTERM)
                result = third.end()
            assert f"no control socket: {line.path}: another pidone answers there" in result.err and result.code == 0, (
                result
            )
            assert line.good("health") == "healthy\n"
            second.kill(signal.SIGTERM)
            second.end()
        assert not line.path.exists()

    @pytest.mark.parametrize(
        ("path", "why"),
        [("/no/such/dir/c.sock", "no such file or directory"), ("/etc", "it exists and is not a socket")],
    )
    def test_an_unusable_socket_path_is_reported_and_the_group_runs(
        self, pidone: Pidone, write: Write, path: str, why: str
    ) -> None:
        file = write("g.toml", f"[group]\ncontrol = '{path}'\n" + process("main", "primary", "sh", "-c", "exit 4"))
        result = pidone.run("-c", file)
        assert result.code == 4 and f"pidone: no control socket: {path}: {why}" in result.err, result

    def test_a_file_that_is_not_a_socket_is_left_untouched(self, pidone: Pidone, write: Write, tmp_path: Path) -> None:
        precious = tmp_path / "precious"
        precious.write_text("precious")
        file = write("g.toml", f"[group]\ncontrol = '{precious}'\n" + process("main", "primary", "true"))
        result = pidone.run("-c", file)
        assert result.code == 0 and f"no control socket: {precious}: it exists and is not a socket" in result.err, (
            result
        )
        assert precious.read_text() == "precious"

    def test_a_path_that_is_too_long_is_an_error_of_the_file(self, pidone: Pidone, write: Write) -> None:
        file = write("g.toml", f"[group]\ncontrol = '/{'x' * 107}'\n" + process("main", "primary", "true"))
        result = pidone.run("-c", file)
        assert result.code == 2 and "of at most 107 bytes (unix(7)), false, or {" in result.err, result

    def test_a_missing_socket_is_reported_in_one_line(self, line: Line, tmp_path: Path) -> None:
        result = line.ctl("status", socket=str(tmp_path / "none"))
        assert result.returncode == 1 and result.stderr.startswith("pidonectl: no pidone answers here: "), result
        assert "no such file or directory; is a group running?" in result.stderr and result.stderr.count("\n") == 1, (
            result
        )
        assert "at most 107 bytes" in line.ctl("status", socket="/" + "x" * 200).stderr

    def test_a_group_can_have_no_control_socket(self, pidone: Pidone, helper: str, write: Write) -> None:
        file = write("g.toml", "[group]\ncontrol = false\n" + process("main", "primary", helper, "app", "main"))
        with pidone.start("-c", file) as run:
            run.line("main started")
            links = [os.readlink(entry) for entry in Path(f"/proc/{run.pid}/fd").iterdir()]
            assert not [link for link in links if link.startswith("socket:")], links
