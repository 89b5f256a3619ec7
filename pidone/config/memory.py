"""The container's memory limit, and whether the requests of its processes fit (all or nothing).

It reads cgroup v1 and v2 (kernel: Documentation/admin-guide/cgroup-v1/memory.rst, cgroup-v2.rst).

S1 and so on: docs/reference/pod.md.
"""

from __future__ import annotations

import os

from pidone.init import plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Bytes that count as no limit: cgroup v1 shows the largest number of whole pages then.
UNLIMITED = 1 << 60


def limit(proc: str = "/proc/self") -> int | None:
    """Return the tightest limit of this process's cgroup and those above it, in bytes, or None."""
    found = []
    for directory, top, name in _cgroups(proc):
        here = directory if os.path.isdir(directory) else top
        while True:
            found.append(_read(os.path.join(here, name)))
            if here == top or len(here) <= len(top):
                break
            here = os.path.dirname(here)
    limits = [value for value in found if value is not None and value < UNLIMITED]
    return min(limits, default=None)


#: The file next to the limit that counts the OOM kills, as "oom_kill N" (S93).
COUNTERS = {"memory.limit_in_bytes": "memory.oom_control", "memory.max": "memory.events"}


def oom_kill_counter(proc: str = "/proc/self") -> bytes | None:
    """Return the file that counts the OOM kills in our cgroup, or None if there is none to read."""
    for directory, top, name in _cgroups(proc):
        path = os.path.join(directory if os.path.isdir(directory) else top, COUNTERS[name])
        if os.access(path, os.R_OK):
            return path.encode()
    return None


#: The file next to the limit that holds the peak usage.
PEAKS = {"memory.limit_in_bytes": "memory.max_usage_in_bytes", "memory.max": "memory.peak"}


def most_used(proc: str = "/proc/self") -> int | None:
    """Return our cgroup's peak usage in bytes; None if unknown (cgroup v2 before Linux 5.19)."""
    for directory, top, name in _cgroups(proc):
        used = _read(os.path.join(directory if os.path.isdir(directory) else top, PEAKS[name]))
        if used is not None:
            return used
    return None


def _cgroups(proc: str) -> list[tuple[str, str, str]]:
    """Return [(our directory, mount point of its hierarchy, name of the file with the limit)]."""
    ours: dict[str, str] = {}
    found = []
    try:
        with open(f"{proc}/cgroup") as file:
            for line in file:
                _, controllers, path = line.rstrip("\n").split(":", 2)
                if not controllers or "memory" in controllers.split(","):
                    ours["memory" if controllers else "unified"] = path
        with open(f"{proc}/mountinfo") as file:
            mounts = [line.split() for line in file]
    except (OSError, ValueError):
        return []
    for fields in mounts:
        root, top = fields[3], fields[4]
        kind, options = fields[fields.index("-") + 1], fields[-1]
        if kind == "cgroup" and "memory" in options.split(",") and "memory" in ours:
            found.append((_below(ours["memory"], root, top), top, "memory.limit_in_bytes"))
        elif kind == "cgroup2" and "unified" in ours:
            found.append((_below(ours["unified"], root, top), top, "memory.max"))
    return found


def _below(path: str, root: str, top: str) -> str:
    """Return a cgroup's path as seen through a mount of `root` at `top`.

    A container sees its own cgroup as the root.
    """
    inner = path[len(root) :] if root != "/" and path.startswith(root) else path
    return os.path.normpath(top + "/" + inner)


def _read(path: str) -> int | None:
    try:
        with open(path) as file:
            text = file.read().strip()
        return int(text) if text != "max" else None
    except (OSError, ValueError):
        return None


def peak(processes: list[dict[str, Any]]) -> tuple[int, list[tuple[str, int]]]:
    """Return (bytes, [(name, bytes), ...]) of the most that is requested at the same time.

    This is a Pod's effective request: an init step runs with the sidecars before it, and the
    primary with all sidecars.
    """
    sidecars: list[tuple[str, int]] = []
    most: list[tuple[str, int]] = []
    for process in processes:
        ask = (process["name"], process.get("requests", 0))
        if process["role"] == plan.SIDECAR:
            sidecars.append(ask)
        together = sidecars if process["role"] == plan.SIDECAR else [*sidecars, ask]
        if _sum(together) > _sum(most):
            most = list(together)
    return _sum(most), [ask for ask in most if ask[1]]


def _sum(asks: list[tuple[str, int]]) -> int:
    return sum(amount for _, amount in asks)


def show(amount: int) -> str:
    """Return an amount in its largest unit: 1610612736 -> "1.5 GiB"."""
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if amount >= size:
            return f"{amount / size:.4g} {unit}"
    return f"{amount} B"
