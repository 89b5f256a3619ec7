"""The words and the lines of all prose: one word for each thing, plain sentences, 100 columns.

ruff holds docstrings and comments to 100 columns (W505); this file holds the pages to it.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.pid1 import ROOT
from tests.support.repository import PAGES, python_files

SOURCES = python_files("pidone", "scripts", "benchmarks", "demos")

#: {what is not written: what is}. CHANGELOG.md may name an old word.
INSTEAD = {
    r"wanted is": "expected",
    r"\b(is|are|was|were) told\b": "gets its signal, or: pidone says",
    r"\bfor want of\b": "because there is no",
    r"\bcontrol line\b": "control socket",
    r"\b(aside|doomed|guise)s?\b": "helper, to be removed, profile",
    r"^\W*(Who|Whoever|What|Whatever) (is|has|does|can|may|cannot|would|had|holds|floods)\b[^?]*$": "the thing itself",
}


def prose(path: Path) -> list[tuple[int, str]]:
    """Return (number, line) of a page outside of blocks, tables and generated parts."""
    found, fenced = [], False
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.startswith("```"):
            fenced = not fenced
        elif not fenced and not line.startswith(("|", "<!--", "    ")):
            found.append((number, line))
    return found


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_wraps_at_100_columns(path: Path) -> None:
    """A line that is one link may be longer."""
    long = [(number, line) for number, line in prose(path) if len(line) > 100 and " " in re.sub(r"\[[^]]*\]", "", line)]
    assert not long, f"{path.relative_to(ROOT)}: {long}"


@pytest.mark.parametrize("wrong", INSTEAD)
def test_a_word_that_has_a_better_one_is_not_used(wrong: str) -> None:
    found = []
    for path in [*PAGES, *SOURCES]:
        if path.name != "CHANGELOG.md":
            lines = path.read_text().splitlines()
            found += [
                f"{path.relative_to(ROOT)}:{n}: {line}" for n, line in enumerate(lines, 1) if re.search(wrong, line)
            ]
    assert not found, f"{INSTEAD[wrong]}:\n" + "\n".join(found)
