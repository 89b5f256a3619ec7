"""Every key of the file, each one entry: its reader, its place in docs/reference/file.md, and what PID 1 has of it.

    Key("nice", readers.between(-20, 19), "inherited", "-20 to 19", Slot("int | None", None))

To add a key, add its entry and run `./do generate`. That writes the tables of docs/reference/file.md, and the slots of
PID 1, which must not import this file. The table in which the entry stands says where PID 1 has it: PROCESS gives
`process.nice` (init/slots.py), GROUP `plan.deadline`, the others `policy.backoff` (group/slots.py). Read it where the
key acts. A time needs `scaled`, or time_scale passes it over. What keys may not stand together is in rules.py.
"""

from __future__ import annotations

from typing import Any, Callable

from pidone import readers
from pidone.config import probes, values
from pidone.group.policy import BACKOFF, NEVER
from pidone.init.events import SIGTERM
from pidone.init.plan import GRACE

#: A slot that has no default.
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

    type: as a type checker reads it. default: what it holds where the key is not given. pack: (value as the reader
    returned it, time_scale) -> what it holds. absent: what is packed where the key is not given, if not the default.
    """

    def __init__(
        self, type: str, default: Any = REQUIRED, pack: Callable[[Any, float], Any] = keep, absent: Any = None
    ) -> None:
        self.type, self.default, self.pack, self.absent = type, default, pack, absent


class Key:
    """default and doc: cells of its row in docs/reference/file.md. slot: None where PID 1 itself has nothing of it."""

    def __init__(self, name: str, read: readers.Reader, default: str, doc: str, slot: Slot | None = None) -> None:
        self.name, self.read, self.default, self.doc, self.slot = name, read, default, doc, slot


#: [group]
GROUP = (
    Key(
        "name", readers.name, '`"group"`',
        "lower-case letters, digits and `-` between them, at most 63",
        Slot("str", ""),
    ),
    Key(
        "grace", readers.duration, '`"6s"`',
        "duration: how long a stop lasts before `SIGKILL`. The last process to get its signal has 2 s. SIGKILL and "
        "the report take half a second each. So a stop is over within the grace and 3 s, and with the default within "
        "9 s, before `docker stop` kills. `check` notes a longer one where no `stop_timeout` says that it is meant",
        Slot("float", GRACE, scaled),
    ),
    Key(
        "stop_signals", readers.signal_list, '`["SIGTERM", "SIGINT"]`',
        "list of signals that begin the stop; the third of them ends the grace",
        Slot("tuple[int, ...]", (), as_tuple),
    ),
    Key(
        "restart", values.policy, '`"never"`',
        "as a process's `restart`, for init steps and the primary",
    ),
    Key(
        "start_timeout", values.above_zero, "no limit",
        "until all have started; then the group stops, with exit code 124",
        Slot("float | None", None, scaled),
    ),
    Key(
        "deadline", values.above_zero, "no limit",
        "of the group's life, from its start; then it stops, with exit code 124",
        Slot("float | None", None, scaled),
    ),
    Key(
        "stop_timeout", values.above_zero, "",
        "what stops the container kills it after this (`docker stop -t`): the grace is cut to fit, and that is said. "
        'More than `"2.5s"`',
    ),
    Key(
        "log", values.log, '`"inherit"`',
        "as a process's [`log`](#output), for all that have none",
    ),
    Key(
        "control", values.control, "the first place that can be had; root and pidone's own user",
        "path of [the control socket](control.md)'s socket, or `false`; or `{ path = \"...\", look = [\"www-data\"], "
        'steer = ["deploy", "@adm"] }`: [who else may look, and who may steer](control.md#who-may-what)',
    ),
    Key(
        "time_scale", values.scale, "`1.0`",
        "every time of the file, and pidone's own, is multiplied by it: for tests",
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
        "absolute",
    ),
    Key(
        "mode", readers.octal("0755"), "`\"0777\"` where it is new, as a Pod's `emptyDir`",
        "octal in quotes",
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
        "lower-case letters, digits and `-`, at most 63; no two alike",
        Slot("str"),
    ),
    Key(
        "role", readers.role, "required",
        '`"init"`: must end with 0 before the next one starts. `"sidecar"`: keeps running; the next one waits until '
        "it has started (its program is executed, its `post_start` has ended, its `startup` probe has succeeded). "
        "`\"primary\"`: exactly one; its end is the group's",
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
        "Such a primary only holds the group together, as a Pod's infra container does, while its members come and go",
    ),
    Key(
        "env", readers.environment, "",
        "table of strings, laid over the container's environment",
    ),
    Key(
        "env_file", readers.text, "",
        "file of `NAME=VALUE` lines, relative to the group's file; `env` wins. It is read each time the process "
        "starts, so an init step may write it",
    ),
    Key(
        "cwd", readers.absolute, "where the container started",
        "absolute; entered as the process's user",
        Slot("bytes | None", None, encoded),
    ),
    Key(
        "user", readers.user, "PID 1's own",
        '`"name"`, `"name:group"`, `"1000"` or `1000`, `"1000:1000"`; a number needs no passwd line: without one, '
        "and without a group, its gid is 0. It is looked up each time the process starts, so an init step may make "
        "or change it (`usermod`); `check` says what cannot be known yet",
    ),
    Key(
        "home", readers.truth, "as they are",
        "`true`: `HOME`, `USER` and `LOGNAME` from the user's passwd line; needs `user`, and `env` wins. Without "
        "such a line they stay as they are",
    ),
    Key(
        "groups", readers.groups, "those of the user; with `:group`, that one only",
        "list of supplementary groups; needs `user`",
    ),
    Key(
        "umask", readers.octal("0022"), "inherited",
        "octal in quotes",
        Slot("int | None", None),
    ),
    Key(
        "nice", readers.between(-20, 19), "inherited",
        "-20 to 19",
        Slot("int | None", None),
    ),
    Key(
        "rlimits", readers.rlimits, "inherited",
        "table by `ulimit`'s names: `{ nofile = 1024, core = \"0:unlimited\" }`; one number is the soft and the hard "
        'limit, `"soft:hard"` are two. At the hard limit of `cpu` the kernel sends `SIGKILL`, so `"60:65"` and not '
        "`60` leaves time to end by `SIGXCPU`",
        Slot("tuple[tuple[int, int, int], ...]", (), as_tuples),
    ),
    Key(
        "oom_score_adj", readers.between(-1000, 1000), "inherited",
        "-1000 to 1000",
        Slot("int | None", None),
    ),
    Key(
        "stop_signal", readers.signal, '`"SIGTERM"`',
        "what it is told to end with",
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
        "list of processes: wait for just these, instead of all that stand before; `[]` for nobody. The stop is the "
        "reverse",
    ),
    Key(
        "replicas", readers.between(1, 10000), "",
        "so many of it, as `NAME-0`, `NAME-1` ...; each has its number in `$PIDONE_REPLICA`. Not of a primary",
    ),
    Key(
        "restart", values.policy, 'a sidecar `"always"`, the others what `[group]` says',
        '`"always"`, `"on-failure"`, `"never"`: is it started again when it has ended. A failed init step likewise',
        Slot("int", NEVER),
    ),
    Key(
        "restart_rules", values.rules, "",
        "list, the first that matches decides: `{ in = [42] }` or `{ not_in = [0, 1] }`, exit codes; `action = "
        '"restart"`, or `"restart-all"`: everything is killed and begins anew at the head of the list',
        Slot("tuple[Rule, ...]", (), values.pack_rules),
    ),
    Key(
        "backoff", values.backoff, "as shown",
        '`{ initial = "1s", max = "60s", reset = "10m" }`: the first restart is at once, the next after `initial`, '
        "then twice that up to `max`; a run longer than `reset` clears the count",
        Slot("tuple[float, float, float]", BACKOFF, values.pack_backoff, {}),
    ),
    Key(
        "max_restarts", readers.between(0, 1 << 30), "no limit",
        "so many; then the group stops",
        Slot("int | None", None),
    ),
    Key(
        "restart_with", values.restart_with, "",
        "list of processes that start before it: when one of them has ended and is started again, this one is "
        "stopped, and starts once they have started. A connection pool with its database, say",
        Slot("tuple[int, ...]", (), as_tuple),
    ),
    Key(
        "essential", readers.truth, "",
        "`true`: a sidecar whose end is the group's",
        Slot("bool", False),
    ),
    Key(
        "daemonizes", readers.truth, "",
        "`true`: a program that goes into the background is followed by its `pid_file` and stands for the process "
        "from then on. (Its parent is a process of pidone's, and not PID 1: sshd, and what uses python-daemon, would "
        "take that for an init which wants them in the foreground.)",
        Slot("bool", False),
    ),
    Key(
        "pid_file", readers.absolute, "",
        "absolute: where what `daemonizes` writes its pid. `pid_file` alone is for a master that replaces itself "
        "(gunicorn's `USR2`, nginx's upgrade): when the process has ended, the file is looked at for up to 2 s, and "
        "a process of this container that it names takes its place, its exit code included. Where no child is left "
        "that it could be, nothing is waited for",
        Slot("bytes | None", None, encoded),
    ),
    Key(
        "leftovers", values.leftovers, '`"end"`',
        '`"end"`: what it has left behind, of its session and what descends from that, is ended before it is started '
        "again, and when it is stopped; what has made a session of its own and lost its parent belongs to nobody, "
        "and is met at the group's end. `\"keep\"`",
        Slot("bool", False),
    ),
    Key(
        "grace", readers.duration, "the group's",
        "its own time between stop signal and `SIGKILL`, within the group's",
        Slot("float | None", None, scaled),
    ),
    Key(
        "termination_message", readers.absolute, "",
        "a file, emptied at each start, in which it may say why it ends: said on stderr, its last 4,096 bytes go to "
        "`/dev/termination-log` where that is, as in a Pod (the primary's)",
        Slot("bytes | None", None, encoded),
    ),
)  # fmt: skip

#: [[process]]: probes, and the ports that they name.
PROBES = (
    Key(
        "startup", probes.probe("startup"), "started once executed",
        "a probe: until it succeeds the next process waits, and nothing else is asked; where it fails "
        "`failure_threshold` times in a row the process is ended, and its `restart` decides",
        Slot("ProbeSpec | None", None, probes.pack),
    ),
    Key(
        "readiness", probes.probe("readiness"), "ready once started",
        "a probe: is the process ready? It ends nothing",
        Slot("ProbeSpec | None", None, probes.pack),
    ),
    Key(
        "liveness", probes.probe("liveness"), "",
        "a probe: where it fails `failure_threshold` times in a row the process is ended, and its `restart` decides",
        Slot("ProbeSpec | None", None, probes.pack),
    ),
    Key(
        "ports", values.ports, "",
        "table of names for ports, which `http` and `tcp` may use: `{ web = 8080 }`",
    ),
)  # fmt: skip

#: [[process]]: hooks.
HOOKS = (
    Key(
        "post_start", probes.hook, "",
        "a hook: begins when the process has been executed, and until it has ended the process does not count as "
        "running; where it fails the process is ended",
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
        "how its output is carried, as below",
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

#: Of [[process]], those of which the slots are in `group.slots.Care`; PROCESS has them in `init.slots.Process`.
OF_POLICY = (*RESTARTS, *PROBES, *HOOKS, *OUTPUT)

TABLES = ("group", "volume", "process", "signals", "metrics")


def read_by(*tables: tuple[Key, ...]) -> dict[str, readers.Reader]:
    """{key: its reader}"""
    return {key.name: key.read for table in tables for key in table}


def slots(keys: tuple[Key, ...]) -> dict[str, Slot]:
    return {key.name: key.slot for key in keys if key.slot is not None}
