"""Who waits for whom: `replicas` become processes, `after` becomes lists of indices, and a circle is an error.

By default a process waits for all that stand before it: `gate` is how many that are. Replicas wait for what stands
before the first of them. With `after` a process waits for just those that it names, and for what these wait for: the
whole of that is put into its list, so that the reverse of it is the order of a stop.
"""

from __future__ import annotations

import sys
from typing import Any, Callable

Processes = list[dict[str, Any]]

#: Tells a replica which one it is, from 0.
INDEX = "PIDONE_REPLICA"


def expand(processes: Processes, of_replica: Callable[[dict[str, Any], int], dict[str, Any]]) -> Processes:
    """Each replica as a process of its own; each process with "gate" and, by name of the declared, "group".

    of_replica: the keys in which this replica, counted from 0, differs from the declared process.
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
    """Processes that wait for each other. index: one of them. names: all, in order."""

    def __init__(self, index: int, names: list[str]) -> None:
        self.index, self.names = index, names


def resolve(processes: Processes) -> None:
    """Put indices for names, made whole; "restart_with" becomes indices, too. Raises Circle, and NotBefore."""
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
    """A process that is to be restarted with another does not start after it. index: of it. name: of the other."""

    def __init__(self, index: int, name: str) -> None:
        self.index, self.name = index, name


def before(index: int, name: str, processes: Processes, by_name: dict[Any, list[int]]) -> list[int]:
    """Indices of a process and its replicas, which start before `index`. Raises NotBefore."""
    mine = processes[index]
    found = by_name.get(name, [])
    if any(other >= mine["gate"] and other not in mine.get("needs", ()) for other in found):
        raise OrderError(index, name)
    return found


def make_whole(processes: Processes, direct: dict[int, set[int]]) -> None:
    whole: dict[int, set[int]] = {}
    sys.setrecursionlimit(max(sys.getrecursionlimit(), 1000 + 4 * len(processes)))  # a chain of all of them
    for index in range(len(processes)):
        needs(index, processes, direct, whole, [])
    for index, process in enumerate(processes):
        process["needs"] = sorted(other for other in whole[index] if other >= process["gate"])


def needs(
    index: int, processes: Processes, direct: dict[int, set[int]], whole: dict[int, set[int]], path: list[int]
) -> set[int]:
    """All that must have started before `index`, directly or not. Raises Circle."""
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
