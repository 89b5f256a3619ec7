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
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from pidone.report import load, text
from tests.conftest import Write
from tests.namespace.test_signals import process
from tests.pid1 import ROOT, Pidone, Running

SCHEMAS = {
    name: json.loads((ROOT / "docs" / "reference" / name).read_text())
    for name in ("report.schema.json", "control.schema.json")
}
REGISTRY: Any = Registry().with_resources([(name, Resource.from_contents(made)) for name, made in SCHEMAS.items()])
REPORT = Draft202012Validator(SCHEMAS["report.schema.json"], registry=REGISTRY)
REQUEST = Draft202012Validator({"$ref": "control.schema.json#/$defs/request"}, registry=REGISTRY)
ANSWER = Draft202012Validator({"$ref": "control.schema.json#/$defs/answer"}, registry=REGISTRY)
OLD = ROOT / "tests" / "data" / "report-0.4.0.json"


def errors(validator: Draft202012Validator, value: Any) -> list[str]:
    return [f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(value)]


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


def test_a_wrong_answer_and_a_wrong_request_are_found() -> None:
    """The schemas refuse: a key that nobody declared, one that is missing, a value of another type."""
    assert not errors(ANSWER, {"schema": 2, "ok": True, "reached": True})
    answers = [{"ok": True}, {"schema": 2, "ok": True, "reached": 1}, {"schema": 2, "ok": True, "new": 1}]
    for wrong in answers:
        assert errors(ANSWER, wrong), wrong
    requests: list[dict[str, Any]] = [
        {"do": "fly"},
        {"do": "wait", "name": "web"},
        {"do": "signal", "name": "web", "signal": True},
    ]
    for wrong in requests:
        assert errors(REQUEST, wrong), wrong


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


def test_a_report_of_0_4_0_is_still_read() -> None:
    document = load.load(OLD)
    assert json.loads(OLD.read_text())["format"] == 1 and document["schema"] == 2
    assert not errors(REPORT, document), errors(REPORT, document)
    kinds = {event["what"] for event in document["events"]}
    assert kinds >= {"helper_started", "helper_ended", "exec_started", "exec_ended"}, kinds
    assert {event["verdict"] for event in document["events"] if event["what"] == "helper_ended"} == {
        "success", "failure",
    }  # fmt: skip
    lines = text.lines(document)
    assert lines[0].startswith("shop: ") and "exit code 139" in lines[0], lines
    assert any("main (pid 11) was killed by SIGSEGV" in line for line in lines), lines
    assert any(" post_start of web ended: success" in line for line in lines), lines


@pytest.mark.parametrize("wrong", ["{}", '{"format": 1}', '{"format": 1, "events": 5, "cause": {}}'])
def test_a_file_that_only_claims_format_1_is_refused(wrong: str, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text(wrong)
    with pytest.raises(load.ReportError, match="is not a report of pidone"):
        load.load(path)
