"""`pidonectl top`: show the group live, and act on its processes by keys.

It shows the processor time and memory of each process and its descendants. `--once` prints the same
text once, and needs no terminal.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

from pidone.cli.status import state
from pidone.cli.wait import seconds
from pidone.config.memory import show as amount
from pidone.control.client import NoAnswerError, add_socket, ask_once
from pidone.report import columns
from pidone.report.cause import span

#: {name: (per cent of one processor since the last check, resident bytes)}; None where unknown.
Seen = dict[str, "tuple[float | None, int | None]"]

COLUMNS = ("process", "role", "state", "ready", "restarts", "pid", "cpu", "memory", "for")
KEYS = "up/down choose · s stop · t start · r restart · h SIGHUP · q quit"

#: key -> (the request, a word for it)
ACTS: dict[str, tuple[dict[str, str], str]] = {
    "s": ({"do": "stop"}, "stop"),
    "t": ({"do": "start"}, "start"),
    "r": ({"do": "restart"}, "restart"),
    "h": ({"do": "signal", "signal": "HUP"}, "SIGHUP to"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--once", action="store_true", help="print it once and exit")
    parser.add_argument(
        "-d", "--delay", type=seconds, default=1.0, metavar="TIME", help="between two refreshes; default 1s"
    )
    add_socket(parser)


def run(arguments: argparse.Namespace) -> int:
    try:
        import psutil
    except ImportError:
        raise NoAnswerError("top needs the package psutil: pip install psutil") from None
    usage = Usage(psutil)
    if arguments.once:
        usage.measure(pids(ask_once(arguments.socket, {"do": "status"})["status"]))
        time.sleep(0.2)  # the span over which processor time is measured
        found = ask_once(arguments.socket, {"do": "status"})["status"]
        print("\n".join(lines(found, usage.measure(pids(found)))))
        return 0
    try:
        from blessed import Terminal
    except ImportError:
        raise NoAnswerError(
            "top needs the package blessed: pip install 'pidone[top]'; --once works without it"
        ) from None
    return Screen(arguments, Terminal(), usage).run()


def pids(found: dict[str, Any]) -> dict[str, int]:
    return {one["name"]: one["pid"] for one in found["processes"] if one["pid"] is not None}


class Usage:
    """The processor time and memory of processes with their descendants, where psutil sees them."""

    def __init__(self, psutil: Any) -> None:
        self.psutil = psutil
        self.before: dict[int, tuple[float, float]] = {}

    def measure(self, wanted: dict[str, int]) -> Seen:
        now = time.monotonic()
        seen: dict[int, tuple[float, float]] = {}
        found: Seen = {}
        for name, pid in wanted.items():
            try:
                process = self.psutil.Process(pid)
                cpu, memory = 0.0, 0
                for one in [process, *process.children(recursive=True)]:
                    times = one.cpu_times()
                    cpu, memory = cpu + times.user + times.system, memory + one.memory_info().rss
            except self.psutil.Error:
                found[name] = (None, None)
                continue
            seen[pid] = (now, cpu)
            since, used = self.before.get(pid, (now, cpu))
            share = 100 * max(0.0, cpu - used) / (now - since) if now > since else None
            found[name] = (share, memory)
        self.before = seen
        return found


def rows(found: dict[str, Any], usage: Seen) -> list[tuple[str, ...]]:
    made: list[tuple[str, ...]] = [COLUMNS]
    for one in found["processes"]:
        cpu, memory = usage.get(one["name"], (None, None))
        made.append((
            one["name"], one["role"], state(one), "yes" if one["ready"] else "no", str(one["restarts"]),
            str(one["pid"] or "-"), f"{cpu:.0f}%" if cpu is not None else "-",
            amount(memory) if memory is not None else "-",
            span(one["uptime"]) if one["uptime"] is not None else "-",
        ))  # fmt: skip
    return made


def lines(found: dict[str, Any], usage: Seen) -> list[str]:
    made = rows(found, usage)
    text = columns.lines(made)
    return [
        f"{found['group']}: {found['phase']}, for {span(found['uptime'])}, orphans reaped: {found['orphans']}",
        "",
        *text,
    ]


class Screen:
    """The live view.

    chosen: the index of the process that the keys act on.
    said: the outcome of the last key.
    found: the latest answer to "status".
    """

    def __init__(self, arguments: argparse.Namespace, terminal: Any, usage: Usage) -> None:
        self.arguments, self.terminal, self.usage = arguments, terminal, usage
        self.chosen = 0
        self.said = ""
        self.found: dict[str, Any] = {}

    def run(self) -> int:
        term = self.terminal
        with term.fullscreen(), term.cbreak(), term.hidden_cursor():
            while True:
                self.found = ask_once(self.arguments.socket, {"do": "status"})["status"]
                self.draw()
                end = time.monotonic() + self.arguments.delay
                while time.monotonic() < end:
                    key = term.inkey(timeout=max(0.0, end - time.monotonic()))
                    if key == "q" or key.code == term.KEY_ESCAPE:
                        return 0
                    if key and self.press(key):
                        self.draw()

    def press(self, key: Any) -> bool:
        """Act on a key. Return whether the screen needs a new drawing."""
        many = len(self.found["processes"])
        if key.code in (self.terminal.KEY_UP, self.terminal.KEY_DOWN):
            self.chosen = (self.chosen + (1 if key.code == self.terminal.KEY_DOWN else -1)) % many
            return True
        if str(key) not in ACTS:
            return False
        request, word = ACTS[str(key)]
        name = self.found["processes"][self.chosen % many]["name"]
        try:
            ask_once(self.arguments.socket, {**request, "name": name})
            self.said = f"{word} {name}: done"
        except NoAnswerError as error:
            self.said = f"{word} {name}: {error}"
        self.found = ask_once(self.arguments.socket, {"do": "status"})["status"]
        return True

    def draw(self) -> None:
        term = self.terminal
        text = lines(self.found, self.usage.measure(pids(self.found)))
        self.chosen %= max(1, len(self.found["processes"]))
        print(term.home + term.clear, end="")
        for number, line in enumerate(text[: term.height - 3]):
            line = line[: term.width]
            print(term.reverse(line.ljust(term.width)) if number == self.chosen + 3 else line)
        print(f"\n{self.said[: term.width]}" if self.said else "\n")
        print(KEYS[: term.width], end="", flush=True)
