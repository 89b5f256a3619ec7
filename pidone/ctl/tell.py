"""A line for people on stderr: never worth a failure, and never on stdout, where data goes."""

from __future__ import annotations

import sys


def tell(text: str) -> None:
    if sys.stderr is None:  # closed when we started; print would take stdout instead
        return
    try:
        print(text.encode("utf-8", "backslashreplace").decode(), file=sys.stderr, flush=True)
    except (OSError, ValueError):
        pass
