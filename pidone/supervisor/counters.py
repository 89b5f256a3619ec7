"""Counters for metrics: exits, probe answers and their times, and the longest wait of a zombie."""

from pidone import kernel as posix_kernel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Exit codes of one process that are counted separately; the rest count as one.
MAX_CODES = 64


class Counters:
    """The counts.

    exits: {(member, exit code): count}; exit code -1 for those beyond MAX_CODES.
    probes: {(member, what, answer): [count, seconds]}.
    started: {pid of a probe that runs: when it started}.
    longest: the most seconds so far from when an ended child may have begun to wait until PID 1 had
      finished a pass of reaping.
    since: when that wait may have begun; None while PID 1 sleeps.
    """

    __slots__ = ("exits", "probes", "started", "longest", "monotonic", "since")

    def __init__(self, kernel: "Any" = posix_kernel) -> None:
        self.monotonic = kernel.monotonic
        self.exits: "dict[tuple[int, int], int]" = {}
        self.probes: "dict[tuple[int, str, str], list[float]]" = {}
        self.started: "dict[int, float]" = {}
        self.longest = 0.0
        self.since: "float | None" = None

    def woken(self) -> None:
        if self.since is None:
            self.since = self.monotonic()

    def reaped_all(self, more: bool) -> None:
        """End a pass of reaping. more: other ended children may wait."""
        now = self.monotonic()
        if self.since is not None and now - self.since > self.longest:
            self.longest = now - self.since
        self.since = now if more else None

    def exited(self, member: int, code: int) -> None:
        if (member, code) not in self.exits and sum(key[0] == member for key in self.exits) >= MAX_CODES:
            code = -1
        self.exits[member, code] = self.exits.get((member, code), 0) + 1

    def forget(self, member: int) -> None:
        self.exits = {key: count for key, count in self.exits.items() if key[0] != member}
        self.probes = {key: value for key, value in self.probes.items() if key[0] != member}

    def probe_started(self, pid: int) -> None:
        self.started[pid] = self.monotonic()

    def probe_ended(self, pid: int, member: int, what: str, answer: "str | None") -> None:
        """Count an answer.

        answer: None where there is none, as the probe's process has ended or is being ended.
        """
        began = self.started.pop(pid, None)
        if began is not None and answer is not None:
            counted = self.probes.setdefault((member, what, answer), [0, 0.0])
            counted[0] += 1
            counted[1] += self.monotonic() - began
