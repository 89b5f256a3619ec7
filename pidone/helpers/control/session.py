"""One session of the control socket: its connection, and what it knows of the group.

It holds a snapshot of all that PID 1 knew at the fork, and the record's memory, which PID 1 keeps
writing. A request is one line of JSON. So is each answer, and the last one has "ok".
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

    from pidone.helpers.snapshot import GroupSnapshot, ProcessState

from pidone.control.protocol import EXEC, FOLLOW, SCHEMA, SESSIONS
from pidone.report import replay

#: Seconds for the client to send its request; for the answer; for following.
REQUEST_TIMEOUT, ANSWER_TIMEOUT, FOLLOWING = 1, 30, 3600

#: Bytes of a request.
MAX_REQUEST = 1 << 16

#: Seconds between two checks of the record. Only a session that follows the record checks it, and
#: PID 1 does nothing for that.
POLL_INTERVAL = 0.02


class RequestError(Exception):
    """The request is refused. str(): why."""


class ReloadedError(Exception):
    """The file was read again, so there may be processes that this session does not know."""


class DisconnectedError(Exception):
    """The client has hung up."""


class Session:
    """One client's session.

    known: the group, as at the fork.
    connection: the client's socket.
    peer: (pid, uid) of the client.
    fds: descriptors that came with the request.
    since: the number of the latest event that the session knows.
    """

    def __init__(self, known: GroupSnapshot, connection: socket.socket) -> None:
        self.known = known
        self.connection = connection
        connection.setblocking(True)
        data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        pid, uid, _ = struct.unpack("3i", data)
        self.peer = pid, uid
        self.fds: list[int] = []
        self.since = known.latest

    # -- the connection

    def request(self) -> dict[str, Any]:
        """Read the request. Raises RequestError, and DisconnectedError where none comes."""
        data, end = b"", time.monotonic() + REQUEST_TIMEOUT
        while b"\n" not in data:
            if len(data) >= MAX_REQUEST:
                raise RequestError(f"the request has more than {MAX_REQUEST} bytes")
            # Not a timer's signal: data that has arrived must count, however late a busy machine
            # runs this process.
            if not select.select([self.connection], [], [], max(0.0, end - time.monotonic()))[0]:
                if data:
                    raise RequestError(f"incomplete request: no newline within {REQUEST_TIMEOUT} s")
                raise DisconnectedError
            part, fds, _, _ = socket.recv_fds(self.connection, MAX_REQUEST - len(data), 3)
            self.fds += fds
            if not part and not data:
                raise DisconnectedError
            data += part or b"\n"  # a client that ends its side has sent all
        try:
            made = json.loads(data.partition(b"\n")[0])
        except (ValueError, RecursionError):
            raise RequestError("the request is not JSON") from None
        if not isinstance(made, dict) or not isinstance(made.get("do"), str):
            raise RequestError('the request has no "do"')
        return made

    def send(self, verb: int, index: int, number: int) -> tuple[int, ...]:
        """Send a command to PID 1. Return it as PID 1 will record it."""
        command = (verb, index, number, *self.peer)
        os.write(self.known.commands, b"".join(word.to_bytes(4, "big") for word in command))
        return command

    def go_on(self, seconds: float) -> None:
        """Tell PID 1 that this session will take a while.

        PID 1 then counts it as a follower, so that it does not keep other clients waiting.
        """
        signal.alarm(int(seconds) + 2)
        self.send(FOLLOW, 0, os.getpid())

    def send_answer(self, answer: dict[str, Any]) -> None:
        """Send one answer. The last one has "ok", and names its schema."""
        if "ok" in answer:
            answer = {"schema": SCHEMA, **answer}
        self.connection.sendall(json.dumps(answer).encode() + b"\n")

    def has_hung_up(self) -> bool:
        """Return whether the client has hung up.

        A client that has only ended its own side, as `nc -N`, still listens: poll(2), POLLRDHUP.
        """
        line = select.poll()
        line.register(self.connection, 0)  # poll(2) always reports POLLHUP
        return bool(line.poll(0))

    def command(self, verb: int, id: int = 0, number: int = 0) -> None:
        """Send a command to PID 1, and wait until PID 1 has recorded it. Raises RequestError."""
        command = self.send(verb, id, number)
        for event in self.following(self.since, 5.0, raise_on_reload=False):
            if verb == EXEC and event[2:] == ("turned", -1, "exec refused", number):
                raise RequestError(f"{SESSIONS} exec sessions already run; end one of them first")
            if event[2] == "command" and event[3:] == command:
                self.since = event[0]
                return
        raise RequestError("pidone did not accept the command; the file may have been reloaded meanwhile")

    # -- names

    def process(self, name: Any) -> ProcessState:
        names = [process.name for process in self.known.processes]
        if name in names:
            return self.known.processes[names.index(name)]
        import difflib

        close = difflib.get_close_matches(str(name), names, 1)
        there = f"; is it '{close[0]}'?" if close else f"; there are: {', '.join(names[:20])}"
        raise RequestError(f"no process '{name}'{there}")

    def following(self, since: int, seconds: float = FOLLOWING, raise_on_reload: bool = True) -> Iterator[replay.Event]:
        """Yield events as they come, until the time is over.

        Raises DisconnectedError when the client has hung up, RequestError where too many clients
        follow, and with `heeds_reload` ReloadedError after a reload.
        """
        end = time.monotonic() + seconds
        seen: tuple[int, ...] | None = None
        while time.monotonic() < end:
            now = replay.counts(self.known.common.memory)
            if now != seen:
                seen = now
                for event in replay.events(self.known.common.memory, since):
                    yield event
                    since = event[0]
                    if raise_on_reload and event[2:5] == ("turned", -1, "reloaded"):
                        raise ReloadedError
                    if event[2:] == ("turned", -1, "follow refused", os.getpid()):
                        raise RequestError("sixteen clients already follow; close one of them first")
            if self.has_hung_up():
                raise DisconnectedError
            time.sleep(POLL_INTERVAL)
