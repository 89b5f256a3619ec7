"""Edges of the group's PID 1: no descriptors, many commands, counters, messages of probes."""

from __future__ import annotations

import json
import os
import resource
import signal
import time
from pathlib import Path

import pytest

from pidone.control.protocol import COMMAND_SIZE
from pidone.layout import ERR, OUT
from pidone.supervisor.control_server import COMMANDS_PER_READ, Control
from pidone.supervisor.output import Output
from tests.support.control import Line
from tests.support.files import process
from tests.support.pid1 import Pidone, Write, until

PREFIX, APART = ("prefix", False, False), ("prefix", False, True)


def test_kept_processes_keep_their_pipes_without_room_for_new_ones() -> None:
    """EMFILE at a reload: the processes that stay keep their own pipes."""
    before = Output({0: ("gone", PREFIX), 1: ("kept", PREFIX)})
    kept = before.pipes[1, OUT]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + 1, hard))
    open_before = len(os.listdir("/proc/self/fd"))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            Output({1: ("kept", PREFIX), 2: ("new", APART)}, before)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert len(os.listdir("/proc/self/fd")) == open_before, "it has made nothing"
        assert before.placed(1) == [(kept[1], 1), (kept[1], 2)] and before.placed(2) == []
        after = Output({1: ("kept", PREFIX)}, before)
        assert after.pipes == {(1, OUT): kept}
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_separate_streams_have_two_pipes_that_any_user_can_open() -> None:
    output = Output({0: ("web", APART), 1: ("file", ("file", b"/x", 4096, 1))})
    assert list(output.pipes) == [(0, OUT), (0, ERR), (1, OUT)]
    assert [number for _, number in output.placed(0)] == [1, 2] and output.placed(0)[0][0] != output.placed(0)[1][0]
    assert all(os.fstat(ends[1]).st_mode & 0o777 == 0o666 for ends in output.pipes.values())


def test_commands_beyond_one_read_are_read_in_the_next(tmp_path: Path) -> None:
    signal.signal(signal.SIGIO, signal.SIG_IGN)  # PID 1 has it blocked; here it would end the tests
    control = Control(os.fsencode(tmp_path / "c"), False)
    os.write(control.writing, b"".join(number.to_bytes(4, "big") * 5 for number in range(COMMANDS_PER_READ + 3)))
    first, more = control.commands()
    rest, again = control.commands()
    assert COMMAND_SIZE == 20 and more and not again
    assert [command[0] for command in first + rest] == list(range(COMMANDS_PER_READ + 3))
    control.close()


def test_a_probe_that_ends_with_its_process_is_not_a_timeout(
    pidone: Pidone, write: Write, helper: str, tmp_path: Path
) -> None:
    line = Line(pidone, write, tmp_path / "c.sock")
    probe = (
        f"liveness = {{ exec = ['sh', '-c', 'touch {tmp_path}/asked; sleep 60'], period = '50ms', timeout = '50s' }}"
    )
    web = process("web", "sidecar", helper, "app", "web", more=probe)
    with line.start(web, process("main", "primary", helper, "app", "main")) as run:
        run.line("main started")
        for count in range(2, 5):
            until((tmp_path / "asked").exists, "it is asked")
            (tmp_path / "asked").unlink()
            line.good("restart", "web") if count < 4 else os.kill(run.child("web"), signal.SIGKILL)
            run.line("web started", count=count)
        probes = json.loads(line.good("status", "--json"))["probes"]
        assert not [row for row in probes if row[2] == "timeout"], probes
        run.kill(signal.SIGTERM)
        run.end()


def test_a_probe_that_has_timed_out_counts_as_a_timeout(
    pidone: Pidone, write: Write, helper: str, tmp_path: Path
) -> None:
    line = Line(pidone, write, tmp_path / "c.sock")
    probe = "readiness = { exec = ['sleep', '60'], period = '50ms', timeout = '50ms' }"
    with line.start(process("main", "primary", helper, "app", "main", more=probe)) as run:
        run.line("main started")

        def counted() -> int:
            return sum(row[3] for row in json.loads(line.good("status", "--json"))["probes"] if row[2] == "timeout")

        until(lambda: counted() >= 2, "they are counted")
        run.kill(signal.SIGTERM)
        run.end()


def test_why_a_probe_has_failed_is_in_the_message_and_in_the_report(
    pidone: Pidone, write: Write, helper: str, tmp_path: Path
) -> None:
    said = "x" * 250
    script = write("p.sh", f"#!/bin/sh\necho first; printf 'no \\033[31mroute\\033[0m {said}\\n\\n' >&2; exit 3\n")
    probe = f"liveness = {{ exec = ['{script}'], period = '50ms', failure_threshold = 2 }}"
    report = tmp_path / "report.json"
    file = write("g.toml", process("main", "primary", helper, "app", "main", more=probe))
    with pidone.start("-o", str(report), "-c", file) as run:
        result = run.end()
    told = "no  [31mroute [0m " + "x" * 250
    assert f"liveness failed 2 times: exit code 3: {told[:200]}; stopping it" in result.err, result
    assert "\x1b" not in result.err and "first" not in result.err
    assert told[:200] in "; ".join(json.loads(report.read_text())["cause"]["lines"])


def test_a_probe_that_floods_or_leaves_a_process_behind_succeeds(
    pidone: Pidone, write: Write, helper: str, tmp_path: Path
) -> None:
    """pidone reads any amount of output. A process that keeps the pipe open delays nothing."""
    flood = "head -c 20000000 /dev/zero; sleep 60 & exit 0"
    probe = f"startup = {{ exec = ['sh', '-c', '{flood}'], period = '50ms', timeout = '10s', failure_threshold = 1 }}"
    began = time.monotonic()
    with pidone.start("-c", write("g.toml", process("main", "primary", helper, "app", "main", more=probe))) as run:
        run.line("main started")
        run.kill(signal.SIGTERM)
        assert run.end().code == 0 and time.monotonic() - began < 15
