"""Packages that are not Python's own, for the children of PID 1 that need one."""

from __future__ import annotations

from typing import Any


def load(name: str) -> Any:
    """The module, or None: beside pidone, or where the interpreter's site finds it.

    PID 1 runs without `site`; a child of it may use what belongs to the interpreter.
    """
    try:
        return __import__(name, fromlist=["*"])
    except ImportError:
        import site

        site.main()
    try:
        return __import__(name, fromlist=["*"])
    except ImportError:
        return None
