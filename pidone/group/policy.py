"""What a group does for one process beyond starting it: plain data, as the file's reader packed it."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pidone.init.plan import Process

    #: (handler, argument, delay, period, timeout, success threshold, failure threshold, grace or None); in seconds.
    ProbeSpec = tuple[str, Any, float, float, float, int, int, "float | None"]
    #: (handler, argument)
    HookSpec = tuple[str, Any]
    #: (exit codes, True for "all but these", AGAIN or ALL)
    Rule = tuple[tuple[int, ...], bool, int]
    #: ("prefix", with the time?, stderr apart?), ("json", stderr apart?) or ("file", path, bytes, how many are kept)
    LogSpec = tuple[Any, ...]

from pidone.init.plan import SIDECAR

NEVER, ON_FAILURE, ALWAYS = range(3)
POLICIES = ("never", "on-failure", "always")

#: What a restart rule does (S56, S67).
AGAIN, ALL = range(2)

#: Seconds: initial, most, and after how long a run the count starts anew (S59, S62). The kubelet's are 10, 300, 600.
BACKOFF = (1.0, 60.0, 600.0)

PROBES = ("startup", "readiness", "liveness")
HOOKS = ("post_start", "pre_stop")

#: Handlers that speak up by themselves, where all others are asked.
TOLD = ("notify", "fd")


class Care:
    """gate: this many members, from the list's head, must have started before it. after: and these.

    restart: policy. max_restarts: None for no limit. grace: of its own stop, None for the group's. leftovers: are they
    kept when it ends? pid_file: of a program that goes into the background, if it daemonizes, or of one that may be
    replaced by a process which it names. message: its termination message's file. log: how its output is carried; None
    where it is not. restart_with: members with whose end it is stopped, and started again when they have started.
    """

    __slots__ = (
        "gate", "after", "restart", "rules", "backoff", "max_restarts", "essential", "startup", "readiness", "liveness",
        "post_start", "pre_stop", "grace", "leftovers", "pid_file", "message",
        "log", "daemonizes", "restart_with",
    )  # fmt: skip

    def __init__(
        self,
        gate: int,
        after: "tuple[int, ...]" = (),
        restart: int = NEVER,
        rules: "tuple[Rule, ...]" = (),
        backoff: "tuple[float, float, float]" = BACKOFF,
        max_restarts: "int | None" = None,
        essential: bool = False,
        startup: "ProbeSpec | None" = None,
        readiness: "ProbeSpec | None" = None,
        liveness: "ProbeSpec | None" = None,
        post_start: "HookSpec | None" = None,
        pre_stop: "HookSpec | None" = None,
        grace: "float | None" = None,
        leftovers: bool = False,
        pid_file: "bytes | None" = None,
        message: "bytes | None" = None,
        log: "LogSpec | None" = None,
        daemonizes: bool = False,
        restart_with: "tuple[int, ...]" = (),
    ) -> None:
        self.gate = gate
        self.after = after
        self.restart = restart
        self.rules = rules
        self.backoff = backoff
        self.max_restarts = max_restarts
        self.essential = essential
        self.startup = startup
        self.readiness = readiness
        self.liveness = liveness
        self.post_start = post_start
        self.pre_stop = pre_stop
        self.grace = grace
        self.leftovers = leftovers
        self.pid_file = pid_file
        self.message = message
        self.log = log
        self.daemonizes = daemonizes
        self.restart_with = restart_with


def policy_of(place: int, process: "Process") -> Care:
    """As the file's reader packed it; of a process of which nothing is asked, its role's. place: in the plan."""
    default = (place, (), default_restart(process.role))
    return Care(*(process.care or default))


def default_restart(role: int, of_group: int = NEVER, essential: bool = False) -> int:
    """The policy of a process that names none. of_group: what [group] says, for all but sidecars (S54)."""
    if essential:
        return NEVER  # its end is to be the group's
    return ALWAYS if role == SIDECAR else of_group
