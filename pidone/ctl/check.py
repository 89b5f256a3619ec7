"""`pidonectl check [FILE]`: every error of a group's file; or its start order, stop order, and the time of each."""

from __future__ import annotations

import argparse
import json
import os
import shlex
from typing import Any

from pidone.ctl.tell import tell
from pidone.declare import answer, compiled
from pidone.declare.check import check, notes
from pidone.declare.parse import parse
from pidone.declare.read import DEFAULT, Wrong, read
from pidone.declare.resolve import Resolver
from pidone.init import group, plan, signals

#: Seconds that `docker stop` waits before it kills (docker stop --help).
DOCKER = 10.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", help=f"default: $PIDONE_CONFIG, else {DEFAULT}")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    parser.add_argument("--compile", action="store_true", help="keep what was checked beside it: a faster start")
    parser.add_argument(
        "--elsewhere", action="store_true", help="this is not the machine it is for: look up no users, files or limits"
    )


def run(arguments: argparse.Namespace) -> int:
    """0 if the file is right, 2 if not."""
    name = arguments.file or os.environ.get("PIDONE_CONFIG") or DEFAULT
    try:
        data = read(name)
        declaration = check(*parse(data))
        if not arguments.elsewhere:
            Resolver(declaration, os.path.dirname(os.path.abspath(name))).resolve()
        if arguments.compile:
            compiled.write(name, data, declaration)
    except Wrong as wrong:
        tell_errors(name, wrong.errors, arguments.json)
        return plan.WRONG
    except OSError as error:
        tell(f"pidonectl: cannot write {compiled.path_of(name)}: {(error.strerror or '').lower()}")
        return 1
    if arguments.json:
        print(json.dumps(facts(name, declaration), indent=2))
    else:
        print("\n".join(map(answer.printable, picture(name, declaration).split("\n"))))
    return 0


def tell_errors(name: str, errors: list[tuple[int, str]], as_json: bool) -> None:
    if as_json:
        found = [{"line": line or None, "text": text} for line, text in errors]
        print(json.dumps({"file": name, "ok": False, "errors": found}, indent=2))
    else:
        for line in answer.lines(name, errors):
            tell(line)


def facts(name: str, declaration: dict[str, Any]) -> dict[str, Any]:
    """The answer of --json. Times in seconds; null where there is no bound."""
    processes = declaration["processes"]
    has_init = any(process["role"] == plan.INIT for process in processes)
    return {
        "file": name,
        "ok": True,
        "errors": [],
        "notes": [{"line": line, "text": text} for line, text in notes(declaration)],
        "group": declaration["name"],
        "start": [{"name": p["name"], "role": plan.ROLES[p["role"]], "command": words(p)} for p in processes],
        "start_worst": None if has_init else 0.0,
        "stop": [{"name": p["name"], "signal": signals.name(p.get("stop_signal", 15))} for p in stop_order(processes)],
        "stop_signals": [signals.name(number) for number in declaration["stop_signals"]],
        "stop_worst": declaration["grace"] + group.WINDOW,
    }


def words(process: dict[str, Any]) -> list[str]:
    return process.get("command") or list(process["shell"])


def stop_order(processes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Primary, then sidecars last to first (S78); an init step is only there if the stop comes early (S12)."""
    return [process for process in reversed(processes) if process["role"] != plan.INIT]


def picture(name: str, declaration: dict[str, Any]) -> str:
    """The same for people."""
    found = facts(name, declaration)
    width = max(len(name) for name in ["the rest", *(step["name"] for step in found["start"])])
    lines = [f"{name}: group {found['group']}, {len(found['start'])} processes", "", "start"]
    gates = {"init": "then, when it has ended with 0:", "sidecar": "then, when it has started:"}
    for number, step in enumerate(found["start"], 1):
        command = answer.printable(shlex.join(step["command"]))
        command = command if len(command) <= 60 else command[:57] + "..."
        lines.append(f"  {number}. {step['name']:{width}}  {step['role']:7}  {command}")
        if step["role"] in gates:
            lines.append(f"     {'':{width}}  {gates[step['role']]}")
    takes = (
        "as long as its init steps take: they have no limit" if found["start_worst"] is None else "no time of its own"
    )
    lines.append(f"  takes  {takes}")
    lines += ["", f"stop, on {', '.join(found['stop_signals'])} or the primary's end"]
    for number, step in enumerate(found["stop"], 1):
        gate = f"when {found['stop'][number - 2]['name']} has ended" if number > 1 else "at once"
        lines.append(f"  {number}. {step['name']:{width}}  {step['signal']:7}  {gate}")
    worst = found["stop_worst"]
    lines.append(f"  {len(found['stop']) + 1}. {'the rest':{width}}  SIGTERM  what they have left behind")
    grace = f"the grace of {declaration['grace']:g} s, and {group.WINDOW:g} s for who is told last"
    lines.append(f"  takes  at most {worst:g} s: {grace}")
    if worst > DOCKER:
        cure = f"use docker stop -t {worst + 1:.0f}, or a shorter grace"
        lines.append(f"         docker stop kills after {DOCKER:g} s: {cure}")
    lines += [f"note: {name}:{line}: {text}" for line, text in notes(declaration)]
    return "\n".join(lines)
