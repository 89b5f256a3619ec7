"""The worker: a number on a line in, its smallest prime factor out."""

import signal
import sys

from line import listen, log


def factor(number: int) -> int:
    return next((n for n in range(2, int(number**0.5) + 1) if number % n == 0), number)


def stop(number: int, frame: object) -> None:
    log("stopped")
    sys.exit(0)


signal.signal(signal.SIGTERM, stop)
server = listen("compute")
log("started")
while True:
    client, _ = server.accept()
    with client, client.makefile("rw") as stream:
        stream.write(f"{factor(int(stream.readline()))}\n")
