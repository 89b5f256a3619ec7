"""S75-S88: termination. The scale turns the kubelet's 2 s of S80 into 0.2 s.

S1 and so on: docs/reference/pod.md.
"""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.support.pid1 import HELD, Result, Running
from tests.support.pod import Pod, in_order

SCALE = "0.1"


def stop(run: Running, *numbers: int) -> tuple[Result, float]:
    began = time.monotonic()
    for number in numbers or (signal.SIGTERM,):
        run.kill(number)
        run.line("pidone: signal ", count=1)
    result = run.end()
    return result, time.monotonic() - began


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_s75_sigterm_and_sigint_begin_the_stop(pod: Pod, number: int) -> None:
    with pod.start(pod.sidecar("side"), pod.primary("main", "code=6")) as run:
        run.line("side started")
        run.line("main started")
        result, _ = stop(run, number)
    assert result.code == 6, result
    in_order(result, "main got 15", "main ends", "side got 15", "side ends")


def test_s76_every_pre_stop_begins_at_once(pod: Pod) -> None:
    hook = {"pre_stop": '{ exec = ["true"] }'}
    with pod.start(pod.sidecar("side", **hook), pod.primary("main", "delay=300", **hook), wrap=HELD) as run:
        run.line("main is running(started")
        run.line("side started")
        run.line("main started")
        result, _ = stop(run)
    in_order(result, "pre_stop of side: success", "main ends", "side got 15")


def test_s77_an_app_is_signalled_when_its_own_pre_stop_has_ended(pod: Pod) -> None:
    with pod.start(pod.sidecar("side", pre_stop='{ exec = ["sleep", "0.5"] }'),
                   pod.primary("main", pre_stop='{ exec = ["sleep", "0.1"] }'), wrap=HELD) as run:  # fmt: skip
        run.line("main is running(started")
        run.line("side started")
        run.line("main started")
        result, _ = stop(run)
    in_order(result, "pre_stop of main: success", "main got 15", "pre_stop of side: success", "side got 15")


def test_s78_each_sidecar_is_signalled_after_all_later_ones_end(pod: Pod) -> None:
    with pod.start(*[pod.sidecar(name, "delay=100") for name in "abc"], pod.primary("main", "delay=100")) as run:
        run.line("a started")
        run.line("b started")
        run.line("c started")
        run.line("main started")
        result, _ = stop(run)
    in_order(result, "main ends", "c got 15", "c ends", "b got 15", "b ends", "a got 15", "a ends")


def test_s79_a_process_that_does_not_run_counts_as_ended(pod: Pod) -> None:
    middle = pod.entry("b", "sidecar", "false", backoff='{ initial = "60s" }')
    with pod.start(pod.sidecar("a"), middle, pod.sidecar("c"), pod.primary()) as run:
        run.line("a started")
        run.line("c started")
        run.line("main started")
        run.line("b is waiting(CrashLoopBackOff)")
        result, took = stop(run)
    in_order(result, "main ends", "c ends", "a got 15", "a ends")
    assert took < 6, result


def test_s80_after_its_pre_stop_it_still_has_the_minimum_grace(pod: Pod) -> None:
    """With the scale, the grace is 0.4 s and the minimum grace 0.2 s.

    SIGKILL comes 0.2 s after SIGTERM although the grace is over.
    """
    with pod.start(
        pod.primary("main", "ignore=15", pre_stop='{ exec = ["sleep", "987"] }'), grace='"4s"', time_scale=SCALE
    ) as run:
        run.line("main is running(started")
        run.line("main started")
        result, took = stop(run)
    in_order(result, "main got 15", "SIGKILL to main")
    assert 0.6 <= took < 4 and result.code == 137, (took, result)


def test_s81_at_the_end_of_the_grace_all_waiting_ones_are_signalled(pod: Pod) -> None:
    sides = [pod.sidecar(name, "ignore=15") for name in "ab"]
    with pod.start(*sides, pod.primary("main", "ignore=15"), grace='"6s"', time_scale=SCALE) as run:
        for name in ("a", "b", "main"):
            run.line(f"{name} started")
        result, took = stop(run)
    for name in "ab":  # although neither a nor b has ended: the grace is over
        in_order(result, "main got 15", f"{name} got 15", f"{name} (pid")
    assert 0.6 <= took < 4 and result.code == 137, (took, result)


def test_s82_without_grace_no_pre_stop_runs_but_minimum_grace_holds(pod: Pod) -> None:
    with pod.start(
        pod.sidecar("side", "ignore=15"), pod.primary(pre_stop='{ exec = ["true"] }'), grace='"0s"', time_scale="0.4"
    ) as run:
        run.line("main is running(started")
        run.line("side started")
        run.line("main started")
        result, took = stop(run)
    assert "pre_stop" not in result.text and took < 8, (took, result)
    in_order(result, "main got 15", "main ends")
    in_order(result, "side got 15", "SIGKILL to")


def test_s83_a_second_stop_changes_nothing_a_third_ends_the_grace(pod: Pod) -> None:
    with pod.start(pod.primary("main", "ignore=15"), grace='"600s"', time_scale=SCALE) as run:
        run.line("main started")
        began = time.monotonic()
        for count in (1, 2):
            run.kill(signal.SIGTERM)
            run.line("pidone: signal SIGTERM", count=count)
        run.line("main got 15")
        run.kill(signal.SIGUSR1)
        run.line("main got 10")
        assert run.seen.decode().count("main got 15") == 1
        run.kill(signal.SIGTERM)
        result = run.end()
        took = time.monotonic() - began
    assert "three stop requests: ending the grace now" in result.text and result.code == 137, result
    assert took < 10, took


def test_s84_each_gets_its_stop_signal_and_sigkill_ends_all_of_it(pod: Pod) -> None:
    script = f"{pod.helper} app child ignore=15 & trap '' TERM USR1; echo up; while :; do sleep 0.01; done"
    main = pod.entry("main", "primary", "sh", "-c", script)
    with pod.start(
        pod.sidecar("side", "ignore=15", "ends=10", stop_signal='"SIGUSR1"'), main, grace='"4s"', time_scale=SCALE
    ) as run:
        run.line("side started")
        run.line("child started")
        run.line("up")
        child = run.child("child")
        result, _ = stop(run)
    assert "side got 10" in result.text and "side got 15" not in result.text, result
    assert not os.path.exists(f"/proc/{child}") and result.code == 137, result


def test_s85_sigterm_kills_an_app_without_a_handler_unlike_in_a_pod(pod: Pod) -> None:
    with pod.start(pod.entry("main", "primary", "sleep", "60")) as run:
        run.line("started main")
        result, took = stop(run)
    assert result.code == 143 and took < 6, (took, result)


def test_s86_the_leftovers_of_a_process_end_with_it(pod: Pod) -> None:
    """Its session ends before the restart; processes that left the session end by the sweep.

    test_restarts.py has more.
    """
    script = f"{pod.helper} leave left {pod.helper} app left & {pod.helper} app mine & sleep 0.3; exit 1"
    side = pod.entry(
        "side", "sidecar", "sh", "-c", f"setsid {pod.helper} app own & {script}", backoff='{ initial = "60s" }'
    )
    with pod.start(side, pod.primary()) as run:
        run.line("main started")
        run.line("started side", count=2)
        run.kill(signal.SIGTERM)
        result = run.end()
    assert result.code == 0, result
    in_order(result, "mine started", "mine got 15", "mine ends", "started side")
    in_order(result, "left started", "left got 15")  # by the sweep at the latest: it left the session
    in_order(result, "own started", "own got 15")


def test_s87_the_primary_s_own_end_is_the_same_stop(pod: Pod) -> None:
    sides = [pod.sidecar(name, pre_stop='{ exec = ["true"] }') for name in "ab"]
    result = pod.run(*sides, pod.entry("main", "primary", "sh", "-c", "exit 5"), wrap=HELD)
    in_order(result, "main (pid", "pre_stop of", "b got 15", "b ends", "a got 15", "a ends")
    assert result.text.count("pre_stop of") == 2 and result.code == 5, result


def test_s88_the_grace_fits_before_the_container_is_killed(pod: Pod) -> None:
    main = pod.primary("main", "ignore=15")
    with pod.start(main, options=("-v",), grace='"30s"', stop_timeout='"20s"', time_scale=SCALE) as run:
        run.line("a grace of 30 s does not fit into the stop_timeout of 20 s; cutting it to 17.5 s")
        run.line("main started")
        result, took = stop(run)
    assert 1.7 <= took < 5 and result.code == 137, (took, result)


@pytest.mark.parametrize("what", ["ignores TERM", "stops itself", "forks", "is stopped"])
def test_a_stop_never_takes_longer_than_grace_and_minimum_grace(pod: Pod, what: str) -> None:
    scripts = {
        "ignores TERM": "trap '' TERM; echo up; while :; do sleep 0.01; done",
        "stops itself": "trap 'kill -STOP $$' TERM; echo up; while :; do sleep 0.01; done",
        "forks": "trap '' TERM; echo up; while :; do (trap '' TERM; setsid sleep 60 &) ; sleep 0.01; done",
        "is stopped": "trap '' TERM; echo up; kill -STOP $$",
    }
    sides = [pod.entry(f"s{n}", "sidecar", "sh", "-c", scripts[what]) for n in range(3)]
    main = pod.entry("main", "primary", "sh", "-c", scripts[what])
    with pod.start(*sides, main, grace='"20s"', time_scale=SCALE) as run:
        run.line("up", count=4)
        _, took = stop(run)
    assert took < 2.2 + 0.5 + 2.5, took  # 20 s and 2 s, scaled; the last resort; and time for a slow machine
