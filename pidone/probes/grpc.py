"""A gRPC health check as the kubelet makes it (S51), without TLS.

Check of grpc.health.v1.Health must answer SERVING. The package h2 (pip install 'pidone[grpc]')
speaks HTTP/2. The two messages are so small that the package protobuf would do no more than the few
lines here: field 1 of HealthCheckRequest is the service's name, and field 1 of HealthCheckResponse
is the status (health.proto of grpc-proto).

S1 and so on: docs/reference/pod.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from pidone import __version__, library
from pidone.init.events import FAILURE, SUCCESS, UNKNOWN
from pidone.probes import HERE, tcp

#: Maximum bytes of an answer, which needs two for its message and five before that; maximum bytes
#: of a frame, unless both sides agree on another number (RFC 9113, 4.2).
MAX_ANSWER, LARGEST = 10240, 16384

#: Types of frames (RFC 9113, 6).
SETTINGS, GOAWAY = 4, 7

#: ServingStatus of health.proto. protobuf passes an unknown status on as its number.
STATES = {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}
SERVING = 1

#: The status codes of gRPC that have a meaning here (gRPC's statuscodes.md).
OK, NOT_FOUND, UNIMPLEMENTED = "0", "5", "12"

#: The number of the only stream of a call.
STREAM = 1


#: A row of docs/reference/file.md.
EXAMPLE = "grpc = 50051"
DOC = (
    "the health service (`grpc.health.v1.Health`) on this port of 127.0.0.1 answers SERVING; `service = "
    "\"my.Service\"` asks for one service. Without TLS. It needs the library `h2` (`pip install 'pidone[grpc]'`); "
    "without it pidone refuses to start"
)


def read(value: Any) -> list[Any]:
    """Return [host, port, service]. As in a Pod, port is a number; the host is fixed (S51)."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 65535:
        raise ValueError('grpc = 50051, a port\'s number; a service = "..." stands next to it')  # S51
    return [HERE, value, ""]


def service_name(value: Any) -> str:
    if not isinstance(value, str) or len(value.encode()) > 4096:
        raise ValueError('service = "my.package.Service", as its health service knows it')
    return value


OPTIONS = {"service": (service_name, 2)}


def describe(argument: list[Any]) -> str:
    return f"grpc {argument[0]}:{argument[1]} {argument[2]}".rstrip()


def missing() -> str:
    """Return why h2 cannot be used, or ""."""
    try:
        library.load(*library.HTTP_2)
    except library.MissingPackageError as error:
        return str(error)
    return ""


class ProbeError(Exception):
    """There is no answer, or not a valid one. str() says why."""


def run(host: str, port: int, service: str) -> tuple[int, str]:
    """Make one health check.

    service: the name of the service; empty for the whole server.
    """
    if text := missing():
        return UNKNOWN, text
    from h2.exceptions import ProtocolError

    try:
        socket = tcp.connect(host, port)
        call = Call()
        socket.sendall(call.asked("%s:%d" % (host, port), message(service.encode())))
        while not call.ended:
            data = socket.recv(65536)
            if not data:
                raise ProbeError("it closed the connection before it answered")
            reply = call.receive(data)
            if reply and not call.ended:  # after its answer the server may close the connection
                socket.sendall(reply)
        state = serving(call, service)
    except OSError as error:
        return FAILURE, tcp.why(host, port, error)
    except (ProbeError, LookupError) as error:
        return FAILURE, str(error)
    except ProtocolError as error:
        return FAILURE, f"it violates HTTP/2: {type(error).__name__}"
    return (SUCCESS, "") if state == SERVING else (FAILURE, f"it answers with {STATES.get(state, state)}")


class Call:
    """One call on a connection of its own: bytes in, bytes out.

    headers: the headers of the answer, including its trailers.
    body: the answer's message so far, with gRPC's five bytes before it.
    unread: bytes that are not a whole frame yet.
    begun: whether the first frame has come.
    ended: whether the answer is complete.
    """

    def __init__(self) -> None:
        from h2.config import H2Configuration
        from h2.connection import H2Connection

        self.connection: Any = H2Connection(H2Configuration(header_encoding="latin-1"))
        self.connection.local_settings.enable_push = 0
        self.headers: dict[str, str] = {}
        self.body = self.unread = b""
        self.begun = self.ended = False

    def asked(self, authority: str, body: bytes) -> bytes:
        self.connection.initiate_connection()
        headers = [
            (":method", "POST"), (":scheme", "http"), (":path", "/grpc.health.v1.Health/Check"),
            (":authority", authority), ("te", "trailers"), ("content-type", "application/grpc"),
            ("user-agent", f"pidone-probe/{__version__}"),
        ]  # fmt: skip
        self.connection.send_headers(STREAM, headers)
        self.connection.send_data(STREAM, body, end_stream=True)
        return bytes(self.connection.data_to_send())

    def receive(self, data: bytes) -> bytes:
        """Take bytes of the server and return what to send now.

        Raises ProbeError, and h2's ProtocolError.
        """
        self.unread += data
        for frame in self.frames():
            for event in self.connection.receive_data(frame):
                if getattr(event, "stream_id", None) in (None, STREAM):
                    self.take(event)
        return bytes(self.connection.data_to_send())

    def frames(self) -> Iterator[bytes]:
        """Yield the frames that are complete, except a GOAWAY after which the server still answers.

        With a GOAWAY the server announces that it will close (RFC 9113, 6.8). h2 would ignore
        everything after it. Raises ProbeError.
        """
        while len(self.unread) >= 9:
            length, kind = int.from_bytes(self.unread[:3], "big"), self.unread[3]
            if length > LARGEST or (not self.begun and kind != SETTINGS):
                raise ProbeError("its answer is not HTTP/2")  # text would be a length of megabytes
            if len(self.unread) < 9 + length:
                return
            frame, self.unread = self.unread[: 9 + length], self.unread[9 + length :]
            self.begun = True
            last, code = int.from_bytes(frame[9:13], "big"), int.from_bytes(frame[13:17], "big")
            if kind != GOAWAY or code or last < STREAM:
                yield frame

    def take(self, event: Any) -> None:
        from h2 import events

        if isinstance(event, (events.ResponseReceived, events.TrailersReceived)):
            self.headers.update((str(name), str(value)) for name, value in event.headers or ())
        elif isinstance(event, events.DataReceived):
            self.body += event.data
            if len(self.body) > MAX_ANSWER:
                raise ProbeError(f"it answers with more than {MAX_ANSWER} bytes")
        elif isinstance(event, events.StreamEnded):
            self.ended = True
        elif isinstance(event, (events.StreamReset, events.ConnectionTerminated)) and not self.ended:
            raise ProbeError(f"it aborts with the HTTP/2 error {int(event.error_code or 0)}")


def serving(call: Call, service: str) -> int:
    """Return the ServingStatus of a complete answer. Raises ProbeError."""
    code = call.headers.get("grpc-status", "")
    if not code:
        raise ProbeError(f"it answers with HTTP status {tcp.shown(call.headers.get(':status', ''))}, not with gRPC")
    if code == UNIMPLEMENTED:
        raise ProbeError("it does not implement grpc.health.v1.Health")
    if code == NOT_FOUND:
        raise ProbeError(f"it does not know the service {service!r}" if service else "its health service has no status")
    if code != OK:
        words = tcp.shown(unquote(call.headers.get("grpc-message", "")))
        raise ProbeError(f"it answers with gRPC's status {tcp.shown(code)}{': ' if words else ''}{words}")
    if call.body[:1] == b"\1":
        raise ProbeError("its answer is compressed, although pidone did not accept that")
    if len(call.body) < 5 or len(call.body) != 5 + int.from_bytes(call.body[1:5], "big"):
        raise ProbeError("its answer is not a gRPC message")
    return field(call.body[5:])


def message(service: bytes) -> bytes:
    """Return a HealthCheckRequest after gRPC's five bytes: "not compressed", and the length."""
    body = b"\x0a" + varint(len(service)) + service if service else b""
    return b"\0" + len(body).to_bytes(4, "big") + body


def varint(number: int) -> bytes:
    found = b""
    while number > 0x7F:
        found += bytes([number & 0x7F | 0x80])
        number >>= 7
    return found + bytes([number])


def field(body: bytes) -> int:
    """Return field 1 of a HealthCheckResponse, and skip unknown fields. Raises ProbeError."""
    found, at = 0, 0
    while at < len(body):
        key, at = unvarint(body, at)
        kind = key & 7
        if kind == 0:
            value, at = unvarint(body, at)
            found = value & 0xFFFFFFFF if key >> 3 == 1 else found  # an enum has 32 bits
        elif kind == 2:
            length, at = unvarint(body, at)
            at += length
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        else:
            at = len(body) + 1
    if at > len(body):
        raise ProbeError("its answer is not a protobuf message")
    return found


def unvarint(body: bytes, at: int) -> tuple[int, int]:
    """Return (number, the position after it). Raises ProbeError."""
    number = shift = 0
    for place in range(at, min(len(body), at + 10)):
        number |= (body[place] & 0x7F) << shift
        shift += 7
        if body[place] < 0x80:
            return number, place + 1
    raise ProbeError("its answer is not a protobuf message")
