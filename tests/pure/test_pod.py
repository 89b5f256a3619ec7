"""Statements of a Pod that need no process: defaults, thresholds, back-off, phases, conditions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pidone.config.probes import DEFAULTS, probe
from pidone.group import restart, status
from pidone.group.group import Group
from pidone.group.policy import ALWAYS, NEVER, ON_FAILURE
from pidone.group.probe import Probe
from pidone.group.slots import ProcessPolicy
from pidone.helpers import leftovers
from pidone.init import events as e
from pidone.init.plan import INIT, PRIMARY, SIDECAR
from pidone.probes import http
from tests.support.explorer import make


def test_s26_defaults() -> None:
    assert probe("readiness")({"tcp": 80}) == {
        **DEFAULTS,
        "handler": "tcp",
        "argument": ["127.0.0.1", 80],
        "grace": None,
    }
    assert DEFAULTS == {"delay": 0, "period": 10, "timeout": 1, "success_threshold": 1, "failure_threshold": 3}


def test_s34_thresholds_count_results_in_a_row() -> None:
    asked = Probe(("exec", (), 0, 1, 1, 2, 3, None))
    assert [asked.count(good) for good in (False, True, False, False, True, False, False, False)] == [False] * 7 + [
        True
    ]
    assert asked.result is False and [asked.count(True), asked.count(True)] == [False, True]
    assert asked.result is True


def test_s47_the_host_of_an_ipv6_address_has_brackets() -> None:
    assert b"\r\nHost: [::1]:8080\r\n" in http.request("http", "::1", 8080, "/", ())


def test_a_probe_is_never_asked_twice_at_once() -> None:
    """The machine runs one at a time, however late the answer is."""
    machine = Group(make(((2, 0, "liveness"),)))
    machine.take((e.BEGIN,), 0.0)
    machine.take((e.EXECED, 0), 0.0)
    asked_now = [a for a in machine.take((e.DEADLINE,), 1.0) if a[0] == e.RUN_HELPER]
    assert asked_now == [(e.RUN_HELPER, 0, "liveness")]
    late = machine.take((e.DEADLINE,), 2.0)
    assert [a for a in late if a[0] in (e.RUN_HELPER, e.CANCEL_HELPER)] == [(e.CANCEL_HELPER, 0, "liveness", True)]


def test_s67_every_count_goes_up_and_a_condition_shows_the_restart() -> None:
    group = Group(make(((INIT, NEVER, "plain"), (SIDECAR, ALWAYS, "all anew"), (PRIMARY, ALWAYS, "plain"))))

    def take(*events: tuple[Any, ...]) -> None:
        for event in events:
            group.take(event, 0.0)

    take((e.BEGIN,), (e.EXECED, 0), (e.EXITED, 0, 0, 0), (e.HELPER_ENDED, 0, "leftovers", e.SUCCESS, ""))
    take((e.EXECED, 1), (e.EXECED, 2))
    assert status.conditions(group)["AllContainersRestarting"][0] is False
    take((e.EXITED, 1, 3, 0))
    assert status.conditions(group)["AllContainersRestarting"][0] is True
    take((e.EXITED, 2, 0, 9), *((e.HELPER_ENDED, index, "leftovers", e.SUCCESS, "") for index in range(3)))
    assert group.deadline is not None
    group.take((e.DEADLINE,), group.deadline)
    assert status.conditions(group)["AllContainersRestarting"][0] is False
    assert [member.restarts for member in group.members] == [1, 1, 1]


def test_a_process_that_was_never_forked_has_no_leftovers() -> None:
    """Session 0 is that of PID 1 and of all processes that came into the namespace from outside."""
    assert leftovers.descendants(0) == leftovers.descendants(1) == []


def test_back_off_levels_and_rules_are_plain_data(tmp_path: Path) -> None:
    policy: Any = ProcessPolicy(0, backoff=(1.0, 60.0, 600.0))
    assert [restart.delay(policy, level) for level in range(9)] == [0, 1, 2, 4, 8, 16, 32, 60, 60]


WAITING, IN_BACKOFF, RUNNING = (
    ("waiting", ("PodInitializing",)),
    ("waiting", ("CrashLoopBackOff",)),
    ("running", (True, True)),
)


def begun(*roles: int) -> Group:
    machine = Group(make(tuple((role, ALWAYS if role == SIDECAR else NEVER, "plain") for role in roles)))
    machine.take((e.BEGIN,), 0.0)
    return machine


def ended(code: int) -> Any:
    return "terminated", ("Completed" if code == 0 else "Error", code, 0)


@pytest.mark.parametrize(
    ("policy", "inits", "apps", "phase"),
    [
        (NEVER, [ended(1)], [WAITING], "Failed"), (ON_FAILURE, [ended(1)], [WAITING], "Pending"),
        (ALWAYS, [RUNNING], [WAITING], "Pending"), (ALWAYS, [], [WAITING], "Pending"),
        (ALWAYS, [ended(0)], [RUNNING], "Running"),
        (ALWAYS, [], [ended(0)], "Running"), (NEVER, [], [ended(0)], "Succeeded"),
        (ON_FAILURE, [], [ended(0)], "Succeeded"),
        (NEVER, [], [ended(3)], "Failed"), (ON_FAILURE, [], [ended(3)], "Running"),
        (ALWAYS, [], [IN_BACKOFF], "Running"),
        (NEVER, [], [ended(0), RUNNING], "Running"), (NEVER, [], [ended(0), ended(1)], "Failed"),
    ],
)  # fmt: skip
def test_s94_the_phase(policy: int, inits: list[Any], apps: list[Any], phase: str) -> None:
    assert status.phase_of(policy, inits, apps) == phase


def test_s98_a_process_goes_through_its_states_in_order() -> None:
    group = begun(SIDECAR, PRIMARY)
    assert status.state(group, 1) == ("waiting", ("PodInitializing",))
    assert status.state(begun(PRIMARY), 0) == ("waiting", ("ContainerCreating",))
    group.take((e.EXECED, 0), 0.0)
    assert status.state(group, 0) == ("running", (True, True)) and status.last_state(group, 0) is None
    group.take((e.EXITED, 0, 3, 0), 1.0)
    assert status.state(group, 0) == ("terminated", ("Error", 3, 0))  # no wait, no back-off
    group.take((e.HELPER_ENDED, 0, "leftovers", e.SUCCESS, ""), 1.0)
    group.take((e.DEADLINE,), 1.0)
    group.take((e.EXECED, 0), 1.0)
    assert status.state(group, 0)[0] == "running" and group.members[0].restarts == 1
    assert status.last_state(group, 0) == ("terminated", ("Error", 3, 0))
    group.take((e.EXITED, 0, 0, 9), 2.0)
    assert status.state(group, 0) == ("waiting", ("CrashLoopBackOff",))
    assert status.last_state(group, 0) == ("terminated", ("Error", 137, 9))


def test_s100_conditions() -> None:
    group = begun(INIT, SIDECAR, PRIMARY)
    found = status.conditions(group)
    assert found["Initialized"] == (False, "ContainersNotInitialized")
    assert found["Ready"] == found["ContainersReady"] == (False, "ContainersNotReady")
    assert found["PodScheduled"] == found["PodReadyToStartContainers"] == (True, "")
    group.take((e.EXECED, 0), 0.0)
    group.take((e.EXITED, 0, 0, 0), 0.0)
    group.take((e.HELPER_ENDED, 0, "leftovers", e.SUCCESS, ""), 0.0)
    group.take((e.EXECED, 1), 0.0)
    group.take((e.EXECED, 2), 0.0)
    found = status.conditions(group)
    assert found["Initialized"] == found["Ready"] == found["ContainersReady"] == (True, "")
    group.take((e.EXITED, 1, 1, 0), 1.0)
    found = status.conditions(group)
    assert found["Initialized"] == (True, "") and found["Ready"] == (False, "ContainersNotReady")
    group.take((e.EXITED, 2, 0, 0), 2.0)
    group.take((e.ALONE,), 2.0)
    assert status.pod_phase(group) == "Succeeded" and status.conditions(group)["Ready"] == (False, "PodCompleted")


def test_s99_started_and_ready() -> None:
    group = begun(INIT, SIDECAR, PRIMARY)
    assert not any(status.ready(group, index) for index in range(3))
    group.take((e.EXECED, 0), 0.0)
    assert not status.ready(group, 0)
    group.take((e.EXITED, 0, 0, 0), 0.0)
    group.take((e.HELPER_ENDED, 0, "leftovers", e.SUCCESS, ""), 0.0)
    group.take((e.EXECED, 1), 0.0)
    assert [status.ready(group, index) for index in range(3)] == [True, True, False]
    group.take((e.EXITED, 1, 1, 0), 0.0)
    assert not status.ready(group, 1) and not group.members[1].started
