"""A TOML document -> all of its errors, or the declaration as plain data.

Only what depends on this machine is left to check in a declaration. It is {"name", "grace" (s),
"stop_signals", "processes", "volumes", "routes", "metrics", "line", and the other keys of [group]
that were given}. A process or volume is a dict of the keys in `keys` that were given, with "label"
and "line": {key: line}. A process also has what `order` and `pack` add. The routes are {signal
number: ([process index, ...], number to send)}.
"""

from __future__ import annotations

import os
import re
from typing import Any

from pidone import readers
from pidone.config import keys, order, rules
from pidone.config.pack import pack
from pidone.config.parse import Path
from pidone.config.read import ConfigError
from pidone.config.resolve import LEAST
from pidone.config.values import LOG_KEEP, LOG_SIZE, meant
from pidone.group.policy import HOOKS, NEVER, PROBES
from pidone.init import plan, signals

Declaration = dict[str, Any]

#: Stands for a replica's own number, outside of commands.
REPLICA = f"$({order.INDEX})"

#: Seconds. `docker stop` kills after ten; a stop with a higher bound than this does not fit.
FITS = 9.0

GROUP, VOLUME, METRICS = keys.read_by(keys.GROUP), keys.read_by(keys.VOLUME), keys.read_by(keys.METRICS)
PROCESS = keys.read_by(keys.PROCESS, keys.OF_POLICY)


class Checker:
    """Checks a document and collects its errors, so that one reading of a file finds them all."""

    def __init__(self, document: dict[str, Any], lines: dict[Path, int]) -> None:
        self.document = document
        self.lines = lines
        self.errors: list[tuple[int, str]] = []

    def wrong(self, path: Path, text: str) -> None:
        while path not in self.lines and path:
            path = path[:-1]
        self.errors.append((self.lines.get(path, 0), text))

    def check(self) -> Declaration:
        for key in self.document:
            if key not in keys.TABLES:
                self.wrong((key,), f"unknown table '{key}'{nearest(key, keys.TABLES)}")
        group = self.table(("group",), self.document.get("group", {}), GROUP, "[group]")
        volumes = self.array("volume", VOLUME)
        processes = self.array("process", PROCESS)
        for index, volume in enumerate(volumes):
            if "path" not in volume and "path" not in self.document["volume"][index]:
                self.wrong(("volume", index), f'{volume["label"]}: no path; set one, such as path = "/data"')
        self.check_processes(processes)
        self.check_rules(processes, group.get("grace", plan.GRACE), group.get("restart", NEVER))
        self.check_log_files(group, processes)
        if group.get("stop_timeout", LEAST + 1) <= LEAST:
            text = f"stop_timeout = {group['stop_timeout']:g} s leaves no time to stop: expected more than {LEAST:g} s"
            self.wrong(("group", "stop_timeout"), f"[group]: {text}, for the minimum grace and for SIGKILL")
        processes = self.in_order(processes)
        metrics = self.metrics(group)
        stop_signals = group.get("stop_signals", [15, 2])
        routes = self.routes(processes, stop_signals)
        if self.errors:
            raise ConfigError(sorted(set(self.errors)))
        return {
            "name": group.get("name", "group"),
            "grace": group.get("grace", plan.GRACE),
            **{key.name: group[key.name] for key in keys.GROUP if key.name in group},
            "line": group["line"],
            "stop_signals": stop_signals,
            "processes": processes,
            "volumes": volumes,
            "routes": routes,
            "metrics": metrics,
        }

    def metrics(self, group: dict[str, Any]) -> list[Any] | None:
        """Return [host, port] of [metrics], or None where the file has no such table."""
        if "metrics" not in self.document:
            return None
        found = self.table(("metrics",), self.document["metrics"], METRICS, "[metrics]")
        if isinstance(self.document["metrics"], dict) and "listen" not in self.document["metrics"]:
            self.wrong(("metrics",), '[metrics]: no listen; set an address, such as listen = "127.0.0.1:9900"')
        if group.get("control", {}).get("path") == "":
            self.wrong(
                ("metrics",),
                "[metrics] needs the control socket, which control = false switches off; remove one of them",
            )
        return found.get("listen")

    def array(self, key: str, known: dict[str, readers.Reader]) -> list[dict[str, Any]]:
        items = self.document.get(key, [])
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            self.wrong((key,), f"'{key}' is a list of tables; write [[{key}]]")
            self.document[key] = []
            return []
        found = []
        seen: dict[str, int] = {}
        for index, item in enumerate(items):
            label = f"{key} '{item['name']}'" if isinstance(item.get("name"), str) else f"{key} {index + 1}"
            read = self.table((key, index), self.for_replica(item, 0, (key, index), label), known, label)
            found.append({**read, "raw": (index, item)} if key == "process" else read)
            if "name" not in item:
                self.wrong((key, index), f'{label}: no name; set one, such as name = "main"')
            elif isinstance(item["name"], str) and seen.setdefault(item["name"], index) != index:
                first = self.lines.get((key, seen[item["name"]], "name"), 0)
                self.wrong((key, index, "name"), f"{label}: this name is taken by line {first}")
        return found

    def table(self, path: Path, table: Any, known: dict[str, readers.Reader], label: str) -> dict[str, Any]:
        """Return the keys whose values are right, as plain data; each other key is an error."""
        if not isinstance(table, dict):
            self.wrong(path, f"'{path[-1]}' is a table; write {label}")
            return {"label": label, "line": {}}
        found: dict[str, Any] = {"label": label, "line": {"": self.lines.get(path, 0)}}
        for key, value in table.items():
            found["line"][key] = self.lines.get((*path, key), self.lines.get(path, 0))
            if key in known:
                try:
                    found[key] = known[key](value)
                except readers.ValuesError as wrongs:
                    for inner, item, text in wrongs.parts:
                        self.wrong((*path, key, inner), f"{label}: {key}.{inner} = {shorten(item)}: expected {text}")
                except ValueError as error:
                    self.wrong((*path, key), f"{label}: {key} = {shorten(value)}: expected {error}")
            else:
                self.wrong((*path, key), f"{label}: unknown key '{key}'{nearest(key, known)}")
        return found

    def check_processes(self, processes: list[dict[str, Any]]) -> None:
        raw = self.document.get("process", [])
        primaries = []
        for index, process in enumerate(processes):
            given = raw[index]
            label = process["label"]
            ways = [key for key in ("command", "shell", "pause") if key in given]
            if len(ways) != 1:
                text = 'no command; give command = ["program", "argument"]'
                if ways:
                    text = f"{' and '.join(ways)} exclude each other; keep one of them"
                self.wrong(("process", index), f"{label}: {text}")
            if "role" not in given:
                self.wrong(("process", index), f'{label}: no role; set one of "init", "sidecar", "primary"')
            if given.get("role") == "primary":
                primaries.append(index)
            if "groups" in given and "user" not in given:
                self.wrong(("process", index, "groups"), f"{label}: groups without user; add user, or remove groups")
        if not primaries:
            text = 'no process has role = "primary"; exactly one must have it: its exit code is the container\'s'
            self.wrong(("process", len(raw) - 1) if raw else (), text)
        for index in primaries[1:]:
            first = self.lines.get(("process", primaries[0]), 0)
            text = f"a second primary, after line {first}; make one of them a sidecar"
            self.wrong(("process", index, "role"), f"{processes[index]['label']}: {text}")
        if len(primaries) == 1 and primaries[0] != len(raw) - 1:
            text = "the primary must be last, because it starts last; move it to the end of the file"
            self.wrong(("process", primaries[0], "role"), f"{processes[primaries[0]]['label']}: {text}")

    def check_rules(self, processes: list[dict[str, Any]], grace: float, policy: int) -> None:
        names = [process.get("name") for process in processes]
        seen: dict[tuple[str, str], str] = {}
        for index, process in enumerate(processes):
            path = ("process", index)
            for key, text in rules.of_process(process, grace, policy):
                self.wrong((*path, key), f"{process['label']}: {text}")
            for key in ("pid_file", "termination_message"):
                if key in process and seen.setdefault((key, process[key]), process["label"]) != process["label"]:
                    text = f"{key} {process[key]} belongs to {seen[key, process[key]]} already"
                    self.wrong((*path, key), f"{process['label']}: {text}; give each a file of its own")
            for asked, name in [(one, name) for one in ("after", "restart_with") for name in process.get(one, ())]:
                if name not in names:
                    text = f"no process '{name}'{nearest(name, [n for n in names if isinstance(n, str)])}"
                    self.wrong((*path, asked), f"{process['label']}: {asked}: {text}")
                elif asked == "restart_with" and processes[names.index(name)].get("role") == plan.INIT:
                    text = f"'{name}' is an init step and runs once: nothing can restart with it"
                    self.wrong((*path, asked), f"{process['label']}: {asked}: {text}")

    def check_log_files(self, group: dict[str, Any], processes: list[dict[str, Any]]) -> None:
        """Check that processes with the same log file agree on its max_size and keep."""
        seen: dict[str, tuple[tuple[Any, ...], str]] = {}
        for index, process in enumerate(processes):
            log = process.get("log", group.get("log", {}))
            if "file" in log:
                asked = (log.get("max_size", LOG_SIZE), log.get("keep", LOG_KEEP))
                first, label = seen.setdefault(os.path.normpath(log["file"]), (asked, process["label"]))
                if first != asked:
                    text = f"log file {log['file']} belongs to {label} too, with another max_size or keep"
                    self.wrong(("process", index, "log"), f"{process['label']}: {text}; give both the same")

    def for_replica(self, item: dict[str, Any], number: int, path: Path, label: str) -> dict[str, Any]:
        """Return the table with this number for $(PIDONE_REPLICA) in its ports, probes and hooks.

        The commands of `exec` keep it.
        """
        found = dict(item)
        for key in (*PROBES, *HOOKS, "ports"):
            if isinstance(item.get(key), dict):
                found[key] = {name: with_number(name, value, number) for name, value in item[key].items()}
                if found[key] != item[key] and "replicas" not in item:
                    text = f"{key} contains {REPLICA}, but there are no replicas; add replicas = 2, or write the number"
                    self.wrong((*path, key), f"{label}: {text}")
        return found

    def of_replica(self, process: dict[str, Any], number: int) -> dict[str, Any]:
        """Return the keys in which a replica differs from the first one, which is already read."""
        index, item = process["raw"]
        made = self.for_replica(item, number, ("process", index), process["label"])
        changed = {key: made[key] for key in made if made[key] != item[key]}
        if not changed or self.errors:
            return {}
        needed = {key: made[key] for key in (*PROBES, *HOOKS, "ports") if key in made}
        read = self.table(("process", index), needed, PROCESS, process["label"])
        for key in (*PROBES, *HOOKS):
            for _, text in rules.of_ports(read, key):
                self.wrong(("process", index, key), f"{process['label']}: {text}")
        return {key: read[key] for key in needed if key in read}

    def in_order(self, processes: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Make each replica a process of its own, and resolve which process waits for which."""
        expanded = order.expand(processes, self.of_replica)
        for process in expanded:
            process.pop("raw", None)
        seen: dict[Any, str] = {}
        for process in expanded:
            other = seen.setdefault(process.get("name"), process["label"])
            if other != process["label"] and process.get("name") != process["declared"]:
                text = f"a replica would be named '{process['name']}', as {other} is"
                self.errors.append((process["line"].get("replicas", 0), f"{process['label']}: {text}"))
        try:
            order.resolve(expanded)
        except order.CycleError as circle:
            process = expanded[circle.index]
            line = process["line"].get("after", process["line"].get("", 0))
            waits = " waits for ".join(circle.names)
            self.errors.append((line, f"{process['label']}: they wait for each other: {waits}; remove one of these"))
        except order.OrderError as wrong:
            self.partner_not_before(expanded, wrong.index, wrong.name)
        return expanded

    def partner_not_before(self, expanded: list[dict[str, Any]], index: int, partner: str) -> None:
        process = expanded[index]
        other = next(one for one in expanded if one["declared"] == partner)
        if process["declared"] in other.get("after", ()) or expanded.index(other) >= index:
            text = f"'{partner}' starts after '{process['declared']}'; it must start before"
            if partner == process["declared"]:
                text = "it names the process itself, which restarts anyway"
        else:
            text = f"it does not wait for '{partner}'; put '{partner}' into its after, too"
        line = process["line"].get("restart_with", 0)
        self.errors.append((line, f"{process['label']}: restart_with: {text}"))

    def routes(self, processes: list[dict[str, Any]], stop_signals: list[int]) -> dict[int, tuple[list[int], int]]:
        table = self.document.get("signals", {})
        if not isinstance(table, dict):
            self.wrong(("signals",), "'signals' is a table; write [signals]")
            return {}
        indices: dict[Any, list[int]] = {}
        for index, process in enumerate(processes):
            indices.setdefault(process["declared"], []).append(index)
        routes = {}
        for key, value in table.items():
            try:
                routes.update(self.route(key, value, indices, stop_signals))
            except ValueError as error:
                self.wrong(("signals", key), f"[signals] {key}: {error}")
        return routes

    def route(
        self, key: str, value: Any, indices: dict[Any, list[int]], stop_signals: list[int]
    ) -> dict[int, tuple[list[int], int]]:
        number = signals.number(key)
        if number not in signals.ALL:
            raise ValueError("cannot be caught, so it cannot be routed")
        if number in stop_signals:
            raise ValueError("stops the group; remove it from stop_signals first")
        target = {"to": value} if isinstance(value, list) else value
        if not isinstance(target, dict) or not set(target) <= {"to", "as"} or not isinstance(target.get("to"), list):
            raise ValueError('expected a list of processes, or { to = ["name"], as = "SIGHUP" }; [] drops it')
        for name in target["to"]:
            if not isinstance(name, str) or name not in indices:
                raise ValueError(f"no process '{name}'{nearest(str(name), [str(n) for n in indices if n])}")
        try:
            sent = readers.signal(target["as"]) if "as" in target else number
        except ValueError as error:
            raise ValueError(f"as = {shorten(target['as'])}: expected {error}") from None
        return {number: ([index for name in target["to"] for index in indices[name]], sent)}


def with_number(key: str, value: Any, number: int) -> Any:
    """Return a key's value for one replica.

    A text that then consists of digits becomes a number, as a port needs.
    """
    if key == "exec" or not isinstance(value, str) or REPLICA not in value:
        return value
    text = value.replace(REPLICA, str(number))
    return int(text) if text.isdigit() and text.isascii() and len(text) < 10 else text


def check(document: dict[str, Any], lines: dict[Path, int]) -> Declaration:
    """Check and pack a document. Raises ConfigError with every error of the file."""
    declaration = Checker(document, lines).check()
    pack(declaration)
    return declaration


def notes(declaration: Declaration) -> list[tuple[int, str]]:
    """Return [(line, text)] for what is right but may not be meant."""
    found = notes_of_group(declaration)
    seen = set()
    for process in declaration["processes"]:
        for key, text in notes_of_process(process):
            line = process["line"].get(key, 0)
            if (line, text) not in seen:  # one note for all replicas
                seen.add((line, text))
                found.append((line, f"{process['label']}: {text}"))
    return found


def notes_of_group(declaration: Declaration) -> list[tuple[int, str]]:
    scale = declaration.get("time_scale", 1.0)
    bound = plan.stop_bound(declaration["grace"] * scale, plan.MINIMUM_GRACE * scale)
    if bound <= FITS or "stop_timeout" in declaration:
        return []
    text = f"a stop may take {bound:g} s, and docker stop kills after 10 s: use docker stop -t {bound + 1:.0f}"
    line = declaration["line"].get("grace", declaration["line"].get("", 0))
    return [(line, f'[group]: {text} and declare it with stop_timeout = "{bound + 1:.0f}s", or make the grace shorter')]


def notes_of_process(process: dict[str, Any]) -> list[tuple[str, str]]:
    found = []
    words = process.get("command", [])
    for number, word in enumerate(words):
        if number and re.fullmatch(r"-\w*c", words[number - 1]):  # a shell expands it
            continue
        match = re.search(r"\$\(?\{?[A-Za-z_]\w*\)?\}?", word)
        if match:
            text = f"{match[0]} stays as it is: pidone expands nothing in command; shell = does"
            found.append(("command", text))
    name = process.get("user", "0").partition(":")[0]
    if name not in ("0", "root") and "home" not in process and "HOME" not in process.get("env", {}):
        text = "HOME stays that of pidone's own user; home = true sets HOME, USER and LOGNAME from the passwd entry"
        found.append(("user", text))
    for number, soft, hard in process.get("rlimits", ()):
        kind = {readers.LIMITS["cpu"]: "cpu", readers.LIMITS.get("rttime", -1): "rttime"}.get(number)
        if kind and soft == hard >= 0:
            text = (
                f"{kind} = {soft} is the soft and the hard limit: the kernel sends SIGKILL without SIGXCPU before it;"
            )
            found.append(("rlimits", f'{text} {kind} = "{soft}:{soft + 1}" leaves time to exit on SIGXCPU'))
    return found


def nearest(word: str, known: Any) -> str:
    """Return "; is it 'command'?", or a list of the known words."""
    close = meant(word, known, FOREIGN_NAMES)
    return f"; is it '{close}'?" if close else f"; there are: {', '.join(sorted(known))}"


#: Names that other programs use: Compose, Kubernetes, supervisord, systemd.
FOREIGN_NAMES = {
    "depends_on": "after", "environment": "env", "working_dir": "cwd", "workingDir": "cwd", "directory": "cwd",
    "entrypoint": "command", "args": "command", "exec_start": "command", "ExecStart": "command",
    "healthcheck": "liveness", "livenessProbe": "liveness", "readinessProbe": "readiness", "startupProbe": "startup",
    "autorestart": "restart", "restartPolicy": "restart", "stopsignal": "stop_signal", "stop_grace_period": "grace",
    "terminationGracePeriodSeconds": "grace", "stopwaitsecs": "grace", "numprocs": "replicas", "scale": "replicas",
    "lifecycle": "pre_stop", "volumes": "volume", "service": "process", "services": "process", "program": "process",
    "init": "process", "sidecar": "process", "primary": "process", "cmd": "command", "resources": "requests",
}  # fmt: skip


def shorten(value: Any) -> str:
    """Return a value as TOML writes it, in at most 40 characters."""
    try:
        text = spelled(value)
    except ValueError:  # an integer with more digits than Python prints
        text = "a number with too many digits"
    return text if len(text) <= 40 else text[:37] + "..."


def spelled(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(spelled, value))}]"
    if isinstance(value, dict):
        inner = ", ".join(f"{key} = {spelled(one)}" for key, one in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    return repr(value) if isinstance(value, (str, int, float)) else str(value)  # else a date or a time
