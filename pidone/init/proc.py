"""What /proc says of a process (proc(5)), as far as PID 1 itself asks."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

from pidone import kernel as posix_kernel


def proc_stat(pid: int, kernel: "Any" = posix_kernel) -> "tuple[str, list[bytes]]":
    """Of a process or zombie the kernel's name, and the fields from the third on: state, parent, group, session ...

    (proc(5), stat.) Empty where it is gone, or no /proc is there.
    """
    try:
        before, _, after = kernel.read_file("/proc/%d/stat" % pid).rpartition(b")")
    except OSError:
        return "", []
    return before.partition(b"(")[2].decode("utf-8", "backslashreplace"), after.split()
