"""The plan as plain data: the slots of a process and of a plan.

Written by `./do generate` from pidone/config/keys.py and scripts/generate.py: change it there.

E1 and so on: docs/reference/edge-cases.md. S1 and so on: docs/reference/pod.md.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Process:
    """One declared process."""

    __slots__ = (
        "name", "role", "argv", "env", "user", "policy", "to_look_up", "declared_env", "probe_files", "resolved",
        "forked_at", "cwd", "umask", "nice", "rlimits", "oom_score_adj", "stop_signal",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        role: int,  # INIT, SIDECAR or PRIMARY of `plan`
        argv: "list[bytes]",  # empty for one that only pauses
        env: "tuple[tuple[bytes, bytes], ...]" = (),  # put over the container's environment
        user: "tuple[int, int, tuple[int, ...]] | None" = None,  # uid, gid, groups; None for PID 1's own
        policy: "tuple[Any, ...] | None" = None,  # of `group.slots.ProcessPolicy`; None where all is as by default
        to_look_up: "tuple[Any, ...] | None" = None,  # what its child looks up (config/lookup.py)
        declared_env: "tuple[tuple[bytes, bytes], ...]" = (),  # env of the file; `env` is the latest look-up's
        probe_files: "tuple[bytes, ...]" = (),  # what its child looks at for probes of a file
        resolved: bool = True,  # is all of `to_look_up` resolved?
        forked_at: float = 0.0,  # when PID 1 forked it (monotonic)
        cwd: "bytes | None" = None,
        umask: "int | None" = None,
        nice: "int | None" = None,
        rlimits: "tuple[tuple[int, int, int], ...]" = (),
        oom_score_adj: "int | None" = None,
        stop_signal: int = 15,
    ) -> None:
        (
            self.name, self.role, self.argv, self.env, self.user, self.policy, self.to_look_up, self.declared_env,
            self.probe_files, self.resolved, self.forked_at, self.cwd, self.umask, self.nice, self.rlimits,
            self.oom_score_adj, self.stop_signal,
        ) = (
            name, role, argv, env, user, policy, to_look_up, declared_env, probe_files, resolved, forked_at, cwd,
            umask, nice, rlimits, oom_score_adj, stop_signal,
        )  # fmt: skip


class Plan:
    """A group, or a single command."""

    __slots__ = (
        "processes", "grace", "stop_signals", "routes", "minimum_grace", "oom", "notify", "control", "metrics",
        "access", "memory", "rewrites", "signal_process_groups", "remapped", "name", "start_timeout", "deadline",
    )  # fmt: skip

    def __init__(
        self,
        processes: "list[Process]",  # in start order, the primary last (S3)
        grace: float = 6.0,  # seconds
        stop_signals: "tuple[int, ...]" = (),  # none for a single command: each signal is the primary's
        routes: "dict[int, tuple[tuple[int, ...], int]] | None" = None,  # {number: (indices, number to send)}
        minimum_grace: float = 2.0,  # seconds that a process signalled last still has
        oom: "bytes | None" = None,  # the file that counts the memory's kills
        notify: "tuple[tuple[int, bytes], ...]" = (),  # ((process index, its socket), ...)
        control: "bytes | None" = None,  # its socket; b"" for none, None for the first place that can be had
        metrics: "tuple[str, int] | None" = None,  # host and port of their server
        access: "tuple[tuple[str, ...], tuple[str, ...]]" = ((), ()),  # who may look, and who may steer
        memory: int = 0,  # bytes that the container may use; 0 for no limit
        rewrites: "dict[int, int] | None" = None,  # {from: to}, 0 drops; this and the next two are the command line's
        signal_process_groups: bool = False,  # signals go to process groups
        remapped: "tuple[int, ...]" = (),  # exit codes that become 0 (E39)
        name: str = "",
        start_timeout: "float | None" = None,
        deadline: "float | None" = None,
    ) -> None:
        (
            self.processes, self.grace, self.stop_signals, self.routes, self.minimum_grace, self.oom, self.notify,
            self.control, self.metrics, self.access, self.memory, self.rewrites, self.signal_process_groups,
            self.remapped, self.name, self.start_timeout, self.deadline,
        ) = (
            processes, grace, stop_signals, routes or {}, minimum_grace, oom, notify, control, metrics, access, memory,
            rewrites or {}, signal_process_groups, remapped, name, start_timeout, deadline,
        )  # fmt: skip
