"""S51 against a server of grpcio, and against peers that are no gRPC servers.

S1 and so on: docs/reference/pod.md.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any, Callable

import pytest

from tests.support.pid1 import PYTHON, ROOT, Pidone
from tests.support.pod import Pod, one_probe, stop

SERVER = ROOT / "tests" / "support" / "health_server.py"


class Server:
    """A server of grpcio. `set` returns when the status is in force."""

    def __init__(self, *options: str) -> None:
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen([PYTHON, str(SERVER), *options], **pipes)
        self.port = int(self.read())

    def read(self) -> str:
        assert self.process.stdout is not None
        return str(self.process.stdout.readline())

    def set(self, service: str, status: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{service} {status}\n")
        self.process.stdin.flush()
        assert self.read() == "set\n"

    def end(self) -> None:
        self.process.communicate()


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    yield found
    found.end()


def answered(pod: Pod, port: int, more: str = "") -> str:
    """Return the result of a probe: the line that pidone prints."""
    with one_probe(pod, "readiness", f'grpc = {port}, period = "60s", timeout = "10s"{more}') as run:
        line = run.line("readiness of main: ")
        stop(run)
    return line.partition("readiness of main: ")[2]


@pytest.mark.once
def test_s51_grpc_asks_the_health_service(pod: Pod, server: Server) -> None:
    assert answered(pod, server.port) == "success"
    server.set("my.Service", "SERVING")
    assert answered(pod, server.port, ', service = "my.Service"') == "success"


@pytest.mark.once
def test_grpc_follows_what_the_service_says(pod: Pod, server: Server) -> None:
    server.set("my.Service", "SERVING")
    keys = f'grpc = {server.port}, service = "my.Service", period = "100ms", timeout = "10s", failure_threshold = 1'
    with one_probe(pod, "readiness", keys) as run:
        run.line("main is running(started, ready)")
        server.set("my.Service", "NOT_SERVING")
        run.line("main is running(started, not ready)", count=2)  # the first time is before the first answer
        server.set("my.Service", "SERVING")
        run.line("main is running(started, ready)", count=2)
        stop(run)
    assert "readiness of main: failure: it answers with NOT_SERVING" in run.seen.decode()


@pytest.mark.once
@pytest.mark.parametrize("status", ["NOT_SERVING", "UNKNOWN", "SERVICE_UNKNOWN"])
def test_s51_any_status_but_serving_is_a_failure(pod: Pod, server: Server, status: str) -> None:
    server.set("", status)
    assert answered(pod, server.port) == f"failure: it answers with {status}"


@pytest.mark.once
def test_grpc_a_service_that_is_not_there_is_a_failure(pod: Pod, server: Server) -> None:
    assert answered(pod, server.port, ', service = "other"') == "failure: it does not know the service 'other'"
    bare = Server("bare")
    try:
        assert answered(pod, bare.port) == "failure: it does not implement grpc.health.v1.Health"
    finally:
        bare.end()


def peer(what: Callable[[socket.socket], None]) -> tuple[socket.socket, int]:
    """Start a server that does `what` to its first client. Return (server, port)."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        client, _ = server.accept()
        with client, contextlib.suppress(OSError):  # the probe may have closed its end
            client.settimeout(10)
            client.recv(65536)
            what(client)
            client.shutdown(socket.SHUT_WR)  # not close: received bytes that were not read would turn it into a reset
            while client.recv(65536):
                pass

    threading.Thread(target=serve, daemon=True).start()
    return server, server.getsockname()[1]


def frame(kind: int, flags: int, stream: int, body: bytes) -> bytes:
    """Return an HTTP/2 frame (RFC 9113, 4.1)."""
    return len(body).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + body


def literal(name: bytes, value: bytes) -> bytes:
    """Return a header field of HPACK (RFC 7541, 6.2.2)."""
    return b"\0" + bytes((len(name),)) + name + bytes((len(value),)) + value


DATA, HEADERS, RESET, PUSH, GOAWAY = 0, 1, 3, 5, 7
END_STREAM, END_HEADERS = 1, 4
HELLO = frame(4, 0, 0, b"")  # SETTINGS
STATUS_200, STATUS_404 = b"\x88", b"\x8d"  # RFC 7541, appendix A


def answer(
    body: bytes = b"\0\0\0\0\2\x08\1", code: bytes = b"0", message: bytes = b"", stream: int = 1, more: bytes = b""
) -> bytes:
    """Return the frames of a server's answer, by default those of a good one."""
    trailers = literal(b"grpc-status", code) + (literal(b"grpc-message", message) if message else b"")
    return (
        frame(HEADERS, END_HEADERS, stream, STATUS_200)
        + frame(DATA, 0, stream, body)
        + more
        + frame(HEADERS, END_HEADERS | END_STREAM, stream, trailers)
    )


LEAVE = frame(GOAWAY, 0, 0, b"\x7f\xff\xff\xff" + b"\0" * 4)


def dribble(client: socket.socket, data: bytes) -> None:
    for at in range(len(data)):
        client.sendall(data[at : at + 1])


@pytest.mark.parametrize(
    "sent",
    [
        HELLO + answer(),
        HELLO + LEAVE + answer(),  # a server that stops still answers the calls it has begun
        HELLO + answer(more=LEAVE),
        HELLO + frame(HEADERS, END_HEADERS, 1, literal(b":status", b"103")) + answer(),
        HELLO + frame(99, 0, 0, b"what is not known is passed over") + answer(),
        HELLO + answer(body=b"") .replace(frame(DATA, 0, 1, b""), frame(DATA, 0, 1, b"\0\0\0") +
                                          frame(DATA, 8, 1, b"\3\0\2\x08\1\0\0\0")),  # in parts, and padded
    ],
    ids=["plain", "leave first", "leave between", "103 first", "unknown frame", "in parts"],
)  # fmt: skip
def test_a_good_answer_counts_in_every_framing(pod: Pod, sent: bytes) -> None:
    server, port = peer(lambda client: dribble(client, sent))
    with server:
        assert answered(pod, port) == "success"


def test_a_server_may_reset_the_connection_after_its_answer(pod: Pod) -> None:
    def reset(client: socket.socket) -> None:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.sendall(HELLO + answer())
        client.close()

    server, port = peer(reset)
    with server:
        # The reset may overtake the answer. Then the probe gets no answer.
        assert answered(pod, port) in ("success", f"failure: 127.0.0.1:{port}: connection reset by peer")


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "its answer is not HTTP/2"),
        (b"\0" * 100, "its answer is not HTTP/2"),
        (b"\xff" * 100, "its answer is not HTTP/2"),
        (HELLO + b"\xff" * 100, "its answer is not HTTP/2"),
        (b"", "it closed the connection before it answered"),
        (HELLO, "it closed the connection before it answered"),
        (HELLO + LEAVE, "it closed the connection before it answered"),
        (HELLO + frame(GOAWAY, 0, 0, b"\0" * 7 + b"\x0b"), "it aborts with the HTTP/2 error 11"),
        (HELLO + frame(GOAWAY, 0, 0, b"\0" * 8), "it aborts with the HTTP/2 error 0"),  # this call was too late
        (HELLO + frame(RESET, 0, 1, b"\0\0\0\7"), "it aborts with the HTTP/2 error 7"),
        (HELLO + frame(DATA, 0, 1, b"x"), "it violates HTTP/2: ProtocolError"),
        (HELLO + frame(HEADERS, 5, 1, STATUS_404), "it answers with HTTP status 404, not with gRPC"),
        (HELLO + frame(HEADERS, 5, 1, STATUS_200), "it answers with HTTP status 200, not with gRPC"),
        (HELLO + frame(PUSH, 4, 1, b"\0\0\0\2" + STATUS_200) + answer(stream=2), None),
        (HELLO + answer(code=b"14", message=b"not%20now%0a"), "it answers with gRPC's status 14: not now\\n"),
        (HELLO + answer(code=b"\x1b" * 90), "it answers with gRPC's status " + "\\x1b" * 80),
        (HELLO + answer(code=b""), "it answers with HTTP status 200, not with gRPC"),
        (HELLO + answer(body=b"\1\0\0\0\2\x08\1"), "its answer is compressed, although pidone did not accept that"),
        (HELLO + answer(body=b"\0\0\0\0\3\x08\1"), "its answer is not a gRPC message"),
        (HELLO + answer(body=b""), "its answer is not a gRPC message"),
        (HELLO + answer(body=b"\0\0\0\0\0"), "it answers with UNKNOWN"),
        (HELLO + answer(body=b"\0" * 10241), "it answers with more than 10240 bytes"),
    ],
    ids=range(22),
)  # fmt: skip
def test_a_peer_without_grpc_is_a_failure(pod: Pod, sent: bytes, said: str | None) -> None:
    """None stands for an error in the words of h2."""
    server, port = peer(lambda client: client.sendall(sent))
    with server:
        line = answered(pod, port)
        assert line == f"failure: {said}" if said is not None else line.startswith("failure: "), line


def test_grpc_a_refused_connection_is_a_failure(pod: Pod) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert answered(pod, port) == f"failure: 127.0.0.1:{port}: connection refused"


def test_grpc_a_silent_server_is_a_timeout(pod: Pod) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with one_probe(pod, "liveness", f'grpc = {port}, timeout = "300ms", failure_threshold = 1') as run:
            run.line("liveness failed once: no answer in 0.3 s; stopping it")
            assert run.end().code == 0


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("{ grpc = 0 }", "grpc = 50051, a port's number; a service"),
        ('{ grpc = "web" }', "grpc = 50051, a port's number; a service"),
        ("{ grpc = { port = 1 } }", "grpc = 50051, a port's number; a service"),
        ("{ grpc = 1, service = 3 }", 'service = "my.package.Service"'),
        ('{ tcp = 1, service = "x" }', "there is no 'service'"),
        ("{ grpc = 1, servce = 'x' }", "'service'; there is no 'servce'"),
        ("{ grpc = 1, tcp = 1 }", "exactly one of"),
    ],
)
def test_a_wrong_grpc_probe_is_refused(pod: Pod, value: str, said: str) -> None:
    assert said in pod.refused(pod.primary(liveness=value))


def test_a_hook_asks_nothing_by_grpc(pod: Pod) -> None:
    assert "exactly one of exec, http, sleep" in pod.refused(pod.primary(pre_stop="{ grpc = 1 }"))


@pytest.mark.parametrize(
    ("absent", "said"),
    [
        ("sys.modules['h2'] = None", "the package h2 is missing: pip install 'pidone[grpc]'"),
        ("sys.modules['hpack'] = None", "the package h2 does not load: No module named 'hpack"),
        ("sys.modules['hpack.exceptions'] = sys", "the package h2 does not load: ImportError: cannot import name"),
    ],
)
def test_grpc_without_the_library_the_start_is_refused(pod: Pod, absent: str, said: str) -> None:
    """The probe must not stay without an answer for ever."""
    boot = f"import sys; sys.path.insert(0, {str(SERVER.parents[2])!r}); {absent};"
    boot += "from pidone.init.main import main; main()"
    bare = Pod(Pidone(sys.executable, "-I", "-c", boot), pod.write, pod.helper)
    refused = bare.refused(pod.primary(liveness="{ grpc = 1 }"))
    assert f"grpc probes cannot work: {said}" in refused, refused
