"""A checked declaration -> what PID 1 has of it: plain data, paths as bytes, scaled times in s.

The result stays in the declaration, so that a compiled file starts without this module.

E1 and so on: docs/reference/edge-cases.md.
"""

from __future__ import annotations

from typing import Any

from pidone.config import keys
from pidone.group.policy import NEVER, PROBES, default_restart
from pidone.init.plan import SIDECAR

Entry = dict[str, Any]

GROUP, PROCESS, POLICY = keys.slots(keys.GROUP), keys.slots(keys.PROCESS), keys.slots(keys.OF_POLICY)


def pack(declaration: dict[str, Any]) -> None:
    """Add "slots" to the declaration, and "slots", "policy" and "files" to each process."""
    scale = declaration.get("time_scale", 1.0)
    declaration["slots"] = given(GROUP, declaration, scale)
    for index, process in enumerate(declaration["processes"]):
        process["slots"] = given(PROCESS, process, scale)
        entry = {"log": declaration["log"], **process} if "log" in declaration else process
        process["policy"] = policy(index, entry, declaration.get("restart"), scale)
        process["files"] = files(process)


def given(slots: dict[str, keys.Slot], entry: Entry, scale: float) -> dict[str, Any]:
    """Return the slots of the keys that are given."""
    return {name: slot.pack(entry[name], scale) for name, slot in slots.items() if name in entry}


def policy(index: int, entry: Entry, of_group: int | None, scale: float) -> tuple[Any, ...] | None:
    """Return the slots of ProcessPolicy in order, or None where the role's defaults are enough.

    of_group: `restart` of [group], for all processes but sidecars.
    """
    ours = of_group is not None and entry["role"] != SIDECAR
    if not (ours or scale != 1.0 or entry["gate"] != index or any(key in entry for key in (*POLICY, "needs"))):
        return None
    default = default_restart(entry["role"], NEVER if of_group is None else of_group, entry.get("essential", False))
    entry = {"restart": default, **entry}
    return (
        entry["gate"],
        tuple(entry.get("needs", ())),
        *(hold(slot, entry.get(key), scale) for key, slot in POLICY.items()),
    )


def hold(slot: keys.Slot, value: Any, scale: float) -> Any:
    value = slot.absent if value is None else value
    return slot.default if value is None else slot.pack(value, scale)


def files(entry: Entry) -> tuple[bytes, ...]:
    """Return the files that must come or change after the process's start, for its probes (E60)."""
    asked = [entry[what]["argument"] for what in PROBES if what in entry and entry[what]["handler"] == "file"]
    return tuple(sorted({path.encode() for path, stale in asked if not stale}))
