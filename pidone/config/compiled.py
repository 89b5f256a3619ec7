"""A checked declaration kept beside its file as FILE.plan, so that a start need not parse TOML.

It holds the file's own bytes. Where they differ from the file's, or a pidone of another version or with other slots
wrote it, it is not used: a stale one costs time and never changes what runs.
"""

from __future__ import annotations

import marshal
import os
import sys

from pidone import __version__, paths
from pidone.group.slots import ProcessPolicy
from pidone.init.slots import Process

TYPE_CHECKING = False
if TYPE_CHECKING:  # at run time `typing` would cost more than all that this module saves
    from typing import Any

MARK = __version__, sys.hexversion >> 16, Process.__slots__, ProcessPolicy.__slots__


def path_of(path: str) -> str:
    return path + ".plan"


def write(path: str, data: bytes, declaration: dict[str, Any]) -> None:
    """Raises OSError."""
    paths.replace_file(os.fsencode(path_of(path)), marshal.dumps((MARK, data, declaration)))


def read(path: str, data: bytes) -> dict[str, Any] | None:
    """The declaration, or None if there is none that was made of exactly these bytes."""
    try:
        with open(path_of(path), "rb") as file:
            mark, source, declaration = marshal.loads(file.read())
    except (OSError, EOFError, ValueError, TypeError):
        return None
    return declaration if mark == MARK and source == data else None
