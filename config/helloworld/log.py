"""The log collector: writes the lines that the others send to the container's stdout."""

import os
import signal
import socket

from line import listen

written = 0


def say(text: str) -> None:
    os.write(1, f"{text}\n".encode())  # in one piece: a signal handler may interrupt this function


server = listen("log", socket.SOCK_DGRAM)
# On SIGTERM the collector still writes all lines that have arrived. Then recv raises.
signal.signal(signal.SIGTERM, lambda number, frame: server.setblocking(False))
signal.signal(signal.SIGHUP, lambda number, frame: say("log: would reopen its file now"))
say("log: started")
try:
    while True:
        say(server.recv(65536).decode())
        written += 1
except BlockingIOError:
    say(f"log: stopped, the last; {written} lines were written")
