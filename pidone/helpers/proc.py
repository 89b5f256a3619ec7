"""Reads what /proc says of processes (proc(5))."""

import posix

from pidone.init import proc

#: Clock ticks in a second, the unit of a start time.
TICKS = posix.sysconf("SC_CLK_TCK")


def stat(pid: int) -> "list[bytes]":
    """Return the fields of /proc/PID/stat from the third on: state, ppid, pgrp, session ...

    The list is empty where the process has exited.
    """
    return proc.proc_stat(pid)[1]


def everyone(zombies: bool = False) -> "dict[int, list[bytes]]":
    """Return {pid: stat} of all visible processes, without zombies unless `zombies` is true."""
    try:
        pids = [int(name) for name in posix.listdir("/proc") if name.isdigit()]
    except OSError:
        return {}
    found = {pid: stat(pid) for pid in pids}
    return {pid: fields for pid, fields in found.items() if fields and (zombies or fields[0] not in (b"Z", b"X"))}


def parent(fields: "list[bytes]") -> int:
    return int(fields[1])


def session(fields: "list[bytes]") -> int:
    return int(fields[3])


def age(fields: "list[bytes]") -> float:
    """Return the seconds since the process was forked, to a hundredth."""
    from time import CLOCK_BOOTTIME, clock_gettime

    return clock_gettime(CLOCK_BOOTTIME) - int(fields[19]) / TICKS
