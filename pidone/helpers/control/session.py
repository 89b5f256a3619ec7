"""One session of the control socket: its connection, and what it knows of the group.

It holds a snapshot of all that PID 1 knew at the fork, and the record's memory, which goes on. One request is one line
of JSON; each answer is one, too, and the last has "ok".
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

from pidone.control.protocol import EXEC, FOLLOW, SESSIONS
from pidone.report import replay

#: Seconds to send the request in; to be answered in; that following may take.
ASKING, ANSWERING, FOLLOWING = 1, 30, 3600

#: Bytes of a request.
MAX_REQUEST = 1 << 16

#: Seconds between two looks at the record. Only who follows it looks, and PID 1 does nothing for that.
POLL_INTERVAL = 0.02


class RequestError(Exception):
    """str(): why there is no answer."""


class ReloadedError(Exception):
    """The file has been read again: there may be processes that this session does not know."""


class DisconnectedError(Exception):
    """The client has hung up."""


class Session:
    """known: the group, at the fork. peer: (pid, uid) of the client. fds: descriptors that came with the request."""

    def __init__(self, known: GroupSnapshot, connection: socket.socket) -> None:
        self.known = known
        self.connection = connection
        connection.setblocking(True)
        data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        pid, uid, _ = struct.unpack("3i", data)
        self.peer = pid, uid
        self.fds: list[int] = []
        self.since = known.latest

    # -- the line

    def request(self) -> dict[str, Any]:
        """Raises Refused, and Gone where none comes."""
        data, end = b"", time.monotonic() + ASKING
        while b"\n" not in data:
            if len(data) >= MAX_REQUEST:
                raise RequestError(f"the request has more than {MAX_REQUEST} bytes")
            # Not a timer's signal: what has come must count, however late a busy machine lets us look.
            if not select.select([self.connection], [], [], max(0.0, end - time.monotonic()))[0]:
                if data:
                    raise RequestError(f"incomplete request: no newline within {ASKING} s")
                raise DisconnectedError
            part, fds, _, _ = socket.recv_fds(self.connection, MAX_REQUEST - len(data), 3)
            self.fds += fds
            if not part and not data:
                raise DisconnectedError
            data += part or b"\n"  # who says no more has said all of it
        try:
            made = json.loads(data.partition(b"\n")[0])
        except (ValueError, RecursionError):
            raise RequestError("the request is not JSON") from None
        if not isinstance(made, dict) or not isinstance(made.get("do"), str):
            raise RequestError('the request has no "do"')
        return made

    def send(self, verb: int, index: int, number: int) -> tuple[int, ...]:
        """A command to PID 1, as it will note it."""
        command = (verb, index, number, *self.peer)
        os.write(self.known.commands, b"".join(word.to_bytes(4, "big") for word in command))
        return command

    def go_on(self, seconds: float) -> None:
        """It will take a while: it is no longer one of those that keep others waiting."""
        signal.alarm(int(seconds) + 2)
        self.send(FOLLOW, 0, os.getpid())

    def say(self, answer: dict[str, Any]) -> None:
        self.connection.sendall(json.dumps(answer).encode() + b"\n")

    def gone(self) -> bool:
        """Has the client hung up? One that only says no more, as `nc -N`, still listens: poll(2), POLLRDHUP."""
        line = select.poll()
        line.register(self.connection, 0)  # POLLHUP comes unasked
        return bool(line.poll(0))

    def command(self, verb: int, id: int = 0, number: int = 0) -> None:
        """Send it to PID 1, and wait until that has noted it. Raises Refused."""
        command = self.send(verb, id, number)
        for event in self.following(self.since, 5.0, heeds_reload=False):
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

    def following(self, since: int, seconds: float = FOLLOWING, heeds_reload: bool = True) -> Iterator[replay.Event]:
        """Events as they come, until the client is gone or the time is over. Raises Reloaded, if it heeds that."""
        end = time.monotonic() + seconds
        seen: tuple[int, ...] | None = None
        while time.monotonic() < end:
            now = replay.counts(self.known.common.memory)
            if now != seen:
                seen = now
                for event in replay.events(self.known.common.memory, since):
                    yield event
                    since = event[0]
                    if heeds_reload and event[2:5] == ("turned", -1, "reloaded"):
                        raise ReloadedError
                    if event[2:] == ("turned", -1, "follow refused", os.getpid()):
                        raise RequestError("sixteen clients already follow; close one of them first")
            if self.gone():
                raise DisconnectedError
            time.sleep(POLL_INTERVAL)
