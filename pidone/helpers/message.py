"""Reads the termination message of a process that has ended: the last bytes of its file (S96).

Where the container itself has a file for its termination message, as in a Pod, the primary's
message goes there too.

S1 and so on: docs/reference/pod.md.
"""

import posix

from pidone import paths
from pidone.init.events import SUCCESS
from pidone.init.spawn import set_user

#: Bytes of one message, and of all messages of a group.
#: (kubelet: MaxContainerTerminationMessageLength, ...PodTermination...)
MAX_MESSAGE, MAX_TOTAL = 4096, 12288

OUTER = "/dev/termination-log"


def run(path: bytes, primary: bool, members: int, user: "tuple[int, int, tuple[int, ...]] | None") -> "tuple[int, str]":
    """Return (SUCCESS, the message), which is empty where there is none.

    The process's own user reads it, because the process could have put a link to anything there.

    path: the file of the message.
    primary: whether it is the primary's message.
    members: the number of processes that share MAX_TOTAL.
    user: the process's (uid, gid, groups), or None for pidone's own.
    """
    outer = open_outer() if primary else -1
    try:
        if user is not None:
            set_user(*user)
        data = last(path, min(MAX_MESSAGE, MAX_TOTAL // members or 1))
    except OSError:
        return SUCCESS, ""  # the process has removed its file: there is no message
    if outer >= 0 and data:
        try:
            posix.ftruncate(outer, 0)
            posix.write(outer, data)
        except OSError:
            pass
    return SUCCESS, data.decode("utf-8", "replace").strip()


def open_outer() -> int:
    """Open the container's own file. Return -1 where it cannot be opened, as outside of a Pod."""
    try:
        return paths.open_file(OUTER.encode(), posix.O_WRONLY)
    except OSError:
        return -1


def last(path: bytes, most: int) -> bytes:
    """Return the last bytes of the file, `most` at most. Raises OSError."""
    opened = paths.open_file if paths.is_strict() else posix.open
    fd = opened(path, posix.O_RDONLY | posix.O_NONBLOCK | posix.O_NOFOLLOW)
    try:
        status = posix.fstat(fd)
        if status.st_mode & 0o170000 != 0o100000:
            return b""  # not a regular file
        posix.lseek(fd, max(0, status.st_size - most), 0)
        return posix.read(fd, most)
    finally:
        posix.close(fd)
