"""Results -> a table as text or Markdown, a chart for each scenario, and the page comparison.md."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

from demos.comparison.peers import PEERS
from demos.comparison.scenarios import SCENARIOS, text, title

#: The outcome of a run: {"facts": ..., "results": {scenario: {peer: {column: value}}}}
Document = dict[str, Any]

GOOD, BAD, PLAIN = "#d4efdf", "#f9dcd7", "#f2f3f4"


def word(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return f"{value:,}"
    return str(value)


def cell(values: dict[str, Any], column: str) -> str:
    return "error" if "error" in values else word(values.get(column))


def rows(name: str, results: dict[str, Any]) -> list[list[str]]:
    """Return a scenario's table, head first: a row for each COLUMN, a column for each peer."""
    cells = results[name]
    found = [["", *cells]]
    found += [[column, *(cell(values, column) for values in cells.values())] for column in SCENARIOS[name].COLUMNS]
    return found


def errors(name: str, results: dict[str, Any]) -> list[str]:
    return [f"{peer}: {values['error']}" for peer, values in results[name].items() if "error" in values]


def as_text(document: Document) -> str:
    """Return one table with a block of rows for each scenario."""
    tables = {name: rows(name, document["results"]) for name in document["results"]}
    every = [row for table in tables.values() for row in table]
    widths = [max(len(row[place]) for row in every) for place in range(len(every[0]))] if every else []
    lines: list[str] = []
    for name, table in tables.items():
        lines += ["", f"{name}: {title(SCENARIOS[name])}"]
        for row in table:
            lines.append("  ".join([row[0].ljust(widths[0]), *(w.rjust(n) for w, n in zip(row[1:], widths[1:]))]))
        lines += [f"  {line}" for line in errors(name, document["results"])]
    return "\n".join(lines).strip()


def as_markdown(table: list[list[str]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in table]
    return "\n".join([lines[0].replace("|  |", "| |"), "|---" * len(table[0]) + "|", *lines[1:]])


INTRODUCTION = """\
# The same days under eight kinds of PID 1

A container manages one process. If the app is PID 1 and dies, nothing manages its helpers. If an
init of a whole system is PID 1, the container reports on that init, and not on the app. This page
shows what each kind of PID 1 does on the same days of a container's life, in real containers, with
the same small programs ([demos/comparison/app.c](../../demos/comparison/app.c)). It includes the
days on which another one does better than pidone. `demos/compare --write` wrote every figure here,
from one run. `./do compare` repeats that run on a fresh machine in some quarter of an hour.

"""


TAUGHT = """\
No peer gets extra code for what it does not do by itself. A unit of systemd can have
`FailureAction=exit`, s6 and runit can have `finish` scripts, supervisord can have an event
listener. With these, the result would show the extra code"""


def page(document: Document) -> str:
    facts = document["facts"]
    text_ = INTRODUCTION + "| under | |\n|---|---|\n"
    text_ += "".join(f"| {name} | {peer.what} |\n" for name, peer in PEERS.items()) + "\n"
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    measured = (
        f"Debian's {versions}; Docker {facts['docker']}, Linux {facts['kernel']}, {facts['processors']} processors."
        + f" Measured on {facts['date']}, at commit {facts['commit']}"
        + (f", in {facts['minutes']:g} minutes.\n" if "minutes" in facts else ".\n")
    )
    measured += TAUGHT + " ([how each was configured](../../demos/comparison/peers.py))."
    text_ += textwrap.fill(" ".join(measured.split()), 100, break_on_hyphens=False) + "\n"
    for number, name in enumerate(document["results"], 1):
        text_ += f"\n## {number}. {title(SCENARIOS[name])}\n\n{text(SCENARIOS[name])}\n\n"
        text_ += as_markdown(rows(name, document["results"])) + "\n"
        text_ += "".join(f"\n{line}\n" for line in errors(name, document["results"]))
        text_ += f"\n![{title(SCENARIOS[name])}](comparison/{name}.svg)\n"
    return text_


def colour(sense: str, value: Any, all_values: list[Any]) -> str:
    if not sense or value is None:
        return PLAIN
    if sense in ("yes", "no"):
        return GOOD if value == (sense == "yes") else BAD
    numbers = [one for one in all_values if isinstance(one, (int, float))]
    best = min(numbers) if sense == "less" else max(numbers)
    return GOOD if value == best else PLAIN


def draw(path: Path, name: str, document: Document) -> None:
    """Draw a panel for each column, with a row for each peer.

    Numbers are bars, and other values are text.
    """
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams.update({"svg.hashsalt": name, "svg.fonttype": "none"})
    from matplotlib import pyplot

    cells = document["results"][name]
    columns: dict[str, str] = SCENARIOS[name].COLUMNS
    peers = list(reversed(cells))
    size = (2.2 + 1.75 * len(columns), 0.7 + 0.3 * len(peers))
    figure, panels = pyplot.subplots(1, len(columns), figsize=size, squeeze=False, sharey=True, layout="constrained")
    for panel, (column, sense) in zip(panels.flat, columns.items()):
        values = [cells[peer].get(column) for peer in peers]
        counted = any(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
        bars = counted and sense in ("less", "more")
        for place, (peer, value) in enumerate(zip(peers, values)):
            length = float(value or 0) if bars else 1.0
            fill = ("#1b4f72" if peer == "pidone" else "#aeb6bf") if bars else colour(sense, value, values)
            panel.barh(place, length, color=fill, height=0.8 if bars else 0.94)
            said = "error" if "error" in cells[peer] else word(value)
            at = (length, place) if bars else (0.5, place)
            panel.annotate(
                said if len(said) < 24 else said[:22] + "…", at, xytext=(3 if bars else 0, 0), fontsize=7,
                textcoords="offset points", va="center", ha="left" if bars else "center",
            )  # fmt: skip
        panel.set_title(column, fontsize=8, wrap=True)
        panel.set_xticks([])
        panel.set_yticks(range(len(peers)), peers, fontsize=8)
        panel.tick_params(length=0)
        panel.spines[:].set_visible(False)
        panel.margins(x=0.3 if bars else 0)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
