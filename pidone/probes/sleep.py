"""A hook that only waits; PID 1 has the time, and nothing is forked for it."""

from __future__ import annotations

from pidone import readers

#: A row of docs/reference/file.md.
EXAMPLE = 'sleep = "5s"'
DOC = "nothing is asked: it waits"

read = readers.duration


def describe(argument: float) -> str:
    return f"sleep {argument:g} s"
