"""What a session of the control socket answers: states, health, events, output, and waits."""

from __future__ import annotations

import bisect
import codecs
import io
import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pidone.helpers.control.session import Session
    from pidone.helpers.snapshot import ProcessState

from pidone.helpers import document
from pidone.helpers.control.session import FOLLOWING, POLL_INTERVAL, ReloadedError, RequestError
from pidone.helpers.tails import marks, tail
from pidone.init.plan import INIT
from pidone.report import replay
from pidone.report.events import named


def status(session: Session, request: dict[str, Any]) -> None:
    session.send_answer({"ok": True, "status": session.known.as_json()})


def report(session: Session, request: dict[str, Any]) -> None:
    session.send_answer({"ok": True, "report": document.make(session.known.common, None)})


def health(session: Session, request: dict[str, Any]) -> None:
    """Answer whether all of the group is ready, and if not, why, in one line."""
    wrong = [
        f"{process.name} is {process.state_text}"
        for process in session.known.processes
        if not (process.passed if process.role == INIT else process.ready)
    ]
    session.send_answer({"ok": True, "healthy": not wrong, "why": "; ".join(wrong[:5])})


def events(session: Session, request: dict[str, Any]) -> None:
    """Send the events of the record, and with `follow` new events as they come."""
    names = session.known.common.names
    since = request.get("since", -1)
    for event in replay.events(session.known.common.memory, since):
        session.send_answer({"event": named(event, names)})
        since = event[0]
    if request.get("follow"):
        session.go_on(FOLLOWING)
        for event in session.following(since):
            session.send_answer({"event": named(event, names)})
    session.send_answer({"ok": True})


def logs(session: Session, request: dict[str, Any]) -> None:
    """Send the last lines of carried output, and with `follow` new output as it comes.

    Each piece is {"name", "data"}.
    """
    streams, tails = session.known.common.output
    places = {place: id for place, (id, _) in enumerate(streams)}
    if request.get("name") is not None:
        wanted = session.process(request["name"]).id
        places = {place: id for place, id in places.items() if id == wanted}
    if not places:
        raise RequestError('pidone does not carry that output; set log = "prefix" in the file')
    counts = {place: tail(tails, place)[0] for place in places}
    lines = last_lines(tails, counts)
    # The decoders keep the first bytes of a character until the rest comes.
    decoders = {place: codecs.getincrementaldecoder("utf-8")("backslashreplace") for place in places}
    for place, data in lines[-request.get("lines", 20) :] if request.get("lines", 20) else []:
        piece(session, places[place], decoders[place].decode(data, final=not request.get("follow")))
    if request.get("follow"):
        session.go_on(FOLLOWING)
        follow_logs(session, tails, places, counts, decoders)
    session.send_answer({"ok": True})


def last_lines(tails: Any, counts: dict[int, int]) -> list[tuple[int, bytes]]:
    """Return (place, line) of every line in the tails, in the order in which they came.

    counts: {place: bytes so far}, which this brings up to date.
    """
    found: list[tuple[int, int, int, bytes]] = []
    for place in counts:
        count, data = tail(tails, place)
        counts[place] = count
        known = marks(tails, place)
        ends = [mark[1] for mark in known]
        end = count - len(data)
        for line in io.BytesIO(data):
            end += len(line)
            at = bisect.bisect_left(ends, end)
            when = known[min(at, len(known) - 1)][0] if known else 0
            found.append((when, end, place, line))
    found.sort(key=lambda one: one[0])
    return [(place, line) for _, _, place, line in found]


def follow_logs(
    session: Session, tails: Any, places: dict[int, int], counts: dict[int, int], decoders: dict[int, Any]
) -> None:
    """Send new output as it comes, until the client hangs up.

    counts, decoders: {place: ...}, as far as its output is sent.
    """
    while not session.has_hung_up():
        for event in replay.events(session.known.common.memory, session.since):
            if event[2:5] == ("turned", -1, "reloaded"):
                raise ReloadedError
            if event[2:] == ("turned", -1, "follow refused", os.getpid()):
                raise RequestError("sixteen clients already follow; close one of them first")
        for place, index in places.items():
            count, data = tail(tails, place)
            if count != counts[place]:
                new, counts[place] = count - counts[place], count
                piece(session, index, decoders[place].decode(data[-min(new, len(data)) :]))
        time.sleep(POLL_INTERVAL)


def piece(session: Session, index: int, text: str) -> None:
    if text and index in session.known.by_id:
        session.send_answer({"name": session.known.by_id[index].name, "data": text})


def wait(session: Session, request: dict[str, Any]) -> None:
    """Wait until a process is started, is ready or has exited.

    The answer has "reached": whether this came within the time.
    """
    process, until = session.process(request["name"]), request["until"]
    if until not in ("started", "ready", "exited"):
        raise RequestError(f"until = {until}: expected started, ready or exited")
    timeout = min(request.get("timeout", FOLLOWING), FOLLOWING)
    session.go_on(timeout)
    session.send_answer({"ok": True, "reached": reached(session, process, until, timeout)})


def reached(session: Session, process: ProcessState, until: str, timeout: float) -> bool:
    index = process.id
    now = {"started": process.started, "ready": process.ready, "exited": not process.alive}[until]
    if now and (until != "exited" or process.ended):
        return True
    if (process.role == INIT and process.passed) or (until != "exited" and process.completed):
        return True
    for event in session.following(session.since, timeout):
        kind, rest = event[2], event[3:]
        if kind == "turned" and rest == (index, until):
            return True
        over = kind in ("exited", "failed") and rest[0] == index and (until == "exited" or process.role == INIT)
        if over and (kind == "failed" or not may_be_followed(session, process, event[0])):
            return True
        if kind == "turned" and rest == (-1, "stop") and until != "exited":
            raise RequestError("the group stops")
    return False


def may_be_followed(session: Session, process: ProcessState, since: int) -> bool:
    """Return whether another process takes the place of one that has ended.

    This is possible only for a process with a pid_file.
    """
    if not process.has_pid_file:
        return False
    for event in session.following(since, 2 * session.known.common.minimum_grace):
        if event[2:4] == ("main_pid", process.id):
            return True
        if event[2:5] == ("helper_ended", process.id, "main_pid"):
            return False
    return False


#: {verb: the function that answers it}
ANSWERS = {
    "status": status, "report": report, "health": health, "events": events, "logs": logs, "wait": wait,
}  # fmt: skip
