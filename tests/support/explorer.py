"""Drive the group's machine through every order of events, in virtual time, and check the rules.

    python -m tests.support.explorer [SECONDS]    all small groups, as deep as time allows

Theory. A world is a group and what a kernel would know of it: which processes are forked, which
run, which helpers run, and which signals were sent to which process. From each state, the explorer
tries every event that may come next, breadth first. So the sequence that breaks a rule is the
shortest one, and the explorer prints it. Of states that differ in nothing that can matter it visits
one. Times count from now.

The groups are small on purpose, and their times are short. So back-offs and thresholds saturate,
and the states of a group are finitely many although it could restart for ever.

E1 and so on: docs/reference/edge-cases.md. S1 and so on: docs/reference/pod.md.
"""

from __future__ import annotations

import gc
import itertools
import random
import sys
import time
from collections.abc import Iterable, Iterator
from functools import cache
from operator import attrgetter
from typing import Any

from pidone.control.protocol import RESTART_ONE, SIGNAL_ONE, START_ONE, STOP_ALL, STOP_ONE
from pidone.group import group as pod
from pidone.group.policy import ALWAYS, NEVER, ON_FAILURE, RESTART_POLICIES
from pidone.group.slots import ProcessPolicy
from pidone.group.states import RESTARTING_ALL
from pidone.init import events as e
from pidone.init.machine import OVER, STOP, SWEPT
from pidone.init.plan import CANNOT, INIT, LAST_RESORT, MINIMUM_GRACE, PRIMARY, ROLES, SIDECAR
from pidone.init.slots import Plan, Process

GRACE = 4.0
TERM, KILL = 15, 9
BACKOFF = (1.0, 2.0, 100.0)

#: handler, argument, delay, period, timeout, success, failure, grace
ASKED = ("exec", (b"x",), 0.0, 2.0, 1.0, 1, 1, None)
TWICE = ("exec", (b"x",), 1.0, 2.0, 1.0, 1, 2, 3.0)
NOTIFYING = ("notify", True, 0.0, 2.0, 1.0, 1, 1, None)
HOOK = ("exec", (b"x",))

#: {name of a kind of process: the options of its ProcessPolicy}.
KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "startup": {"startup": ASKED},
    "liveness": {"liveness": TWICE},
    "post_start": {"post_start": HOOK},
    "pre_stop": {"pre_stop": HOOK},
    "notifies": {"startup": NOTIFYING, "liveness": NOTIFYING},
    "all": {"startup": ASKED, "liveness": ASKED, "readiness": ASKED, "post_start": HOOK, "pre_stop": HOOK},
    "limited": {"max_restarts": 1},
    "daemon": {"pid_file": b"/run/x.pid", "daemonizes": True},
    "replaced": {"pid_file": b"/run/x.pid"},
    "tied": {},
    "looked up": {},
    "essential": {"essential": True},
    "rules": {"restart_rules": (((3,), False, 0),)},
    "all anew": {"restart_rules": (((3,), False, 1),)},
    "message": {"termination_message": b"/m"},
    "suspended": {},
    "bounded": {},
    "logged": {"log": ("json",)},
    "steered": {},
    "measured": {},
    "after none": {},
    "after the first": {},
    "replica": {},
}  # fmt: skip

Kind = tuple[int, int, str]  # role, restart policy, key of KINDS


def waits_for(what: str, index: int) -> tuple[int, tuple[int, ...]]:
    """Return (gate, after) of ProcessPolicy.

    gate: how many processes, from the head of the list, must have passed first.
    after: the processes that must have passed, too. No process names a later one.
    """
    if what == "replica":
        return max(0, index - 1), ()  # the same as of the replica before it
    after: dict[str, tuple[int, ...]] = {"after none": (), "after the first": (0,) if index else ()}
    return (0, after[what]) if what in after else (index, ())


def policy(index: int, kind: Kind, first: Kind) -> tuple[Any, ...]:
    options = {"restart": kind[1], "backoff": BACKOFF, **KINDS[kind[2]]}
    if is_tied(index, kind, first):
        options["restart_with"] = (0,)
    made = ProcessPolicy(*waits_for(kind[2], index), **options)
    return tuple(getattr(made, slot) for slot in made.__slots__)


def is_tied(index: int, kind: Kind, first: Kind) -> bool:
    """Return whether the process restarts with the first one of the group."""
    return index > 0 and kind[2] == "tied" and first[0] != INIT


def make(kinds: Iterable[Kind], stop_signals: tuple[int, ...] = (TERM,)) -> Plan:
    kinds = tuple(kinds)
    who = ("u", None, None, False)
    processes = [
        Process(
            f"p{i}",
            kind[0],
            [b"x"],
            policy=policy(i, kind, kinds[0]),
            to_look_up=who if kind[2] == "looked up" else None,
        )
        for i, kind in enumerate(kinds)
    ]
    listened = tuple((i, b"@x") for i, kind in enumerate(kinds) if kind[2] == "notifies")
    return Plan(processes, GRACE, stop_signals, deadline=9.0 if "bounded" in [k[2] for k in kinds] else None,
                notify=listened, metrics=("", 0) if "measured" in [k[2] for k in kinds] else None)  # fmt: skip


@cache
def needs(kinds: tuple[Kind, ...], index: int) -> frozenset[int]:
    """Return the processes that this one waits for, directly or through others."""
    gate, after = waits_for(kinds[index][2], index)
    direct = {*range(gate), *after}
    return frozenset(direct.union(*(needs(kinds, other) for other in direct)))


def show(kinds: Iterable[Kind]) -> str:
    return " ".join(f"{ROLES[role]}:{RESTART_POLICIES[policy]}:{what}" for role, policy, what in kinds)


def slots(kind: type) -> list[str]:
    return [name for base in kind.__mro__ for name in getattr(base, "__slots__", ())]


#: {class: {slot that the copy does not share: an expression of `v`, or "" where it is set later}}.
SPECIAL: dict[str, dict[str, str]] = {
    "Probe": {},
    "Process": {"probes": "{k: copy_one(p) for k, p in v.items()} if v else {}", "host": "host"},
    "Order": {"members": "host"},
    "Group": {
        "timers": "dict(v) if v else {}", "held": "list(v) if v else []", "actions": "[]",
        "members": "", "by_id": "", "host": "", "order": "",
    },
}  # fmt: skip

copiers: dict[type, Any] = {}


def copy_one(old: Any, host: Any = None) -> Any:
    """Copy an object slot by slot.

    host: the object that the copy belongs to.
    """
    try:
        return copiers[old.__class__](old, host)
    except KeyError:
        copiers[old.__class__] = copier(old.__class__, SPECIAL[old.__class__.__name__])
        return copy_one(old, host)


def copier(kind: type, special: dict[str, str]) -> Any:
    lines = ["def copy(old, host):", " new = make(kind)"]
    for name in slots(kind):
        if special.get(name) != "":
            lines.append(f" v = old.{name}; new.{name} = {special.get(name, 'v')}")
    space: dict[str, Any] = {}
    exec("\n".join([*lines, " return new"]), {"copy_one": copy_one, "kind": kind, "make": object.__new__}, space)
    return space["copy"]


_plain_group = attrgetter(
    "phase", "code", "blame", "expired", "stop_requests", "listening", "pumping", "awaits_listener"
)
_plain_member = attrgetter(
    "state", "reason", "passed", "started", "ready", "stop_reason", "suspended", "sent", "last_notified",
    "main_pid_found", "last", "again", "complained", "held_down", "again_wanted", "ended_as", "lookup_hung",
)  # fmt: skip
_plain_probe = attrgetter("result", "last", "tries")


def copy_group(old: pod.Group) -> pod.Group:
    new: pod.Group = copy_one(old)
    before = old.host
    new.host = host = before.__class__(new.do, new.report)
    host.no_listener, host.grace, host.signal_process_groups = (
        before.no_listener,
        before.grace,
        before.signal_process_groups,
    )
    host.minimum_grace = before.minimum_grace
    new.members = [copy_one(member, host) for member in old.members]
    new.by_id = by_id = {member.id: member for member in new.members}
    if before.timed:
        host.timed = {id: by_id[id] for id in before.timed}
    new.order = copy_one(old.order, new.members)
    if old.tied:
        new.tied = {id: [by_id[one.id] for one in tied] for id, tied in old.tied.items()}
    if old.reloading is not None:
        kept = {name: by_id[one.id] for name, one in old.reloading.kept.items()}
        new.reloading = old.reloading.__class__(old.reloading.plan, kept, old.reloading.to_be_removed)
    return new


#: Events about one process. Their second field is the process.
OF_ONE = frozenset((e.EXECED, e.FAILED, e.EXITED, e.SUSPENDED, e.HELPER_ENDED, e.NOTIFIED, e.RESOLVED))


class World:
    """A group under test, and what a kernel would know of it.

    life: the state of each member: "-", forked, running, launched (its launcher has ended), or
        ended.
    running_helpers: (member, name of the helper) of each.
    """

    __slots__ = (
        "group", "roles", "kinds", "now", "life", "ended", "ended_at", "starts", "signalled", "stop_at", "exit",
        "running_helpers", "signals", "passed", "ending_at", "ticks", "event", "pending", "ids", "reloaded",
    )  # fmt: skip

    def __init__(self, plan: Plan, kinds: tuple[Kind, ...], group: Any = pod.Group, ticks: bool = False) -> None:
        self.group = group(plan)
        self.roles = [p.role for p in plan.processes]
        self.kinds = kinds
        self.now = 0.0
        self.life = ["-"] * len(self.roles)
        self.ended: dict[int, int] = {}
        self.ended_at: dict[int, float] = {}
        self.starts = [0] * len(self.roles)
        self.signalled: dict[int, float] = {}
        self.stop_at: float | None = None
        self.exit: int | None = None
        self.running_helpers: frozenset[tuple[int, str]] = frozenset()
        self.signals = 0
        self.passed: frozenset[int] = frozenset()
        self.ending_at: dict[int, float] = {}
        self.pending: dict[int, int] = {}  # {member: status of its end, during the search for its main pid}
        self.ticks = ticks
        self.ids = len(self.roles)  # the number of ids that were used so far
        self.reloaded = False

    def clone(self) -> World:
        new = World.__new__(World)
        new.group = copy_group(self.group)
        new.roles, new.kinds, new.now = self.roles, self.kinds, self.now
        new.life, new.ended, new.ended_at = self.life[:], self.ended.copy(), self.ended_at.copy()
        new.starts, new.signalled, new.stop_at, new.exit = (
            self.starts[:],
            self.signalled.copy(),
            self.stop_at,
            self.exit,
        )
        new.running_helpers, new.signals, new.passed, new.ids = (
            self.running_helpers,
            self.signals,
            self.passed,
            self.ids,
        )
        new.reloaded = self.reloaded
        new.ending_at, new.ticks, new.pending = self.ending_at.copy(), self.ticks, self.pending.copy()
        return new

    def key(self) -> Any:
        """Return all that can matter.

        Times count from now. Counters count only as far as they matter.
        """
        group, now = self.group, self.now
        members = [
            (
                _plain_member(m),
                now - m.signalled_at if m.signalled_at is not None else None,
                m.kill_at - now if m.kill_at is not None else None,
                m.backoff_level if m.backoff_level < 3 else 3,
                min(now - m.started_at, 3.0) if m.state in (1, 2) else None,
                min(m.restarts, 2),
                frozenset(m.helpers),
                frozenset([(k, t - now) for k, t in m.timers.items()]) if m.timers else None,
                tuple([(k, _plain_probe(p), min(p.run, 2), p.next - now) for k, p in m.probes.items()])
                if m.probes
                else (),
            )
            for m in group.members
        ]
        stop = (
            None if group.stop_began_at is None else (now - group.stop_began_at, group.limit - now, now - group.swept)
        )
        timers = frozenset([(k, t - now) for k, t in group.timers.items()]) if group.timers else None
        leaving = group.reloading.to_be_removed if group.reloading is not None else None
        return (_plain_group(group), group.host.no_listener, stop, timers, tuple(members), tuple(self.life),
                self.running_helpers, self.passed,
                self.signals, min(group.restart_all_count, 3),
                frozenset([(group.by_id[i].place, n) for i, n in group.held]) if group.held else None,
                tuple([m.id in leaving for m in group.members]) if leaving is not None else None,
                tuple([process.nice for process in group.plan.processes]))  # fmt: skip

    def choices(self) -> list[tuple[Any, ...]]:
        """Return every event that may come next."""
        found: list[tuple[Any, ...]] = []
        for i, life in enumerate(self.life):
            if life == "forked":
                found += [(e.EXECED, i), (e.FAILED, i, 127, "x")]
                if self.kinds[i][2] == "looked up":
                    found.append((e.RESOLVED, i))
                if self.group.members[i].lookup_hung:
                    found = [(e.EXITED, i, 0, KILL, False), *found[:-3]]
            if life == "running":
                found += [(e.EXITED, i, 0, 0, False), (e.EXITED, i, 3, 0, False)]
                found += [(e.EXITED, i, 0, n, False) for n in (TERM, KILL) if i in self.signalled or n == KILL]
                if self.kinds[i][2] == "notifies":
                    found += [(e.NOTIFIED, i, what) for what in (e.READY, e.UNREADY, e.ALIVE, e.DEAD)]
                if self.roles[i] == INIT:
                    found.append((e.EXITED, i, 0, 0, True))
                if self.kinds[i][2] == "suspended" and not self.group.members[i].suspended:
                    found.append((e.SUSPENDED, i))
        if any(kind[2] == "steered" for kind in self.kinds) and self.group.reloading is None:
            found += [("reload", changed) for changed in range(1 << len(self.kinds))]
        for i, kind in enumerate(self.kinds):
            if kind[2] == "steered":
                found += [(e.COMMAND, verb, i, 10) for verb in (STOP_ONE, START_ONE, RESTART_ONE, SIGNAL_ONE)]
                if not self.signals:
                    found.append((e.COMMAND, STOP_ALL, i, 0))
        for i, what in self.running_helpers:
            if i < 0:
                found.append((e.HELPER_ENDED, i, what, e.UNKNOWN, ""))
                if what == "metrics":
                    found.append((e.HELPER_ENDED, i, what, e.FAILURE, ""))
                elif what == "notify":
                    found.append((e.NOTIFIED, i, e.LISTENING))
                elif not self.running and self.group.phase >= SWEPT:
                    found.append((e.HELPER_ENDED, i, what, e.SUCCESS, ""))
                continue
            found += [(e.HELPER_ENDED, i, what, e.SUCCESS, ""), (e.HELPER_ENDED, i, what, e.FAILURE, "x")]
            if what in ("startup", "liveness", "post_start", "leftovers"):
                found.append((e.HELPER_ENDED, i, what, e.UNKNOWN, "x"))
        if self.signals < 3:
            found.append((e.SIGNAL, TERM))
        if not self.running and not self.running_helpers:
            found.append((e.ALONE,))
        if self.group.deadline is not None:
            found.append((e.DEADLINE,))
            if self.ticks and self.group.deadline > self.now + 1.0:
                found.append(("tick",))
        return found

    @property
    def running(self) -> bool:
        return "forked" in self.life or "running" in self.life

    def apply(self, event: tuple[Any, ...]) -> None:
        kind = event[0]
        self.event = event
        if kind == "tick":
            self.now += 1.0
            return
        if kind == "reload":
            event = (e.NEW_PLAN, self.changed_plan(event[1]))
            kind = e.NEW_PLAN
            self.reloaded = True
        if kind == e.DEADLINE:
            assert self.group.deadline is not None and self.group.deadline >= self.now, "a deadline in the past"
            self.now = self.group.deadline
        elif kind == e.EXECED:
            self.life[event[1]] = "running"
            self.may_have_passed(event[1], "execed")
        elif kind == e.FAILED:
            self.end(event[1], None)
        elif kind == e.EXITED:
            self.exited(*event[1:])
        elif kind == e.HELPER_ENDED:
            self.running_helpers -= {event[1:3]}
            if event[3] == e.SUCCESS:
                self.may_have_passed(event[1], event[2])
            if event[2] == "main_pid":
                self.main_pid_found(event[1], event[3] == e.SUCCESS)
        elif kind == e.NOTIFIED and event[2] == e.READY:
            self.may_have_passed(event[1], "startup")
        elif kind == e.SIGNAL or event[:2] == (e.COMMAND, STOP_ALL):
            self.signals += 1
        blames = self.would_blame(event)
        before = self.group.phase
        actions = self.take_by_id(event) if self.reloaded else self.group.take(event, self.now)
        if self.stop_at is None and self.group.phase >= STOP:
            assert self.group.blame in blames, f"the stop's exit code is {self.group.blame}, not one of {blames}"
        assert self.group.phase >= before or before < STOP, "a phase went back"
        for action in actions:
            if action == (e.RECORD, -1, "stop"):
                self.stop_at = self.now  # an action before this one, at the same time, did not come after the stop
            check = CHECKS.get(action[0])
            if check:
                check(self, *action[1:])
        self.notice_endings()
        if self.exit is None:
            moving = (
                self.group.deadline is not None or self.running or self.running_helpers or self.group.phase >= SWEPT
            )
            assert moving or any(member.held_down for member in self.group.members), (
                "nothing can happen any more, and it is not over"
            )
            assert self.group.phase >= SWEPT or self.group.deadline is None or self.group.deadline >= self.now
            for index, member in enumerate(self.group.members):
                alive = self.life[index] in ("forked", "running", "launched")
                assert (member.state in (1, 2)) == alive, f"it takes {index} for {'alive' if member.alive else 'gone'}"

    def take_by_id(self, event: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        """Translate places to ids in an event for the group, and ids to places in its actions.

        A world knows processes by their places. The group knows them by ids, and these change when
        it reads a file again.
        """
        places = {member.id: member.place for member in self.group.members}
        if event[0] in OF_ONE and event[1] >= 0:
            event = (event[0], self.group.members[event[1]].id, *event[2:])
        elif event[0] == e.COMMAND:
            event = (*event[:2], self.group.members[event[2]].id, event[3])
        actions = self.group.take(event, self.now)
        places.update([(member.id, member.place) for member in self.group.members])
        return [
            (action[0], places[action[1]], *action[2:]) if action[0] in ABOUT_ONE and action[1] >= 0 else action
            for action in actions
        ]

    def changed_plan(self, changed: int) -> Plan:
        """Return a plan of the same processes, with the declarations changed whose bit is set."""
        plan = make(self.kinds)
        for i, process in enumerate(plan.processes):
            process.nice = self.group.plan.processes[i].nice
            if changed >> i & 1:
                process.nice = 1 if process.nice is None else None
        return plan

    def on_take_over(self, gone: dict[int, tuple[str, int]]) -> None:
        """Check that nothing of a new process runs, and that no id is used twice."""
        ids = [member.id for member in self.group.members]
        assert not gone.keys() & set(ids) and len(set(ids)) == len(ids), "an id is used again"
        for i, id in enumerate(ids):
            if id < self.ids:
                continue
            assert self.life[i] in ("-", "ended"), "it takes over while a doomed one lives"
            assert not any(j == i for j, _ in self.running_helpers)
            self.life[i] = "-"
            self.passed -= {i}
            self.starts[i] = 0
            self.ended.pop(i, None)
            self.ended_at.pop(i, None)
        self.ids = max(ids) + 1

    def would_blame(self, event: tuple[Any, ...]) -> tuple[int | None, ...]:
        """Return the exit codes that may be the blame of a stop, if this event begins one.

        None stands for the primary's own exit code.
        """
        if event[0] == e.FAILED:
            return (127,)
        if event[0] == e.DEADLINE:
            ended = [blame for i, status in self.pending.items() for blame in self.blames_of(i, status)]
            return (124, 1, *ended) if any(kind[2] == "bounded" for kind in self.kinds) else (1, *ended)
        if event[0] == e.HELPER_ENDED:
            if event[2] != "main_pid":
                return (CANNOT,)
            return self.blames_of(event[1], self.ended[event[1]]) if event[1] in self.ended else (1,)
        if event[0] != e.EXITED:
            return (None,)
        _, i, code, number, oom = event
        if self.group.members[i].lookup_hung:
            return (CANNOT,)
        return self.blames_of(i, 128 + number if number else code or (137 if oom else 0))

    def blames_of(self, i: int, status: int) -> tuple[int | None, ...]:
        limited = self.kinds[i][2] == "limited"
        if self.roles[i] == PRIMARY:
            return (status or 1,) if limited else (None,)
        if self.kinds[i][2] == "essential":
            return (status or None,)
        return (status or 1,)

    # -- what the kernel knows

    def exited(self, i: int, code: int, number: int, oom: bool) -> None:
        member, status = self.group.members[i], 128 + number if number else code or (137 if oom else 0)
        if self.kinds[i][2] == "daemon" and status == 0 and not member.main_pid_found:
            self.life[i] = "launched"
            return
        if self.kinds[i][2] in ("daemon", "replaced") and member.started and member.stop_reason != RESTARTING_ALL:
            self.life[i], self.pending[i] = "launched", status
            return
        self.end(i, None if member.lookup_hung else status)
        if self.roles[i] == INIT and code == number == 0 and not oom:
            self.passed |= {i}

    def main_pid_found(self, i: int, found: bool) -> None:
        status = self.pending.pop(i, None)
        if found:
            self.life[i] = "running"
            self.passed |= {i}
            self.signalled.pop(i, None)
        else:
            self.end(i, status)

    def end(self, i: int, status: int | None) -> None:
        """Mark a process as ended.

        status: its exit code, or None for a process that was never executed.
        """
        self.life[i] = "ended"
        self.ended.pop(i, None)
        if status is not None:
            self.ended[i] = status
        self.ended_at[i] = self.now
        self.signalled.pop(i, None)
        self.ending_at.pop(i, None)

    def may_have_passed(self, i: int, what: str) -> None:
        """Record that a process has passed, if `what` is what opens its gate.

        The gate of an init step is its end.
        """
        has = KINDS[self.kinds[i][2]]
        gate = "startup" if "startup" in has else "post_start" if "post_start" in has else "execed"
        if self.roles[i] != INIT and what == gate and self.kinds[i][2] != "daemon":
            self.passed |= {i}

    def notice_endings(self) -> None:
        for i, member in enumerate(self.group.members):
            if member.stop_reason is not None and self.life[i] in ("forked", "running"):
                self.ending_at.setdefault(i, self.now)

    # -- the rules

    def on_spawn(self, i: int) -> None:
        assert self.life[i] in ("-", "ended"), "it runs twice at once"
        assert self.stop_at is None, "started after the stop had begun"
        if self.life[i] == "ended":
            self.check_restart(i)
        for j in needs(self.kinds, i) if self.life[i] == "-" else ():  # a restart ignores the gate (S23)
            assert j in self.passed, f"started before {j} had let it"
        if self.life[i] == "ended" and is_tied(i, self.kinds[i], self.kinds[0]):
            first = self.group.members[0]
            assert first.started or not (first.alive or first.again), "started again before its partner"
        self.life[i] = "forked"
        self.ended.pop(i, None)
        self.starts[i] += 1

    def check_restart(self, i: int) -> None:
        _, policy, what = self.kinds[i]
        anew = any(kind[2] == "all anew" for kind in self.kinds)
        allowed = policy != NEVER or what in ("rules", "all anew", "steered", "tied") or anew
        assert allowed, "restarted against its policy"
        if policy == ON_FAILURE and what == "plain" and not anew:
            assert self.ended.get(i) != 0, "restarted after a success"
        if self.starts[i] >= 2 and not anew and what not in ("steered", "tied"):
            assert self.now >= self.ended_at[i] + BACKOFF[0], "restarted before its back-off was over"
        if what == "limited":
            assert self.starts[i] < 2, "restarted more often than it may be"

    def on_kill(self, i: int, number: int, whole: bool) -> None:
        assert self.life[i] in ("forked", "running", "launched"), "a signal to a process that is gone"
        member = self.group.members[i]
        if member.stop_reason == RESTARTING_ALL or (member.lookup_hung and number == KILL):
            return
        if number == KILL:
            assert i in self.signalled and self.now >= self.signalled[i] + MINIMUM_GRACE, "killed before its time"
            if self.stop_at is not None:
                assert self.now >= min(self.stop_at + GRACE, self.grace_was_cut()), "killed before the grace was over"
        elif number == TERM and i not in self.signalled:
            self.signalled[i] = self.now
            if self.roles[i] == SIDECAR and self.stop_at is not None and not self.group.expired and (
                self.ending_at.get(i, self.stop_at) >= self.stop_at
            ):  # fmt: skip
                later = [j for j, role in enumerate(self.roles) if role != INIT and i in needs(self.kinds, j)]
                assert all(self.life[j] in ("-", "ended") for j in later), "told before its turn"
        elif number == TERM:
            raise AssertionError("told twice")

    def grace_was_cut(self) -> float:
        return self.now if self.signals >= 3 else 1e9

    def on_sweep(self, number: int) -> None:
        if number == TERM:
            assert not self.running, "swept while a declared process runs"
        if number == KILL:
            assert self.stop_at is not None
            for i, life in enumerate(self.life):
                if life in ("forked", "running"):
                    assert i in self.signalled or self.group.members[i].stop_reason == RESTARTING_ALL, (
                        "killed without having been told"
                    )

    def on_exit(self, code: int, troubled: bool) -> None:
        assert self.exit is None
        self.exit = code
        primary = len(self.roles) - 1
        blame = self.group.blame
        if blame is not None:
            assert code == blame != 0, "the cause of the stop is not the exit code"
        elif primary in self.ended:
            assert code == self.ended[primary], "not the primary's exit code"
        else:
            assert code != 0, "the primary never ran, and the exit code says all is well"
        assert self.stop_at is not None
        unkillable = LAST_RESORT if self.event[0] == e.DEADLINE else 0.0  # a killed process that does not end (E38)
        assert self.now <= self.stop_at + GRACE + MINIMUM_GRACE + unkillable, "the stop took too long"
        assert self.group.phase == OVER
        assert code == 0 or troubled or self.signals, "it fails, and nobody is told why"

    def on_run_helper(self, i: int, what: str) -> None:
        assert (i, what) not in self.running_helpers, "twice at once"
        if self.stop_at is not None:
            assert what in ("pre_stop", "readiness", "message", "main_pid", "pump"), f"{what} after the stop had begun"
        if i < 0:
            pass
        elif what in ("leftovers", "message"):
            assert self.life[i] == "ended"
        elif what == "main_pid":
            assert self.life[i] == "launched"
        else:
            assert self.life[i] == "running", f"{what} of one that is not running"
        self.running_helpers |= {(i, what)}

    def on_cancel_helper(self, i: int, what: str, late: bool = False) -> None:
        assert (i, what) in self.running_helpers, "what is not there is dropped"
        self.running_helpers -= {(i, what)}
        if what == "main_pid":
            self.end(i, self.pending.pop(i, None))


CHECKS: dict[int, Any] = {
    e.SPAWN: World.on_spawn,
    e.KILL: World.on_kill,
    e.SWEEP: World.on_sweep,
    e.EXIT: World.on_exit,
    e.RUN_HELPER: World.on_run_helper,
    e.CANCEL_HELPER: World.on_cancel_helper,
    e.TAKE_OVER: World.on_take_over,
}

#: Actions whose second field is a process.
ABOUT_ONE = frozenset((e.SPAWN, e.KILL, e.RUN_HELPER, e.CANCEL_HELPER))


def begun(kinds: tuple[Kind, ...], group: Any = pod.Group, ticks: bool = False) -> World:
    world = World(make(kinds), kinds, group, ticks)
    world.apply((e.BEGIN,))
    return world


class Found(AssertionError):
    """A broken rule: the group that breaks it, and the events from its beginning."""

    def __init__(self, error: Exception, kinds: tuple[Kind, ...], path: list[Any]) -> None:
        events = " ".join(name_of(event) for event in path)
        what = str(error) if isinstance(error, AssertionError) else f"{type(error).__name__}: {error}"
        super().__init__(f"{what}: {show(kinds)}: after {events}")
        self.path = path


NAMES = [
    "begin", "execed", "failed", "exited", "suspended", "signal", "deadline", "alone", "helper ended", "notified",
    "command", "new plan", "resolved",
]  # fmt: skip


def name_of(event: tuple[Any, ...]) -> str:
    name = event[0] if isinstance(event[0], str) else NAMES[event[0]]
    return f"{name}{event[1:]}" if len(event) > 1 else str(name)


def explore(
    kinds: tuple[Kind, ...], most: int = 1 << 60, group: Any = pod.Group, ticks: bool = False
) -> tuple[int, bool]:
    """Return (transitions, whether these were all).

    Raises Found with the shortest sequence that breaks a rule.
    """
    gc.disable()  # the collector would go through every kept world, again and again, for what `let_go` frees
    try:
        return search(kinds, most, group, ticks)
    finally:
        gc.enable()


def search(kinds: tuple[Kind, ...], most: int, group: Any, ticks: bool) -> tuple[int, bool]:
    try:
        start = begun(kinds, group, ticks)
    except AssertionError as error:
        raise Found(error, kinds, []) from None
    seen, transitions = {start.key()}, 0
    layer: list[tuple[World, Any]] = [(start, None)]
    while layer:
        following: list[tuple[World, Any]] = []
        for world, path in layer:
            choices = world.choices()
            for event in choices:
                after = world.clone() if event is not choices[-1] else world
                transitions += 1
                try:
                    after.apply(event)
                except Exception as error:
                    raise Found(error, kinds, unwind((path, event))) from None
                key = after.key() if after.exit is None else None
                if key is not None and key not in seen:
                    seen.add(key)
                    following.append((after, (path, event)))
                else:
                    let_go(after)
                if transitions >= most:
                    return transitions, False
        layer = following
    return transitions, True


def let_go(world: World) -> None:
    """Free a world that is no longer needed at once, without the garbage collector.

    A group and its processes refer to each other. This cuts the cycle.
    """
    world.group.host.do = world.group.host.report = None


def unwind(path: Any) -> list[Any]:
    found = []
    while path is not None:
        path, event = path
        found.append(event)
    return found[::-1]


def wander(kinds: tuple[Kind, ...], dice: random.Random, most: int, group: Any = pod.Group) -> int:
    """Follow one long random lifetime of a group, in which ticks are rare.

    Returns the number of transitions. Raises Found.
    """
    world, path = begun(kinds, group, ticks=True), []
    for _ in range(most):
        choices = world.choices()
        if world.exit is not None or not choices:
            break
        event = (
            dice.choice([c for c in choices if c[0] != "tick"] or choices)
            if dice.random() < 0.9
            else dice.choice(choices)
        )
        path.append(event)
        try:
            world.apply(event)
        except Exception as error:
            raise Found(error, kinds, path) from None
    return len(path)


POLICIES_ALL = (NEVER, ON_FAILURE, ALWAYS)


def kinds_of(role: int, full: bool) -> Iterator[Kind]:
    """Yield the kinds that a process of this role may have.

    Without `full`, only role, policy and gate vary.
    """
    for policy in POLICIES_ALL:
        yield role, policy, "plain"
        yield role, policy, "after the first"
        if role == INIT:
            if full:
                yield role, policy, "message"
            continue
        for what in ("startup", "post_start", "after none", *(("replica",) if role == SIDECAR else ())):
            yield role, policy, what
        if full:
            for what in (
                "liveness",
                "pre_stop",
                "notifies",
                "all",
                "daemon",
                "replaced",
                "tied",
                "looked up",
                "message",
                "suspended",
                "bounded",
                "logged",
                "steered",
                "measured",
            ):
                yield role, policy, what
    if full and role != INIT:
        yield role, NEVER, "rules"
        yield role, NEVER, "all anew"
        yield role, ALWAYS, "limited"
    if full and role == SIDECAR:
        yield role, NEVER, "essential"


def small_groups(size: int, full: bool) -> Iterator[tuple[Kind, ...]]:
    others = [*kinds_of(INIT, full), *kinds_of(SIDECAR, full)]
    for rest in itertools.product(others, repeat=size - 1):
        for primary in kinds_of(PRIMARY, full):
            yield (*rest, primary)


#: The share of the time for long random lifetimes: no breadth-first search gets deep into a large
#: group.
WALKS = 0.3

#: (size, all kinds?, transitions of each group at most, share of the time)
ROUNDS = [
    (1, True, 20000, 0.1),
    (2, False, 4000, 0.2),
    (2, True, 420, 0.35),
    (3, False, 380, 0.45),
    (3, True, 300, 1.0),
]


def main(seconds: float) -> None:
    began = time.monotonic()
    transitions = walks = 0
    dice = random.Random(4)
    everything = {size: [*kinds_of(INIT, True), *kinds_of(SIDECAR, True)] for size in (2, 3, 4)}
    primaries = list(kinds_of(PRIMARY, True))
    while time.monotonic() - began < seconds * WALKS:
        size = dice.choice((2, 3, 4))
        kinds = (*(dice.choice(everything[size]) for _ in range(size - 1)), dice.choice(primaries))
        transitions, walks = transitions + wander(kinds, dice, 200), walks + 1
    print(f"{walks:,} long random lives of groups of 2 to 4, {transitions:,} transitions")
    for size, full, most, share in ROUNDS:
        end = time.monotonic() + (seconds - (time.monotonic() - began)) * share if share < 1 else began + seconds
        groups = list(small_groups(size, full))
        random.Random(size).shuffle(groups)  # the same order each time, and a mix where the time is short
        done = whole = 0
        for kinds in groups:
            if time.monotonic() > end and done:
                break
            made, all_of_it = explore(kinds, int(most * max(1.0, seconds / 60)), ticks=size < 3)
            transitions, whole, done = transitions + made, whole + all_of_it, done + 1
        print(f"{size} processes{', all kinds' if full else ''}: {done} of {len(groups)} groups, {whole} to the end")
    took = time.monotonic() - began
    rate = transitions / took * 60
    print(f"{transitions:,} transitions in {took:.1f} s, {rate:,.0f} a minute; no rule was broken")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)
