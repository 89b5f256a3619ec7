"""A gRPC health check as the kubelet makes it (S51): Check of grpc.health.v1.Health must answer SERVING, without TLS.

HTTP/2 is the package h2's (pip install 'pidone[grpc]'). The two messages are so small that protobuf's own package would
do no more than the few lines here: HealthCheckRequest has the service's name as field 1, HealthCheckResponse the status
as field 1 (health.proto of grpc-proto).
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from pidone import __version__
from pidone.aside import tcp
from pidone.declare import library
from pidone.init.events import NO, UNKNOWN, YES

#: Bytes of an answer, of which two are its message and five come before that.
MOST = 10240

NOT_HTTP_2 = "what it answers is not HTTP/2"

#: Type of the frame that a server has to begin with (RFC 9113, 3.4).
SETTINGS = b"\4"

#: ServingStatus of health.proto; of what it cannot be, protobuf passes the number on.
STATES = {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}
SERVING = 1

#: Status codes of gRPC that have a meaning here (its statuscodes.md).
OK, NOT_FOUND, UNIMPLEMENTED = "0", "5", "12"


class Failed(Exception):
    """str(): why the answer is none, or not a good one."""


def run(host: str, port: int, service: str) -> tuple[int, str]:
    """A probe. service: empty for the server as a whole."""
    if library.load("h2") is None:
        return UNKNOWN, "the package h2 is not here: pip install 'pidone[grpc]'"
    from h2.exceptions import ProtocolError

    try:
        socket = tcp.connect(host, port)
        call = Call()
        socket.sendall(call.asked("%s:%d" % (host, port), message(service.encode())))
        while not call.ended:
            data = socket.recv(65536)
            if not data:
                raise Failed("it closed the connection before it had answered")
            reply = call.told(data)
            if reply:
                socket.sendall(reply)
        state = serving(call, service)
    except OSError as error:
        return NO, tcp.words(host, port, error)
    except (Failed, LookupError) as error:
        return NO, str(error)
    except ProtocolError:
        return NO, NOT_HTTP_2
    return (YES, "") if state == SERVING else (NO, "it answers with %s" % STATES.get(state, state))


class Call:
    """One call on a connection of its own: bytes in, bytes out. headers: of the answer, its trailers among them."""

    def __init__(self) -> None:
        from h2.config import H2Configuration
        from h2.connection import H2Connection

        self.connection: Any = H2Connection(H2Configuration(header_encoding="latin-1"))
        self.headers: dict[str, str] = {}
        self.body = self.begun = b""
        self.ended = False

    def asked(self, authority: str, body: bytes) -> bytes:
        self.connection.initiate_connection()
        headers = [
            (":method", "POST"), (":scheme", "http"), (":path", "/grpc.health.v1.Health/Check"),
            (":authority", authority), ("te", "trailers"), ("content-type", "application/grpc"),
            ("user-agent", f"pidone-probe/{__version__}"),
        ]  # fmt: skip
        self.connection.send_headers(1, headers)
        self.connection.send_data(1, body, end_stream=True)
        return bytes(self.connection.data_to_send())

    def told(self, data: bytes) -> bytes:
        """What is to be sent now. Raises Failed, and h2's ProtocolError."""
        from h2 import events

        self.begun = (self.begun + data)[:4]
        if self.begun[3:] not in (b"", SETTINGS):  # h2 would wait for the megabytes that letters are as a length
            raise Failed(NOT_HTTP_2)
        for event in self.connection.receive_data(data):
            if isinstance(event, (events.ResponseReceived, events.TrailersReceived)):
                self.headers.update((str(name), str(value)) for name, value in event.headers or ())
            elif isinstance(event, events.DataReceived):
                self.body += event.data
                if len(self.body) > MOST:
                    raise Failed(f"it answers with more than {MOST} bytes")
            elif isinstance(event, events.StreamEnded):
                self.ended = True
            elif isinstance(event, (events.StreamReset, events.ConnectionTerminated)) and not self.ended:
                raise Failed(f"it breaks off, with HTTP/2's error {int(event.error_code or 0)}")
        return bytes(self.connection.data_to_send())


def serving(call: Call, service: str) -> int:
    """ServingStatus of a whole answer. Raises Failed."""
    http, code = call.headers.get(":status"), call.headers.get("grpc-status")
    if code is None and http != "200":
        raise Failed(f"it answers with HTTP status {http}, and not by gRPC")
    if code == UNIMPLEMENTED:
        raise Failed("it does not implement grpc.health.v1.Health")
    if code == NOT_FOUND:
        raise Failed(f"it knows of no service {service!r}")
    if code != OK:
        words = ascii(unquote(call.headers.get("grpc-message", ""))[:80])[1:-1]
        raise Failed(f"it answers with gRPC's status {code}{': ' if words else ''}{words}")
    if len(call.body) < 5 or call.body[0] or len(call.body) != 5 + int.from_bytes(call.body[1:5], "big"):
        raise Failed("its answer is no message of gRPC's")
    return field(call.body[5:])


def message(service: bytes) -> bytes:
    """A HealthCheckRequest, with gRPC's five bytes before it: not compressed, and so long."""
    body = b"\x0a" + varint(len(service)) + service if service else b""
    return b"\0" + len(body).to_bytes(4, "big") + body


def varint(number: int) -> bytes:
    found = b""
    while number > 0x7F:
        found += bytes([number & 0x7F | 0x80])
        number >>= 7
    return found + bytes([number])


def field(body: bytes) -> int:
    """Field 1 of a HealthCheckResponse; fields that are not known are passed over. Raises Failed."""
    found, at = 0, 0
    while at < len(body):
        key, at = unvarint(body, at)
        kind = key & 7
        if kind == 0:
            value, at = unvarint(body, at)
            found = value if key >> 3 == 1 else found
        elif kind == 2:
            length, at = unvarint(body, at)
            at += length
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        else:
            at = len(body) + 1
    if at > len(body):
        raise Failed("its answer is no message of protobuf's")
    return found


def unvarint(body: bytes, at: int) -> tuple[int, int]:
    """(number, where it ended). Raises Failed."""
    number = shift = 0
    for place in range(at, min(len(body), at + 10)):
        number |= (body[place] & 0x7F) << shift
        shift += 7
        if body[place] < 0x80:
            return number, place + 1
    raise Failed("its answer is no message of protobuf's")
