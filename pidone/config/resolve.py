"""A declaration -> a plan for this machine as it is now: users, env files, volumes, memory.

All of these may change between two starts. So each start resolves them, also from a compiled file,
and this module imports little.

E1 and so on: docs/reference/edge-cases.md. S1 and so on: docs/reference/pod.md.
"""

from __future__ import annotations

import _signal
import os
import stat

from pidone import paths, probes
from pidone.config import lookup, memory
from pidone.config.read import ConfigError
from pidone.group.policy import PROBES
from pidone.init.plan import INIT, LAST_RESORT, MINIMUM_GRACE
from pidone.init.slots import Plan, Process

#: Seconds that a stop takes without any grace: the minimum grace, and SIGKILL (S88). The report's
#: time is not counted; only a slow report uses it.
LEAST = MINIMUM_GRACE + LAST_RESORT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    Entry = dict[str, Any]


class Resolver:
    """Makes a plan, and collects errors, warnings for a start, and notes for `check`.

    token: part of the names of the sd_notify sockets, where there are any already.
    patience: seconds after which SIGALRM ends this process if a lookup hangs; 0 for no limit.
        Nothing else can interrupt a name service that hangs in C (E50).
    """

    def __init__(self, declaration: dict[str, Any], directory: str, token: str = "", patience: float = 0.0) -> None:
        self.declaration = declaration
        self.directory = directory
        self.token = token
        self.patience = patience * declaration.get("time_scale", 1.0)
        self.errors: list[tuple[int, str]] = []
        self.warnings: list[tuple[int, str]] = []
        self.notes: list[tuple[int, str]] = []

    def resolve(self) -> Plan:
        entries = self.declaration["processes"]
        sockets = self.sockets()
        self.check_handlers(entries)
        processes = [self.process(index, entry, sockets.get(index)) for index, entry in enumerate(entries)]
        for volume in self.declaration["volumes"]:
            if "owner" in volume:
                self.owner(volume)
        self.check_memory()
        if self.errors:
            raise ConfigError(sorted(self.errors))
        declared = self.declaration
        scale = declared.get("time_scale", 1.0)
        given = declared.get("control", {})
        control = given.get("path")
        return Plan(
            processes,
            **{**declared["slots"], "grace": self.grace() * scale},
            routes={number: (tuple(to), sent) for number, (to, sent) in declared["routes"].items()},
            minimum_grace=MINIMUM_GRACE * scale,
            oom=memory.oom_kill_counter(),
            notify=tuple(sockets.items()),
            metrics=tuple(declared["metrics"]) if declared.get("metrics") else None,
            control=control.encode() if control is not None else None,
            access=(tuple(given.get("look", ())), tuple(given.get("steer", ()))),
            memory=memory.limit() or 0,
        )

    def grace(self) -> float:
        """Return the grace in seconds, cut so that the stop fits into stop_timeout (S88)."""
        grace: float = self.declaration["grace"]
        outer = self.declaration.get("stop_timeout")
        if outer is None or grace + LEAST <= outer:
            return grace
        allowed: float = max(0.0, outer - LEAST)
        text = f"a grace of {grace:g} s does not fit into the stop_timeout of {outer:g} s; cutting it to {allowed:g} s"
        self.warnings.append((self.declaration["line"].get("stop_timeout", 0), text))
        return allowed

    def wrong(self, entry: Entry, key: str, text: str) -> None:
        self.errors.append((entry["line"].get(key, entry["line"].get("", 0)), f"{entry['label']}: {text}"))

    def process(self, index: int, entry: Entry, socket: bytes | None) -> Process:
        env = dict(entry.get("env", {}))
        if socket is not None:
            env.update(notify_environment(entry, socket, self.declaration.get("time_scale", 1.0)))
        declared = tuple((key.encode(), value.encode()) for key, value in env.items())
        who = self.who(index, entry)
        found = self.look_up(index, entry, who, declared) if who is not None else (None, declared)
        return Process(
            **entry["slots"],
            argv=command(entry),
            env=found[1] if found is not None else declared,
            user=found[0] if found is not None else None,
            policy=entry["policy"],
            to_look_up=who,
            declared_env=declared,
            probe_files=entry["files"],
            resolved=found is not None,
        )

    def sockets(self) -> dict[int, bytes]:
        """Return {process index: name of its notify socket}. Nobody else can guess these names."""
        entries = self.declaration["processes"]
        speaking = [
            index
            for index, entry in enumerate(entries)
            if any(entry.get(what, {}).get("handler") == "notify" for what in PROBES)
        ]
        if not speaking:
            return {}
        token = self.token or os.urandom(8).hex()
        return {index: f"@pidone/{token}/{entries[index]['name']}".encode() for index in speaking}

    def who(self, index: int, entry: Entry) -> lookup.LookupRequest | None:
        """Return what the process's forked child looks up, or None for nothing."""
        if not {"user", "env_file"} & set(entry):
            return None
        file = os.path.join(self.directory, entry["env_file"]).encode() if "env_file" in entry else None
        groups = tuple(entry["groups"]) if "groups" in entry else None
        return entry.get("user"), groups, file, entry.get("home", False)

    def in_time(self, ask: Callable[..., Any], *args: Any) -> Any:
        """Return or raise what `ask` does, within the patience."""
        if not self.patience:
            return ask(*args)
        _signal.signal(_signal.SIGALRM, _signal.SIG_DFL)  # the caller may ignore SIGALRM, and PID 1 blocks it
        _signal.pthread_sigmask(_signal.SIG_UNBLOCK, (_signal.SIGALRM,))
        _signal.setitimer(_signal.ITIMER_REAL, self.patience)
        try:
            return ask(*args)
        finally:
            _signal.setitimer(_signal.ITIMER_REAL, 0)

    def look_up(
        self, index: int, entry: Entry, who: lookup.LookupRequest, declared: lookup.Environment
    ) -> tuple[lookup.User | None, lookup.Environment] | None:
        """Look up user and environment as they are now. Returns None where they are not known.

        That is an error unless an init step may still make them.
        """
        try:
            found: tuple[lookup.User | None, lookup.Environment] = self.in_time(lookup.of, who, declared)
        except lookup.UnknownNameError as unknown:
            if not self.comes_after_a_step(index, entry):
                for line in unknown.lines:
                    self.wrong(entry, unknown.key, line)
            else:
                text = f"{entry['label']}: {unknown}; an init step may still create it: pidone looks again at the start"
                self.notes.append((entry["line"].get(unknown.key, 0), text))
            return None
        if who[3] and who[0] is not None and lookup.user(who[0])[1] is None:
            text = f"user {who[0]} has no passwd entry here: HOME, USER and LOGNAME stay as they are"
            self.notes.append((entry["line"].get("home", 0), f"{entry['label']}: {text}"))
        if who[2] is not None:
            for number in lookup.quoted(lookup.read(who[2])):
                text = f"{who[2].decode()}:{number}: the quotes are part of the value, as in docker run --env-file"
                self.notes.append((entry["line"].get("env_file", 0), f"{entry['label']}: {text}"))
        return found

    def comes_after_a_step(self, index: int, entry: Entry) -> bool:
        before = {*range(entry["gate"]), *entry.get("needs", ())}
        return any(self.declaration["processes"][other]["role"] == INIT for other in before)

    def note_people(self) -> None:
        """Note each user and group of `control` that is missing here.

        It may be a typo, or an init step may make it.
        """
        control = self.declaration.get("control", {})
        for name in (*control.get("look", ()), *control.get("steer", ())):
            try:
                lookup.group_id(name[1:], "control") if name[:1] == "@" else lookup.user(name)
            except lookup.UnknownNameError as unknown:
                text = f"[group]: control: {unknown}; pidone looks again at each request"
                self.notes.append((self.declaration["line"].get("control", 0), text))

    def owner(self, volume: Entry) -> lookup.User | None:
        """Look up the owner of a volume, which is made before any init step runs."""
        try:
            found: lookup.User = self.in_time(lookup.user, volume["owner"], None, "owner")[0]
            return found
        except lookup.UnknownNameError as unknown:
            self.wrong(volume, "owner", str(unknown))
            return None

    def check_handlers(self, entries: list[Entry]) -> None:
        """Refuse a probe that can never be answered: it would stay silent, unnoticed."""
        for entry, what in [(entry, what) for entry in entries for what in PROBES if what in entry]:
            name = entry[what]["handler"]
            text = getattr(probes.handler(name), "missing", str)()
            if text:
                self.wrong(entry, what, f"{name} probes cannot work: {text}")
                return

    def check_memory(self) -> None:
        total, asks = memory.peak(self.declaration["processes"])
        allowed = memory.limit() if total else None
        if allowed is not None and total > allowed:
            parts = " + ".join(f"{name} {memory.show(amount)}" for name, amount in asks)
            line = next(p["line"]["requests"] for p in self.declaration["processes"] if "requests" in p)
            text = f"memory requests do not fit: {parts} = {memory.show(total)}, and the container may use"
            self.errors.append((line, f"{text} {memory.show(allowed)}; request less, or allow more (docker run -m)"))


def notify_environment(entry: Entry, socket: bytes, scale: float) -> dict[str, str]:
    """Return the variables that sd_notify(3) and sd_watchdog_enabled(3) read."""
    found = {"NOTIFY_SOCKET": socket.decode()}
    if "liveness" in entry and entry["liveness"]["handler"] == "notify":
        found["WATCHDOG_USEC"] = str(int(entry["liveness"]["period"] * scale * 1e6))
    return found


def command(entry: Entry) -> list[bytes]:
    """Return the words of the command; none for a process that pauses."""
    if "pause" in entry:
        return []
    return [word.encode() for word in entry.get("command") or entry["shell"]]


def self_made(fd: int, volume: dict[str, Any], resolver: Resolver) -> None:
    """Refuse to change a volume that pidone may not have made. Raises OSError.

    In a directory of its own, an app may have renamed something of root's to the volume's name. A
    volume that pidone made there already has the mode and owner of the file, so nothing needs to
    change.
    """
    status, above = os.fstat(fd), os.stat("..", dir_fd=fd)
    if not paths.is_strict() or paths.is_ours(above) or status.st_uid == above.st_uid:
        return
    owner = resolver.owner(volume) if "owner" in volume else None
    mode = volume.get("mode", stat.S_IMODE(status.st_mode))
    if stat.S_IMODE(status.st_mode) != mode or (owner is not None and owner[:2] != (status.st_uid, status.st_gid)):
        raise OSError(0, f"it belongs to uid {status.st_uid} and its directory to uid {above.st_uid}: left unchanged")


def make_volumes(declaration: dict[str, Any], resolver: Resolver) -> None:
    """Make the directories that all processes share, like a Pod's emptyDir. Raises ConfigError.

    A directory that exists is kept. An app may have put a link in its place; pidone follows no link
    of another user (paths.py).
    """
    os.umask(0o022)  # this child's; a stricter one would make parents that nobody can enter
    errors = []
    for volume in declaration["volumes"]:
        path = volume["path"]
        try:
            fd, new = paths.open_directory(path.encode(), 0o755)
            try:
                if not new:
                    self_made(fd, volume, resolver)
                if new or "mode" in volume:
                    os.fchmod(fd, volume.get("mode", 0o777))  # an emptyDir's mode, whatever our umask is
                if "owner" in volume:
                    uid, gid, _ = resolver.owner(volume) or (-1, -1, ())
                    os.fchown(fd, uid, gid)
            finally:
                os.close(fd)
        except OSError as error:
            text = f"{volume['label']}: cannot make {path}: {paths.reason(error)}"
            errors.append((volume["line"].get("path", 0), text))
    if errors:
        raise ConfigError(errors)
