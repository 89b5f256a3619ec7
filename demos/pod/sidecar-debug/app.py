"""Take jobs from a list of the store. One kind of job always fails."""

import os
import socket
import time


def ask(*words: str) -> str:
    """Send redis a command in its own protocol, and return the last line of the answer."""
    parts = "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
    with socket.create_connection(("127.0.0.1", 6379)) as line:
        line.sendall(f"*{len(words)}\r\n{parts}".encode())
        return line.recv(4096).decode().strip().splitlines()[-1]


queue = os.environ["QUEUE"]
print("waits for jobs in", queue)
while True:
    job = ask("LPOP", queue)
    if job != "$-1":
        print("cannot do:" if job == "impossible" else "did:", job)
    time.sleep(0.1)
