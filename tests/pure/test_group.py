"""The state machine on every order of events, for all small groups; and on long random ones."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pidone.init import group as g
from pidone.init.plan import INIT, PRIMARY, ROLES, SIDECAR, Plan, Process

GRACE = 4.0
TERM, KILL = 15, 9


def make(roles: tuple[int, ...], stop_signals: tuple[int, ...] = (TERM,)) -> Plan:
    return Plan([Process(f"p{i}", role, [b"x"]) for i, role in enumerate(roles)], GRACE, stop_signals)


def small_groups() -> list[tuple[int, ...]]:
    return [(*rest, PRIMARY) for n in range(3) for rest in itertools.product((INIT, SIDECAR), repeat=n)]


class World:
    """A group, virtual time, and what a kernel knows: who runs, who was sent what. `apply` checks the invariants."""

    def __init__(self, plan: Plan) -> None:
        self.group = g.Group(plan)
        self.roles = [p.role for p in plan.processes]
        self.single = not plan.stop_signals
        self.now = 0.0
        self.life = ["-"] * len(self.roles)  # - forked running ended
        self.ended: dict[int, int] = {}
        self.told: dict[int, float] = {}
        self.stop_at: float | None = None
        self.exit: int | None = None
        self.signals = 0

    def clone(self) -> World:
        new = World.__new__(World)
        new.__dict__.update({k: v.copy() if hasattr(v, "copy") else v for k, v in self.__dict__.items()})
        new.group = g.Group(self.group.plan)
        for slot in g.Group.__slots__:
            value = getattr(self.group, slot)
            setattr(new.group, slot, value.copy() if isinstance(value, list) else value)
        new.group.members = []
        for member in self.group.members:
            twin = g.Member(member.role, member.stop_signal)
            for slot in g.Member.__slots__:
                setattr(twin, slot, getattr(member, slot))
            new.group.members.append(twin)
        return new

    def key(self) -> Any:
        group = self.group
        relative = [None if t is None else round(t - self.now, 3) for t in (group.began, group.deadline, group.swept)]
        members = tuple(
            (m.state, m.told is not None and round(m.told - self.now, 3), m.stopped, m.sent) for m in group.members
        )
        return (group.phase, group.code, group.expired, tuple(group.held), tuple(relative), members,
                round(group.limit - self.now, 3), tuple(self.life), self.signals)  # fmt: skip

    def choices(self) -> list[tuple[Any, ...]]:
        """Every event that may come next."""
        found: list[tuple[Any, ...]] = []
        for i, life in enumerate(self.life):
            if life == "forked":
                found += [(g.EXECED, i), (g.FAILED, i, 127, "x")]
            if life == "running":
                found += [(g.EXITED, i, 0, 0), (g.EXITED, i, 3, 0)]
                found += [(g.EXITED, i, 0, n) for n in (TERM, KILL) if i in self.told or n == KILL]
        if self.signals < 2:
            found.append((g.SIGNAL, TERM))
        if not {"forked", "running"} & set(self.life):
            found.append((g.ALONE,))
        if self.group.deadline is not None:
            found.append((g.DEADLINE,))
        return found

    def apply(self, event: tuple[Any, ...]) -> None:
        if event[0] == g.DEADLINE:
            assert self.group.deadline is not None and self.group.deadline >= self.now, "a deadline in the past"
            self.now = self.group.deadline
        elif event[0] in (g.EXECED, g.FAILED):
            self.life[event[1]] = "running" if event[0] == g.EXECED else "ended"
        elif event[0] == g.EXITED:
            self.life[event[1]] = "ended"
            self.ended[event[1]] = 128 + event[3] if event[3] else event[2]
        elif event[0] == g.SIGNAL:
            self.signals += 1
        before = self.group.phase
        actions = self.group.take(event, self.now)
        if self.stop_at is None and self.group.phase >= g.STOP:
            self.stop_at = self.now
        assert self.group.phase >= before, "a phase went back"
        for action in actions:
            CHECKS.get(action[0], lambda *_: None)(self, *action[1:])
        if self.exit is None:
            moving = {"forked", "running"} & set(self.life) or self.group.phase >= g.SWEPT
            assert moving or self.group.deadline is not None, "nothing can happen any more, and it is not over"

    def on_spawn(self, i: int) -> None:
        assert self.life[i] == "-", "started twice"
        assert self.stop_at is None, "started after the stop had begun"
        for j in range(i):
            if self.roles[j] == INIT:
                assert self.ended.get(j) == 0, "started before an init step had ended with 0"
            else:
                assert self.life[j] in ("running", "ended"), "started before a sidecar had"
        self.life[i] = "forked"

    def on_kill(self, i: int, number: int, whole: bool) -> None:
        assert self.life[i] in ("forked", "running"), "a signal to a process that is gone"
        if number == KILL:
            assert i in self.told and self.now >= self.told[i] + g.WINDOW, "killed before its time"
            assert self.single or (self.stop_at is not None and self.now >= self.stop_at + GRACE)
        elif number == TERM and i not in self.told:
            self.told[i] = self.now
            if self.roles[i] == SIDECAR and self.stop_at is not None and self.now < self.stop_at + GRACE:
                later = [j for j in range(len(self.roles)) if j > i or self.roles[j] != SIDECAR]
                assert all(self.life[j] in ("-", "ended") for j in later), "told before its turn"
        elif number == TERM:
            assert self.single, "told twice"

    def on_sweep(self, number: int) -> None:
        if number == TERM:
            assert not {"forked", "running"} & set(self.life), "swept while a declared process runs"
        if number == KILL:
            assert self.stop_at is not None
            for i, life in enumerate(self.life):
                if life in ("forked", "running"):
                    assert i in self.told, "killed without having been told"

    def on_exit(self, code: int) -> None:
        assert self.exit is None
        self.exit = code
        primary = len(self.roles) - 1
        if primary in self.ended:
            assert code == self.ended[primary], "not the primary's exit code"
        else:
            assert code != 0, "the primary never ran, and the exit code says all is well"
        assert self.stop_at is not None
        assert self.now <= self.stop_at + GRACE + g.WINDOW + g.LAST_RESORT, "the stop took too long"


CHECKS: dict[int, Any] = {
    g.SPAWN: World.on_spawn,
    g.KILL: World.on_kill,
    g.SWEEP: World.on_sweep,
    g.EXIT: World.on_exit,
}


def begun(plan: Plan) -> World:
    world = World(plan)
    world.apply((g.BEGIN,))
    return world


def explore(plan: Plan, make_world: Any = begun) -> int:
    """Every order of events, breadth first, so that the sequence that fails is the shortest. Returns transitions."""
    start = make_world(plan)
    seen, transitions = {start.key()}, 0
    layer: list[tuple[World, tuple[Any, ...]]] = [(start, ())]
    while layer:
        following = []
        for world, path in layer:
            for event in world.choices():
                after = world.clone()
                transitions += 1
                try:
                    after.apply(event)
                except AssertionError as error:
                    raise AssertionError(f"{error}: after {[*path, event]}") from None
                if after.exit is None and after.key() not in seen:
                    seen.add(after.key())
                    following.append((after, (*path, event)))
        layer = following
    return transitions


@pytest.mark.parametrize("roles", small_groups(), ids=lambda roles: "-".join(ROLES[r] for r in roles))
def test_every_order_of_events_in_a_small_group_keeps_the_rules(roles: tuple[int, ...]) -> None:
    assert explore(make(roles)) > 20


def test_every_order_of_events_of_a_single_command_keeps_the_rules() -> None:
    assert explore(make((PRIMARY,), stop_signals=())) > 20


class Forgetful(g.Group):
    """A planted mistake: sidecars are told at once instead of in reverse order."""

    __slots__ = ()

    def _progress(self, now: float) -> None:
        self.expired = True
        super()._progress(now)


class Hasty(g.Group):
    """A planted mistake: the grace is over one second too early."""

    __slots__ = ()

    def _grace_end(self) -> float:
        return super()._grace_end() - 3.0


class Lost(g.Group):
    """A planted mistake: the exit code is always that of the stop signal."""

    __slots__ = ()

    def _exit(self) -> None:
        self.code = 143
        super()._exit()


@pytest.mark.parametrize("mistake", [Forgetful, Hasty, Lost])
def test_the_explorer_finds_a_planted_mistake(mistake: type[g.Group], monkeypatch: pytest.MonkeyPatch) -> None:
    def planted(plan: Plan) -> World:
        world = World(plan)
        world.group = mistake(plan)
        world.clone = lambda: copy_of(world)  # type: ignore[method-assign]
        world.apply((g.BEGIN,))
        return world

    def copy_of(world: World) -> World:
        new = World.clone(world)
        new.group.__class__ = mistake
        new.clone = lambda: copy_of(new)  # type: ignore[method-assign]
        return new

    # handlers are looked up in a table of functions, so the planted methods are reached through `self` alone
    with pytest.raises(AssertionError, match="after"):
        explore(make((SIDECAR, SIDECAR, PRIMARY)), planted)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_long_random_lives_of_larger_groups_keep_the_rules(data: st.DataObject) -> None:
    roles = data.draw(st.lists(st.sampled_from([INIT, SIDECAR]), max_size=8))
    world = begun(make((*roles, PRIMARY)))
    for _ in range(60):
        if world.exit is not None:
            return
        world.apply(data.draw(st.sampled_from(world.choices())))


def test_signals_before_the_primary_is_forked_are_held_and_sent_in_order() -> None:  # E1
    group = g.Group(make((INIT, PRIMARY)))
    group.take((g.BEGIN,), 0.0)
    group.take((g.EXECED, 0), 0.0)
    for number in (10, 12, 10, 34, 34):
        assert group.take((g.SIGNAL, number), 0.0) == []
    actions = group.take((g.EXITED, 0, 0, 0), 0.1)
    assert actions == [(g.SPAWN, 1), *((g.KILL, 1, number, False) for number in (10, 12, 34, 34))]


def test_a_signal_between_fork_and_exec_is_sent_at_once_for_the_kernel_keeps_it() -> None:  # E2
    group = g.Group(make((PRIMARY,), stop_signals=()))
    group.take((g.BEGIN,), 0.0)
    assert group.take((g.SIGNAL, 10), 0.0) == [(g.KILL, 0, 10, False)]


def test_the_primary_s_own_code_wins_over_the_stop_signal_s() -> None:  # E42
    group = g.Group(make((PRIMARY,)))
    group.take((g.BEGIN,), 0.0)
    group.take((g.EXECED, 0), 0.0)
    group.take((g.SIGNAL, TERM), 1.0)
    group.take((g.EXITED, 0, 5, 0), 1.1)
    assert group.take((g.ALONE,), 1.1) == [(g.EXIT, 5)]


def test_a_stop_before_the_primary_ran_exits_with_the_signal_s_number() -> None:  # E41
    group = g.Group(make((INIT, PRIMARY)))
    group.take((g.BEGIN,), 0.0)
    group.take((g.EXECED, 0), 0.0)
    assert (g.KILL, 0, TERM, False) in group.take((g.SIGNAL, TERM), 1.0)
    group.take((g.EXITED, 0, 0, TERM), 1.1)
    assert group.take((g.ALONE,), 1.1) == [(g.EXIT, 143)]


def test_a_stopped_process_is_continued_when_it_is_told_to_end() -> None:  # E19
    group = g.Group(make((PRIMARY,), stop_signals=()))
    group.take((g.BEGIN,), 0.0)
    group.take((g.EXECED, 0), 0.0)
    group.take((g.STOPPED, 0), 0.0)
    assert group.take((g.SIGNAL, TERM), 1.0) == [(g.KILL, 0, TERM, False), (g.KILL, 0, 18, False)]


def test_a_reload_does_not_begin_the_grace_of_what_is_left_behind() -> None:
    group = g.Group(make((PRIMARY,), stop_signals=()))
    group.take((g.BEGIN,), 0.0)
    group.take((g.SIGNAL, 1), 1.0)
    assert group.deadline is None
    group.take((g.EXITED, 0, 0, 0), 100.0)
    assert group.deadline == 100.0 + GRACE


def test_the_grace_of_what_is_left_behind_counts_from_the_last_time_it_was_asked() -> None:
    group = g.Group(make((PRIMARY,), stop_signals=()))
    group.take((g.BEGIN,), 0.0)
    group.take((g.SIGNAL, 2), 1.0)
    group.take((g.SIGNAL, TERM), 100.0)
    group.take((g.EXITED, 0, 0, TERM), 101.0)
    assert group.deadline == 100.0 + GRACE


def test_a_stop_before_anything_was_started_starts_nothing() -> None:  # E41
    group = g.Group(make((INIT, PRIMARY), stop_signals=(37,)))
    group.take((g.SIGNAL, 37), 0.0)
    assert not [a for a in group.take((g.BEGIN,), 0.0) if a[0] == g.SPAWN]
    assert group.take((g.ALONE,), 0.0) == [(g.EXIT, 128 + 37)]


def test_pidone_does_not_deny_its_own_sigkill() -> None:
    group = g.Group(make((PRIMARY,)))
    group.take((g.BEGIN,), 0.0)
    group.take((g.SIGNAL, TERM), 1.0)
    assert group.deadline is not None
    group.take((g.DEADLINE,), 4.0)
    group.take((g.DEADLINE,), 1.0 + GRACE)
    assert not [a for a in group.take((g.EXITED, 0, 0, KILL), 6.0) if a[:2] == (g.SAY, "killed")]
