"""What a session of the control line tells: states, health, events, output, and when something has come to be."""

from __future__ import annotations

import bisect
import codecs
import io
import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pidone.group.process import Process
    from pidone.helpers.control.session import Session
    from pidone.supervisor.loop import GroupLoop

from pidone.group import status as words
from pidone.helpers import state as gather
from pidone.helpers.control.session import FOLLOWING, LOOK, Refused, Reloaded
from pidone.init.plan import INIT, ROLES
from pidone.init.signals import name as signal_name
from pidone.report import facts, replay
from pidone.supervisor.output import marks, tail


def status(session: Session, request: dict[str, Any]) -> None:
    session.say({"ok": True, "status": snapshot(session.loop)})


def report(session: Session, request: dict[str, Any]) -> None:
    session.say({"ok": True, "report": gather.document(session.loop, None)})


def health(session: Session, request: dict[str, Any]) -> None:
    """Is all of the group ready? If not, why not, in one line."""
    group = session.group
    wrong = [
        f"{member.declared.name} is {words.show(words.state(group, place))}"
        for place, member in enumerate(group.members)
        if not (member.passed if member.role == INIT else words.ready(group, place))
    ]
    session.say({"ok": True, "healthy": not wrong, "why": "; ".join(wrong[:5])})


def events(session: Session, request: dict[str, Any]) -> None:
    """What the record has, and, if asked to follow, what comes."""
    names = gather.names(session.loop)
    since = request.get("since", -1)
    for event in replay.events(session.loop.record.memory, since):
        session.say({"event": facts.event(event, names)})
        since = event[0]
    if request.get("follow"):
        session.go_on(FOLLOWING)
        for event in session.following(since):
            session.say({"event": facts.event(event, names)})
    session.say({"ok": True})


def logs(session: Session, request: dict[str, Any]) -> None:
    """The last lines of carried output, and, if asked to follow, what comes: {"name", "data"} a piece."""
    output = session.loop.output
    places = {place: index for place, (index, _) in enumerate(output.streams())} if output is not None else {}
    if request.get("name") is not None:
        wanted = session.member(request["name"]).id
        places = {place: index for place, index in places.items() if index == wanted}
    if output is None or not places:
        raise Refused('pidone carries no such output: write log = "prefix" into the file')
    counts = {place: tail(output.tails, place)[0] for place in places}
    lines = last_lines(output.tails, counts)
    # The first bytes of a character wait for the rest.
    decoders = {place: codecs.getincrementaldecoder("utf-8")("backslashreplace") for place in places}
    for place, data in lines[-request.get("lines", 20) :] if request.get("lines", 20) else []:
        piece(session, places[place], decoders[place].decode(data, final=not request.get("follow")))
    if request.get("follow"):
        session.go_on(FOLLOWING)
        follow_logs(session, output.tails, places, counts, decoders)
    session.say({"ok": True})


def last_lines(tails: Any, counts: dict[int, int]) -> list[tuple[int, bytes]]:
    """(place, line) of all that the tails have, in the order in which they came. counts: {place: bytes so far}."""
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
    """counts, decoders: of each place, as far as its output is shown."""
    while not session.gone():
        for event in replay.events(session.loop.record.memory, session.since):
            if event[2:5] == ("turned", -1, "reloaded"):
                raise Reloaded
            if event[2:] == ("turned", -1, "not following", os.getpid()):
                raise Refused("sixteen clients follow already; end one of them first")
        for place, index in places.items():
            count, data = tail(tails, place)
            if count != counts[place]:
                new, counts[place] = count - counts[place], count
                piece(session, index, decoders[place].decode(data[-min(new, len(data)) :]))
        time.sleep(LOOK)


def piece(session: Session, index: int, text: str) -> None:
    if text and index in session.group.by_id:
        session.say({"name": session.loop.declared(index).name, "data": text})


def wait(session: Session, request: dict[str, Any]) -> None:
    """Until a process is started, ready or has ended: "reached", or not within the time."""
    member, until = session.member(request["name"]), request["until"]
    if until not in ("started", "ready", "exited"):
        raise Refused(f"wait until started, ready or exited, not {until}")
    timeout = min(request.get("timeout", FOLLOWING), FOLLOWING)
    session.go_on(timeout)
    session.say({"ok": True, "reached": reached(session, member, until, timeout)})


def reached(session: Session, member: Process, until: str, timeout: float) -> bool:
    place, index = member.place, member.id
    now = {"started": member.started, "ready": words.ready(session.group, place), "exited": not member.alive}[until]
    if now and (until != "exited" or member.last is not None):
        return True
    if (member.role == INIT and member.passed) or (until != "exited" and words.completed(session.group, place)):
        return True
    for event in session.following(session.since, timeout):
        kind, rest = event[2], event[3:]
        if kind == "turned" and rest == (index, until):
            return True
        over = kind in ("exited", "failed") and rest[0] == index and (until == "exited" or member.role == INIT)
        if over and (kind == "failed" or not may_be_followed(session, member, event[0])):
            return True
        if kind == "turned" and rest == (-1, "stop") and until != "exited":
            raise Refused("the group stops")
    return False


def may_be_followed(session: Session, member: Process, since: int) -> bool:
    """After the end of one with a pid_file: has another process taken its place?"""
    if member.policy.pid_file is None:
        return False
    for event in session.following(since, 2 * session.loop.plan.window):
        if event[2:4] == ("followed", member.id):
            return True
        if event[2:5] == ("ended", member.id, "follow"):
            return False
    return False


def snapshot(loop: GroupLoop) -> dict[str, Any]:
    """The group's state in the kubelet's words (S94-S100)."""
    group, now = loop.group, time.monotonic()
    names = loop.names
    control = loop.control
    sessions = len(control.sessions) + len(control.followers) if control is not None else 0
    processes = []
    for index, member in enumerate(group.members):
        state, rest = words.state(group, index)
        last = words.last_state(group, index)
        processes.append({
            "name": member.declared.name, "role": ROLES[member.role], "state": state,
            "reason": rest[0] if state != "running" else None, "pid": loop.pids.get(member.id),
            "exit_code": rest[1] if state == "terminated" else None,
            "signal": signal_name(rest[2]) if state == "terminated" and rest[2] else None,
            "started": member.started, "ready": words.ready(group, index), "restarts": member.restarts,
            "parked": member.parked, "for": round(now - member.started_at, 3) if member.alive else None,
            "last": None if last is None else {"reason": last[1][0], "exit_code": last[1][1]},
        })  # fmt: skip
    return {
        "group": loop.plan.name, "phase": words.phase(group), "lived": round(now - loop.began, 3), "pid": os.getppid(),
        "exits": [[names[member][0], code, count] for (member, code), count in sorted(loop.tally.exits.items())],
        "probes": [
            [names[member][0], what, answer, count, round(took, 6)]
            for (member, what, answer), (count, took) in sorted(loop.tally.probes.items())
        ],
        "processes": processes, "orphans": loop.orphans, "sessions": sessions,
        "guests": len(control.guests) if control is not None else 0, "longest_wait": round(loop.tally.longest, 6),
        "conditions": {key: {"status": value, "reason": why} for key, (value, why) in words.conditions(group).items()},
    }  # fmt: skip


#: What is asked -> who answers.
ANSWERS = {
    "status": status, "report": report, "health": health, "events": events, "logs": logs, "wait": wait,
}  # fmt: skip
