"""Rows of words -> lines for a terminal. Each column is as wide as its widest word."""

from __future__ import annotations

from collections.abc import Sequence


def lines(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return one line for each row. The last column is not padded."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    return ["  ".join([*(word.ljust(width) for word, width in zip(row, widths)), row[-1]]).rstrip() for row in rows]
