"""Which process waits for which: `replicas` become processes, `after` becomes lists of indices.

A cycle is an error.

By default a process waits for all processes before it; `gate` is their number. A replica waits for
the processes before the first replica. A process with `after` waits only for the processes that it
names, and for what those wait for. Its list holds all of these, so that the stop can follow the
lists in reverse.
"""

from __future__ import annotations

import sys
from typing import Any, Callable

Processes = list[dict[str, Any]]

#: The variable that holds a replica's number, from 0.
INDEX = "PIDONE_REPLICA"


def expand(processes: Processes, of_replica: Callable[[dict[str, Any], int], dict[str, Any]]) -> Processes:
    """Return the processes with each replica as a process of its own.

    Each process gets "gate" and "declared", the name of the process in the file.

    of_replica: returns the keys in which a replica, counted from 0, differs from the declared
        process.
    """
    found: Processes = []
    for process in processes:
        gate = len(found)
        for number in range(process.get("replicas", 1)):
            copy = {**process, "gate": gate, "declared": process.get("name")}
            if "replicas" in process:
                copy["name"] = f"{process.get('name')}-{number}"
                copy["env"] = {**process.get("env", {}), INDEX: str(number)}
                copy.update(of_replica(process, number))
            found.append(copy)
    return found


class CycleError(Exception):
    """Processes that wait for each other.

    index: one of them.
    names: all of them in order, the first one again at the end.
    """

    def __init__(self, index: int, names: list[str]) -> None:
        self.index, self.names = index, names


def resolve(processes: Processes) -> None:
    """Turn `after` into "needs" and "gate", and the names in "restart_with" into indices.

    Raises CycleError and OrderError.
    """
    by_name: dict[Any, list[int]] = {}
    for index, process in enumerate(processes):
        by_name.setdefault(process["declared"], []).append(index)
    direct: dict[int, set[int]] = {}
    for index, process in enumerate(processes):
        if "after" in process:
            direct[index] = {other for name in process["after"] for other in by_name.get(name, ())}
            process["gate"] = 0
    if direct:
        make_whole(processes, direct)
    for index, process in enumerate(processes):
        if "restart_with" in process:
            process["restart_with"] = [
                other for name in process["restart_with"] for other in before(index, name, processes, by_name)
            ]


class OrderError(Exception):
    """A process does not start after the one that it is restarted with.

    index: the index of the process.
    name: the name of the other one.
    """

    def __init__(self, index: int, name: str) -> None:
        self.index, self.name = index, name


def before(index: int, name: str, processes: Processes, by_name: dict[Any, list[int]]) -> list[int]:
    """Return the indices of a process and its replicas, if all of them start before `index`.

    Raises OrderError.
    """
    mine = processes[index]
    found = by_name.get(name, [])
    if any(other >= mine["gate"] and other not in mine.get("needs", ()) for other in found):
        raise OrderError(index, name)
    return found


def make_whole(processes: Processes, direct: dict[int, set[int]]) -> None:
    whole: dict[int, set[int]] = {}
    sys.setrecursionlimit(max(sys.getrecursionlimit(), 1000 + 4 * len(processes)))  # for a chain of all processes
    for index in range(len(processes)):
        needs(index, processes, direct, whole, [])
    for index, process in enumerate(processes):
        process["needs"] = sorted(other for other in whole[index] if other >= process["gate"])


def needs(
    index: int, processes: Processes, direct: dict[int, set[int]], whole: dict[int, set[int]], path: list[int]
) -> set[int]:
    """Return all processes for which `index` waits, directly or indirectly. Raises CycleError."""
    if index in whole:
        return whole[index]
    if index in path:
        circle = [*path[path.index(index) :], index]
        raise CycleError(index, [str(processes[i]["declared"]) for i in circle])
    found = set(direct.get(index, range(processes[index]["gate"])))
    for other in sorted(found):
        found |= needs(other, processes, direct, whole, [*path, index])
    whole[index] = found
    return found
