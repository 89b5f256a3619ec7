"""What the keys of a Pod's behaviour may hold: probes, hooks, restart rules, back-off, ports.

Like the readers in `schema`: a TOML value -> plain data, or ValueError with what would be right.
"""

from __future__ import annotations

import re
from typing import Any

from pidone.config import schema
from pidone.config.handlers import HANDLERS, OPTIONS, PLACE, headers, http, one_handler, port, unknown_key
from pidone.config.policy import LOG_SIZE
from pidone.control.protocol import LONGEST
from pidone.group.policy import AGAIN, ALL, POLICIES, TOLD

#: Of the kubelet (S26), in seconds and counts.
DEFAULTS = {"delay": 0.0, "period": 10.0, "timeout": 1.0, "success_threshold": 1, "failure_threshold": 3}


def above_zero(value: Any) -> float:
    seconds = schema.duration(value)
    if seconds < 0.001:
        raise ValueError("more than 0s, and at least 1ms")  # S27
    return seconds


def probe(what: str) -> schema.Reader:
    """Reader of `startup`, `readiness` or `liveness`: {"handler", "argument", and all of DEFAULTS, "grace"}."""

    def read(value: Any) -> dict[str, Any]:
        handler = one_handler(value, HANDLERS)
        if what == "liveness" and handler == "fd":
            raise ValueError("no fd: a newline can say that it is ready, and not that it still lives")
        found: dict[str, Any] = {**DEFAULTS, "handler": handler, "grace": None}
        if what != "startup" and handler in TOLD:
            found["failure_threshold"] = 1  # one word is enough, as is a watchdog that was not fed (sd_notify(3))
        option = OPTIONS.get(handler)
        wrong: list[tuple[str, Any, str]] = []
        for key, item in value.items():
            try:
                found.update(read_key(key, item, handler, option))
            except ValueError as error:
                wrong.append((key, item, str(error)))
        if wrong:
            raise schema.Wrongs(wrong)
        check_rules(what, handler, found, value)
        if option and option[0] in found:
            found["argument"][option[2]] = found.pop(option[0])
        return found

    def read_key(key: str, item: Any, handler: str, option: tuple[str, schema.Reader, int] | None) -> dict[str, Any]:
        if key == handler:
            return {"argument": HANDLERS[handler](item)}
        if option and key == option[0]:
            return {key: option[1](item)}
        if key in ("success_threshold", "failure_threshold"):
            return {key: schema.between(1, 1 << 20)(item)}
        if key in ("delay", "grace"):
            return {key: schema.duration(item)}
        if key in ("period", "timeout"):
            return {key: above_zero(item)}
        raise unknown_key(key, {*DEFAULTS, *HANDLERS, *(option or ())[:1], "grace"})

    return read


def check_rules(what: str, handler: str, found: dict[str, Any], given: dict[str, Any]) -> None:
    """S27. Raises ValueError."""
    if what != "readiness" and found["success_threshold"] != 1:
        raise ValueError(f"success_threshold = 1, the only one that {what} may have")  # S27
    if what == "readiness" and found["grace"] is not None:
        raise ValueError("no grace: a readiness probe ends nothing")  # S27
    if handler in TOLD and what == "readiness" and {"success_threshold", "failure_threshold"} & set(given):
        raise ValueError("no threshold: a process that says that it is ready says so once")
    if handler in TOLD and "timeout" in given:
        raise ValueError(
            f"no timeout: nobody is asked where a process speaks by {handler}; period says how long to wait"
        )


def seconds(value: Any) -> float:
    return schema.duration(value)


HOOKS: dict[str, schema.Reader] = {"exec": HANDLERS["exec"], "http": http, "sleep": seconds}


def hook(value: Any) -> dict[str, Any]:
    """Reader of `post_start` and `pre_stop`: {"handler", "argument"} (S73)."""
    if isinstance(value, dict) and "tcp" in value:
        raise ValueError("exec, http or sleep: a hook that only connects does nothing")  # S73
    handler = one_handler(value, HOOKS)
    argument: Any = HOOKS[handler](value[handler])
    for key in value:
        if key == "headers" and handler == "http":
            argument[4] = headers(value[key])
        elif key != handler:
            raise unknown_key(key, HOOKS)
    return {"handler": handler, "argument": argument}


def policy(value: Any) -> int:
    if value not in POLICIES:
        raise ValueError('"always", "on-failure" or "never"')
    return POLICIES.index(value)


ACTIONS = {"restart": AGAIN, "restart-all": ALL}


def rules(value: Any) -> list[tuple[list[int], bool, int]]:
    """[(exit codes, all but these?, action)], in order (S56)."""
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
        found.append(([schema.between(0, 255)(code) for code in codes], "not_in" in rule, ACTIONS[action]))
    return found


def backoff(value: Any) -> dict[str, float]:
    if not isinstance(value, dict) or set(value) - {"initial", "max", "reset"}:
        raise ValueError('a table, such as { initial = "1s", max = "60s", reset = "10m" }')
    return {key: above_zero(item) for key, item in value.items()}


def ports(value: Any) -> dict[str, int]:
    if not isinstance(value, dict) or not all(re.fullmatch(r"[a-z0-9-]{1,15}", key) for key in value):
        raise ValueError("a table, such as { web = 8080 }; names of at most 15 lower-case letters, digits and '-'")
    if any(key.isdigit() for key in value):
        raise ValueError("names with a letter in them")
    return {key: schema.between(1, 65535)(number) for key, number in value.items()}


def names(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ValueError('a list of processes, such as ["database"]; [] waits for nobody')
    return value


LOGS = '"inherit", "prefix", "json", { mode = "prefix", time = true } or { file = "/var/log/web.log" }'


def log(value: Any) -> dict[str, Any]:
    """{"mode", and "time", or "file", "max_size" (bytes), "keep"}"""
    found: dict[str, Any] = {"mode": value} if isinstance(value, str) else value
    if not isinstance(found, dict) or ("mode" in found) == ("file" in found):
        raise ValueError(LOGS)
    known = {"mode", "time", "stderr"} if "mode" in found else {"file", "max_size", "keep"}
    wrong = [(key, item, str(unknown_key(key, known))) for key, item in found.items() if key not in known]
    readers: dict[str, schema.Reader] = {
        "mode": log_mode, "time": schema.truth, "file": schema.absolute, "max_size": schema.memory,
        "keep": schema.between(0, 1000), "stderr": log_stderr,
    }  # fmt: skip
    made: dict[str, Any] = {}
    for key in known & set(found):
        try:
            made[key] = readers[key](found[key])
        except ValueError as error:
            if isinstance(value, str):
                raise
            wrong.append((key, found[key], str(error)))
    if made.get("time") and made.get("mode") != "prefix" and not wrong:
        wrong.append(("time", True, 'time with mode = "prefix" only: JSON has it anyway'))
    if "stderr" in made and made.get("mode") == "inherit" and not wrong:
        wrong.append(("stderr", made["stderr"], 'stderr with mode = "prefix" or "json": what is inherited is apart'))
    if made.get("max_size", LOG_SIZE) < 4096:
        wrong.append(("max_size", found["max_size"], 'at least "4KiB"'))
    if wrong:
        raise schema.Wrongs(wrong)
    return made


def log_mode(value: Any) -> str:
    if value not in ("inherit", "prefix", "json"):
        raise ValueError(LOGS)
    return str(value)


def log_stderr(value: Any) -> str:
    if value not in ("together", "separate"):
        raise ValueError('"together", in one order with stdout, or "separate"')
    return str(value)


def leftovers(value: Any) -> bool:
    if value not in ("end", "keep"):
        raise ValueError('"end" or "keep"')
    return bool(value == "keep")


#: Keys of [[process]] beyond those in `schema`.
PROCESS: dict[str, schema.Reader] = {
    "restart": policy,
    "restart_rules": rules,
    "backoff": backoff,
    "max_restarts": schema.between(0, 1 << 30),
    "startup": probe("startup"),
    "readiness": probe("readiness"),
    "liveness": probe("liveness"),
    "post_start": hook,
    "pre_stop": hook,
    "after": names,
    "restart_with": lambda value: restart_with(value),
    "replicas": schema.between(1, 10000),
    "essential": schema.truth,
    "daemonizes": schema.truth,
    "pid_file": schema.absolute,
    "grace": schema.duration,
    "ports": ports,
    "leftovers": leftovers,
    "termination_message": schema.absolute,
    "log": log,
}

#: Keys of [group] beyond those in `schema`.
GROUP: dict[str, schema.Reader] = {
    "restart": policy,
    "start_timeout": above_zero,
    "deadline": above_zero,
    "stop_timeout": above_zero,
    "time_scale": lambda value: scale(value),
    "log": log,
    "control": lambda value: control(value),
}


def restart_with(value: Any) -> list[str]:
    if not isinstance(value, list) or not value or not all(isinstance(name, str) for name in value):
        raise ValueError('a list of processes, such as ["database"]')
    return value


def control(value: Any) -> dict[str, Any]:
    """{"path": of the control line's socket, empty for none; "look", "steer": users, and groups after an "@"}."""
    if not isinstance(value, dict):
        return {"path": control_path(value)}
    found: dict[str, Any] = {}
    wrong = []
    for key, item in value.items():
        try:
            if key not in ("path", "look", "steer"):
                raise unknown_key(key, ("path", "look", "steer"))
            found[key] = control_path(item) if key == "path" else people(item)
        except ValueError as error:
            wrong.append((key, item, str(error)))
    if wrong:
        raise schema.Wrongs(wrong)
    if found.get("path") == "" and ("look" in found or "steer" in found):
        raise ValueError("a path, where others may look or steer; with false there is no socket")
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
    """[host, port]"""
    match = PLACE.fullmatch(value) if isinstance(value, str) else None
    if match is None or not match[1] or not match[2].isdigit():
        raise ValueError('listen = "127.0.0.1:9900"')
    return [match[1].strip("[]"), port(match[2])]


#: [metrics]
METRICS: dict[str, schema.Reader] = {"listen": listen}


def scale(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0.001 <= value <= 1000:
        raise ValueError(
            "a number from 0.001, such as 0.05: each time of the file, and a Pod's 2 s, is multiplied by it"
        )
    return float(value)
