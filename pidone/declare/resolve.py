"""A declaration -> a plan on this machine, now: users, env files, volumes, memory.

Done at each start, also of a compiled file, because all of it may have changed since: so it imports little.
"""

from __future__ import annotations

import grp
import os
import pwd

from pidone.declare import care, library, memory
from pidone.declare.read import MOST, Wrong
from pidone.init.plan import WINDOW, Plan, Process

#: Seconds that are left between our own end and the container's being killed (S88).
MARGIN = 0.5

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Entry = dict[str, Any]


class Resolver:
    """Collects errors like the checker does. make: also make the volumes."""

    def __init__(self, declaration: dict[str, Any], directory: str, token: str = "") -> None:
        self.declaration = declaration
        self.directory = directory
        self.token = token
        self.errors: list[tuple[int, str]] = []
        self.warnings: list[tuple[int, str]] = []

    def resolve(self) -> Plan:
        entries = self.declaration["processes"]
        sockets = care.sockets(entries, self.token)
        self.need_library(entries)
        processes = [self.process(index, entry, sockets.get(index)) for index, entry in enumerate(entries)]
        for volume in self.declaration["volumes"]:
            if "owner" in volume:
                self.user(volume, "owner")
        self.check_memory()
        if self.errors:
            raise Wrong(sorted(self.errors))
        declared = self.declaration
        scale = declared.get("time_scale", 1.0)
        bounds = [declared[key] * scale if key in declared else None for key in ("start_timeout", "deadline")]
        return Plan(
            processes,
            grace=self.grace() * scale,
            stop_signals=tuple(declared["stop_signals"]),
            routes={number: (tuple(to), sent) for number, (to, sent) in declared["routes"].items()},
            window=WINDOW * scale,
            bounds=(bounds[0], bounds[1]),
            oom=memory.kill_counter(),
            notify=tuple(sockets.items()),
            name=declared["name"],
            metrics=tuple(declared["metrics"]) if declared.get("metrics") else None,
            control=declared["control"].encode() if "control" in declared else None,
        )

    def grace(self) -> float:
        """Seconds: short enough that the window after it still fits before the container is killed (S88)."""
        grace: float = self.declaration["grace"]
        outer = self.declaration.get("stop_timeout")
        if outer is None or grace + WINDOW + MARGIN <= outer:
            return grace
        allowed: float = max(0.0, outer - WINDOW - MARGIN)
        text = f"a grace of {grace:g} s does not fit before the stop_timeout of {outer:g} s: it is {allowed:g} s"
        self.warnings.append((self.declaration["line"].get("stop_timeout", 0), text))
        return allowed

    def wrong(self, entry: Entry, key: str, text: str) -> None:
        self.errors.append((entry["line"].get(key, entry["line"].get("", 0)), f"{entry['label']}: {text}"))

    def process(self, index: int, entry: Entry, socket: bytes | None) -> Process:
        env = {**self.env_file(entry), **entry.get("env", {})}
        group = self.declaration
        if "log" in group:
            entry = {"log": group["log"], **entry}
        made = care.pack(index, entry, env, group.get("restart"), group.get("time_scale", 1.0))
        if socket is not None:
            env.update(care.notify_environment(entry, socket, group.get("time_scale", 1.0)))
        return Process(
            name=entry["name"],
            role=entry["role"],
            argv=command(entry),
            env=tuple((key.encode(), value.encode()) for key, value in env.items()),
            cwd=entry["cwd"].encode() if "cwd" in entry else None,
            user=self.user(entry, "user") if "user" in entry else None,
            umask=entry.get("umask"),
            nice=entry.get("nice"),
            rlimits=tuple(tuple(limit) for limit in entry.get("rlimits", ())),
            oom_score_adj=entry.get("oom_score_adj"),
            stop_signal=entry.get("stop_signal", 15),
            care=made,
        )

    def need_library(self, entries: list[Entry]) -> None:
        """A probe that can never be answered is told at the start: it would say nothing, and nobody would miss it."""
        asking = [(entry, what) for entry in entries for what in care.PROBES if what in entry]
        for entry, what in asking:
            if entry[what]["handler"] == "grpc":
                try:
                    library.load(*library.HTTP_2)
                except library.Missing as missing:
                    self.wrong(entry, what, f"a grpc probe cannot ask: {missing}")
                return

    def env_file(self, entry: Entry) -> dict[str, str]:
        """NAME=VALUE lines as docker run --env-file has them: nothing expanded; a bare NAME is the container's own."""
        if "env_file" not in entry:
            return {}
        path = os.path.join(self.directory, entry["env_file"])
        found = {}
        try:
            with open(path, encoding="utf-8-sig") as file:
                text = file.read(MOST + 1)
            if len(text) > MOST:
                self.wrong(entry, "env_file", f"env_file {path} is larger than {MOST >> 20} MiB")
                return {}
            for number, line in enumerate(text.split("\n"), 1):
                line = line.lstrip()
                if not line or line.startswith("#"):
                    continue
                key, equals, value = line.partition("=")
                if key.split() != [key.rstrip()] or key != key.rstrip() or "\0" in line:
                    self.wrong(entry, "env_file", f"{path}:{number}: not NAME=VALUE: {line[:40]!r}")
                elif equals:
                    found[key] = value
        except (OSError, UnicodeDecodeError) as error:
            reason = (error.strerror or "").lower() if isinstance(error, OSError) else "it is not UTF-8"
            self.wrong(entry, "env_file", f"cannot read env_file {path}: {reason}")
        return found

    def user(self, entry: Entry, key: str) -> tuple[int, int, tuple[int, ...]] | None:
        """(uid, gid, groups) as Docker's USER has them: a number without a passwd line is good, with gid 0 (E12)."""
        name, _, group = entry[key].partition(":")
        try:
            line = pwd.getpwuid(int(name)) if name.isdigit() else pwd.getpwnam(name)
        except KeyError:
            if not name.isdigit():
                self.wrong(entry, key, f"no user '{name}' here; make it with useradd, or give its number")
                return None
            line = None
        uid = int(name) if line is None else line.pw_uid
        gid = self.group(entry, key, group) if group else (line.pw_gid if line else 0)
        if gid is None:
            return None
        if "groups" in entry and key == "user":
            groups = [self.group(entry, "groups", item) or 0 for item in entry["groups"]]
        else:
            groups = os.getgrouplist(line.pw_name, gid) if line and not group else [gid]
        return uid, gid, tuple(groups)

    def group(self, entry: Entry, key: str, name: str) -> int | None:
        if name.isdigit():
            return int(name)
        try:
            return grp.getgrnam(name).gr_gid
        except KeyError:
            self.wrong(entry, key, f"no group '{name}' here; make it with groupadd, or give its number")
            return None

    def check_memory(self) -> None:
        total, asks = memory.peak(self.declaration["processes"])
        allowed = memory.limit() if total else None
        if allowed is not None and total > allowed:
            parts = " + ".join(f"{name} {memory.show(amount)}" for name, amount in asks)
            line = next(p["line"]["requests"] for p in self.declaration["processes"] if "requests" in p)
            text = f"memory requests do not fit: {parts} = {memory.show(total)}, and the container may use"
            self.errors.append((line, f"{text} {memory.show(allowed)}; ask for less, or give it more (docker run -m)"))


def command(entry: Entry) -> list[bytes]:
    """None, where it pauses."""
    if "pause" in entry:
        return []
    return [word.encode() for word in entry.get("command") or entry["shell"]]


def make_volumes(declaration: dict[str, Any], resolver: Resolver) -> None:
    """Directories that all processes share, like a Pod's emptyDir. What is there already is kept. Raises Wrong."""
    os.umask(0o022)  # this child's: parents that nobody could enter would make the volume useless
    errors = []
    for volume in declaration["volumes"]:
        path = volume["path"]
        try:
            new = not os.path.isdir(path)
            os.makedirs(path, exist_ok=True)
            if new or "mode" in volume:
                os.chmod(path, volume.get("mode", 0o777))  # an emptyDir's, whatever our umask
            if "owner" in volume:
                uid, gid, _ = resolver.user(volume, "owner") or (-1, -1, ())
                os.chown(path, uid, gid)
        except OSError as error:
            there = "something stands there that is no directory"
            reason = there if isinstance(error, FileExistsError) else (error.strerror or "").lower()
            errors.append((volume["line"].get("path", 0), f"{volume['label']}: cannot make {path}: {reason}"))
    if errors:
        raise Wrong(errors)
