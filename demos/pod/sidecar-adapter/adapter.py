"""GET /health -> 200 or 503, and one line why. It reads the app's metrics from $METRICS.

They are in Prometheus' text format. The app is healthy if it answers, and if at least the part
$LEAST of the memory that it reports is available.
"""

import os
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LEAST = float(os.environ["LEAST"])


def metrics() -> "dict[str, float]":
    """Return {name: value} of all metrics without labels."""
    with urllib.request.urlopen(os.environ["METRICS"], timeout=2) as answer:
        lines = answer.read().decode().splitlines()
    words = [line.split() for line in lines if line and not line.startswith("#") and "{" not in line]
    return {name: float(value) for name, value in words}


def health() -> "tuple[int, str]":
    try:
        found = metrics()
        part = found["node_memory_MemAvailable_bytes"] / found["node_memory_MemTotal_bytes"]
    except (OSError, ValueError, KeyError) as error:
        return 503, f"unhealthy: the app does not tell: {error}\n"
    word = "healthy" if part >= LEAST else "unhealthy"
    return 200 if part >= LEAST else 503, f"{word}: {part:.0%} of the memory is available, wanted {LEAST:.0%}\n"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, text = health() if self.path == "/health" else (200, "the adapter: ask /health\n")
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        pass


ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
