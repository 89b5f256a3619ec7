"""Every report and every answer is as docs/reference/{report,control}.schema.json says."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.files import process
from tests.support.pid1 import Pidone, Running, Write
from tests.support.schemas import ANSWER, REPORT, REQUEST, errors


@pytest.fixture
def group(pidone: Pidone, helper: str, write: Write, tmp_path: Path) -> Iterator[Running]:
    """A group with an init step, a sidecar that crashes, probes, hooks and carried output."""
    file = f"[group]\ngrace = '2s'\ncontrol = '{tmp_path}/c.sock'\n"
    file += process("step", "init", "true")
    probes = "startup = { exec = ['true'], period = '100ms' }\nreadiness = { exec = ['false'], period = '50ms' }"
    hooks = "post_start = { exec = ['true'] }\npre_stop = { exec = ['sh', '-c', 'exit 2'] }"
    file += process("web", "sidecar", helper, "app", "web", more=f"{probes}\n{hooks}\nlog = 'prefix'")
    crash = f"echo up; sleep 0.05 & [ -e {tmp_path}/twice ] && exec sleep 60; touch {tmp_path}/twice; exit 3"
    file += process("crash", "sidecar", "sh", "-c", crash, more="log = 'json'")
    file += process("main", "primary", helper, "app", "main")
    with pidone.start("-o", str(tmp_path / "report.json"), "-c", write("g.toml", file)) as run:
        run.line("main started")
        yield run


def ask(path: Path, request: dict[str, Any], answers: int = 1000) -> list[dict[str, Any]]:
    """Send a request that the schema allows; return its answers, each of which the schema allows.

    answers: how many to read at most, of a request that follows.
    """
    assert not errors(REQUEST, request), errors(REQUEST, request)
    found: list[dict[str, Any]] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(str(path))
        connection.sendall(json.dumps(request).encode() + b"\n")
        for line in connection.makefile("rb"):
            found.append(json.loads(line))
            assert not errors(ANSWER, found[-1]), (found[-1], errors(ANSWER, found[-1]))
            if "ok" in found[-1] or len(found) == answers:
                return found
    raise AssertionError(f"no last answer: {found}")


def test_every_answer_is_as_the_schema_says(group: Running, tmp_path: Path) -> None:
    path = tmp_path / "c.sock"
    requests: list[dict[str, Any]] = [
        {"do": "status"}, {"do": "report"}, {"do": "health"}, {"do": "events"}, {"do": "events", "since": 3},
        {"do": "logs", "lines": 5}, {"do": "wait", "name": "web", "until": "started"},
        {"do": "wait", "name": "web", "until": "ready", "timeout": 0.1},
        {"do": "signal", "name": "main", "signal": "USR1"}, {"do": "stop", "name": "crash"},
        {"do": "start", "name": "crash", "wait": False}, {"do": "restart", "name": "crash", "timeout": 10},
        {"do": "reload"}, {"do": "start", "name": "step"}, {"do": "exec", "name": "web", "argv": ["true"]},
    ]  # fmt: skip
    answered = {request["do"]: ask(path, request)[-1] for request in requests}
    assert all(answer["schema"] == 2 for answer in answered.values()), answered
    assert {do for do, answer in answered.items() if not answer["ok"]} == {"start", "exec"}, answered
    assert not errors(REPORT, answered["report"]["report"]), errors(REPORT, answered["report"]["report"])
    assert "event" in ask(path, {"do": "events", "follow": True}, answers=3)[-1]
    assert ask(path, {"do": "stop"})[-1]["ok"]
    group.end()


def test_a_group_s_report_is_as_the_schema_says(group: Running, tmp_path: Path) -> None:
    os.kill(group.child("main"), signal.SIGKILL)
    group.end()
    document = json.loads((tmp_path / "report.json").read_text())
    assert not errors(REPORT, document), errors(REPORT, document)
    assert document["schema"] == 2 and document["cause"]["trigger"] == "exited", document["cause"]
    kinds = {event["what"] for event in document["events"]}
    assert kinds >= {"forked", "execed", "exited", "turned", "helper_started", "helper_ended", "suspects"}, kinds


def test_the_report_of_a_single_command_is_as_the_schema_says(pidone: Pidone, helper: str, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    with pidone.start("-o", str(report), "--", helper, "app", "main") as run:
        run.line("main started")
        run.kill(signal.SIGUSR2)
        run.line("main got 12")
        run.kill(signal.SIGTERM)
        run.end()
    document = json.loads(report.read_text())
    assert not errors(REPORT, document), errors(REPORT, document)
    assert {event["what"] for event in document["events"]} >= {"forked", "signal", "sent", "exited"}, document
