"""Checks that a file is there and has come or changed since the process's start.

It runs in a child, because a file system can hang.

E1 and so on: docs/reference/edge-cases.md.
"""

from pidone import paths
from pidone.init.events import FAILURE, SUCCESS
from pidone.init.signals import show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Stamp = tuple[int, int, int, int]


#: A row of docs/reference/file.md.
EXAMPLE = 'file = "/run/ready"'
DOC = (
    "the file is there, and has come or changed since the process started; `stale = true` also accepts a file that "
    "was there before. For liveness any file is accepted"
)


def read(value: "Any") -> "list[Any]":
    """Return [path, whether a file counts that was there before the process]."""
    from pidone import readers

    return [readers.absolute(value), False]


def stale(value: "Any") -> bool:
    if not isinstance(value, bool):
        raise ValueError("stale = true or false")
    return value


OPTIONS = {"stale": (stale, 1)}


def describe(argument: "list[Any]") -> str:
    return "file %s" % argument[0]


def pack(argument: "list[Any]") -> "tuple[bytes, bool]":
    return argument[0].encode(), argument[1]


def run(path: bytes, stale: bool, before: "Stamp | None") -> "tuple[int, str]":
    """Check the file.

    stale: whether a file from before the process's start counts.
    before: (device, inode, mtime, ctime) at the process's start, or None for no file. A file that
        is still the same comes from an earlier lifetime (E60).
    """
    try:
        status = paths.status_of(path)
    except OSError as error:
        return FAILURE, "%s: %s" % (show(path), paths.reason(error))
    if not stale and before == (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns):
        text = "%s: it is older than this process (stale = true accepts it)"
        return FAILURE, text % show(path)
    return SUCCESS, ""
