"""What a group remembers of one process."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pidone.group.probe import Probe
    from pidone.init.plan import Process

from pidone.group.policy import ALWAYS, NEVER, Care
from pidone.init.plan import SIDECAR

#: WAITING: for its turn, or in back-off. STARTING: forked, its exec not yet confirmed; or its daemon not yet found.
WAITING, STARTING, RUNNING, TERMINATED = range(4)

#: Why it is being ended, where pidone does that; None where it ends by itself.
STOPPING, RENEWED, COMMANDED = "stop", "restart of all", "command"


class Member:
    """state, reason: the kubelet's. passed: it has once let the next one start. ending: see above.

    Of the instance: born and told are times; grace is what its stop has, and due when that ends; noted: what it last
    said of its readiness; busy: what is under way beside it; probes: {"startup" ...: Probe}; followed: its daemon has
    been found, or its successor by its pid_file; ended_as: how that one ended whose successor is looked for (code,
    signal, out of memory?); unknown: the look-up of its user has taken too long.

    Over all instances: level counts for the back-off, restarts for people, last is the end (code, signal, reason) of
    the latest. again: it is to be started once more. complained: what is said of why it cannot. parked: stopped by a
    command, until another one starts it. again_wanted: ended by a command, or with a partner, to be started again.
    """

    __slots__ = (
        "role", "stop_signal", "care", "state", "reason", "passed", "started", "ready", "ending", "born", "told",
        "grace", "due", "stopped", "sent", "noted", "busy", "probes", "followed", "level", "restarts", "last", "again",
        "complained", "parked", "again_wanted", "ended_as", "unknown",
    )  # fmt: skip

    def __init__(self, index: int, process: "Process") -> None:
        self.role = process.role
        self.stop_signal = process.stop_signal
        default = (index, (), ALWAYS if process.role == SIDECAR else NEVER)
        self.care = Care(*(process.care or default))
        self.state = WAITING
        self.reason = ""
        self.passed = False
        self.level = 0
        self.restarts = 0
        self.last: "tuple[int, int, str] | None" = None
        self.again = False
        self.complained = ""
        self.parked = False
        self.busy: "tuple[str, ...]" = ()  # of a thousand processes nearly all have nothing: a set is 216 bytes
        self.probes: "dict[str, Probe]" = {}
        self.begin(0.0)

    def begin(self, now: float) -> None:
        """A new instance knows nothing of the one before (S38)."""
        self.again = self.again_wanted = False
        self.started = False
        self.ready = False
        self.ending: "str | None" = None
        self.born = now
        self.told: "float | None" = None
        self.grace = 0.0
        self.due: "float | None" = None
        self.stopped = False
        self.sent: "tuple[int, ...]" = ()
        self.noted: "int | None" = None
        self.followed = False
        self.ended_as: "tuple[int, int, bool] | None" = None
        self.unknown = False

    def over(self, what: str) -> None:
        """It is no longer under way beside it."""
        self.busy = tuple([name for name in self.busy if name != what])

    @property
    def down(self) -> bool:
        """It has been started before, and is not waiting for its turn in the order of start."""
        return self.state == TERMINATED or (self.state == WAITING and self.again)

    @property
    def alive(self) -> bool:
        return self.state in (STARTING, RUNNING)
