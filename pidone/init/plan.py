"""What is to run, once it is plain data: no name left to resolve, nothing left to check.

A plan travels from the child that made it to PID 1, and from `pidonectl check --compile` to a later start, as
marshalled tuples: no class, no code, nothing to parse.
"""

import marshal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pidone.init.arguments import Arguments

from pidone.init.signals import show

INIT, SIDECAR, PRIMARY = 0, 1, 2
ROLES = ("init", "sidecar", "primary")

#: Exit codes of ours: wrong usage or file; and, as every shell has them (POSIX, sh, "Exit Status"), what cannot be
#: executed, and what is not there; a mistake of our own (sysexits(3)); and where a bound is over (timeout(1)).
WRONG, BROKEN, CANNOT, NOT_FOUND, TIMED_OUT = 2, 70, 126, 127, 124

#: Seconds. A stop with it ends within nine (`stop_bound`), below Docker's ten (E37, E55).
GRACE = 6.0

#: Seconds that whoever is told last still has (S80, minimumGracePeriodInSeconds).
WINDOW = 2.0

#: Seconds that the kernel has for a SIGKILL, and that the report has at least after that.
LAST_RESORT, REPORT = 0.5, 0.5


def stop_bound(grace: float, window: float = WINDOW) -> float:
    """Seconds after which a stop is over, whatever happens: the grace, who is told last, SIGKILL, and the report."""
    return grace + window + LAST_RESORT + REPORT


class Process:
    """One declared process.

    argv: list of bytes, empty for one that only pauses. env: pairs of bytes put over the container's environment.
    cwd: bytes, or None for the container's. user: (uid, gid, (group, ...)) or None for PID 1's own. rlimits: ((number,
    soft, hard), ...). umask, nice, oom_score_adj: int, or None to leave as inherited. stop_signal: int. care: what a
    group does for it beyond starting it, the fields of `group.policy.Care`; None for a process of which nothing but the
    defaults is asked.

    who: what its forked child looks up at each start (config/lookup.py), or None. Then user and env are what the
    latest start has found, and what stands in the file is `declared`; before the first start they are what was known
    when the file was read; known: was all of it? files: what the child looks at for probes of a file; since: when PID 1
    forked it (monotonic).
    """

    __slots__ = (
        "name", "role", "argv", "env", "cwd", "user", "umask", "nice", "rlimits", "oom_score_adj", "stop_signal",
        "care", "who", "declared", "files", "known", "since",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        role: int,
        argv: "list[bytes]",
        env: "tuple[tuple[bytes, bytes], ...]" = (),
        cwd: "bytes | None" = None,
        user: "tuple[int, int, tuple[int, ...]] | None" = None,
        umask: "int | None" = None,
        nice: "int | None" = None,
        rlimits: "tuple[tuple[int, int, int], ...]" = (),
        oom_score_adj: "int | None" = None,
        stop_signal: int = 15,
        care: "tuple[Any, ...] | None" = None,
        who: "tuple[Any, ...] | None" = None,
        declared: "tuple[tuple[bytes, bytes], ...]" = (),
        files: "tuple[bytes, ...]" = (),
        known: bool = True,
        since: float = 0.0,
    ) -> None:
        self.name = name
        self.role = role
        self.argv = argv
        self.env = env
        self.cwd = cwd
        self.user = user
        self.umask = umask
        self.nice = nice
        self.rlimits = rlimits
        self.oom_score_adj = oom_score_adj
        self.stop_signal = stop_signal
        self.care = care
        self.who = who
        self.declared = declared
        self.files = files
        self.known = known
        self.since = since


class Plan:
    """The group: its processes in start order, the primary last (S3).

    grace, window: seconds; who is told last has the latter. stop_signals: the numbers that begin a stop; empty for a
    single command, where every signal is the primary's. routes: {number: ((process index, ...), number to send)}.
    bounds: seconds that starting may take, and that the group may live; None for no end. oom: the file that counts
    the memory's kills, or None. notify: ((process index, name of its socket), ...). name: the group's.
    control: where the control line's socket is; b"" for none, None for the first place that can be had. access: who
    may look at the group, and who may steer it, besides root and pidone's own user: names of users, and of groups after
    an "@". metrics: (host, port) of their server. memory: bytes that the container may use, 0 for no limit.
    rewrites: {from: to}, 0 drops. group_wide: signals go to process groups. forgiven: exit codes that become 0 (E39).
    """

    __slots__ = (
        "processes", "grace", "stop_signals", "routes", "window", "bounds", "oom", "notify", "name",
        "control", "metrics", "access", "memory",
        "rewrites", "group_wide", "forgiven",
    )  # fmt: skip

    def __init__(
        self,
        processes: "list[Process]",
        grace: float = GRACE,
        stop_signals: "tuple[int, ...]" = (),
        routes: "dict[int, tuple[tuple[int, ...], int]] | None" = None,
        window: float = WINDOW,
        bounds: "tuple[float | None, float | None]" = (None, None),
        oom: "bytes | None" = None,
        notify: "tuple[tuple[int, bytes], ...]" = (),
        name: str = "",
        control: "bytes | None" = None,
        metrics: "tuple[str, int] | None" = None,
        access: "tuple[tuple[str, ...], tuple[str, ...]]" = ((), ()),
        memory: int = 0,
    ) -> None:
        self.processes = processes
        self.grace = grace
        self.window = window
        self.stop_signals = stop_signals
        self.routes = routes or {}
        self.bounds = bounds
        self.oom = oom
        self.notify = notify
        self.name = name
        self.control = control
        self.metrics = metrics
        self.access = access
        self.memory = memory
        self.rewrites: "dict[int, int]" = {}
        self.group_wide = False
        self.forgiven: "tuple[int, ...]" = ()

    def take(self, wanted: "Arguments") -> None:
        """What the command line says besides."""
        self.rewrites, self.group_wide, self.forgiven = wanted.rewrites, wanted.group, tuple(wanted.remap)
        if wanted.grace is not None:
            self.grace = wanted.grace


def single(argv: "list[bytes]") -> Plan:
    """The plan of `pidone -- COMMAND`: one primary, named after its program."""
    return Plan([Process(show(argv[0].rsplit(b"/", 1)[-1] or b"primary"), PRIMARY, argv)])


def pack(plan: Plan) -> bytes:
    """The plan as bytes. What the command line adds (rewrites, -g, -e) is not part of it."""
    rows = [tuple(getattr(p, slot) for slot in Process.__slots__) for p in plan.processes]
    return marshal.dumps((rows, *(getattr(plan, slot) for slot in Plan.__slots__[1:-3])))


def unpack(data: bytes) -> Plan:
    """The plan that `pack` made. Raises ValueError, EOFError or TypeError for anything else."""
    rows, *rest = marshal.loads(data)
    return Plan([Process(*row) for row in rows], *rest)
