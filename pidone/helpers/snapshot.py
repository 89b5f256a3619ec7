"""What a child of PID 1 knows of it: plain data, taken once, at its beginning. Sessions and the report get no loop.

The memory of the record and of the output's tails is shared with PID 1 and goes on; all else is as it was at the fork.
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
    """One process. In the kubelet's words (S98): state; reason, but of one that runs; of one that has terminated
    exit_code, and signal: its name or None. last: {"reason", "exit_code"} of the end before, or None.

    id: its number in the record and in commands. role: as of plan. pid: or None. seconds: since its start, or None.
    alive: forked and not ended. running: executed, too. down: it has been started before, and is not alive. ended: it
    has ended once. passed: it has let the next one start. completed: it has ended with 0, for good. declared: what it
    was started with. has_pid_file: another process may take its place.
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
    """Of a single command as of a group. lived, grace, minimum_grace: seconds. orphans: reaped so far. stop_signals:
    names. oom: the file that counts the memory's kills, or None. names: {id: (name, role)}, those of today last.
    report: the file that is to have it. inherited: what the container handed to PID 1.

    notes: the events of a single command's record, or None. memory: the memory of a group's, or None. output: ([(id, 0
    or 1), ...], the memory of their tails) of those whose output pidone carries.
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
    """What a snapshot of a group has besides. common: the rest.

    processes: [ProcessState, ...] in start order. phase, conditions: the kubelet's (S94, S100). latest: the number of
    the record's latest event. commands: the pipe by which PID 1 takes them. access: who may look, and who may steer.
    file: the group's. sessions, guests: how many there are. exits, probes, longest_wait: for those who measure.
    """

    def __init__(self, loop: GroupLoop) -> None:
        group, control, now = loop.group, loop.control, time.monotonic()
        self.common = of(loop)
        self.processes = [ProcessState(loop, place, process, now) for place, process in enumerate(group.members)]
        self.by_id = {process.id: process for process in self.processes}
        self.phase, self.conditions = status.phase(group), status.conditions(group)
        self.latest = loop.record.number - 1
        self.commands = control.writing if control is not None else -1
        self.access = loop.plan.access
        self.file = loop.wanted.config
        self.sessions = len(control.sessions) + len(control.followers) if control is not None else 0
        self.exec_sessions = len(control.exec_sessions) if control is not None else 0
        self.exits, self.probes, self.longest_wait = loop.counters.exits, loop.counters.probes, loop.counters.longest

    def as_json(self) -> dict[str, Any]:
        """The answer of `pidonectl status --json`."""
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
    """Of a single command, or what a group has in common with one."""
    found = Snapshot(loop)
    if found.memory is not None:
        add_group(found, loop)  # type: ignore[arg-type]
    return found


def add_group(found: Snapshot, loop: GroupLoop) -> None:
    found.names = {**loop.gone, **{one.id: (one.declared.name, one.role) for one in loop.group.members}}
    if loop.output is not None:
        found.output = loop.output.streams(), loop.output.tails
