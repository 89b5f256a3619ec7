"""The JSON Schemas refuse what they should, and a report of 0.4.0 is still read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pidone.report import load, text
from tests.support.pid1 import ROOT
from tests.support.schemas import ANSWER, REPORT, REQUEST, errors

OLD = ROOT / "tests" / "data" / "report-0.4.0.json"


def test_a_wrong_answer_and_a_wrong_request_are_found() -> None:
    """The schemas refuse an unknown key, a missing key, and a value of another type."""
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


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("{}", "it has no schema"),
        ('{"format": 1}', "it claims the format of 0.4.0 and has another shape"),
        ('{"format": 1, "events": 5, "cause": {}}', "it claims the format of 0.4.0 and has another shape"),
        ('{"format": 7}', "its schema is 7, and this pidonectl knows 1 and 2"),
    ],
)
def test_a_file_that_only_claims_format_1_is_refused(wrong: str, why: str, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text(wrong)
    with pytest.raises(load.ReportError, match=f"is not a report of pidone: {why}"):
        load.load(path)
