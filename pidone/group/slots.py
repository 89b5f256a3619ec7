"""What a group does for one process beyond starting it, as plain data.

Written by `./do generate` from pidone/config/keys.py and scripts/generate.py: change it there.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pidone.group.policy import HookSpec, LogSpec, ProbeSpec, Rule


class ProcessPolicy:
    """The keys of a process that the group looks at."""

    __slots__ = (
        "gate", "after", "restart", "restart_rules", "backoff", "max_restarts", "restart_with", "essential",
        "daemonizes", "pid_file", "leftovers", "grace", "termination_message", "startup", "readiness", "liveness",
        "post_start", "pre_stop", "log",
    )  # fmt: skip

    def __init__(
        self,
        gate: int,  # so many, from the list's head, must have started before it
        after: "tuple[int, ...]" = (),  # and these
        restart: int = 0,
        restart_rules: "tuple[Rule, ...]" = (),
        backoff: "tuple[float, float, float]" = (1.0, 60.0, 600.0),
        max_restarts: "int | None" = None,
        restart_with: "tuple[int, ...]" = (),
        essential: bool = False,
        daemonizes: bool = False,
        pid_file: "bytes | None" = None,
        leftovers: bool = False,
        grace: "float | None" = None,
        termination_message: "bytes | None" = None,
        startup: "ProbeSpec | None" = None,
        readiness: "ProbeSpec | None" = None,
        liveness: "ProbeSpec | None" = None,
        post_start: "HookSpec | None" = None,
        pre_stop: "HookSpec | None" = None,
        log: "LogSpec | None" = None,
    ) -> None:
        (
            self.gate, self.after, self.restart, self.restart_rules, self.backoff, self.max_restarts,
            self.restart_with, self.essential, self.daemonizes, self.pid_file, self.leftovers, self.grace,
            self.termination_message, self.startup, self.readiness, self.liveness, self.post_start, self.pre_stop,
            self.log,
        ) = (
            gate, after, restart, restart_rules, backoff, max_restarts, restart_with, essential, daemonizes, pid_file,
            leftovers, grace, termination_message, startup, readiness, liveness, post_start, pre_stop, log,
        )  # fmt: skip
