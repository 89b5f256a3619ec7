"""A line for people on stderr: never worth a failure, and never on stdout, where data goes."""

from __future__ import annotations

import os
import sys


def print_error(text: str) -> None:
    """Without Python's buffer: what cannot be written would be tried once more at its end, and change the exit code."""
    if sys.stderr is None:  # closed when we started; another file may have its descriptor
        return
    try:
        os.write(2, f"{text}\n".encode("utf-8", "backslashreplace"))
    except OSError:
        pass
