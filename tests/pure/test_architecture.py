"""docs/explanation/architecture.md shows the state machine of the code, by `./do generate`."""

from __future__ import annotations

import re
from typing import Any

import pytest

from pidone.group import group, process, states
from pidone.init import events, machine
from tests.support.pid1 import ROOT

PAGE = ROOT / "docs" / "explanation" / "architecture.md"
PHASES = ("START", "RUN", "RESTART", "STOP", "SWEPT", "KILLED")
EVENTS = (
    "BEGIN", "EXECED", "FAILED", "EXITED", "SUSPENDED", "SIGNAL", "DEADLINE", "ALONE", "HELPER_ENDED", "NOTIFIED",
    "COMMAND", "NEW_PLAN", "RESOLVED",
)  # fmt: skip
KINDS = {getattr(events, name): name for name in EVENTS}


def shown(function: Any) -> str:
    """Return the name of a transition, such as stop.begin or Group.advance."""
    if function is None:
        return "-"
    name = function.__qualname__
    if "<locals>" in name:  # one of a family, such as to_process(EXECED)
        return f"`{name.split('.')[0]}`"
    return f"`{name if '.' in name else function.__module__.rpartition('.')[2] + '.' + name}`"


def rows(table: dict[Any, Any], columns: list[Any]) -> list[list[str]]:
    return [[str(key), *(shown(found.get(column)) for column in columns)] for key, found in table.items()]


def tables() -> dict[str, list[list[str]]]:
    by_event: dict[str, dict[int, Any]] = {}
    for state, reactions in process.ON_EVENT.items():
        for event, reaction in reactions.items():
            by_event.setdefault(KINDS[event], {})[state] = reaction
    return {
        "PROCESS_ON_EVENT": [["event", *states.STATES], *rows(by_event, list(range(len(states.STATES))))],
        "PROCESS_ON_TIMER": [
            ["timer", "leads to"],
            *([what, shown(found)] for what, found in process.ON_TIMER.items()),
        ],
        "PROCESS_ON_HELPER_END": [
            ["helper", "leads to"],
            *([what, shown(found)] for what, found in process.ON_HELPER_END.items()),
        ],
        "GROUP_ON_OUTCOME": [
            ["outcome", *PHASES],
            *rows(group.ON_OUTCOME, [getattr(machine, name) for name in PHASES]),
        ],
        "GROUP_ON_EVENT": [["event", "leads to"], *([KINDS[kind], shown(one)] for kind, one in group.ON_EVENT.items())],
        "GROUP_ON_TIMER": [["timer", "leads to"], *([what, shown(found)] for what, found in group.ON_TIMER.items())],
    }


def drawn(table: list[list[str]]) -> str:
    head, *rest = [f"| {' | '.join(row)} |" for row in table]
    return "\n".join([head, "|---" * len(table[0]) + "|", *rest])


@pytest.mark.parametrize("name", tables())
def test_the_page_shows_the_current_state_machine(name: str) -> None:
    found = re.search(rf"<!-- {name} -->\n(.*?)\n<!-- end -->", PAGE.read_text(), re.S)
    assert found and found[1] == drawn(tables()[name]), "run ./do generate"


def test_every_outcome_and_every_event_has_a_row() -> None:
    assert set(group.ON_OUTCOME) == set(states.OUTCOMES)
    assert set(group.ON_EVENT) == set(KINDS) == set(range(len(KINDS)))
    assert set(process.ON_EVENT) == set(range(len(states.STATES)))
    assert set(process.ON_HELPER_END) <= set(process.ON_TIMER), "a helper that nothing would end"


if __name__ == "__main__":
    text = PAGE.read_text()
    for name, table in tables().items():
        before, mark, rest = text.partition(f"<!-- {name} -->\n")
        text = before + mark + drawn(table) + rest[rest.index("\n<!-- end -->") :]
    PAGE.write_text(text)
