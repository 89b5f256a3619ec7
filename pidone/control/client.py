"""The client's end of the control socket: a request, and the answers to it."""

from __future__ import annotations

import argparse
import contextlib
import errno
import json
import os
import socket
import time
from collections.abc import Iterator
from typing import Any

from pidone.control.protocol import LONGEST, SCHEMA, places
from pidone.paths import is_own

#: Seconds that a client waits in the queue of a pidone that has too many clients.
PATIENCE = 30.0


class NoAnswerError(Exception):
    """There is no answer. str(): why, and what to do.

    code: the exit code of the client.
    """

    def __init__(self, text: str, code: int = 1) -> None:
        super().__init__(text)
        self.code = code


#: Errors of a write that pidone refused before it read the request: its answer is there and says
#: why.
CONNECTION_CLOSED = (BrokenPipeError, ConnectionResetError)


def add_socket(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--socket", metavar="PATH", default=argparse.SUPPRESS,  # a default here would replace one given before it
        help="of the control socket; default: $PIDONE_CONTROL, or where it is found",
    )  # fmt: skip


def connect(path: str | None, patience: float = PATIENCE) -> socket.socket:
    """Connect to the control socket. Raises NoAnswerError.

    patience: seconds to wait in its queue.
    """
    named = path or os.environ.get("PIDONE_CONTROL")
    tried = [os.fsencode(named)] if named else usual_places()
    wrong, forbidden = [], []
    for place in tried:
        if len(place) > LONGEST:
            raise NoAnswerError(f"{os.fsdecode(place)}: a socket's path has at most {LONGEST} bytes (unix(7))")
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            queue_up(line, place, patience)
            return line
        except OSError as error:
            line.close()
            if isinstance(error, PermissionError):
                forbidden.append(os.fsdecode(place))
            if not isinstance(error, FileNotFoundError) or named:
                wrong.append(f"{os.fsdecode(place)}: {(error.strerror or 'it does not answer').lower()}")
    if forbidden:
        text = "only root, pidone's own user and those in control = { look = [...], steer = [...] } of [group] may"
        raise NoAnswerError(f"uid {os.getuid()} may not use a control socket at {forbidden[0]}: {text}")
    why = "; ".join(wrong) or "there is no socket in the usual places"
    raise NoAnswerError(f"no pidone answers here: {why}; is a group running? a single command has no control socket")


def usual_places() -> list[bytes]:
    """Return the places of our user's pidone and of PID 1's user, where the directory is theirs.

    So a client that runs as root finds the pidone of an app's user.
    """
    runtime = os.environb.get(b"XDG_RUNTIME_DIR")
    uids = [os.getuid()]
    with contextlib.suppress(OSError):
        uids.append(os.stat("/proc/1").st_uid)
    found = [place for uid in uids for place in places(uid, runtime) if is_own(place, uid)]
    return list(dict.fromkeys(found))


def queue_up(line: socket.socket, place: bytes, patience: float) -> None:
    """Connect. Where the queue is full (EAGAIN, connect(2)), wait for at most `patience` seconds.

    Raises OSError.
    """
    end = time.monotonic() + patience
    line.setblocking(False)
    while True:
        try:
            line.connect(place)
            line.setblocking(True)
            return
        except BlockingIOError:
            if time.monotonic() > end:
                raise OSError(errno.ETIMEDOUT, "its queue is full") from None
            time.sleep(0.02)


def ask(socket: str | None, request: dict[str, Any], patience: float | None = None) -> Iterator[dict[str, Any]]:
    """Send a request and yield each answer; the last one has "ok". Raises NoAnswerError.

    socket: its path; None for the usual places.
    patience: seconds that each answer may take; None for no limit.
    """
    with connect(socket, PATIENCE if patience is None else patience) as line:
        line.settimeout(patience)
        with contextlib.suppress(*CONNECTION_CLOSED):
            line.sendall(json.dumps(request).encode() + b"\n")
        yield from answers(line)


def answers(line: socket.socket) -> Iterator[dict[str, Any]]:
    data = b""
    while True:
        try:
            part = line.recv(1 << 16)
        except ConnectionResetError:
            part = b""
        except socket.timeout:
            raise NoAnswerError(f"no answer within {line.gettimeout():g} s") from None
        if not part:
            raise NoAnswerError("pidone closed the connection in the middle of its answer; it may have exited")
        *lines, data = (data + part).split(b"\n")
        for one in lines:
            try:
                answer = json.loads(one)
            except ValueError:
                answer = None
            if not isinstance(answer, dict):
                raise NoAnswerError("the process that answers there is not pidone")
            if answer.get("ok") is False:
                wrong = answer.get("errors") or [answer.get("error", "refused")]
                raise NoAnswerError("\npidonectl: ".join(wrong), int(answer.get("code", 1)))
            if "ok" in answer and answer.get("schema") != SCHEMA:
                raise NoAnswerError(
                    f"pidone there answers in schema {answer.get('schema', 1)}, and this pidonectl knows {SCHEMA}: "
                    "use the pidonectl of its version"
                )
            yield answer
            if "ok" in answer:
                return


def ask_once(socket: str | None, request: dict[str, Any], patience: float | None = None) -> dict[str, Any]:
    """Send a request and return the last answer. Raises NoAnswerError."""
    return list(ask(socket, request, patience))[-1]
