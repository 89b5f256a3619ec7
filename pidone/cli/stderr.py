"""Lines for people on stderr. They never cause a failure. stdout is for data only."""

from __future__ import annotations

import os
import sys


def print_error(text: str) -> None:
    """Write a line to stderr, without Python's buffer.

    When Python exits, it would write its buffer once more. A failure of that would change the exit
    code.
    """
    if sys.stderr is None:  # stderr was closed at the start, and another file may have its descriptor
        return
    try:
        os.write(2, f"{text}\n".encode("utf-8", "backslashreplace"))
    except OSError:
        pass
