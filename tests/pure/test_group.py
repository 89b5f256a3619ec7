"""The machines on every order of events of small groups, and on random ones (support/explorer.py).

E1 and so on: docs/reference/edge-cases.md. S1 and so on: docs/reference/pod.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pidone.control.protocol import STOP_ALL
from pidone.group import restart
from pidone.group.group import Group
from pidone.group.order import Order
from pidone.group.policy import ALWAYS, NEVER, ON_FAILURE
from pidone.group.slots import ProcessPolicy
from pidone.init import events as e
from pidone.init.machine import OVER, RESTART, STOP, SWEPT
from pidone.init.plan import INIT, LAST_RESORT, MINIMUM_GRACE, PRIMARY, SIDECAR
from pidone.init.single import Single
from pidone.init.slots import Plan, Process
from tests.support.explorer import (
    GRACE,
    KILL,
    TERM,
    Found,
    Kind,
    World,
    begun,
    explore,
    kinds_of,
    make,
    show,
    small_groups,
)
from tests.support.planted import MISTAKES, plain, planted


def group(*roles: int, stop_signals: tuple[int, ...] = (TERM,)) -> Group:
    return Group(make(plain(*roles), stop_signals))


def single() -> Single:
    return Single(Plan([Process("app", PRIMARY, [b"x"])], GRACE))


@pytest.mark.once
@pytest.mark.parametrize("kinds", list(small_groups(1, True)), ids=show)
def test_every_order_of_events_of_a_primary_alone_keeps_the_rules(kinds: tuple[Kind, ...]) -> None:
    assert explore(kinds, 2500, ticks=True)[0] > 2000


@pytest.mark.once
@pytest.mark.parametrize("role", [INIT, SIDECAR])
def test_every_order_of_events_of_two_processes_keeps_the_rules(role: int) -> None:
    """Shallow here, because five Pythons run it. `./do explore` goes as deep as a minute allows."""
    for other in kinds_of(role, True):
        for primary in kinds_of(PRIMARY, False):
            explore((other, primary), 150)


def test_the_smallest_groups_of_three_keep_the_rules_to_the_end() -> None:
    for roles in ((INIT, INIT), (INIT, SIDECAR), (SIDECAR, INIT), (SIDECAR, SIDECAR)):
        transitions, all_of_them = explore(plain(*roles, PRIMARY))
        assert all_of_them and transitions > 1000


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_explorer_finds_a_planted_mistake(mistake: str, tmp_path: Path) -> None:
    changes, kinds = MISTAKES[mistake]
    with pytest.raises(Found) as found:
        explore(kinds, 200000, group=planted(changes, tmp_path))
    assert "after" in str(found.value) and len(found.value.path) < 16, found.value


def test_the_explorer_prints_the_shortest_sequence(tmp_path: Path) -> None:
    changes, kinds = MISTAKES["the exit code is always that of the stop signal"]
    with pytest.raises(
        Found, match=r"not the exit code: primary:never:plain: after failed\(0, 127, 'x'\) alone$"
    ) as found:
        explore(kinds, group=planted(changes, tmp_path))
    assert [event[0] for event in found.value.path] == [e.FAILED, e.ALONE]


@settings(max_examples=100)
@given(st.data())
def test_long_random_lifetimes_of_larger_groups_keep_the_rules(data: st.DataObject) -> None:
    others = [*kinds_of(INIT, True), *kinds_of(SIDECAR, True)]
    kinds = data.draw(st.lists(st.sampled_from(others), max_size=8))
    primary = data.draw(st.sampled_from(list(kinds_of(PRIMARY, True))))
    world: World = begun((*kinds, primary), ticks=True)
    for _ in range(80):
        if world.exit is not None:
            return
        world.apply(data.draw(st.sampled_from(world.choices())))


@settings(max_examples=200)
@given(st.data())
def test_processes_start_after_all_they_wait_for_and_stop_in_reverse(data: st.DataObject) -> None:
    """`after` and replicas: any acyclic order, any order of passing and of ending."""
    size = data.draw(st.integers(1, 7))
    needs: list[set[int]] = []
    processes = []
    for index in range(size):
        some = data.draw(st.none() | st.sets(st.integers(0, index - 1)) if index else st.none())
        direct = set(range(index)) if some is None else set(some)
        needs.append(direct | {deep for other in direct for deep in needs[other]})
        gate, after = (index, ()) if some is None else (0, tuple(sorted(needs[index])))
        role = PRIMARY if index == size - 1 else SIDECAR
        policy = ProcessPolicy(gate, after)
        fields = tuple(getattr(policy, slot) for slot in ProcessPolicy.__slots__)
        processes.append(Process(f"p{index}", role, [b"x"], policy=fields))
    order = Order(Group(Plan(processes, GRACE, (TERM,))).members)
    waiting, begun_ones = order.ready(), []
    while waiting:
        begun_ones += waiting
        for index in waiting:
            assert all(order.members[other].passed for other in needs[index])
        turn = data.draw(st.permutations([i for i in begun_ones if not order.members[i].passed]))[0]
        order.members[turn].passed = True
        order.passed(turn)
        waiting = order.ready()
        if not waiting and not all(member.passed for member in order.members):
            waiting = [i for i in begun_ones if not order.members[i].passed]
            begun_ones = [i for i in begun_ones if i not in waiting]
    assert order.complete
    alive = list(range(size))
    while alive:
        free = order.free(alive)
        assert free, "nobody may be told"
        for index in free:
            assert processes[index].role == PRIMARY or not any(index in needs[other] for other in alive)
        alive.remove(data.draw(st.sampled_from(free)))


# -- a group


def test_early_signals_for_the_primary_are_held_and_sent_in_order() -> None:  # E1
    machine = group(INIT, PRIMARY)
    machine.take((e.BEGIN,), 0.0)
    machine.take((e.EXECED, 0), 0.0)
    for number in (10, 12, 10, 34, 34):
        assert machine.take((e.SIGNAL, number), 0.0) == []
    machine.take((e.EXITED, 0, 0, 0), 0.1)
    actions = machine.take((e.HELPER_ENDED, 0, "leftovers", e.SUCCESS, ""), 0.1)
    assert actions == [(e.SPAWN, 1), *((e.KILL, 1, number, False) for number in (10, 12, 34, 34))]


def test_the_primary_s_own_code_wins_over_the_stop_signal_s() -> None:  # E42
    machine = group(PRIMARY)
    machine.take((e.BEGIN,), 0.0)
    machine.take((e.EXECED, 0), 0.0)
    machine.take((e.SIGNAL, TERM), 1.0)
    machine.take((e.EXITED, 0, 5, 0), 1.1)
    assert machine.take((e.ALONE,), 1.1) == [(e.EXIT, 5, False)]


def test_a_stop_before_the_primary_runs_exits_with_128_plus_signal() -> None:  # E41
    machine = group(INIT, PRIMARY)
    machine.take((e.BEGIN,), 0.0)
    machine.take((e.EXECED, 0), 0.0)
    assert (e.KILL, 0, TERM, False) in machine.take((e.SIGNAL, TERM), 1.0)
    machine.take((e.EXITED, 0, 0, TERM), 1.1)
    assert machine.take((e.ALONE,), 1.1) == [(e.EXIT, 143, False)]


def test_a_stop_before_anything_was_started_starts_nothing() -> None:  # E41
    machine = group(INIT, PRIMARY, stop_signals=(37,))
    machine.take((e.SIGNAL, 37), 0.0)
    assert not [a for a in machine.take((e.BEGIN,), 0.0) if a[0] == e.SPAWN]
    assert machine.take((e.ALONE,), 0.0) == [(e.EXIT, 128 + 37, False)]


def test_pidone_does_not_call_its_own_sigkill_foreign() -> None:
    machine = group(PRIMARY)
    machine.take((e.BEGIN,), 0.0)
    machine.take((e.SIGNAL, TERM), 1.0)
    machine.take((e.DEADLINE,), 4.0)
    assert (e.KILL, 0, KILL, True) in machine.take((e.DEADLINE,), 1.0 + GRACE)
    assert not [a for a in machine.take((e.EXITED, 0, 0, KILL), 6.0) if a[:2] == (e.SAY, "killed")]


@pytest.mark.parametrize(("asked", "over_at"), [(2, 1.0 + GRACE), (3, 1.0 + MINIMUM_GRACE)])
def test_the_third_stop_signal_ends_the_grace(asked: int, over_at: float) -> None:  # S83
    machine = group(SIDECAR, PRIMARY)
    for event in ((e.BEGIN,), (e.EXECED, 0), (e.EXECED, 1)):
        machine.take(event, 0.0)
    actions: list[Any] = []
    for _ in range(asked):
        actions += machine.take((e.SIGNAL, TERM), 1.0)
    assert ((e.KILL, 0, TERM, False) in actions) == (asked == 3)
    actions = []
    while (e.KILL, 1, KILL, True) not in actions:
        assert machine.deadline is not None
        now = machine.deadline
        actions = machine.take((e.DEADLINE,), now)
        if now >= 1.0 + GRACE + MINIMUM_GRACE or actions[-1:] == [(e.SWEEP, KILL)]:
            break
    assert now == over_at


# -- a single command


def test_a_signal_between_fork_and_exec_is_sent_at_once() -> None:  # E2
    machine = single()
    machine.take((e.BEGIN,), 0.0)
    assert machine.take((e.SIGNAL, 10), 0.0) == [(e.KILL, 0, 10, False)]


def test_a_suspended_process_is_continued_when_it_gets_sigterm() -> None:  # E19
    machine = single()
    machine.take((e.BEGIN,), 0.0)
    machine.take((e.SUSPENDED, 0), 0.0)
    assert machine.take((e.SIGNAL, TERM), 1.0) == [(e.KILL, 0, TERM, False), (e.KILL, 0, 18, True)]


def test_a_sighup_does_not_start_the_grace_of_leftovers() -> None:
    machine = single()
    machine.take((e.BEGIN,), 0.0)
    machine.take((e.SIGNAL, 1), 1.0)
    assert machine.deadline is None
    machine.take((e.EXITED, 0, 0, 0), 100.0)
    assert machine.deadline == 100.0 + GRACE


def test_the_grace_of_leftovers_counts_from_the_last_stop_signal() -> None:
    machine = single()
    machine.take((e.BEGIN,), 0.0)
    machine.take((e.SIGNAL, 2), 1.0)
    machine.take((e.SIGNAL, TERM), 100.0)
    machine.take((e.EXITED, 0, 0, TERM), 101.0)
    assert machine.deadline == 100.0 + GRACE


@settings(max_examples=200)
@given(st.data())
def test_any_lifetime_of_a_single_command_ends_in_time_with_its_code(data: st.DataObject) -> None:
    machine, now, ended = single(), 0.0, None
    machine.take((e.BEGIN,), now)
    left = data.draw(st.booleans())
    for _ in range(60):
        choices: list[tuple[Any, ...]] = [(e.SIGNAL, TERM), (e.SIGNAL, 1), (e.SUSPENDED, 0)]
        if ended is None:
            choices += [(e.EXITED, 0, 3, 0), (e.EXITED, 0, 0, KILL), (e.FAILED, 0, 127, "x")]
        if machine.deadline is not None:
            choices.append((e.DEADLINE,))
        if ended is not None and (not left or machine.phase == OVER - 1):
            choices.append((e.ALONE,))
        event = data.draw(st.sampled_from(choices))
        if event[0] == e.DEADLINE:
            assert machine.deadline is not None and machine.deadline >= now
            now = machine.deadline
        if event[0] in (e.EXITED, e.FAILED):
            ended, began = ({e.FAILED: 127}.get(event[0]) or (128 + event[3] if event[3] else event[2])), now
        actions = machine.take(event, now)
        for action in actions:
            assert action[0] != e.KILL or ended is None, "a signal to a process that is gone"
            if action[0] == e.EXIT:
                assert action[1] == ended and now <= began + GRACE + MINIMUM_GRACE + LAST_RESORT
                return


# -- back-off and policy, as tables


def test_back_off_is_none_then_initial_then_doubles_to_the_maximum() -> None:  # S59
    policy = ProcessPolicy(0, backoff=(10.0, 300.0, 600.0))
    assert [restart.delay(policy, level) for level in range(8)] == [0, 10, 20, 40, 80, 160, 300, 300]
    assert restart.delay(policy, 10**9) == 300


@pytest.mark.parametrize(("ran", "level"), [(599.0, 5), (600.0, 5), (600.1, 0)])
def test_a_long_run_clears_the_count(ran: float, level: int) -> None:  # S62
    assert restart.level_after(ProcessPolicy(0, backoff=(10.0, 300.0, 600.0)), 5, ran) == level


@pytest.mark.parametrize(
    ("policy", "failed", "by_probe", "again"),
    [
        (NEVER, False, False, False), (NEVER, True, False, False), (NEVER, False, True, False),
        (ON_FAILURE, False, False, False), (ON_FAILURE, True, False, True), (ON_FAILURE, False, True, True),
        (ALWAYS, False, False, True), (ALWAYS, True, False, True), (ALWAYS, True, True, True),
    ],
)  # fmt: skip
def test_the_policy_decides_and_ignores_the_code_after_a_probe_kill(  # S54, S58
    policy: int, failed: bool, by_probe: bool, again: bool
) -> None:
    assert restart.restarts(ProcessPolicy(0, restart=policy), failed, by_probe) == again


def test_the_first_rule_that_matches_decides() -> None:  # S56
    policy = ProcessPolicy(0, restart_rules=(((42,), False, 0), ((0, 1), True, 1)))
    found = [restart.rule_for(policy, *end) for end in ((42, 0), (43, 0), (0, 0), (1, 0), (0, 9))]
    assert found == [0, 1, None, None, 1]


def test_a_stop_during_a_restart_of_all_restarts_nothing() -> None:
    """A random walk found this: a message, after the stop began, counted as the end of all."""
    world = begun(((1, 1, "all anew"), (1, 0, "message"), (2, 1, "plain")))
    events = [(e.EXECED, 0), (e.EXITED, 0, 3, 0, False), (e.SIGNAL, TERM)]
    for event in events:
        world.apply(event)
    assert world.group.phase >= STOP


def test_the_third_stop_signal_ends_the_grace_of_leftovers_too() -> None:
    machine = Group(make([(2, 0, "plain")]))
    for event in ((e.BEGIN,), (e.EXECED, 0), (e.SIGNAL, TERM), (e.EXITED, 0, 0, TERM)):
        machine.take(event, 0.0)
    assert machine.phase == SWEPT and machine.deadline == GRACE
    machine.take((e.SIGNAL, TERM), 0.5)
    machine.take((e.SIGNAL, TERM), 0.5)
    assert machine.deadline == MINIMUM_GRACE  # for the leftovers, which were signalled at 0


def test_a_stop_by_command_counts_during_a_restart_of_all() -> None:
    world = begun(((1, 1, "all anew"), (2, 1, "steered")))
    for event in ((e.EXECED, 0), (e.EXITED, 0, 3, 0, False)):
        world.apply(event)
    assert world.group.phase == RESTART
    world.apply((e.COMMAND, STOP_ALL, 1, 0))
    assert world.group.phase >= STOP


def test_there_are_never_two_pumps() -> None:
    machine = Group(make([(2, 0, "logged")]))
    pumps = [a for a in machine.take((e.BEGIN,), 0.0) if a == (e.RUN_HELPER, -1, "pump")]
    machine.take((e.HELPER_ENDED, -1, "pump", e.UNKNOWN, ""), 1.0)
    pumps += machine.take((e.HELPER_ENDED, -1, "pump", e.FAILURE, ""), 1.01)  # a reload asks for a pump
    pumps += [a for a in machine.take((e.DEADLINE,), 2.0) if a[0] == e.RUN_HELPER]
    assert pumps == [(e.RUN_HELPER, -1, "pump")] * 2


def test_a_primary_whose_daemon_is_not_found_in_the_grace_has_failed() -> None:
    """A random walk found this: an essential sidecar ended with 0, and no process set an exit
    code.
    """
    world = begun(((1, 0, "essential"), (2, 0, "daemon")))
    for event in ((e.EXECED, 0), (e.EXITED, 0, 0, 0, False), (e.EXECED, 1), (e.EXITED, 1, 0, 0, False)):
        world.apply(event)
    while world.exit is None and world.group.phase < OVER:
        world.apply((e.DEADLINE,) if world.group.deadline is not None else (e.ALONE,))
    assert world.exit == 137


def test_a_listener_that_comes_up_in_a_stop_starts_no_process() -> None:  # E41
    """The listener is for the sockets of another plan, and the new process had waited for it."""
    machine = group(PRIMARY)
    for event in ((e.BEGIN,), (e.EXECED, 0)):
        machine.take(event, 0.0)
    plan = make(((SIDECAR, NEVER, "notifies"), (PRIMARY, NEVER, "plain")))
    plan.processes[0].name, plan.processes[1].name = "new", "p0"
    machine.take((e.NEW_PLAN, plan), 1.0)
    assert (e.RUN_HELPER, -1, "notify") in machine.take((e.DEADLINE,), 1.0)
    machine.take((e.SIGNAL, TERM), 2.0)
    assert not [action for action in machine.take((e.NOTIFIED, -1, e.LISTENING), 2.1) if action[0] == e.SPAWN]
