"""How many processes the kernel has killed in our cgroup because memory ran out (S93)."""

from pidone.init.inherited import read_file

#: A victim that had less than this part of what the container may use was hardly chosen by the memory killer.
SHARE = 10


def count_kills(path: "bytes | None") -> int:
    """The number of processes of our cgroup that the kernel has killed for want of memory; 0 where nobody counts."""
    if path is None:
        return 0
    try:
        lines = read_file(path.decode("utf-8", "surrogateescape"))
    except OSError:
        return 0
    for line in lines.split(b"\n"):
        if line.startswith(b"oom_kill "):
            return int(line[9:])
    return 0
