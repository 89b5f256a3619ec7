"""Readers of the tables `startup`, `readiness`, `liveness`, `post_start` and `pre_stop`.

Such a table has a handler, and a probe's has times. Like the readers in `readers`, these turn a
TOML value into plain data, or raise ValueError with what would be right. Each handler's file in the
room `probes` reads its own value. The name of a port stays a name here; rules.py knows the
process's `ports`.

S1 and so on: docs/reference/pod.md.
"""

from __future__ import annotations

from typing import Any

from pidone import probes, readers
from pidone.config.values import FOREIGN_NAMES, above_zero, each_key, meant, unknown_key
from pidone.group.policy import NOTIFYING

#: The kubelet's defaults (S26), in seconds and counts.
DEFAULTS = {"delay": 0.0, "period": 10.0, "timeout": 1.0, "success_threshold": 1, "failure_threshold": 3}

#: The readers of the keys that every probe has.
COMMON: dict[str, readers.Reader] = {
    "delay": readers.duration,
    "period": above_zero,
    "timeout": above_zero,
    "success_threshold": readers.between(1, 1 << 20),
    "failure_threshold": readers.between(1, 1 << 20),
    "grace": readers.duration,
}


def one_handler(value: Any, known: tuple[str, ...]) -> str:
    if not isinstance(value, dict):
        raise ValueError(f"a table, such as {{ {known[0]} = ... }}, with one of: {', '.join(known)}")
    found = [name for name in known if name in value]
    for key in value if not found else ():
        if meant(key, known, FOREIGN_NAMES):
            raise unknown_key(key, known)
    if len(found) != 1:
        given = " and ".join(found) if found else ", ".join(value) or "an empty table"
        raise ValueError(f"exactly one of {', '.join(known)}, not {given}")  # S27
    return found[0]


def options_of_others(handler: str, names: tuple[str, ...]) -> dict[str, str]:
    """Return {an option of another handler: that handler}."""
    others = {name: getattr(probes.handler(name), "OPTIONS", {}) for name in names if name != handler}
    return {key: name for name, options in others.items() for key in options}


def probe(what: str) -> readers.Reader:
    """Return the reader of `startup`, `readiness` or `liveness`.

    It returns {"handler", "argument", "grace", and all of DEFAULTS}.
    """

    def read(value: Any) -> dict[str, Any]:
        handler = one_handler(value, probes.PROBE_HANDLERS)
        if what == "liveness" and handler == "fd":
            raise ValueError("no fd, because a newline can only report readiness")
        found: dict[str, Any] = {**DEFAULTS, "handler": handler, "grace": None}
        if what != "startup" and handler in NOTIFYING:
            found["failure_threshold"] = 1  # one message or one missed watchdog is enough (sd_notify(3))
        found.update(parts(value, handler, COMMON, probes.PROBE_HANDLERS))
        check_rules(what, handler, found, value)
        if what == "liveness" and handler == "file":
            found["argument"][1] = True  # liveness asks whether the file is still there, whoever made it
        return found

    return read


def parts(
    value: dict[str, Any], handler: str, common: dict[str, readers.Reader], also: tuple[str, ...]
) -> dict[str, Any]:
    """Return {"argument", and each common key that is given}. Raises ValuesError.

    also: the names of the handlers, one of which a misspelt key may mean.
    """
    file = probes.handler(handler)
    options = getattr(file, "OPTIONS", {})
    of_handler = {handler: file.read, **{key: read for key, (read, _) in options.items()}}
    found = each_key(value, {**of_handler, **common}, also, options_of_others(handler, also))
    argument = found.pop(handler)
    for key in options.keys() & found.keys():
        argument[options[key][1]] = found.pop(key)
    return {"argument": argument, **found}


def check_rules(what: str, handler: str, found: dict[str, Any], given: dict[str, Any]) -> None:
    """Check which keys this probe may have (S27). Raises ValueError."""
    if what != "readiness" and found["success_threshold"] != 1:
        raise ValueError(f"success_threshold = 1, the only value that {what} allows")  # S27
    if what == "readiness" and found["grace"] is not None:
        raise ValueError("no grace, because a readiness probe stops nothing")  # S27
    if handler in NOTIFYING and what == "readiness" and {"success_threshold", "failure_threshold"} & set(given):
        raise ValueError("no threshold, because a process reports readiness once")
    if handler in NOTIFYING and "timeout" in given:
        raise ValueError(
            f"no timeout, because with {handler} the process reports by itself; period says how long to wait"
        )


def hook(value: Any) -> dict[str, Any]:
    """Read `post_start` or `pre_stop`: {"handler", "argument"} (S73)."""
    if isinstance(value, dict) and "tcp" in value:
        raise ValueError("exec, http or sleep: a hook that only connects does nothing")  # S73
    handler = one_handler(value, probes.HOOK_HANDLERS)
    return {"handler": handler, **parts(value, handler, {}, probes.HOOK_HANDLERS)}


def pack(found: dict[str, Any], scale: float) -> tuple[Any, ...]:
    """Return a ProbeSpec of `group.policy`."""
    return (
        found["handler"],
        probes.pack(found["handler"], found["argument"]),
        found["delay"] * scale,
        *(max(found[key] * scale, 0.001) for key in ("period", "timeout")),  # 0 would keep PID 1 busy
        found["success_threshold"],
        found["failure_threshold"],
        None if found["grace"] is None else found["grace"] * scale,
    )


def pack_hook(found: dict[str, Any], scale: float) -> tuple[str, Any]:
    argument = probes.pack(found["handler"], found["argument"])
    return found["handler"], argument * scale if found["handler"] == "sleep" else argument
