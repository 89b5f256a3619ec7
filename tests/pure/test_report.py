"""The rings of the record, and the reports made from them, with arbitrary invented events."""

from __future__ import annotations

import xml.etree.ElementTree as xml
from html.parser import HTMLParser
from time import monotonic
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pidone.init.plan import INIT, PRIMARY, SIDECAR
from pidone.layout import RINGS, RINGS_HEAD
from pidone.report import cause, facts, page, replay, starts, text, timeline
from pidone.report.events import sentence
from pidone.supervisor.record import RATES, Record

NAMES = ["step", "log", "main"]


def document(
    events: list[tuple[Any, ...]], code: int | None = 1, single: bool = False, first: int = 0, **more: Any
) -> dict[str, Any]:
    """Make a report.

    first: the number of the first event that the record still has.
    """
    context = {
        "pidone": "1", "group": "g", "single": single, "started_at": "2026-01-01T00:00:00.000Z", "uptime": 60.0,
        "exit_code": code,
        "grace": 8.0, "stop_signals": ["SIGTERM", "SIGINT"], "memory": {"limit": None, "peak": None, "kills": None},
        "orphans": 0, "names": dict(enumerate(zip(NAMES, [INIT, SIDECAR, PRIMARY]))), **more,
    }  # fmt: skip
    return facts.make(context, [(n, n * 1000, *event) for n, event in enumerate(events, first)])


def record() -> Record:
    return Record(monotonic())


def test_recorded_events_are_read_back_in_order() -> None:
    made = record()
    made.add_event("forked", 0, 7)
    made.add_event("signal", 15, 3, 0, "kill")
    made.add_event("execed", 0, 7)
    found = replay.events(made.memory)
    assert [event[2:] for event in found] == [("forked", 0, 7), ("signal", 15, 3, 0, "kill"), ("execed", 0, 7)]
    assert [event[2] for event in replay.events(made.memory, since=found[0][0])] == ["signal", "execed"]


def test_the_oldest_events_go_first_and_orphans_displace_no_process() -> None:
    made = record()
    for number in range(RINGS[0][0] + 10):
        made.add_event("execed", number, 1)
    for number in range(10 * RINGS[1][0]):
        made.add_event("reaped", number, "x", -1, 0, 0, False, 0)
    found = replay.events(made.memory)
    assert [event[3] for event in found if event[2] == "execed"] == list(range(10, RINGS[0][0] + 10))
    assert len(found) == RINGS[0][0] + RINGS[1][0] and found == sorted(found)


@given(st.lists(st.one_of(st.integers(-(2**40), 2**40), st.text(max_size=400), st.booleans(), st.none()), max_size=8))
def test_an_event_of_any_size_fits_its_slot_and_harms_no_other(fields: list[Any]) -> None:
    made = record()
    made.add_event("forked", 0, 1)
    made.add_event("said", *fields)
    made.add_event("forked", 1, 2)
    found = replay.events(made.memory)
    assert [event[2] for event in found] == ["forked", "said", "forked"]
    for kept, field in zip(found[1][3:], fields):
        assert field.startswith(kept) if isinstance(field, str) else kept == field
    assert found[2][3:] == (1, 2)


def test_a_slot_that_is_being_written_is_left_out() -> None:
    made = record()
    made.add_event("forked", 0, 1)
    made.memory[RINGS_HEAD : RINGS_HEAD + RINGS[0][1]] = b"\xff" * RINGS[0][1]
    made.add_event("forked", 1, 2)
    assert [event[3:] for event in replay.events(made.memory)] == [(1, 2)]


def test_frequent_events_are_recorded_in_part_and_counted_in_full() -> None:
    made = record()
    noted = sum(made.may_record(1) for _ in range(5000))
    assert noted == RATES[1]
    made.flush()
    assert replay.events(made.memory)[-1][2:] == ("missed", 0, 5000 - RATES[1], 0, 0)


STARTED = [("forked", 1, 3), ("execed", 1, 3), ("forked", 2, 4), ("execed", 2, 4), ("turned", 2, "started")]
END = [("turned", -1, "stop"), ("sent", 1, 3, 15, False), ("exited", 1, 3, 0, 0, False, False), ("exit", 1)]


@pytest.mark.parametrize(
    ("before", "why", "text"),
    [
        ([], "turn", "its turn, 0 ms after pidone began"),
        (
            [("forked", 1, 3), ("exited", 1, 3, 7, 0, False, False), ("said", "restart", 1, 7, 0, "Error", None, 1, 1)],
            "restart", "restart, 2 ms after its end",
        ),
        (
            [("forked", 1, 3), ("said", "restart all", 2, 7, 0, "Error"), ("exited", 1, 3, 0, 9, False, False)],
            "restart of all", "restart of all, 1 ms after its end",
        ),
        (
            [("forked", 1, 3), ("exited", 1, 3, 7, 0, False, False), ("command", 1, 1, 0, 9, 0)],
            "command", "as commanded, 2 ms after its end",
        ),
        (
            [("forked", 2, 3), ("turned", -1, "reloaded")], "reload", "by the reloaded file, 1 ms after that",
        ),
        (
            [("forked", 1, 3), ("exited", 1, 3, 7, 0, False, False),
             ("said", "restart", 1, 7, 0, "Error", None, 1.0, 1), ("turned", -1, "reloaded")],
            "reload", "by the reloaded file, 3 ms after its end",
        ),
        (
            [("forked", 1, 3), ("turned", -1, "reloaded"), ("exited", 1, 3, 7, 0, False, False)],
            "restart", "restart, 1 ms after its end",
        ),
        ([("command", 16, 1, 9, 9, 0), ("exec_started", 1, 9)], "turn", "its turn, 2 ms after pidone began"),
    ],
)  # fmt: skip
def test_a_start_shows_its_reason_and_its_wait(before: list[tuple[Any, ...]], why: str, text: str) -> None:
    event = document([*before, ("forked", 1, 4)])["events"][-1]
    assert event["why"] == why and starts.reason_text(event) == text, event


def test_an_exec_session_refused_at_the_limit_is_reported_as_that() -> None:
    event = document([("turned", -1, "exec refused", 9)])["events"][0]
    assert sentence(event) == "an exec session is refused: as many as allowed are running"


def test_a_record_without_its_beginning_gives_no_invented_wait() -> None:
    event = document([("forked", 1, 4)], first=7)["events"][0]
    assert event["why"] is event["waited"] is None and starts.reason_text(event) == ""


DEATHS: list[tuple[list[tuple[Any, ...]], str, str]] = [
    ([("exited", 2, 4, 3, 0, False, False)], "main", "main (pid 4) ended with exit code 3"),
    ([("exited", 2, 4, 0, 11, True, False)], "main", "killed by SIGSEGV and dumped its core"),
    ([("exited", 2, 4, 0, 9, False, True)], "main", "the kernel killed it because memory ran out"),
    (
        [("exited", 2, 4, 0, 9, False, False), ("suspects", 2, 4, 5, (3, 0, "rsyslogd"), (9, 1, "sh"))],
        "main", "in this container log (pid 3, root), sh (pid 9, uid 1), 3 more could have",
    ),
    (
        [("said", "probe failed", 2, "liveness", 3, "no answer in 1 s"), ("sent", 2, 4, 15, False),
         ("exited", 2, 4, 0, 0, False, False)],
        "main", "pidone ended it: its liveness probe failed 3 times: no answer in 1 s",
    ),
    ([("failed", 2, 127, "/nope: no such file or directory")], "main", "cannot start main: /nope: no such file"),
    (
        [("signal", 10, 9, 1000, "sh"), ("sent", 2, 4, 10, False), ("exited", 2, 4, 0, 10, False, False)],
        "main", "pidone forwarded it from sh (pid 9, uid 1000)",
    ),
    (
        [("exited", 1, 3, 7, 0, False, False), ("said", "essential ended", 1, 7, 0, "Error", 7)],
        "log", "log (pid 3) ended with exit code 7",
    ),
    ([("said", "deadline")], "", "the group reached its deadline"),
]  # fmt: skip


@pytest.mark.parametrize(("death", "who", "why"), DEATHS, ids=[why for _, _, why in DEATHS])
def test_the_cause_is_the_first_process_to_die_with_its_reason(
    death: list[tuple[Any, ...]], who: str, why: str
) -> None:
    found = document([*STARTED, *death, *END])["cause"]
    assert (found["process"] or "") == who and why in found["why"], found
    assert found["lines"][-1] == "exit code 1"


def test_in_a_requested_stop_the_culprit_is_the_killed_process() -> None:
    killed = [
        ("signal", 15, 0, 0, ""), ("turned", -1, "stop"), ("sent", 2, 4, 15, False), ("said", "grace over", 2, 8.0),
        ("sent", 2, 4, 9, True), ("exited", 2, 4, 0, 9, False, False), ("exited", 1, 3, 0, 0, False, False),
    ]  # fmt: skip
    found = document([*STARTED, *killed], code=137)["cause"]
    assert found["lines"] == [
        "asked to stop by SIGTERM from outside of this container, 5 ms after the start",
        "main (pid 4) was killed by SIGKILL, 8 ms after its start: pidone ended it: it did not exit within"
        " its grace of 8 s", "then stopped: log (exit code 0)", "exit code 137",
    ]  # fmt: skip


def test_a_running_group_has_no_cause() -> None:
    found = document(STARTED, code=None)["cause"]
    assert found == {"trigger": None, "process": None, "why": None, "then": None, "lines": []}


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.0042, "4 ms"), (0.9996, "1000 ms"), (1, "1.0 s"), (59.94, "59.9 s"), (75, "1 min 15 s"), (3600, "1 h"),
     (93784, "1 d 2 h"), (7 * 86400, "7 d")],
)  # fmt: skip
def test_a_time_span_is_printed_in_readable_units(seconds: float, said: str) -> None:
    assert cause.span(seconds) == said


KINDS = {
    "forked": (0, 0), "execed": (0, 0), "failed": (0, 0, "t"), "exited": (0, 0, 0, 0, True, True), "suspended": (0, 0),
    "launched": (0, 0), "main_pid": (0, 0), "internal_error": ("t",), "sized": (0, 0, 0), "turned": (0, "to"),
    "sent": (0, 0, 0, True), "swept": (0,), "helper_started": (0, "t"),
    "helper_ended": (0, "t", 1.5, "t"), "notified": (0, 1.5), "exit": (0,), "signal": (0, 0, 0, "t"),
    "oom": (0,), "command": (0, 0, 0, 0, 0), "exec_started": (0, 0), "exec_ended": (0, 0, 0, 0, "t"),
    "reaped": (0, "t", 0, 0, 0, True, 0), "missed": (0, 0, 0, 0),
}  # fmt: skip
VALUES = {
    int: st.integers(-1, 66),
    float: st.integers(0, 2),
    bool: st.booleans(),
    str: st.sampled_from(["<b>&\"'", "", "]]>", "\x1b[1m"]),
}
EVENTS = st.sampled_from(sorted(KINDS)).flatmap(
    lambda kind: st.tuples(
        st.just(kind),
        *(st.sampled_from(["stop", "started", "ready", "not ready"]) if field == "to" else VALUES[type(field)]
          for field in KINDS[kind]),
    )
)  # fmt: skip
SAID = st.sampled_from([
    ("said", "grace over"), ("said", "grace over", 1, 3.0), ("said", "restart limit", 1, 3, 1),
    ("said", "listener", "x", True),
    ("said", "init failed", 0, 9, 0, "Error", 9), ("said", "probe failed", 2, "liveness", 1, ""), ("said", "deadline"),
    ("said", "hook failed", 1, "pre_stop", "no"), ("said", "no daemon", 1, 60.0), ("said", "killed", 2, 9, False),
    ("suspects", 2, 0), ("suspects", 2, 1, (7, 0, "<i>")),
])  # fmt: skip


class Strict(HTMLParser):
    """A parser that requires each open tag to be closed again."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        self.seen.add(tag)
        if tag not in ("meta", "input", "link"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: Any) -> None:
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag


@settings(max_examples=150)
@given(st.lists(st.one_of(EVENTS, SAID), max_size=30), st.booleans(), st.sampled_from([None, 0, 137]))
def test_any_events_give_a_report_in_every_format(events: list[Any], single: bool, code: int | None) -> None:
    """The oldest events may be lost, so a report may not rely on any event."""
    made = document(events, code, single, output={"main": ["<script>alert(1)</script>"]})
    assert text.lines(made)
    xml.fromstring(timeline.draw(made).replace("\x1b", ""))
    parser = Strict()
    parser.feed(page.make(made))
    assert not parser.open and not {"b", "i"} & (parser.seen - {"b"}) and "<script>alert" not in page.make(made)
