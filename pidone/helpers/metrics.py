"""Serves Prometheus metrics of the group, and /health, in a helper that asks by the control socket.

At each scrape it asks for what `pidonectl status` shows, and reads the rest from /proc. So for the
metrics PID 1 counts only exits, probes and the longest wait. The Prometheus client library writes
the format (pip install 'pidone[metrics]').
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from typing import Any

from pidone import library
from pidone.control.client import NoAnswerError, ask_once
from pidone.helpers import proc
from pidone.init.events import FAILURE, UNKNOWN
from pidone.init.messages import say

PAGE = os.sysconf("SC_PAGE_SIZE")

#: Seconds to wait for PID 1's answer. The server serves one scrape at a time.
PATIENCE = 10.0


def run(host: str, port: int, path: bytes | None) -> tuple[int, str]:
    """Serve until killed. Return (FAILURE or UNKNOWN, why it cannot serve).

    path: the control socket, or None where there is none.
    """
    if path is None:
        return FAILURE, "there is no control socket to ask"
    try:
        core = library.load(*library.PROMETHEUS)
    except library.MissingPackageError as missing:
        return FAILURE, str(missing)
    from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

    import prometheus_client as client

    class Quiet(WSGIRequestHandler):
        timeout = 5  # seconds for a client that sends nothing

        def log_message(self, *_: Any) -> None:
            pass

    class Server(WSGIServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        allow_reuse_address = True

    where = os.fsdecode(path)
    registry = client.CollectorRegistry()
    registry.register(Collector(core, where))
    try:
        server = make_server(host, port, App(client, registry, where), server_class=Server, handler_class=Quiet)
    except OSError as error:
        return UNKNOWN, f"cannot listen on {host}:{port}: {(error.strerror or str(error)).lower()}"
    server.serve_forever()
    return UNKNOWN, "it stopped serving"


class App:
    """Answers requests for /metrics and /health."""

    def __init__(self, client: Any, registry: Any, path: str) -> None:
        self.metrics = client.make_wsgi_app(registry)
        self.path = path

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        where = environ.get("PATH_INFO", "/")
        if where == "/metrics":
            return self.metrics(environ, start_response)  # type: ignore[no-any-return]
        if where != "/health":
            return plain(start_response, "404 Not Found", "not found; there are /metrics and /health")
        try:
            answer = ask_once(self.path, {"do": "health"}, PATIENCE)
        except NoAnswerError as error:
            return plain(start_response, "503 Service Unavailable", f"pidone does not answer: {error}")
        if answer.get("healthy"):
            return plain(start_response, "200 OK", "healthy")
        return plain(start_response, "503 Service Unavailable", f"unhealthy: {answer.get('why')}")


def plain(start_response: Any, status: str, text: str) -> list[bytes]:
    start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
    return [text.encode() + b"\n"]


class Collector:
    """Collects what Prometheus gets at each scrape."""

    def __init__(self, core: Any, path: str) -> None:
        self.core = core
        self.path = path

    def describe(self) -> list[Any]:
        return []  # the names become known with the first scrape

    def gauge(self, name: str, text: str, labels: tuple[str, ...] = ()) -> Any:
        return self.core.GaugeMetricFamily(f"pidone_{name}", text, labels=labels)

    def counter(self, name: str, text: str, labels: tuple[str, ...] = ()) -> Any:
        return self.core.CounterMetricFamily(f"pidone_{name}", text, labels=labels)

    def collect(self) -> list[Any]:
        try:
            found = ask_once(self.path, {"do": "status"}, PATIENCE)["status"]
        except (NoAnswerError, KeyError) as error:
            say(f"metrics: pidone does not answer: {error}")
            return []
        return [*self.of_group(found), *self.of_processes(found), *self.of_counts(found), *self.of_kernel(found)]

    def of_group(self, found: dict[str, Any]) -> list[Any]:
        phase = self.gauge("group_phase", "1 for the group's current phase", ("phase",))
        for name in ("Pending", "Running", "Succeeded", "Failed"):
            phase.add_metric([name], float(found["phase"] == name))
        orphans = self.counter("orphans_reaped", "orphans that PID 1 reaped")
        orphans.add_metric([], found["orphans"])
        wait = self.gauge("reap_wait_seconds_max", "longest time that an exited child waited for PID 1")
        wait.add_metric([], found["longest_wait"])
        lived = self.gauge("uptime_seconds", "seconds since pidone began")
        lived.add_metric([], found["uptime"])
        return [phase, orphans, wait, lived]

    def of_processes(self, found: dict[str, Any]) -> list[Any]:
        label = ("process", "role")
        up = self.gauge("process_up", "1 while it runs", label)
        ready = self.gauge("process_ready", "1 while it is ready", label)
        restarts = self.counter("process_restarts", "how often it was restarted", label)
        for one in found["processes"]:
            names = [one["name"], one["role"]]
            up.add_metric(names, float(one["state"] == "running"))
            ready.add_metric(names, float(one["ready"]))
            restarts.add_metric(names, one["restarts"])
        return [up, ready, restarts]

    def of_counts(self, found: dict[str, Any]) -> list[Any]:
        exits = self.counter("process_exits", "how it exited, by exit code; 128+n for signal n", ("process", "code"))
        probes = self.counter("probes", "verdicts of probes", ("process", "probe", "answer"))
        seconds = self.counter("probe_seconds", "time that probes took", ("process", "probe", "answer"))
        for name, code, count in found["exits"]:
            exits.add_metric([name, str(code) if code >= 0 else "other"], count)
        for name, probe, answer, count, took in found["probes"]:
            probes.add_metric([name, probe, answer], count)
            seconds.add_metric([name, probe, answer], took)
        return [exits, probes, seconds]

    def of_kernel(self, found: dict[str, Any]) -> list[Any]:
        """Return CPU and memory of each process's session, and the zombies that wait for PID 1.

        CPU includes that of reaped children, or the count would fall when a worker ends (proc(5)).
        """
        cpu = self.counter("process_cpu_seconds", "CPU time of the processes in its session", ("process",))
        memory = self.gauge("process_resident_bytes", "resident memory of the processes in its session", ("process",))
        everyone = proc.everyone(zombies=True)
        zombies = self.gauge("zombies", "children of PID 1 that wait to be reaped")
        zombies.add_metric(
            [], sum(fields[0] == b"Z" and proc.parent(fields) == found["pid"] for fields in everyone.values())
        )
        for one in found["processes"]:
            if one["pid"] is None:
                continue
            fields = members(everyone, one["pid"], found["pid"])
            cpu.add_metric([one["name"]], sum(int(ticks) for f in fields for ticks in f[11:15]) / proc.TICKS)
            memory.add_metric([one["name"]], sum(int(f[21]) for f in fields) * PAGE)
        return [cpu, memory, zombies]


def members(everyone: dict[int, list[bytes]], pid: int, init: int) -> list[list[bytes]]:
    """Return the stat of every process in the session of `pid`.

    Where a program has gone into the background by two forks, another process led that session.
    In pidone's own session, only the process itself counts.

    everyone: {pid: stat}.
    init: the pid of pidone.
    """
    session, ours = (proc.session(everyone[one]) if one in everyone else 0 for one in (pid, init))
    if session in (0, ours):
        return [everyone[pid]] if pid in everyone else []
    return [fields for fields in everyone.values() if proc.session(fields) == session]
