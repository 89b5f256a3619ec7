"""`pidonectl check [FILE]`: show every error of a group's file, or how the group starts and stops.

Without errors it shows the start order, the stop order, and how long each may take.

S1 and so on: docs/reference/pod.md.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
from typing import Any

from pidone.cli.gates import GATES, gate, gate_worst, handler, signalled_after, start_worst, waits_for
from pidone.cli.stderr import print_error
from pidone.config import answer, compiled
from pidone.config.check import check, notes
from pidone.config.parse import parse
from pidone.config.read import DEFAULT, ConfigError, read
from pidone.config.resolve import Resolver
from pidone.init import plan, signals


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", help=f"default: $PIDONE_CONFIG, else {DEFAULT}")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    parser.add_argument(
        "--compile", action="store_true", help="write the checked plan next to the file, for a faster start"
    )
    parser.add_argument(
        "--elsewhere",
        action="store_true",
        help="do not look up users, files or limits: the file is for another machine",
    )


def run(arguments: argparse.Namespace) -> int:
    """Return 0 if the file is right, 2 if it is not, 1 if the compiled file cannot be written."""
    name = arguments.file or os.environ.get("PIDONE_CONFIG") or DEFAULT
    try:
        data = read(name)
        declaration = check(*parse(data))
        found = notes(declaration)
        if not arguments.elsewhere:
            resolver = Resolver(declaration, os.path.dirname(os.path.abspath(name)))
            resolver.resolve()
            resolver.note_people()
            found = sorted({*found, *resolver.notes, *resolver.warnings})
        if arguments.compile:
            compiled.write(name, data, declaration)
    except ConfigError as wrong:
        tell_errors(name, wrong.errors, arguments.json)
        return plan.WRONG
    except OSError as error:
        print_error(f"pidonectl: cannot write {compiled.path_of(name)}: {(error.strerror or '').lower()}")
        return 1
    if arguments.json:
        print(json.dumps(facts(name, declaration, found), indent=2))
    else:
        print("\n".join(map(answer.printable, picture(name, declaration, found).split("\n"))))
    return 0


def tell_errors(name: str, errors: list[tuple[int, str]], as_json: bool) -> None:
    if as_json:
        found = [{"line": line or None, "text": text} for line, text in errors]
        print(json.dumps({"file": name, "ok": False, "errors": found}, indent=2))
    else:
        for line in answer.lines(name, errors):
            print_error(line)


def facts(name: str, declaration: dict[str, Any], found: list[tuple[int, str]]) -> dict[str, Any]:
    """Return the answer of --json. Times are in seconds, and None where there is no bound."""
    processes = declaration["processes"]
    return {
        "file": name,
        "ok": True,
        "errors": [],
        "notes": [{"line": line, "text": text} for line, text in found],
        "group": declaration["name"],
        "start": [step(declaration, index) for index in range(len(processes))],
        "start_worst": start_worst(declaration),
        "stop": [{"name": p["name"], "signal": signals.name(p.get("stop_signal", 15))} for p in stop_order(processes)],
        "stop_signals": [signals.name(number) for number in declaration["stop_signals"]],
        "stop_worst": stop_worst(declaration),
    }


def stop_worst(declaration: dict[str, Any]) -> float:
    """Return the longest time of a stop in seconds. A stop_timeout can have cut the grace."""
    scale = declaration.get("time_scale", 1.0)
    return plan.stop_bound(Resolver(declaration, "").grace() * scale, plan.MINIMUM_GRACE * scale)


def step(declaration: dict[str, Any], index: int) -> dict[str, Any]:
    process = declaration["processes"][index]
    return {
        "name": process["name"],
        "role": plan.ROLES[process["role"]],
        "command": words(process),
        "after": [declaration["processes"][other]["name"] for other in waits_for(process)],
        "gate": gate(process),
        "gate_worst": gate_worst(process, declaration.get("time_scale", 1.0)),
    }


def words(process: dict[str, Any]) -> list[str]:
    return ["(pauses)"] if "pause" in process else process.get("command") or list(process["shell"])


def stop_order(processes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the primary, then the sidecars from last to first (S78).

    Init steps are left out: they are there only if the stop comes early (S12).
    """
    return [process for process in reversed(processes) if process["role"] != plan.INIT]


def picture(name: str, declaration: dict[str, Any], remarks: list[tuple[int, str]]) -> str:
    """Return the same as text for people."""
    found = facts(name, declaration, remarks)
    processes = declaration["processes"]
    many = f"{len(processes)} process{'es' if len(processes) > 1 else ''}"
    lines = [f"{name}: group {found['group']}, {many}", "", "start", *start_picture(found)]
    lines.append(f"  takes  {start_time(found, declaration)}")
    lines += ["", f"stop, on {', '.join(found['stop_signals'])} or {stop_causes(processes)}"]
    lines += stop_picture(found, processes)
    scale = declaration.get("time_scale", 1.0)
    last = f"{plan.MINIMUM_GRACE * scale:g} s minimum grace"
    grace = f"the grace of {Resolver(declaration, '').grace() * scale:g} s, {last}"
    rest = f"{plan.LAST_RESORT + plan.REPORT:g} s for SIGKILL, the output and the report"
    lines.append(f"  takes  at most {found['stop_worst']:g} s: {grace}, and {rest}")
    lines += [f"note: {name}:{line}: {text}" for line, text in remarks]
    return "\n".join(lines)


def start_picture(found: dict[str, Any]) -> list[str]:
    """Return each process in start order, with the processes it waits for and the gate it opens."""
    width = max(len(name) for name in ["the rest", *(step["name"] for step in found["start"])])
    lines = []
    for number, step in enumerate(found["start"], 1):
        command = answer.printable(shlex.join(step["command"]))
        command = command if len(command) <= 60 else command[:57] + "..."
        lines.append(f"  {number}. {step['name']:{width}}  {step['role']:7}  {command}")
        before = [s["name"] for s in found["start"][: number - 1]]
        if step["after"] != before[-1:]:
            lines.append(f"     {'':{width}}  ├─ after {', '.join(step['after']) or 'nothing'}")
        if step["role"] != "primary":
            lines.append(f"     {'':{width}}  └▶ {step['gate']}:")
        elif step["gate"] != GATES[plan.PRIMARY]:
            lines.append(f"     {'':{width}}  └▶ {step['gate']}")
    return lines


def stop_picture(found: dict[str, Any], processes: list[dict[str, Any]]) -> list[str]:
    width = max(len(step["name"]) for step in [*found["stop"], {"name": "the rest"}])
    lines = []
    for number, (stopped, process) in enumerate(zip(found["stop"], stop_order(processes)), 1):
        when = ", ".join(signalled_after(process, processes))
        text = f"when {when} {'has' if ',' not in when else 'have'} ended" if when else "at once"
        if "pre_stop" in process:
            text += f", after its pre_stop ({handler(process['pre_stop'])}), which begins at once"
        lines.append(f"  {number}. {stopped['name']:{width}}  {stopped['signal']:7}  {text}")
    lines.append(f"  {len(found['stop']) + 1}. {'the rest':{width}}  SIGTERM  what they have left behind")
    return lines


def stop_causes(processes: list[dict[str, Any]]) -> str:
    essential = [process["name"] for process in processes if process.get("essential")]
    return "the primary's end" + "".join(f", or {name}'s" for name in essential)


def start_time(found: dict[str, Any], declaration: dict[str, Any]) -> str:
    worst = found["start_worst"]
    if "start_timeout" in declaration:
        return f"at most {worst:g} s, its start_timeout"
    if worst is None:
        return "as long as its init steps and post_start hooks take: they have no limit (start_timeout gives one)"
    return f"at most {worst:g} s, if nothing has to be started again" if worst else "no time of its own"
