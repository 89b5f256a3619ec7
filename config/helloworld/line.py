"""What the four programs share: the place of their sockets, requests of one line, and the log."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from typing import Callable

PLACE = "/tmp/pidone-helloworld"


def connect(name: str, kind: socket.SocketKind = socket.SOCK_STREAM) -> socket.socket:
    """Connect to the program `name`.

    It starts before this program, but its socket may appear a moment later, so retry for 10 s.
    """
    end = time.monotonic() + 10
    while True:
        client = socket.socket(socket.AF_UNIX, kind)
        try:
            client.connect(f"{PLACE}/{name}")
            return client
        except OSError:
            client.close()
            if time.monotonic() > end:
                raise
            time.sleep(0.01)


def listen(name: str, kind: socket.SocketKind = socket.SOCK_STREAM) -> socket.socket:
    server = socket.socket(socket.AF_UNIX, kind)
    path = f"{PLACE}/{name}"
    if os.path.exists(path):
        os.unlink(path)
    server.bind(path)
    if kind == socket.SOCK_STREAM:
        server.listen()
    return server


def ask(name: str, question: str) -> str:
    """Send a line to the program `name`, and return the line that it answers."""
    with connect(name) as client, client.makefile("rw") as stream:
        stream.write(question + "\n")
        stream.flush()
        return stream.readline().strip()


def log(text: str) -> None:
    """Send a line to the log collector, after this program's name."""
    name = os.path.basename(sys.argv[0]).rpartition(".")[0]
    with connect("log", socket.SOCK_DGRAM) as client:
        client.send(f"{name}: {text}".encode())


def serve(name: str, answer: Callable[[str], str]) -> None:
    """Answer each line with a line, until SIGTERM."""

    def stop(number: int, frame: object) -> None:
        log("stopped")
        sys.exit(0)

    signal.signal(signal.SIGTERM, stop)
    server = listen(name)
    log("started")
    while True:
        client, _ = server.accept()
        with client, client.makefile() as stream:
            client.sendall((answer(stream.readline().strip()) + "\n").encode())
