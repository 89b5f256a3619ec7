"""The scenarios, one file for each, in the order of the page.

The first line of a file's docstring is its title on the page, and the rest is the text there. Each
file has

    COLUMNS      {what is observed: what is good: "yes", "no", "less", "more", or "" for neither}
    play(stage)  returns a value for each column: True, False, a number or a text; None for no value
"""

from __future__ import annotations

from types import ModuleType
from typing import Union

from demos.comparison.scenarios import (
    cost,
    exec_breaks,
    exits,
    faults,
    hangs,
    helper,
    init_fails,
    killed,
    orphans,
    outside,
    signals,
    start,
    stop,
    unprivileged,
)

Value = Union[bool, int, float, str, None]

SCENARIOS: dict[str, ModuleType] = {
    module.__name__.rpartition(".")[2].replace("_", "-"): module
    for module in (
        orphans, exits, faults, killed, stop, hangs, helper, init_fails, exec_breaks, signals, start, cost, outside,
        unprivileged,
    )
}  # fmt: skip


def title(module: ModuleType) -> str:
    return str(module.__doc__).strip().partition("\n")[0].rstrip(".")


def text(module: ModuleType) -> str:
    return str(module.__doc__).strip().partition("\n")[2].strip()
