"""What is known of the kernel's memory killer: how often it has killed here, and whom it hardly chooses."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

from pidone import kernel as posix_kernel

#: The memory killer hardly chooses a process that has had less than this part of what the container may use; nor one
#: that has had no more than a fork of pidone itself has, or, where there is no limit, than LEAST.
SHARE, OWN, LEAST = 4, 12 << 20, 64 << 20


def is_large(size: int, limit: "int | None") -> bool:
    """Had it so much memory, in bytes, that the memory killer may have chosen it? The count alone may be old (E56)."""
    return size >= max(OWN, limit // SHARE if limit else LEAST)


def count_kills(path: "bytes | None", kernel: "Any" = posix_kernel) -> int:
    """The number of processes of our cgroup that the kernel has killed for want of memory; 0 where nobody counts."""
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
