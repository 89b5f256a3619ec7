"""One session of the control line: a request, its answer, and a deadline. Runs in a child that PID 1 has forked.

It holds a snapshot of all that PID 1 knew at the fork, and the record's memory, which goes on. One request is one line
of JSON; each answer is one, too, and the last has "ok". Who may ask is root and pidone's own user.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import struct
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from pidone.desk.loop import GroupLoop

from pidone.aside import gather, guest
from pidone.desk.control import RELOAD
from pidone.desk.output import tail
from pidone.init.plan import INIT, PRIMARY, ROLES, SIDECAR
from pidone.init.signals import name as signal_name
from pidone.init.signals import number as signal_number
from pidone.pod import status
from pidone.pod.member import RUNNING
from pidone.pod.steer import RESTART_ONE, SIGNAL_ONE, START_ONE, STOP_ALL, STOP_ONE
from pidone.report import facts, replay

#: Seconds to send the request in; to be answered in; that following may take.
ASKING, ANSWERING, FOLLOWING = 3, 30, 3600

#: Seconds that a reload may take until what has changed has ended.
TAKING_OVER = 120

#: Bytes of a request.
MOST = 1 << 16

#: Seconds between two looks at the record. Only who follows it looks, and PID 1 does nothing for that.
LOOK = 0.02


class Refused(Exception):
    """str(): why there is no answer."""


class Gone(Exception):
    """The client has hung up."""


def run(loop: GroupLoop, fd: int) -> None:
    """Until the answer is given, the client has hung up, or the time is over: then SIGALRM ends this process."""
    signal.alarm(ASKING)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    session = Session(loop, socket.socket(fileno=fd))
    try:
        session.answer(session.request())
    except Refused as refused:
        session.say({"ok": False, "error": str(refused)})
    except (Gone, OSError):
        pass


class Session:
    """peer: (pid, uid) of the client. fds: descriptors that came with the request."""

    def __init__(self, loop: GroupLoop, connection: socket.socket) -> None:
        self.loop = loop
        self.group = loop.group
        self.connection = connection
        connection.setblocking(True)
        data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        pid, uid, _ = struct.unpack("3i", data)
        self.peer = pid, uid
        self.fds: list[int] = []
        self.since = loop.record.number - 1

    # -- the line

    def request(self) -> dict[str, Any]:
        """Raises Refused, and Gone where none comes."""
        if self.peer[1] not in (0, os.getuid()):
            raise Refused(
                f"uid {self.peer[1]} may not: only root and pidone's own user (uid {os.getuid()}) command here"
            )
        data = b""
        while b"\n" not in data:
            if len(data) >= MOST:
                raise Refused(f"a request of more than {MOST} bytes")
            part, fds, _, _ = socket.recv_fds(self.connection, MOST - len(data), 3)
            self.fds += fds
            if not part:
                raise Gone
            data += part
        try:
            made = json.loads(data.partition(b"\n")[0])
        except (ValueError, RecursionError):
            raise Refused("the request is no JSON") from None
        if not isinstance(made, dict) or not isinstance(made.get("do"), str):
            raise Refused("the request says not what is to be done")
        return made

    def say(self, answer: dict[str, Any]) -> None:
        self.connection.sendall(json.dumps(answer).encode() + b"\n")

    def gone(self) -> bool:
        """Has the client hung up? It has nothing more to say."""
        ready = select.select([self.connection], [], [], 0)[0]
        return bool(ready) and not self.connection.recv(1, socket.MSG_PEEK)

    def answer(self, request: dict[str, Any]) -> None:
        verb = ANSWERS.get(request["do"])
        if verb is None:
            raise Refused(f"there is no '{request['do']}' here")
        signal.alarm(ANSWERING)
        try:
            verb(self, request)
        except (KeyError, TypeError, AttributeError) as error:
            raise Refused(f"the request lacks something: {error}") from None

    # -- names

    def member(self, name: Any) -> int:
        names = [process.name for process in self.loop.plan.processes]
        if name in names:
            return names.index(name)
        import difflib

        close = difflib.get_close_matches(str(name), names, 1)
        there = f"; is it '{close[0]}'?" if close else f"; there are: {', '.join(names[:20])}"
        raise Refused(f"no process '{name}'{there}")

    # -- looking

    def status(self, request: dict[str, Any]) -> None:
        self.say({"ok": True, "status": snapshot(self.loop)})

    def report(self, request: dict[str, Any]) -> None:
        self.say({"ok": True, "report": gather.document(self.loop, None)})

    def health(self, request: dict[str, Any]) -> None:
        """Is all of the group ready? If not, why not, in one line."""
        group, names = self.group, [process.name for process in self.loop.plan.processes]
        wrong = [
            f"{names[index]} is {status.show(status.state(group, index))}"
            for index, member in enumerate(group.members)
            if not (member.passed if member.role == INIT else status.ready(group, index))
        ]
        self.say({"ok": True, "healthy": not wrong, "why": "; ".join(wrong[:5])})

    def events(self, request: dict[str, Any]) -> None:
        """What the record has, and, if asked to follow, what comes."""
        eras = gather.eras(self.loop)
        since = int(request.get("since", -1))
        for event in replay.events(self.loop.record.memory, since):
            self.say({"event": facts.event(event, facts.names_at(eras, event[0]))})
            since = event[0]
        if request.get("follow"):
            signal.alarm(FOLLOWING)
            for event in self.following(since):
                if event[2:] == ("turned", -1, "reloaded"):
                    break  # the numbers are others' from here on: whoever follows asks anew
                self.say({"event": facts.event(event, facts.names_at(eras, event[0]))})
                since = event[0]
            self.say({"ok": True, "since": since})
            return
        self.say({"ok": True})

    def following(self, since: int, seconds: float = FOLLOWING) -> Iterator[replay.Event]:
        """Events as they come, until the client is gone or the time is over."""
        end = time.monotonic() + seconds
        seen: tuple[int, int] | None = None
        while time.monotonic() < end:
            now = replay.counts(self.loop.record.memory)
            if now != seen:
                seen = now
                for event in replay.events(self.loop.record.memory, since):
                    yield event
                    since = event[0]
            if self.gone():
                raise Gone
            time.sleep(LOOK)

    def logs(self, request: dict[str, Any]) -> None:
        """The last lines of carried output, and, if asked to follow, what comes: {"name", "data"} a piece."""
        output = self.loop.output
        streams = output.streams() if output is not None else []
        if request.get("name") is not None:
            wanted = self.member(request["name"])
            streams = [stream for stream in streams if stream[0] == wanted]
        if output is None or not streams:
            raise Refused('pidone carries no such output: log = "prefix" in the file lets it')
        places = {[one[0] for one in output.streams()].index(index): index for index, _ in streams}
        counts = {}
        for place, index in places.items():
            counts[place], data = tail(output.tails, place)
            kept = data.splitlines(True)[-int(request.get("lines", 20)) :] if request.get("lines", 20) else []
            self.piece(index, b"".join(kept))
        if request.get("follow"):
            signal.alarm(FOLLOWING)
        while request.get("follow") and not self.gone():
            for place, index in places.items():
                count, data = tail(output.tails, place)
                if count != counts[place]:
                    new, counts[place] = count - counts[place], count
                    self.piece(index, data[-min(new, len(data)) :])
            time.sleep(LOOK)
        self.say({"ok": True})

    def piece(self, index: int, data: bytes) -> None:
        if data:
            text = data.decode("utf-8", "backslashreplace")
            self.say({"name": self.loop.plan.processes[index].name, "data": text})

    def wait(self, request: dict[str, Any]) -> None:
        """Until a process is started, ready or has ended: "reached", or not within the time."""
        index, until = self.member(request["name"]), request["until"]
        if until not in ("started", "ready", "exited"):
            raise Refused(f"wait until started, ready or exited, not {until}")
        timeout = min(float(request.get("timeout", FOLLOWING)), FOLLOWING)
        signal.alarm(int(timeout) + 2)
        self.say({"ok": True, "reached": self.reached(index, until, timeout)})

    def reached(self, index: int, until: str, timeout: float) -> bool:
        member = self.group.members[index]
        now = {"started": member.started, "ready": status.ready(self.group, index), "exited": not member.alive}[until]
        if now and (until != "exited" or member.last is not None):
            return True
        if member.role == INIT and member.passed:
            return True
        for event in self.following(self.since, timeout):
            kind, rest = event[2], event[3:]
            if kind == "turned" and rest == (index, until):
                return True
            if kind in ("exited", "failed") and rest[0] == index and (until == "exited" or member.role == INIT):
                return True
            if kind == "turned" and rest == (-1, "stop") and until != "exited":
                raise Refused("the group stops")
        return False

    # -- commanding

    def command(self, verb: int, index: int = 0, number: int = 0) -> None:
        """Send it, and wait until PID 1 has noted it."""
        words = (verb, index, number, *self.peer, self.loop.generation)
        assert self.loop.control is not None
        os.write(self.loop.control.writing, b"".join(word.to_bytes(4, "big") for word in words))
        for event in self.following(self.since, 5.0):
            if event[2] == "command" and event[3:] == words[:5]:
                self.since = event[0]
                return
        raise Refused("pidone has not taken the command; the file may have been read again meanwhile")

    def signal(self, request: dict[str, Any]) -> None:
        index = self.member(request["name"])
        try:
            number = signal_number(str(request["signal"]))
        except ValueError as error:
            raise Refused(str(error)) from None
        if not self.group.members[index].alive:
            raise Refused(f"{request['name']} does not run")
        self.command(SIGNAL_ONE, index, number)
        self.say({"ok": True})

    def stop(self, request: dict[str, Any]) -> None:
        if request.get("name") is None:
            signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM,))  # the sweep's: the answer comes before our end
            self.command(STOP_ALL)
            self.say({"ok": True})
            return
        index = self.member(request["name"])
        role = self.group.members[index].role
        if role != SIDECAR:
            why = {
                PRIMARY: "its end is the group's: pidonectl stop without a name stops all",
                INIT: "it runs to its end",
            }
            raise Refused(f"{request['name']} is the {ROLES[role]}: {why[role]}")
        running = self.group.members[index].alive
        self.command(STOP_ONE, index)
        if running:
            self.await_one("exited", index)
        self.say({"ok": True})

    def start(self, request: dict[str, Any]) -> None:
        self.begin(request, START_ONE)

    def restart(self, request: dict[str, Any]) -> None:
        self.begin(request, RESTART_ONE)

    def begin(self, request: dict[str, Any], verb: int) -> None:
        index = self.member(request["name"])
        member = self.group.members[index]
        if member.role == INIT and (member.passed or verb == RESTART_ONE):
            raise Refused(f"{request['name']} is an init step: it runs once")
        if verb == START_ONE and member.state == RUNNING and not member.parked:
            raise Refused(f"{request['name']} runs already, as pid {self.loop.pids.get(index)}")
        if not member.alive and not member.down:
            raise Refused(f"{request['name']} waits for its turn: nothing starts before what stands before it")
        self.command(verb, index)
        self.await_one("execed", index)
        self.say({"ok": True})

    def await_one(self, kind: str, index: int) -> None:
        """Until that has come of it; its failing is an answer, too."""
        for event in self.following(self.since, ANSWERING - 2):
            if event[2] == kind and event[3] == index:
                return
            if event[2] == "failed" and event[3] == index:
                raise Refused(f"it could not be started: {event[5]}")
            if event[2] == "turned" and event[3:] == (-1, "stop"):
                raise Refused("the group stops")
        raise Refused("the command is taken, and nothing has come of it yet; pidonectl status tells")

    def reload(self, request: dict[str, Any]) -> None:
        """A broken file changes nothing, and all its errors are the answer; a good one's when it has taken over."""
        wrong = self.wrong_file()
        if wrong:
            self.say({"ok": False, "error": wrong[0], "errors": wrong})
            return
        signal.alarm(TAKING_OVER + 2)
        self.command(RELOAD)
        for event in self.following(self.since, TAKING_OVER):
            if event[2:] == ("turned", -1, "reloaded"):
                self.say({"ok": True})
                return
            if event[2:] == ("turned", -1, "not reloaded"):
                raise Refused("the group stops, or reads its file already; or the file is no longer what it was")
        raise Refused("what has changed is still being ended; pidonectl status tells")

    def wrong_file(self) -> list[str]:
        """Every error of the file, as `pidonectl check` has them."""
        from pidone.declare import answer
        from pidone.declare.read import Wrong, read
        from pidone.declare.resolve import Resolver

        wanted = self.loop.wanted
        assert wanted.config is not None
        path = os.path.join(self.loop.inherited.cwd or b"/", wanted.config)
        name = os.fsdecode(path)
        try:
            Resolver(answer.checked(read(name)), os.path.dirname(name)).resolve()
        except Wrong as wrong:
            return [line.partition("pidone: ")[2] for line in answer.lines(name, wrong.errors)]
        return []

    def exec(self, request: dict[str, Any]) -> None:
        signal.alarm(0)  # from here on it lives as long as its client
        guest.run(self, request)


ANSWERS = {
    name: getattr(Session, name)
    for name in (
        "status",
        "report",
        "health",
        "events",
        "logs",
        "wait",
        "signal",
        "stop",
        "start",
        "restart",
        "reload",
        "exec",
    )
}


def snapshot(loop: GroupLoop) -> dict[str, Any]:
    """The group's state in the kubelet's words (S94-S100)."""
    group, now = loop.group, time.monotonic()
    names = [process.name for process in loop.plan.processes]
    processes = []
    for index, member in enumerate(group.members):
        state, rest = status.state(group, index)
        last = status.last_state(group, index)
        processes.append({
            "name": loop.plan.processes[index].name, "role": ROLES[member.role], "state": state,
            "reason": rest[0] if state != "running" else None, "pid": loop.pids.get(index),
            "exit_code": rest[1] if state == "terminated" else None,
            "signal": signal_name(rest[2]) if state == "terminated" and rest[2] else None,
            "started": member.started, "ready": status.ready(group, index), "restarts": member.restarts,
            "parked": member.parked, "for": round(now - member.born, 3) if member.alive else None,
            "last": None if last is None else {"reason": last[1][0], "exit_code": last[1][1]},
        })  # fmt: skip
    return {
        "group": loop.plan.name, "phase": status.phase(group), "lived": round(now - loop.began, 3), "pid": os.getppid(),
        "exits": [[names[member], code, count] for (member, code), count in sorted(loop.tally.exits.items())],
        "probes": [
            [names[member], what, answer, count, round(took, 6)]
            for (member, what, answer), (count, took) in sorted(loop.tally.probes.items())
        ],
        "processes": processes, "orphans": loop.orphans, "sessions": len(loop.control.sessions) if loop.control else 0,
        "conditions": {key: {"status": value, "reason": why} for key, (value, why) in status.conditions(group).items()},
    }  # fmt: skip
