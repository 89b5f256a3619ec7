"""The kernel's OOM killer: how often it has killed here, and which processes it hardly chooses.

E1 and so on: docs/reference/edge-cases.md.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

from pidone import kernel as posix_kernel

#: The OOM killer hardly chooses a process whose memory has stayed below a certain size.
#: SHARE: that size is the container's limit divided by this.
#: OWN: bytes that a fork of pidone itself has; the size is never below it.
#: LEAST: the size in bytes where the container has no limit.
SHARE, OWN, LEAST = 4, 12 << 20, 64 << 20


def is_large(size: int, limit: "int | None") -> bool:
    """Return whether a process of this size is one that the OOM killer may have chosen.

    The counter alone does not tell: its last increase may be old (E56).

    size: the most memory that the process has had, in bytes.
    limit: bytes that the container may use; 0 or None for no limit.
    """
    return size >= max(OWN, limit // SHARE if limit else LEAST)


def count_oom_kills(path: "bytes | None", kernel: "Any" = posix_kernel) -> int:
    """Return how many processes of our cgroup the OOM killer has killed; 0 without a counter."""
    if path is None:
        return 0
    try:
        lines: bytes = kernel.read_file(path.decode("utf-8", "surrogateescape"))
    except OSError:
        return 0
    for line in lines.split(b"\n"):
        if line.startswith(b"oom_kill "):
            return int(line[9:])
    return 0
