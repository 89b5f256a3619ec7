"""Rows of words -> lines for a terminal, each column as wide as its widest word."""

from __future__ import annotations

from collections.abc import Sequence


def lines(rows: Sequence[Sequence[str]]) -> list[str]:
    """The last column is as long as it likes."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    return ["  ".join([*(word.ljust(width) for word, width in zip(row, widths)), row[-1]]).rstrip() for row in rows]
