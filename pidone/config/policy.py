"""A checked process -> the plain data of `group.policy.Care`: every time in seconds and scaled, every word as bytes.

Loaded at each start, also of a compiled file, so it imports little.
"""

from __future__ import annotations

import os

from pidone.group.policy import BACKOFF, HOOKS, NEVER, PROBES, default_restart
from pidone.init.plan import SIDECAR

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Entry = dict[str, Any]

#: Probes that a file of an earlier life would answer wrongly; liveness asks whether it is still there.
FRESH = ("startup", "readiness")

#: log = { file = ... }: bytes of the file, and how many older ones are kept.
LOG_SIZE, LOG_KEEP = 10 << 20, 3

#: Keys that make a process more than a place in the list.
MORE = (
    "restart", "restart_rules", "backoff", "max_restarts", "essential", *PROBES, *HOOKS, "grace",
    "leftovers", "pid_file", "termination_message", "needs", "after", "log", "restart_with",
)  # fmt: skip


def pack(index: int, entry: Entry, policy: int | None, scale: float) -> tuple[Any, ...] | None:
    """The fields of Care, in order; None where the defaults say it all. policy: of [group], for all but sidecars."""
    ours = policy is not None and entry["role"] != SIDECAR
    if not (ours or scale != 1.0 or entry["gate"] != index or any(key in entry for key in MORE)):
        return None
    default = default_restart(entry["role"], NEVER if policy is None else policy, entry.get("essential", False))
    given = entry.get("backoff", {})
    waits = [max(given.get(key, default) * scale, 0.001) for key, default in zip(("initial", "max", "reset"), BACKOFF)]
    return (
        entry["gate"],
        tuple(entry.get("needs", ())),
        entry.get("restart", default),
        tuple((tuple(codes), all_but, action) for codes, all_but, action in entry.get("restart_rules", ())),
        (min(waits[0], waits[1]), waits[1], waits[2]),  # S63
        entry.get("max_restarts"),
        entry.get("essential", False),
        *(probe(what, entry[what], scale) if what in entry else None for what in PROBES),
        *(hook(entry[what], scale) if what in entry else None for what in HOOKS),
        entry["grace"] * scale if "grace" in entry else None,
        entry.get("leftovers", False),
        entry["pid_file"].encode() if "pid_file" in entry else None,
        entry["termination_message"].encode() if "termination_message" in entry else None,
        log(entry["log"]) if "log" in entry else None,
        entry.get("daemonizes", False),
        tuple(entry.get("restart_with", ())),
    )


def files(entry: Entry) -> tuple[bytes, ...]:
    """Of the probes that want a file which has come, or has changed, since the process's start (E60)."""
    asked = [entry[what] for what in FRESH if what in entry and entry[what]["handler"] == "file"]
    return tuple(sorted({found["argument"][0].encode() for found in asked if not found["argument"][1]}))


def log(found: dict[str, Any]) -> tuple[Any, ...] | None:
    """As helpers/pump.py takes it; None where pidone does not touch the output."""
    if "file" in found:
        return "file", found["file"].encode(), found.get("max_size", LOG_SIZE), found.get("keep", LOG_KEEP)
    if found["mode"] == "inherit":
        return None
    apart = found.get("stderr") == "separate"
    return ("prefix", found.get("time", False), apart) if found["mode"] == "prefix" else ("json", apart)


def probe(what: str, found: dict[str, Any], scale: float) -> tuple[Any, ...]:
    grace = found["grace"]
    argument = arguments(found["handler"], found["argument"])
    if found["handler"] == "file" and what not in FRESH:
        argument = (argument[0], True)
    return (
        found["handler"],
        argument,
        found["delay"] * scale,
        *(max(found[key] * scale, 0.001) for key in ("period", "timeout")),  # or PID 1 would do nothing else
        found["success_threshold"],
        found["failure_threshold"],
        None if grace is None else grace * scale,
    )


def hook(found: dict[str, Any], scale: float) -> tuple[str, Any]:
    if found["handler"] == "sleep":
        return "sleep", found["argument"] * scale
    return found["handler"], arguments(found["handler"], found["argument"])


def arguments(handler: str, argument: Any) -> Any:
    """As the helpers take them."""
    if handler == "exec":
        return tuple(word.encode() for word in argument)
    if handler == "http":
        return (*argument[:4], tuple((name, value) for name, value in argument[4]))
    if handler in ("tcp", "grpc"):
        return tuple(argument)
    if handler == "file":
        return argument[0].encode(), argument[1]
    return argument


def expand(word: bytes, env: dict[bytes, bytes]) -> bytes:
    """$(NAME) from the declared environment; $$(NAME) is $(NAME) itself; an unknown one stays (S43).

    Of a probe's command, when it is asked: what an env_file holds is known when the process has started.
    """
    found, rest = b"", word
    while True:
        before, dollar, rest = rest.partition(b"$")
        found += before
        if not dollar:
            return found
        if rest[:1] == b"$":
            found, rest = found + b"$", rest[1:]
        elif rest[:1] == b"(" and b")" in rest:
            name, _, after = rest[1:].partition(b")")
            known = env.get(name)
            found += b"$(" + name + b")" if known is None else known
            rest = after
        else:
            found += b"$"


def sockets(entries: list[Entry], token: str = "") -> dict[int, bytes]:
    """{index: name of its notify socket}, each a name that nobody else can have guessed. token: of those that are."""
    wanted = [
        index
        for index, entry in enumerate(entries)
        if any(what in entry and entry[what]["handler"] == "notify" for what in PROBES)
    ]
    if not wanted:
        return {}
    token = token or os.urandom(8).hex()
    return {index: f"@pidone/{token}/{entries[index]['name']}".encode() for index in wanted}


def notify_environment(entry: Entry, socket: bytes, scale: float) -> dict[str, str]:
    """What sd_notify(3) and sd_watchdog_enabled(3) look for."""
    found = {"NOTIFY_SOCKET": socket.decode()}
    if "liveness" in entry and entry["liveness"]["handler"] == "notify":
        found["WATCHDOG_USEC"] = str(int(entry["liveness"]["period"] * scale * 1e6))
    return found
