"""Run groups with --verbose. pidone and its apps print to one stream, so tests see the order."""

from __future__ import annotations

import signal
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable

from tests.support.pid1 import HELD, Pidone, Result, Running, Write


def entry(name: str, role: str, *command: str, **keys: str) -> str:
    """Return a [[process]] entry. The keys are TOML values as they are."""
    words = ", ".join(f"'''{word}'''" for word in command)
    more = "".join(f"{key} = {value}\n" for key, value in keys.items())
    return f'[[process]]\nname = "{name}"\nrole = "{role}"\ncommand = [{words}]\n{more}\n'


class Pod:
    """Start groups of entries that the methods make.

    start, run: take entries, and the keys of [group].
    sidecar, primary: return the entry of an app that prints the signals it gets.
    """

    def __init__(self, pidone: Pidone, write: Write, helper: str) -> None:
        self.pidone, self.write, self.helper = pidone, write, helper
        self.begun: list[Running] = []

    def init(self, name: str, *command: str, **keys: str) -> str:
        return entry(name, "init", *command, **keys)

    def sidecar(self, name: str, *options: str, **keys: str) -> str:
        return entry(name, "sidecar", self.helper, "app", name, *options, **keys)

    def primary(self, name: str = "main", *options: str, **keys: str) -> str:
        return entry(name, "primary", self.helper, "app", name, *options, **keys)

    def entry(self, name: str, role: str, *command: str, **keys: str) -> str:
        return entry(name, role, *command, **keys)

    def text(self, *entries: str, **group: str) -> str:
        head = "".join(f"{key} = {value}\n" for key, value in group.items())
        return f"[group]\n{head}\n" + "".join(entries)

    def start(self, *entries: str, options: tuple[str, ...] = ("-v",), wrap: Any = (), **group: str) -> Running:
        file = self.write("pod.toml", self.text(*entries, **group))
        running = self.pidone.start(*options, "-c", file, stderr=subprocess.STDOUT, wrap=wrap)
        self.begun.append(running)
        return running

    def run(self, *entries: str, **group: Any) -> Result:
        return self.start(*entries, **group).end()

    def refused(self, *entries: str, **group: str) -> str:
        """Return the error of a wrong file. Check that pidone refuses it and starts nothing."""
        result = self.start(*entries, options=(), **group).end()
        assert result.code == 2 and "started" not in result.text, result
        return result.text


def in_order(result: Result, *words: str) -> None:
    """Check that lines with these words come in this order."""
    lines = iter(result.lines)
    for word in words:
        assert any(word in line for line in lines), f"{word!r} does not follow: {result}"


def stamps(result: Result, name: str) -> list[float]:
    """Return the times that `helper stamp NAME` has printed."""
    return [float(line.split()[1]) for line in result.lines if line.startswith(f"{name} ") and "." in line]


def gaps(result: Result, name: str) -> list[float]:
    found = stamps(result, name)
    return [after - before for before, after in zip(found, found[1:])]


Answer = Callable[[BaseHTTPRequestHandler], None]


class Web:
    """A server on the loopback device, which a PID namespace shares.

    paths: the answer to each path.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.paths: dict[str, Answer] = {}
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                web.requests.append((self.path, {key.lower(): value for key, value in self.headers.items()}))
                web.paths.get(self.path, status(404))(self)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()


def status(code: int, body: bytes = b"", **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def stop(run: Running) -> Result:
    run.kill(signal.SIGTERM)
    return run.end()


def one_probe(pod: Pod, kind: str, text: str, **keys: str) -> Running:
    return pod.start(pod.primary(**{kind: f"{{ {text} }}"}, **keys), wrap=HELD)
