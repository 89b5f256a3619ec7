"""A checked declaration kept next to its file as FILE.plan, so that a start need not parse TOML.

FILE.plan also holds the file's own bytes. pidone ignores it where these differ from the file's, or
where another version of pidone, another version of Python, or a pidone with other slots wrote it.
So a stale FILE.plan costs time and never changes what runs.
"""

from __future__ import annotations

import marshal
import os
import sys

from pidone import __version__, paths
from pidone.group.slots import ProcessPolicy
from pidone.init.slots import Process

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing `typing` at run time would cost more than this module saves
    from typing import Any

MARK = __version__, sys.hexversion >> 16, Process.__slots__, ProcessPolicy.__slots__


def path_of(path: str) -> str:
    return path + ".plan"


def write(path: str, data: bytes, declaration: dict[str, Any]) -> None:
    """Write FILE.plan. Raises OSError."""
    paths.replace_file(os.fsencode(path_of(path)), marshal.dumps((MARK, data, declaration)))


def read(path: str, data: bytes) -> dict[str, Any] | None:
    """Return the declaration, or None if none was made from exactly these bytes."""
    try:
        with open(path_of(path), "rb") as file:
            mark, source, declaration = marshal.loads(file.read())
    except (OSError, EOFError, ValueError, TypeError):
        return None
    return declaration if mark == MARK and source == data else None
