"""Every key of the file in one entry: its reader, its row in docs/reference/file.md, its slot.

    Key("nice", readers.between(-20, 19), "inherited", "-20 to 19", Slot("int | None", None))

To add a key, add its entry and run `./do generate`. This writes the tables of
docs/reference/file.md and the slots of PID 1, which must not import this file. The table of an
entry decides where PID 1 has its slot: PROCESS gives `process.nice` (init/slots.py), GROUP gives
`plan.deadline`, the others give `policy.backoff` (group/slots.py). Read the slot where the key
acts. A time needs `scaled`; otherwise time_scale does not apply to it. rules.py has the rules about
keys that exclude or need each other.
"""

from __future__ import annotations

from typing import Any, Callable

from pidone import readers
from pidone.config import probes, values
from pidone.group.policy import BACKOFF, NEVER
from pidone.init.events import SIGTERM
from pidone.init.plan import GRACE

#: The default of a slot that must be given.
REQUIRED = object()


def keep(value: Any, scale: float) -> Any:
    return value


def scaled(value: float, scale: float) -> float:
    return value * scale


def encoded(value: str, scale: float) -> bytes:
    return value.encode()


def as_tuple(value: list[Any], scale: float) -> tuple[Any, ...]:
    return tuple(value)


def as_tuples(value: list[Any], scale: float) -> tuple[Any, ...]:
    return tuple(tuple(item) for item in value)


class Slot:
    """What PID 1 has of a key, under the key's own name.

    type: as a type checker reads it.
    default: what the slot holds where the key is not given.
    pack: (value as the reader returned it, time_scale) -> what the slot holds.
    absent: what is packed where the key is not given; None for the default.
    """

    def __init__(
        self, type: str, default: Any = REQUIRED, pack: Callable[[Any, float], Any] = keep, absent: Any = None
    ) -> None:
        self.type, self.default, self.pack, self.absent = type, default, pack, absent


class Key:
    """One key of the file.

    default, doc: cells of its row in docs/reference/file.md.
    slot: None where PID 1 itself has nothing of the key.
    """

    def __init__(self, name: str, read: readers.Reader, default: str, doc: str, slot: Slot | None = None) -> None:
        self.name, self.read, self.default, self.doc, self.slot = name, read, default, doc, slot


#: [group]
GROUP = (
    Key(
        "name", readers.name, '`"group"`',
        "lower-case letters, digits and `-` between them; at most 63 characters",
        Slot("str", ""),
    ),
    Key(
        "grace", readers.duration, '`"6s"`',
        "duration: how long a stop lasts before `SIGKILL`. The last process to get its signal has 2 s. `SIGKILL` and "
        "the report take half a second each. So a stop ends within the grace plus 3 s. By default this is 9 s, before "
        "`docker stop` kills. `check` notes a longer stop, unless `stop_timeout` says that it is meant",
        Slot("float", GRACE, scaled),
    ),
    Key(
        "stop_signals", readers.signal_list, '`["SIGTERM", "SIGINT"]`',
        "list of signals that begin the stop; the third one ends the grace",
        Slot("tuple[int, ...]", (), as_tuple),
    ),
    Key(
        "restart", values.policy, '`"never"`',
        "same as a process's `restart`, for init steps and the primary",
    ),
    Key(
        "start_timeout", values.above_zero, "no limit",
        "time within which all processes must start; after it the group stops, with exit code 124",
        Slot("float | None", None, scaled),
    ),
    Key(
        "deadline", values.above_zero, "no limit",
        "maximum lifetime of the group, from its start; after it the group stops, with exit code 124",
        Slot("float | None", None, scaled),
    ),
    Key(
        "stop_timeout", values.above_zero, "",
        "time after which the container is killed when it is stopped (`docker stop -t`). pidone cuts the grace to "
        'fit, and says so. More than `"2.5s"`',
    ),
    Key(
        "log", values.log, '`"inherit"`',
        "same as a process's [`log`](#output), for all processes that have none",
    ),
    Key(
        "control", values.control, "the first place that can be had; root and pidone's own user",
        'path of [the control socket](control.md), or `false`; or `{ path = "...", look = ["www-data"], steer = '
        '["deploy", "@adm"] }`: [other users who may look, and who may steer](control.md#rights)',
    ),
    Key(
        "time_scale", values.scale, "`1.0`",
        "for tests: pidone multiplies every time of the file, and its own times, by this number",
    ),
)  # fmt: skip

#: [[volume]]
VOLUME = (
    Key(
        "name", readers.name, "required",
        "as above",
    ),
    Key(
        "path", readers.absolute, "required",
        "absolute path",
    ),
    Key(
        "mode", readers.octal("0755"), "`\"0777\"` where it is new, as a Pod's `emptyDir`",
        "octal number in quotes",
    ),
    Key(
        "owner", readers.user, "PID 1's own user",
        "as `user` below",
    ),
)  # fmt: skip

#: [[process]]: what runs.
PROCESS = (
    Key(
        "name", readers.name, "required",
        "lower-case letters, digits and `-`; at most 63 characters; each name only once",
        Slot("str"),
    ),
    Key(
        "role", readers.role, "required",
        '`"init"`: must end with 0 before the next process starts. `"sidecar"`: keeps running; the next process waits '
        "until the sidecar has started (its program is executed, its `post_start` has ended, its `startup` probe has "
        'succeeded). `"primary"`: exactly one; its end is the end of the group',
        Slot("int"),
    ),
    Key(
        "command", readers.command(lambda line: f"shell = {readers.quoted(line)}"), "this, `shell` or `pause`",
        "list of strings, the program first",
    ),
    Key(
        "shell", readers.shell, "",
        "string for `/bin/sh -c`",
    ),
    Key(
        "pause", readers.pause, "",
        "`true` instead of a command: the process waits for SIGTERM, SIGINT or its `stop_signal`, and exits with 0. "
        "Such a primary only holds the group together while its members come and go, as a Pod's infra container does",
    ),
    Key(
        "env", readers.environment, "",
        "table of strings; these override the container's environment",
    ),
    Key(
        "env_file", readers.text, "",
        "file of `NAME=VALUE` lines; its path is relative to the group's file, and `env` wins. pidone reads it each "
        "time the process starts, so an init step may write it",
    ),
    Key(
        "cwd", readers.absolute, "where the container started",
        "absolute path; the process enters it as its own user",
        Slot("bytes | None", None, encoded),
    ),
    Key(
        "user", readers.user, "PID 1's own",
        '`"name"`, `"name:group"`, `"1000"` or `1000`, `"1000:1000"`; a number needs no passwd line: without a line, '
        "and without a group, its gid is 0. pidone looks the user up each time the process starts, so an init step "
        "may make or change it (`usermod`); `check` says what cannot be known yet",
    ),
    Key(
        "home", readers.truth, "as they are",
        "`true`: sets `HOME`, `USER` and `LOGNAME` from the user's passwd line; needs `user`, and `env` wins. Without "
        "such a line they stay as they are",
    ),
    Key(
        "groups", readers.groups, "those of the user; with `:group`, that one only",
        "list of supplementary groups; needs `user`",
    ),
    Key(
        "umask", readers.octal("0022"), "inherited",
        "octal number in quotes",
        Slot("int | None", None),
    ),
    Key(
        "nice", readers.between(-20, 19), "inherited",
        "-20 to 19",
        Slot("int | None", None),
    ),
    Key(
        "rlimits", readers.rlimits, "inherited",
        'table with the names of `ulimit`: `{ nofile = 1024, core = "0:unlimited" }`; one number is both the soft and '
        'the hard limit, `"soft:hard"` gives the two. At the hard limit of `cpu` the kernel sends `SIGKILL`. So '
        '`"60:65"` leaves time to end by `SIGXCPU`, and `60` does not',
        Slot("tuple[tuple[int, int, int], ...]", (), as_tuples),
    ),
    Key(
        "oom_score_adj", readers.between(-1000, 1000), "inherited",
        "-1000 to 1000",
        Slot("int | None", None),
    ),
    Key(
        "stop_signal", readers.signal, '`"SIGTERM"`',
        "the signal that stops it",
        Slot("int", SIGTERM),
    ),
    Key(
        "requests", readers.requests, "",
        '`{ memory = "512MiB" }`',
    ),
)  # fmt: skip

#: [[process]]: starting and restarting.
RESTARTS = (
    Key(
        "after", values.names, "all before",
        "list of processes: it waits only for these, instead of all processes before it; `[]` waits for none. The "
        "stop goes in reverse",
    ),
    Key(
        "replicas", readers.between(1, 10000), "",
        "number of copies, named `NAME-0`, `NAME-1` ...; each has its number in `$PIDONE_REPLICA`. Not for a primary",
    ),
    Key(
        "restart", values.policy, 'a sidecar `"always"`, the others what `[group]` says',
        '`"always"`, `"on-failure"`, `"never"`: whether pidone starts it again when it has ended. The same holds for '
        "a failed init step",
        Slot("int", NEVER),
    ),
    Key(
        "restart_rules", values.rules, "",
        "list of rules; the first one that matches decides: `{ in = [42] }` or `{ not_in = [0, 1] }` match exit "
        'codes; `action = "restart"`, or `"restart-all"`: pidone kills everything and begins again at the head of the '
        "list",
        Slot("tuple[Rule, ...]", (), values.pack_rules),
    ),
    Key(
        "backoff", values.backoff, "as shown",
        '`{ initial = "1s", max = "60s", reset = "10m" }`: the first restart is immediate, the next one comes after '
        "`initial`, then after twice that, up to `max`; a run longer than `reset` clears the count",
        Slot("tuple[float, float, float]", BACKOFF, values.pack_backoff, {}),
    ),
    Key(
        "max_restarts", readers.between(0, 1 << 30), "no limit",
        "maximum number of restarts; after these the group stops",
        Slot("int | None", None),
    ),
    Key(
        "restart_with", values.restart_with, "",
        "list of processes that start before it: when one of them has ended and is started again, pidone stops this "
        "process, and starts it once they have started. An example is a connection pool with its database",
        Slot("tuple[int, ...]", (), as_tuple),
    ),
    Key(
        "essential", readers.truth, "",
        "`true`: the end of this sidecar is the end of the group",
        Slot("bool", False),
    ),
    Key(
        "daemonizes", readers.truth, "",
        "`true`: the program goes into the background. pidone finds the daemon by its `pid_file`, and the daemon "
        "stands for the process from then on. (The program's parent is a process of pidone's, and not PID 1: sshd, "
        "and programs that use python-daemon, would take PID 1 for an init that wants them in the foreground.)",
        Slot("bool", False),
    ),
    Key(
        "pid_file", readers.absolute, "",
        "absolute path of the file in which a program that `daemonizes` writes its pid. `pid_file` alone is for a "
        "master that replaces itself (gunicorn's `USR2`, nginx's upgrade): when the process has ended, pidone checks "
        "the file for up to 2 s. A process of this container that the file names takes its place, its exit code "
        "included. pidone does not wait where no child is left that could be this process",
        Slot("bytes | None", None, encoded),
    ),
    Key(
        "leftovers", values.leftovers, '`"end"`',
        '`"end"`: when the process stops, and before it starts again, pidone ends the processes that remain in its '
        "session, and their descendants. A process with a session of its own and no parent belongs to no process of "
        'the file; it ends with the group. `"keep"`: pidone ends none of these',
        Slot("bool", False),
    ),
    Key(
        "grace", readers.duration, "the group's",
        "its own time between the stop signal and `SIGKILL`, within the group's grace",
        Slot("float | None", None, scaled),
    ),
    Key(
        "termination_message", readers.absolute, "",
        "file in which the process may say why it ends; pidone empties it at each start, and prints the message on "
        "stderr. The primary's message, at most its last 4,096 bytes, goes to `/dev/termination-log` where that file "
        "exists, as in a Pod",
        Slot("bytes | None", None, encoded),
    ),
)  # fmt: skip

#: [[process]]: probes, and the ports that they name.
PROBES = (
    Key(
        "startup", probes.probe("startup"), "started once executed",
        "a probe: until it succeeds the next process waits, and no other probe runs; when it fails "
        "`failure_threshold` times in a row, pidone ends the process, and its `restart` decides",
        Slot("ProbeSpec | None", None, probes.pack),
    ),
    Key(
        "readiness", probes.probe("readiness"), "ready once started",
        "a probe: whether the process is ready. It ends nothing",
        Slot("ProbeSpec | None", None, probes.pack),
    ),
    Key(
        "liveness", probes.probe("liveness"), "",
        "a probe: when it fails `failure_threshold` times in a row, pidone ends the process, and its `restart` "
        "decides",
        Slot("ProbeSpec | None", None, probes.pack),
    ),
    Key(
        "ports", values.ports, "",
        "table of port names, which `http` and `tcp` may use: `{ web = 8080 }`",
    ),
)  # fmt: skip

#: [[process]]: hooks.
HOOKS = (
    Key(
        "post_start", probes.hook, "",
        "a hook: begins when the process is executed; the process does not count as running until the hook has ended; "
        "when the hook fails, pidone ends the process",
        Slot("HookSpec | None", None, probes.pack_hook),
    ),
    Key(
        "pre_stop", probes.hook, "",
        "a hook: runs before the stop signal, whenever pidone ends the process, within the grace",
        Slot("HookSpec | None", None, probes.pack_hook),
    ),
)  # fmt: skip

#: [[process]]: output.
OUTPUT = (
    Key(
        "log", values.log, 'what `[group]` says, else `"inherit"`',
        "how pidone carries its output; see below",
        Slot("LogSpec | None", None, values.pack_log),
    ),
)  # fmt: skip

#: [metrics]
METRICS = (
    Key(
        "listen", values.listen, "required",
        'address and port of the server: `"127.0.0.1:9900"`',
    ),
)  # fmt: skip

#: The keys of [[process]] with slots in `group.slots.ProcessPolicy`. Those of PROCESS are in
#: `init.slots.Process`.
OF_POLICY = (*RESTARTS, *PROBES, *HOOKS, *OUTPUT)

TABLES = ("group", "volume", "process", "signals", "metrics")


def read_by(*tables: tuple[Key, ...]) -> dict[str, readers.Reader]:
    """Return {key: its reader}."""
    return {key.name: key.read for table in tables for key in table}


def slots(keys: tuple[Key, ...]) -> dict[str, Slot]:
    return {key.name: key.slot for key in keys if key.slot is not None}
