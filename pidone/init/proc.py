"""What PID 1 itself reads about a process from /proc (proc(5))."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

from pidone import kernel as posix_kernel


def proc_stat(pid: int, kernel: "Any" = posix_kernel) -> "tuple[str, list[bytes]]":
    """Return a process's or zombie's name in the kernel, and the fields of its stat from the third.

    The fields are state, parent, process group, session ... (proc(5), stat). Both are empty where
    the process does not exist, or there is no /proc.
    """
    try:
        before, _, after = kernel.read_file("/proc/%d/stat" % pid).rpartition(b")")
    except OSError:
        return "", []
    return before.partition(b"(")[2].decode("utf-8", "backslashreplace"), after.split()
