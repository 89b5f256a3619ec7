"""`pidonectl reload` restarts what has changed in the file, in order; nothing else notices."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.control import Line, resident
from tests.support.files import process
from tests.support.pid1 import PYTHON, Pidone, Running, Write, until


@pytest.fixture
def line(pidone: Pidone, write: Write, tmp_path: Path) -> Line:
    return Line(pidone, write, tmp_path / "c.sock")


class Group:
    """A group whose file can change.

    app: return an entry.
    reload: write a file of these entries, and make pidone read it again.
    """

    def __init__(self, line: Line, helper: str) -> None:
        self.line, self.helper = line, helper

    def app(self, name: str, role: str = "sidecar", *options: str, more: str = "") -> str:
        return process(name, role, self.helper, "app", name, *options, more=more)

    def write(self, *entries: str, group: str = "") -> None:
        self.line.write("g.toml", f"[group]\ncontrol = '{self.line.path}'\n{group}\n" + "".join(entries))

    def reload(self, *entries: str, group: str = "") -> None:
        self.write(*entries, group=group)
        assert self.line.good("reload") == ""


@pytest.fixture
def group(line: Line, helper: str) -> Group:
    return Group(line, helper)


def pids(line: Line) -> dict[str, int]:
    return {name: one["pid"] for name, one in line.status().items()}


def ends(run: Running) -> list[str]:
    return [text.split()[0] for text in run.seen.decode().splitlines() if text.endswith(" ends")]


def test_only_what_has_changed_is_ended_and_started(line: Line, group: Group) -> None:
    main = group.app("main", "primary")
    with line.start(group.app("a"), group.app("b"), group.app("c"), main) as run:
        run.line("main started")
        before = pids(line)
        group.reload(group.app("a"), group.app("b", more="env = { NEW = '1' }"), group.app("c"), main)
        run.line("b started", count=2)
        after = until(lambda: pids(line) if pids(line)["b"] else None, "b is back")
        assert {name for name in before if before[name] == after[name]} == {"a", "c", "main"} and ends(run) == ["b"]
        assert line.good("exec", "b", "--", "sh", "-c", "echo $NEW") == "1\n"
        run.kill(signal.SIGTERM)
        result = run.end()
    assert result.code == 0 and result.err == "", result
    assert [text for text in result.lines if "got 15" in text][-4:] == [
        f"{name} got 15" for name in ("main", "c", "b", "a")
    ]


def test_notifications_of_a_changed_process_count_after_a_reload(line: Line, group: Group, write: Write) -> None:
    """Its socket keeps its name, so the listener stays. The process of that socket is a new one."""
    words = "import os, socket, time; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); "
    words += "s.sendto(b'READY=1', '\\\\0' + os.environ['NOTIFY_SOCKET'][1:]); time.sleep(60)"
    script = write("say.py", words.replace("\\\\", "\\"))

    def says(more: str = "") -> str:
        keys = f"startup = {{ notify = true, period = '60s' }}\n{more}"
        return process("n", "sidecar", PYTHON, "-I", script, more=keys)

    main = group.app("main", "primary")
    with line.start(says(), main) as run:
        run.line("main started")
        before = pids(line)["n"]
        group.reload(says("env = { NEW = '1' }"), main)
        until(lambda: line.status()["n"]["started"] and pids(line)["n"] != before, "the new one has started")
        run.kill(signal.SIGTERM)
        assert run.end().code == 0


def test_a_file_that_is_the_same_changes_nothing(line: Line, group: Group) -> None:
    never = "startup = { tcp = 1, period = '1s', failure_threshold = 1000 }\nafter = []"
    entries = group.app("a", more=never), group.app("main", "primary")
    with line.start(*entries, group="start_timeout = '60s'") as run:
        run.line("a started")
        before = pids(line)
        group.reload(*entries, group="start_timeout = '60s'")
        assert pids(line) == before and not ends(run)


def test_a_reload_starts_new_ends_removed_and_takes_the_new_order(line: Line, group: Group) -> None:
    main = group.app("main", "primary")
    with line.start(group.app("old"), group.app("a"), group.app("b"), main) as run:
        run.line("main started")
        before = pids(line)
        group.reload(group.app("b"), group.app("new"), group.app("a"), main)
        run.line("new started")
        after = pids(line)
        assert list(after) == ["b", "new", "a", "main"] and ends(run) == ["old"]
        assert all(after[name] == before[name] for name in ("a", "b", "main"))
        run.kill(signal.SIGTERM)
        result = run.end()
    told = [text.split()[0] for text in result.lines if "got 15" in text]
    assert told == ["old", "main", "a", "new", "b"], result


def test_removed_processes_end_in_reverse_before_others_start(line: Line, group: Group) -> None:
    main = group.app("main", "primary")
    with line.start(group.app("a"), group.app("b"), group.app("c", "sidecar", "delay=200"), main) as run:
        run.line("main started")
        group.reload(group.app("x"), main)
        run.line("x started")
        assert ends(run) == ["c", "b", "a"], "each waited for the one that had waited for it"


def test_a_changed_init_step_runs_before_the_processes_after_it(line: Line, group: Group, tmp_path: Path) -> None:
    def step(word: str) -> str:
        return process("step", "init", "sh", "-c", f"echo {word} >>{tmp_path}/steps")

    main = group.app("main", "primary")
    with line.start(step("one"), group.app("a"), main) as run:
        run.line("main started")
        group.reload(step("one"), group.app("a"), group.app("b"), main)
        run.line("b started")
        assert (tmp_path / "steps").read_text() == "one\n", "it was not run again"
        group.reload(step("two"), group.app("a"), group.app("b", more="env = { A = '2' }"), main)
        run.line("b started", count=2)
        assert (tmp_path / "steps").read_text() == "one\ntwo\n"
        assert run.seen.decode().count("a started") == 1


def test_at_least_one_of_two_simultaneous_reloads_is_done(line: Line, group: Group) -> None:
    with line.start(group.app("a"), group.app("main", "primary")) as run:
        run.line("main started")
        group.write(group.app("a", more="nice = 1"), group.app("main", "primary"))
        with line.connect() as one, line.connect() as two:
            for client in (one, two):
                client.sendall(b'{"do": "reload"}\n')
            answers = [json.loads(client.makefile().readline())["ok"] for client in (one, two)]
        run.line("a started", count=2)
        assert any(answers), answers
        run.kill(signal.SIGTERM)
        run.end()


def test_a_changed_primary_is_restarted_and_the_group_keeps_running(line: Line, group: Group) -> None:
    with line.start(group.app("a"), group.app("main", "primary", "code=1")) as run:
        run.line("main started")
        group.reload(group.app("a"), group.app("main", "primary", "code=5"))
        run.line("main started", count=2)
        group.reload(group.app("a"), group.app("other", "primary", "code=6"))
        run.line("other started")
        assert run.process.poll() is None and "a ends" not in run.seen.decode()
        run.kill(signal.SIGTERM)
        assert run.end().code == 6


def test_a_broken_file_changes_nothing_and_all_its_errors_are_shown(line: Line, group: Group) -> None:
    main = group.app("main", "primary")
    with line.start(group.app("a"), main) as run:
        run.line("main started")
        before = pids(line)
        group.write(group.app("a", more="nosuch = 1"), group.app("main", "primary", more="grace = 5"))
        result = line.ctl("reload")
        assert result.returncode == 1, result
        lines = result.stderr.splitlines()
        assert len(lines) == 2 and all(text.startswith("pidonectl: /") for text in lines), result
        assert "g.toml:8: process 'a': unknown key 'nosuch'" in lines[0] and "grace = 5: expected " in lines[1], result
        assert pids(line) == before and not ends(run)


def test_a_stop_cancels_a_reload(line: Line, group: Group) -> None:
    main = group.app("main", "primary")
    slow = "pre_stop = { exec = ['sleep', '2'] }"
    with line.start(group.app("a", more=slow), main) as run:
        run.line("main started")
        group.write(group.app("b"), main)
        client = line.client("reload", stderr=subprocess.PIPE)
        until(
            lambda: any(
                json.loads(text)["what"] == "helper_started" for text in line.good("events", "--json").splitlines()
            ),
            "it ends",
        )
        run.kill(signal.SIGTERM)
        result = run.end()
        assert client.wait(20) == 1 and client.stderr is not None
        client.stderr.close()
    assert result.code == 0 and "b started" not in result.text, result


def test_carried_output_survives_a_reload_and_follows_its_process(line: Line, group: Group) -> None:
    def talker(name: str, more: str = "log = 'prefix'") -> str:
        return process(
            name, "sidecar", "sh", "-c", f"i=0; while :; do i=$((i+1)); echo {name} $i; sleep 0.01; done", more=more
        )

    main = group.app("main", "primary")
    with line.start(talker("a"), talker("b"), main) as run:
        run.line("a: a 5")
        run.line("b: b 5")
        group.reload(talker("a"), talker("c"), main)
        run.line("c: c 5")
        now = run.seen.decode().count("a: a ")
        run.line("a: a ", count=now + 20)
        group.reload(
            talker("a"), talker("c", "log = 'json'"), talker("d", "log = { mode = 'prefix', time = true }"), main
        )
        run.line('"message":"c 5"')
        run.line("Z d: d 5")
        run.kill(signal.SIGTERM)
        result = run.end()
    numbers = [int(text.split()[-1]) for text in result.lines if text.startswith("a: a ")]
    assert numbers == list(range(1, len(numbers) + 1)), "not a line of it is lost, or comes twice"
    assert result.code == 0 and "pump" not in result.err, result


def test_sd_notify_continues_for_kept_processes(line: Line, group: Group, write: Write) -> None:
    say = (
        "import os, socket, sys, time\ndef say(text):\n s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
        " try: s.sendto(text.encode(), '\\0' + os.environ['NOTIFY_SOCKET'][1:])\n except OSError: pass\n"
        "while True:\n say('READY=1'); time.sleep(0.05)\n"
    )
    script = write("say.py", say)
    main = group.app("main", "primary")

    def ready(name: str) -> str:
        return process(name, "sidecar", "/usr/bin/python3", script, more="readiness = { notify = true }")

    with line.start(ready("a"), main) as run:
        run.line("main started")
        line.good("wait", "a", "--until", "ready")
        pid = pids(line)["a"]
        group.reload(ready("new"), ready("a"), main)
        line.good("wait", "new", "--until", "ready")
        assert pids(line)["a"] == pid and line.status()["a"]["ready"], "it has kept its socket"
        run.kill(signal.SIGTERM)
        assert run.end().code == 0


def test_events_before_a_reload_keep_their_names(line: Line, group: Group) -> None:
    main = group.app("main", "primary")
    with line.start(group.app("old"), group.app("a"), main) as run:
        run.line("main started")
        group.reload(group.app("a"), main)
        events = [json.loads(text) for text in line.good("events", "--json").splitlines()]
        assert [event["process"] for event in events if event["what"] == "execed"] == ["old", "a", "main"]
        text = line.good("report")
        assert "old " in text and "the group stops" not in text, text


@pytest.mark.once
def test_forty_reloads_cost_no_descriptor_and_no_memory(line: Line, group: Group) -> None:
    main = group.app("main", "primary")
    with line.start(group.app("a", more="log = 'prefix'"), main) as run:
        run.line("main started")
        for _ in range(3):
            for number in (1, 2):
                group.reload(group.app("a", more=f"log = 'prefix'\nenv = {{ N = '{number}' }}"), main)
        until(lambda: pids(line)["a"], "it is up")
        before, fds = resident(run), len(list(Path(f"/proc/{run.pid}/fd").iterdir()))
        for number in range(40):
            group.reload(group.app("a", more=f"log = 'prefix'\nenv = {{ N = '{number % 2 + 1}' }}"), main)
        until(
            lambda: pids(line)["a"] and len(list(Path(f"/proc/{run.pid}/fd").iterdir())) <= fds, "no descriptor stays"
        )
        assert resident(run) < before + 200
        run.kill(signal.SIGTERM)
        assert run.end().code == 0


def test_a_process_with_kept_leftovers_is_reloaded_too(line: Line, group: Group) -> None:
    main = group.app("main", "primary")
    with line.start(group.app("a", more="leftovers = 'keep'"), main) as run:
        run.line("main started")
        group.reload(group.app("a", more="leftovers = 'keep'\nenv = { N = '2' }"), main)
        run.line("a started", count=2)
        group.reload(main)
        assert list(pids(line)) == ["main"]


def test_a_reader_that_has_stopped_stops_no_reload(line: Line, group: Group, tmp_path: Path) -> None:
    """The pump waits and cannot hand over: plans pass the pipes on until a pump can read them."""
    reading, writing = os.pipe()
    main = group.app("main", "primary")
    flood = process(
        "flood", "sidecar", "sh", "-c", "while :; do echo aaaaaaaaaaaaaaaaaaaa; done", more="log = 'prefix'"
    )

    def talker(name: str) -> str:
        script = f"echo it was {name}; touch {tmp_path}/{name}; exec sleep 60"
        return process(name, "sidecar", "sh", "-c", script, more="log = 'prefix'")

    with line.start(flood, main, stdout=writing) as run:
        until(lambda: line.path.exists() and line.ctl("wait", "main").returncode == 0, "it is up")
        for name in ("one", "two", "three"):
            group.reload(flood, talker(name), main)
            until((tmp_path / name).exists, f"{name} has written")
        group.reload(main)
        os.close(writing)
        data = b""
        while b"it was three" not in data and (part := os.read(reading, 65536)):
            data += part
        os.set_blocking(reading, False)
        run.kill(signal.SIGTERM)
        assert run.end().code == 0
    os.close(reading)
    assert all(f"{name}: it was {name}".encode() in data for name in ("one", "two", "three"))


def test_a_restart_of_all_cancels_a_reload_and_the_group_continues(line: Line, group: Group, write: Write) -> None:
    go = Path(line.path).with_name("go")  # until this file exists, SIGTERM does not end the process
    waits = f"until [ -e {go} ]; do sleep 0.05; done"
    script = write("slow.sh", f"#!/bin/sh\ntrap '{waits}; exit 0' TERM; echo up; while :; do sleep 0.05; done\n")
    slow = process("slow", "sidecar", script)
    again = "restart = 'always'\nrestart_rules = [{ in = [42], action = 'restart-all' }]"
    ra = group.app("ra", "sidecar", "ends=10", "code=42", more=again)
    main = group.app("main", "primary")
    with line.start(slow, ra, main, group="grace = '60s'") as run:
        run.line("up")
        run.line("main started")
        group.write(process("slow", "sidecar", script, "changed"), ra, main, group="grace = '60s'")
        client = line.client("reload", stderr=subprocess.PIPE)
        until(lambda: '"verb": "reload"' in line.good("events", "--json"), "it is under way")
        line.good("signal", "ra", "USR1")
        run.line("main started", count=2)
        assert client.wait(20) == 1 and client.stderr is not None
        client.stderr.close()
        assert line.good("health") == "healthy\n"
        go.touch()
        assert line.good("reload") == ""
        run.kill(signal.SIGTERM)
        run.end()


def test_clients_that_wait_or_follow_continue_under_the_new_plan(line: Line, group: Group, tmp_path: Path) -> None:
    ready = f"readiness = {{ file = '{tmp_path}/ready', period = '20ms' }}"
    script = "i=0; while :; do i=$((i+1)); echo $i; sleep 0.01; done"
    counting = process("count", "sidecar", "sh", "-c", script, more="log = 'prefix'")
    main = group.app("main", "primary", more=ready)
    with line.start(group.app("old"), counting, main) as run:
        run.line("main started")
        waiting = line.client("wait", "main")
        follow = line.client("logs", "-f", "count", stdout=subprocess.PIPE)
        assert follow.stdout is not None
        follow.stdout.readline()
        group.reload(group.app("x", more="log = 'prefix'"), counting, main)
        run.line("x started")
        seen = int(line.good("logs", "-n", "1", "count"))
        while int(follow.stdout.readline()) < seen + 20:
            pass
        (tmp_path / "ready").touch()
        assert waiting.wait(20) == 0
        follow.kill()
        follow.wait()
        follow.stdout.close()


def test_a_new_process_that_notifies_once_counts_as_started(line: Line, group: Group, write: Write) -> None:
    say = "import os, socket, time\ns = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
    say += "s.sendto(b'READY=1', '\\0' + os.environ['NOTIFY_SOCKET'][1:])\ntime.sleep(60)\n"
    script = write("once.py", say)
    main = group.app("main", "primary")

    def once(name: str) -> str:
        return process(name, "sidecar", "/usr/bin/python3", script, more="startup = { notify = true, period = '60s' }")

    with line.start(group.app("a"), main) as run:
        run.line("main started")
        group.reload(group.app("a"), once("b"), main)
        line.good("wait", "b", "--until", "started", "--timeout", "20s")
        group.reload(once("b"), once("c"), group.app("a"), main)
        line.good("wait", "c", "--until", "started", "--timeout", "20s")
        assert line.status()["b"]["started"] and line.status()["b"]["restarts"] == 0
