"""Rows of values -> a table, verdicts, JSON and a picture. Rows are {label: {peer: value}}."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable

from benchmarks.measures import ROOT, Bench, Values, most_zombies

Rows = dict[str, Values]

#: The columns of `measures.ways`. They are ways to start pidone, not peers.
WAYS = (
    "launcher",
    "as tini",
    "pip's script",
    "pidone.pyz",
    "python3 -m pidone",
    "launcher, a file",
    "launcher, a compiled file",
)
ORDER = (
    "floor",
    "no init",
    "pidone",
    "before",
    "pidone, json",
    "cat",
    "tini",
    "dumb-init",
    "catatonit",
    "s6",
    "runit",
    "supervisord",
    "circus",
    "honcho",
)

USS = "USS with %d (kB)"
CARRY, LOST = "output carried (MB/s)", "lines lost or out of order, of 1 GB"
REAPS, FULL = "wait between two reaps, 1,200 sessions (ms)", "USS, the record full (kB)"


#: How many zombies -> the label of the row.
ZOMBIES = {
    "1,000": "1,000 zombies (ms)", "6,000": "6,000 zombies (ms)", "the most": "as many zombies as there can be (ms)",
}  # fmt: skip


def ratio(label: str, peer: str) -> Callable[[Rows], float]:
    return lambda rows: rows[label]["pidone"] / rows[label][peer]


def above_floor(count: int) -> Callable[[Rows], float]:
    return lambda rows: rows[USS % count]["pidone"] - rows[USS % 1]["floor"]


#: Rows whose value may exceed that of another pidone (--against) by at most a twentieth.
NOT_MORE = (
    "start (ms)", "primary's death to PID 1's (ms)", "signal to app and back (us)", *ZOMBIES.values(),
    *(USS % count for count in (1, 10, 100, 1000)),
)  # fmt: skip


#: (what, the function that computes it, "<=" or ">=", the bar)
BARS: list[tuple[str, Callable[[Rows], float], str, float]] = [
    ("start / floor", ratio("start (ms)", "floor"), "<=", 1.15),
    (
        "death to PID 1's, beyond tini's (ms)",
        lambda rows: rows[DEATH]["pidone"] - rows[DEATH]["tini"],
        "<=",
        1.0,
    ),
    ("signal latency / tini", ratio("signal to app and back (us)", "tini"), "<=", 1.3),
    ("orphans per second / tini", ratio("orphans reaped (1/s)", "tini"), ">=", 0.95),
    *(
        (f"zombies drained per second / tini, {many}", lambda rows, at=label: 1 / ratio(at, "tini")(rows), ">=", 0.9)
        for many, label in ZOMBIES.items()
    ),
    ("USS beyond the floor, one command (kB)", above_floor(1), "<=", 600),
    ("USS beyond the floor, 100 processes (kB)", above_floor(100), "<=", 1500),
    (
        "USS of each further process (kB)",
        lambda rows: (above_floor(1000)(rows) - above_floor(100)(rows)) / 900,
        "<=",
        5,
    ),
    (
        "context switches in 60 s, 100 processes",
        lambda rows: rows["switches in 60 s with 100"]["pidone"],
        "<=",
        0,
    ),
    ("a probe, PID 1's CPU, the dearest (ms)", lambda rows: max(rows["a probe, PID 1's CPU (ms)"].values()), "<=", 1),
    (
        "USS of each of 50 probes, the dearest (kB)",
        lambda rows: (max(rows[PROBED].values()) - rows[PROBED]["none"]) / 50,
        "<=",
        2.0,
    ),
    ("output carried with a name / cat's", lambda rows: rows[CARRY]["pidone"] / rows[CARRY]["cat"], ">=", 0.5),
    ("lines lost or out of order, of 1 GB", lambda rows: rows[LOST]["pidone"], "<=", 0),
    ("wait between two reaps, 1,200 sessions (ms)", lambda rows: rows[REAPS]["pidone"], "<=", 50),
    (
        "USS beyond the floor, the record full (kB)",
        lambda rows: rows[FULL]["pidone"] - rows[USS % 1]["floor"],
        "<=",
        1500,
    ),
    ("start of each of 1,000 (ms)", lambda rows: rows["start of 1000 (ms each)"]["pidone"], "<=", 2),
    *((f"{label} / before's", ratio(label, "before"), "<=", 1.05) for label in NOT_MORE),
    ("orphans reaped (1/s) / before's", ratio("orphans reaped (1/s)", "before"), ">=", 0.95),
]
PROBED = "USS with 50, each probed (kB)"
DEATH = "primary's death to PID 1's (ms)"


def judge(rows: Rows) -> list[dict[str, Any]]:
    """Return a verdict for every bar whose values were measured."""
    found = []
    for what, work_out, sense, bar in BARS:
        try:
            value = work_out(rows)
        except KeyError:
            continue  # not measured this time
        kept = value <= bar if sense == "<=" else value >= bar
        found.append({"what": what, "value": round(value, 3), "bar": f"{sense} {bar:g}", "kept": kept})
    return found


def number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def table(rows: Rows) -> str:
    """Return a table with a row for each measure and a column for each peer.

    Rows with other columns, such as the ways to start pidone, follow as blocks of their own.
    """
    apart = [label for label, row in rows.items() if not set(row) <= set(ORDER)]
    ways = [[label, *(f"{name} {number(value)}" for name, value in rows[label].items())] for label in apart]
    rows = {label: row for label, row in rows.items() if label not in apart}
    peers = [name for name in ORDER if any(name in row for row in rows.values())]
    lines = [["", *peers]] + [[label, *(number(row.get(name)) for name in peers)] for label, row in rows.items()]
    return "\n\n".join(columns(block) for block in (lines if rows else [], *([way] for way in ways)) if block)


def columns(lines: list[list[str]]) -> str:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join([line[0].ljust(widths[0]), *(word.rjust(width) for word, width in zip(line[1:], widths[1:]))])
        for line in lines
    )


def verdicts(judged: list[dict[str, Any]]) -> str:
    width = max((len(verdict["what"]) for verdict in judged), default=0)
    return "\n".join(
        f"{'kept  ' if v['kept'] else 'MISSED'}  {v['what']:{width}}  {v['value']:g}  (bar: {v['bar']})" for v in judged
    )


def facts(bench: Bench, scale: float, contained: bool) -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "kernel": platform.release(),
        "processors": os.cpu_count(),
        "scale": scale,
        "cpu cgroup": contained,
        "not installed": bench.peers.missing,
        "zombies at most": most_zombies(),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "commit": commit(),
    }


def commit() -> str:
    """Return the commit of this checkout, with "-dirty" if files have changed since."""
    told = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=10"], cwd=ROOT, capture_output=True, text=True
    )
    return told.stdout.strip() or "not a checkout"


def remarks(facts: dict[str, Any]) -> str:
    lines = [
        f"Python {facts['python']}, Linux {facts['kernel']}, {facts['processors']} processors, scale {facts['scale']:g}"
    ]
    lines += [f"-: {name} could not be measured: {why}" for name, why in facts["left out"].items()]
    if facts["not installed"]:
        lines.append(f"left out, for they are not installed: {', '.join(facts['not installed'])}")
    if not facts["cpu cgroup"]:
        lines.append("no cpu cgroup to be had: signal latency is not as in a container (sched(7), autogroup)")
    return "\n".join(lines)


def write(directory: Path, facts: dict[str, Any], rows: Rows, judged: list[dict[str, Any]]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    document = {"facts": facts, "rows": rows, "bars": judged}
    (directory / "results.json").write_text(json.dumps(document, indent=2) + "\n")


def picture(directory: Path, rows: Rows) -> None:
    try:
        draw(directory / "results.png", rows)
    except ImportError:
        print("no picture: matplotlib is not installed (pip install '.[bench]')", file=sys.stderr)


def draw(path: Path, rows: Rows) -> None:
    """Draw one panel for each measure, with a logarithmic scale and pidone's bars dark."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    columns = 3
    lines = -(-len(rows) // columns)
    figure, panels = pyplot.subplots(lines, columns, figsize=(13, 2.9 * lines), squeeze=False, layout="constrained")
    for panel in panels.flat[len(rows) :]:
        panel.axis("off")
    for panel, (label, row) in zip(panels.flat, rows.items()):
        peers = [name for name in reversed((*ORDER, *WAYS)) if name in row]
        colours = ["#1b4f72" if name.startswith("pidone") or name in WAYS else "#aeb6bf" for name in peers]
        lowest = min((value for value in row.values() if value > 0), default=1)
        panel.barh(peers, [max(row[name], lowest / 3) for name in peers], color=colours)
        panel.set_xscale("log")
        panel.set_title(label, fontsize=10)
        panel.tick_params(labelsize=8)
        for place, name in enumerate(peers):
            panel.annotate(
                number(row[name]), (max(row[name], lowest / 3), place), xytext=(3, 0), textcoords="offset points",
                va="center", fontsize=7,
            )  # fmt: skip
        panel.margins(x=0.25)
        panel.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=90)
