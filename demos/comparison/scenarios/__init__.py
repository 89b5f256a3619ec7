"""The days, one file each, in the order of the page.

The first line of a file's docstring is its title, the rest is the page's text. COLUMNS: what is counted -> what
would be good: "yes", "no", "less", "more", or "" where neither is. play(stage) -> a value for each column: yes, no,
a number, words; None where there was nothing to count.
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
