"""`pidonectl status`: show the group's phase and each process's state, in the kubelet's words."""

from __future__ import annotations

import argparse
import json
from typing import Any

from pidone.control.client import add_socket, ask_once
from pidone.report import columns
from pidone.report.cause import span

COLUMNS = ("process", "role", "state", "ready", "restarts", "pid", "for")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    add_socket(parser)


def run(arguments: argparse.Namespace) -> int:
    found = ask_once(arguments.socket, {"do": "status"})["status"]
    print(json.dumps(found, indent=2) if arguments.json else "\n".join(table(found)))
    return 0


def table(found: dict[str, Any]) -> list[str]:
    orphans = f", orphans reaped: {found['orphans']}" if found["orphans"] else ""
    rows = [COLUMNS, *(row(process) for process in found["processes"])]
    return [f"{found['group']}: {found['phase']}, for {span(found['uptime'])}{orphans}", "", *columns.lines(rows)]


def row(process: dict[str, Any]) -> tuple[str, ...]:
    return (
        process["name"], process["role"], state(process), "yes" if process["ready"] else "no", str(process["restarts"]),
        str(process["pid"] or "-"), span(process["uptime"]) if process["uptime"] is not None else "-",
    )  # fmt: skip


def state(process: dict[str, Any]) -> str:
    """Return a state: running, waiting(CrashLoopBackOff), terminated(Error, exit code 3), ...

    It ends with ", stopped by command" for a process that is held down.
    """
    if process["state"] == "running":
        text = "running" if process["started"] else "running(not started)"
    elif process["state"] == "waiting":
        last = process["last"]
        after = f" after {last['reason']}, exit code {last['exit_code']}" if last else ""
        text = f"waiting({process['reason']}{after})"
    else:
        how = process["signal"] or f"exit code {process['exit_code']}"
        text = f"terminated({process['reason']}, {how})"
    return f"{text}, stopped by command" if process["held_down"] else text
