"""A hook that only waits. PID 1 sets a timer for it and forks nothing."""

from __future__ import annotations

from pidone import readers

#: A row of docs/reference/file.md.
EXAMPLE = 'sleep = "5s"'
DOC = "the hook asks nothing and only waits"

read = readers.duration


def describe(argument: float) -> str:
    return f"sleep {argument:g} s"
