"""The api: "NAME" on a line in, a greeting with something computed out."""

import os
import signal
import sys

from line import ask, listen, log


def stop(number: int, frame: object) -> None:
    log("stopped")
    sys.exit(0)


signal.signal(signal.SIGTERM, stop)
server = listen("api")
log("started")
while True:
    client, _ = server.accept()
    with client, client.makefile("rw") as stream:
        name = stream.readline().strip()
        secret = int.from_bytes(name.encode(), "big")
        stream.write(f"{os.environ['GREETING']}, {name}! {secret} is divisible by {ask('compute', str(secret))}\n")
