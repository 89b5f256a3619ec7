"""What a child of PID 1 knows of PID 1: plain data that the child takes once, when it begins.

Sessions and the report work with this data, not with the loop. The memory of the record and of the
output's tails is shared with PID 1 and keeps changing. All else stays as it was at the fork.

S1 and so on: docs/reference/pod.md.
"""

from __future__ import annotations

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pidone.group.process import Process
    from pidone.init.inherited import Inherited
    from pidone.init.loop import Loop
    from pidone.init.slots import Process as Declared
    from pidone.supervisor.loop import GroupLoop

from pidone.group import status
from pidone.group.states import RUNNING
from pidone.init.plan import ROLES
from pidone.init.record import SingleRecord
from pidone.init.signals import name as signal_name


class ProcessState:
    """One process.

    id: its number in the record and in commands.
    role: INIT, SIDECAR or PRIMARY of plan.
    declared: what it was started with.
    pid: its pid, or None.
    state: "waiting", "running" or "terminated", as the kubelet says (S98).
    reason: the kubelet's reason of the state, or None while it runs.
    exit_code: the exit code in the state "terminated", else None.
    signal: the name of the signal that ended it, in the state "terminated", else None.
    state_text: the state as text.
    last: {"reason", "exit_code"} of the end before, or None.
    started, ready: whether it is, as the kubelet has it (S99).
    alive: it is forked and has not ended.
    running: it is alive and its exec has succeeded.
    down: it was started before, and is not alive.
    ended: it has ended at least once.
    passed: it has let the next process start.
    completed: it has ended with 0, for good.
    held_down: a command has stopped it, and no other command has started it since.
    restarts: how often it was started again.
    uptime: seconds since its start, or None while it is not alive.
    has_pid_file: another process may take its place.
    """

    def __init__(self, loop: GroupLoop, place: int, process: Process, now: float) -> None:
        group = loop.group
        self.id, self.name, self.role = process.id, process.declared.name, process.role
        self.declared: Declared = process.declared
        self.pid: int | None = loop.pids.get(process.id)
        self.state, rest = status.state(group, place)
        terminated = self.state == "terminated"
        self.reason: str | None = rest[0] if self.state != "running" else None
        self.exit_code: int | None = rest[1] if terminated else None
        self.signal: str | None = signal_name(rest[2]) if terminated and rest[2] else None
        last = status.last_state(group, place)
        self.last = None if last is None else {"reason": last[1][0], "exit_code": last[1][1]}
        self.started, self.ready = process.started, status.ready(group, place)
        self.alive, self.down, self.running = process.alive, process.down, process.state == RUNNING
        self.passed, self.held_down, self.ended = process.passed, process.held_down, process.last is not None
        self.completed = status.completed(group, place)
        self.restarts = process.restarts
        self.uptime: float | None = round(now - process.started_at, 3) if process.alive else None
        self.has_pid_file = process.policy.pid_file is not None
        self.state_text = status.show((self.state, rest))

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name, "role": ROLES[self.role], "state": self.state, "reason": self.reason, "pid": self.pid,
            "exit_code": self.exit_code, "signal": self.signal, "started": self.started, "ready": self.ready,
            "restarts": self.restarts, "held_down": self.held_down, "uptime": self.uptime, "last": self.last,
        }  # fmt: skip


class Snapshot:
    """What a single command and a group have in common.

    name: of the group, or of its primary where the group has no name.
    uptime, grace, minimum_grace: seconds.
    orphans: how many PID 1 has reaped so far.
    stop_signals: their names.
    oom: the file that counts the OOM kills, or None.
    report: the file to write the report to, or None.
    inherited: what the container handed to PID 1.
    names: {id: (name, role)}; the present processes come last.
    single_events: the events of a single command's record, or None.
    memory: the memory of a group's record, or None.
    output: ([(id, OUT or ERR), ...], the memory of their tails) of the streams that pidone carries.
    """

    def __init__(self, loop: Loop) -> None:
        plan = loop.plan
        self.name = plan.name or plan.processes[-1].name
        self.uptime = time.monotonic() - loop.started_at
        self.orphans = loop.orphans
        self.grace, self.minimum_grace = plan.grace, plan.minimum_grace
        self.stop_signals = [signal_name(number) for number in plan.stop_signals]
        self.oom = plan.oom
        self.report = loop.report
        self.inherited: Inherited = loop.inherited
        self.names = {index: (process.name, process.role) for index, process in enumerate(plan.processes)}
        self.single_events: list[Any] | None = None
        self.memory: Any = None
        if isinstance(loop.record, SingleRecord):
            if any(loop.record.missed):
                loop.record.add_event("missed", *loop.record.missed)
            self.single_events = loop.record.events
        else:
            self.memory = loop.record.memory
        self.output: tuple[list[tuple[int, int]], Any] = [], None


class GroupSnapshot:
    """The state of a group, in addition to that of a single command.

    common: the Snapshot.
    processes: [ProcessState, ...] in start order.
    by_id: {id: ProcessState}.
    phase, conditions: as the kubelet has them (S94, S100).
    latest: the number of the record's latest event.
    commands: the pipe by which PID 1 receives commands, or -1.
    access: (users and groups that may look, those that may steer).
    file: the group's file, or None.
    sessions: how many clients are answered or follow.
    exec_sessions: how many commands run next to processes.
    exits, probes, longest_wait: the counters, for the metrics.
    """

    def __init__(self, loop: GroupLoop) -> None:
        group, control, now = loop.group, loop.control, time.monotonic()
        self.common = of(loop)
        self.processes = [ProcessState(loop, place, process, now) for place, process in enumerate(group.members)]
        self.by_id = {process.id: process for process in self.processes}
        self.phase, self.conditions = status.pod_phase(group), status.conditions(group)
        self.latest = loop.record.number - 1
        self.commands = control.writing if control is not None else -1
        self.access = loop.plan.access
        self.file = loop.wanted.config
        self.sessions = len(control.sessions) + len(control.followers) if control is not None else 0
        self.exec_sessions = len(control.exec_sessions) if control is not None else 0
        self.exits, self.probes, self.longest_wait = loop.counters.exits, loop.counters.probes, loop.counters.longest

    def as_json(self) -> dict[str, Any]:
        """Return the answer of `pidonectl status --json`."""
        names, common = self.common.names, self.common
        return {
            "group": common.name, "phase": self.phase, "uptime": round(common.uptime, 3), "pid": os.getppid(),
            "exits": [[names[id][0], code, count] for (id, code), count in sorted(self.exits.items())],
            "probes": [
                [names[id][0], what, answer, count, round(took, 6)]
                for (id, what, answer), (count, took) in sorted(self.probes.items())
            ],
            "processes": [process.as_json() for process in self.processes], "orphans": common.orphans,
            "sessions": self.sessions, "exec_sessions": self.exec_sessions, "longest_wait": round(self.longest_wait, 6),
            "conditions": {key: {"status": value, "reason": why} for key, (value, why) in self.conditions.items()},
        }  # fmt: skip


def of(loop: Loop) -> Snapshot:
    """Return the Snapshot of a single command or of a group."""
    found = Snapshot(loop)
    if found.memory is not None:
        add_group(found, loop)  # type: ignore[arg-type]
    return found


def add_group(found: Snapshot, loop: GroupLoop) -> None:
    found.names = {**loop.removed, **{one.id: (one.declared.name, one.role) for one in loop.group.members}}
    if loop.output is not None:
        found.output = loop.output.streams(), loop.output.tails
