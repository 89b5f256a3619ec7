"""The log collector: what the others send, one line each, on the container's stdout."""

import os
import signal
import socket
import sys

from line import listen

written = 0


def say(text: str) -> None:
    os.write(1, f"{text}\n".encode())  # in one piece: a signal's handler may interrupt it


def stop(number: int, frame: object) -> None:
    say(f"log: stopped, the last; {written} lines were written")
    sys.exit(0)


signal.signal(signal.SIGTERM, stop)
signal.signal(signal.SIGHUP, lambda number, frame: say("log: would reopen its file now"))
server = listen("log", socket.SOCK_DGRAM)
say("log: started")
while True:
    say(server.recv(65536).decode())
    written += 1
