"""Readers of the keys of a Pod's behaviour, but for probes: restarts, ports, output, control.

Like the readers in `readers`, these turn a TOML value into plain data, or raise ValueError with
what would be right.

S1 and so on: docs/reference/pod.md.
"""

from __future__ import annotations

import difflib
import re
from typing import Any

from pidone import readers
from pidone.control.protocol import LONGEST
from pidone.group.policy import BACKOFF, RESTART_POLICIES, RULE_RESTART, RULE_RESTART_ALL

#: Defaults of log = { file = ... }: the size of a file in bytes, and how many older files are kept.
LOG_SIZE, LOG_KEEP = 10 << 20, 3

#: What Kubernetes calls the keys of a probe or a hook.
FOREIGN_NAMES = {
    "periodSeconds": "period", "timeoutSeconds": "timeout", "initialDelaySeconds": "delay",
    "failureThreshold": "failure_threshold", "successThreshold": "success_threshold", "tcpSocket": "tcp",
    "httpGet": "http", "command": "exec",
}  # fmt: skip


def meant(word: str, known: Any, foreign: dict[str, str]) -> str:
    """Return the known word that this one probably means, or "".

    foreign: {a word of other programs: pidone's own}.
    """
    if foreign.get(word) in known:
        return foreign[word]
    return next(iter(difflib.get_close_matches(word, list(known), 1)), "")


def unknown_key(key: str, known: Any, elsewhere: dict[str, str] | None = None) -> ValueError:
    """elsewhere: {key: to what else it belongs}"""
    close = meant(key, known, FOREIGN_NAMES)
    if close:
        return ValueError(f"'{close}'; there is no '{key}'")
    text = f"a table of {', '.join(sorted(known))}; there is no '{key}'"
    return ValueError(f"{text}: it belongs to {elsewhere[key]}" if elsewhere and key in elsewhere else text)


def each_key(
    table: dict[str, Any], known: dict[str, readers.Reader], also: tuple[str, ...] = (),
    elsewhere: dict[str, str] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Read the keys of an inner table. Raises ValuesError with every error in it.

    also: other keys that a misspelt key may mean.
    elsewhere: {a key that does not belong here: to what it belongs}.
    """
    found: dict[str, Any] = {}
    wrong: list[tuple[str, Any, str]] = []
    for key, item in table.items():
        try:
            if key not in known:
                raise unknown_key(key, {*known, *also}, elsewhere)
            found[key] = known[key](item)
        except ValueError as error:
            wrong.append((key, item, str(error)))
    if wrong:
        raise readers.ValuesError(wrong)
    return found


def above_zero(value: Any) -> float:
    seconds = readers.duration(value)
    if seconds < 0.001:
        raise ValueError("more than 0s, and at least 1ms")  # S27
    return seconds


def policy(value: Any) -> int:
    if value not in RESTART_POLICIES:
        raise ValueError('"always", "on-failure" or "never"')
    return RESTART_POLICIES.index(value)


def pack_rules(value: list[Any], scale: float) -> tuple[Any, ...]:
    return tuple((tuple(codes), all_but, action) for codes, all_but, action in value)


ACTIONS = {"restart": RULE_RESTART, "restart-all": RULE_RESTART_ALL}


def rules(value: Any) -> list[tuple[list[int], bool, int]]:
    """Return [(exit codes, True for "all but these", action)] in order (S56)."""
    if not isinstance(value, list) or not value:
        raise ValueError("a list, such as [{ in = [42] }]")
    if len(value) > 20:
        raise ValueError("at most 20 rules")  # S56
    found = []
    for rule in value:
        if not isinstance(rule, dict) or ("in" in rule) == ("not_in" in rule) or set(rule) - {"in", "not_in", "action"}:
            raise ValueError('rules such as { in = [42] } or { not_in = [0], action = "restart-all" }')
        codes = rule.get("in", rule.get("not_in"))
        if not isinstance(codes, list) or not 1 <= len(codes) <= 255:
            raise ValueError("1 to 255 exit codes in each rule")  # S56
        action = rule.get("action", "restart")
        if not isinstance(action, str) or action not in ACTIONS:
            raise ValueError('action = "restart" or "restart-all"')
        found.append(([readers.between(0, 255)(code) for code in codes], "not_in" in rule, ACTIONS[action]))
    return found


def backoff(value: Any) -> dict[str, float]:
    if not isinstance(value, dict) or set(value) - {"initial", "max", "reset"}:
        raise ValueError('a table, such as { initial = "1s", max = "60s", reset = "10m" }')
    return {key: above_zero(item) for key, item in value.items()}


def pack_backoff(value: dict[str, float], scale: float) -> tuple[float, float, float]:
    waits = zip(("initial", "max", "reset"), BACKOFF)
    initial, most, reset = (max(value.get(key, default) * scale, 0.001) for key, default in waits)
    return min(initial, most), most, reset  # S63


def ports(value: Any) -> dict[str, int]:
    if not isinstance(value, dict) or not all(re.fullmatch(r"[a-z0-9-]{1,15}", key) for key in value):
        raise ValueError("a table, such as { web = 8080 }; names of at most 15 lower-case letters, digits and '-'")
    if any(key.isdigit() for key in value):
        raise ValueError("names with at least one letter")
    return {key: readers.between(1, 65535)(number) for key, number in value.items()}


def names(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ValueError('a list of processes, such as ["database"]; [] waits for none')
    return value


LOGS = '"inherit", "prefix", "json", { mode = "prefix", time = true } or { file = "/var/log/web.log" }'


def log(value: Any) -> dict[str, Any]:
    """Return {"mode", "time", "stderr"} or {"file", "max_size" (bytes), "keep"}: what is given."""
    if isinstance(value, str):
        return {"mode": log_mode(value)}
    if not isinstance(value, dict) or ("mode" in value) == ("file" in value):
        raise ValueError(LOGS)
    elsewhere = {"stderr": 'mode = "prefix" or "json"; a file has both in one order'}
    found = each_key(value, TO_STDOUT if "mode" in value else TO_FILE, elsewhere=elsewhere)
    if found.get("time") and found["mode"] != "prefix":
        raise readers.ValuesError([("time", True, 'time with mode = "prefix" only: JSON always has it')])
    if "stderr" in found and found["mode"] == "inherit":
        text = 'stderr with mode = "prefix" or "json": an inherited stderr is separate anyway'
        raise readers.ValuesError([("stderr", found["stderr"], text)])
    return found


def pack_log(found: dict[str, Any], scale: float) -> tuple[Any, ...] | None:
    """Return what helpers/pump.py takes, or None where pidone does not touch the output."""
    if "file" in found:
        return "file", found["file"].encode(), found.get("max_size", LOG_SIZE), found.get("keep", LOG_KEEP)
    if found["mode"] == "inherit":
        return None
    apart = found.get("stderr") == "separate"
    return ("prefix", found.get("time", False), apart) if found["mode"] == "prefix" else ("json", apart)


def log_mode(value: Any) -> str:
    if value not in ("inherit", "prefix", "json"):
        raise ValueError(LOGS)
    return str(value)


def log_stderr(value: Any) -> str:
    if value not in ("together", "separate"):
        raise ValueError('"together", in one order with stdout, or "separate"')
    return str(value)


def log_size(value: Any) -> int:
    size = readers.memory(value)
    if size < 4096:
        raise ValueError('at least "4KiB"')
    return size


#: The keys of `log`, by where the output goes.
TO_STDOUT: dict[str, readers.Reader] = {"mode": log_mode, "time": readers.truth, "stderr": log_stderr}
TO_FILE: dict[str, readers.Reader] = {
    "file": readers.absolute,
    "max_size": log_size,
    "keep": readers.between(0, 1000),
}


def leftovers(value: Any) -> bool:
    if value not in ("end", "keep"):
        raise ValueError('"end" or "keep"')
    return bool(value == "keep")


def restart_with(value: Any) -> list[str]:
    if not isinstance(value, list) or not value or not all(isinstance(name, str) for name in value):
        raise ValueError('a list of at least one process, such as ["database"]')
    return value


def control(value: Any) -> dict[str, Any]:
    """Return {"path", "look", "steer"}: what is given.

    path: of the control socket; empty for none.
    look, steer: users, and groups after an "@".
    """
    if not isinstance(value, dict):
        return {"path": control_path(value)}
    found = each_key(value, {"path": control_path, "look": people, "steer": people})
    if found.get("path") == "" and ("look" in found or "steer" in found):
        raise ValueError("a path, because look or steer is set: with false there is no socket")
    return found


def people(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(
        isinstance(name, str) and re.fullmatch(r"@?[^\s\0:@]+", name) for name in value
    ):
        raise ValueError('a list of users, and of groups after an "@", such as ["www-data", "@adm"]')
    return value


def control_path(value: Any) -> str:
    if value is False:
        return ""
    if not isinstance(value, str) or not value.startswith("/") or "\0" in value or len(value.encode()) > LONGEST:
        raise ValueError(
            f"a path that starts with '/', of at most {LONGEST} bytes (unix(7)), false,"
            ' or { path = "/...", look = ["name"], steer = ["@group"] }'
        )
    return value


def listen(value: Any) -> list[Any]:
    """Return [host, port]."""
    match = readers.PLACE.fullmatch(value) if isinstance(value, str) else None
    if match is None or not match[1] or not match[2].isdigit():
        raise ValueError('listen = "127.0.0.1:9900"')
    return [match[1].strip("[]"), readers.port(match[2])]


def scale(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0.001 <= value <= 1000:
        raise ValueError("a number from 0.001, such as 0.05: it multiplies each time in the file, and a Pod's 2 s")
    return float(value)
