"""S1-S25: order and gating. Each test has the number of its statement.

docs/reference/pod.md lists them all.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.support.pid1 import HELD
from tests.support.pod import Pod, gaps, in_order, stamps

EVENTUALLY = '{ exec = ["test", "-e", "%s"], period = "50ms", failure_threshold = 1000 }'


def test_s01_one_list_is_the_only_order(pod: Pod) -> None:
    result = pod.run(
        pod.init("a", "sh", "-c", "echo a; echo a ends"), pod.sidecar("b"), pod.init("c", "echo", "c"),
        pod.entry("main", "primary", "echo", "main"),
    )  # fmt: skip
    in_order(result, "a ends", "started b", "started c", "started main")
    assert result.code == 0, result


def test_s02_init_steps_run_one_at_a_time(pod: Pod) -> None:
    steps = [pod.init(name, "sh", "-c", f"echo {name} begins; sleep 0.1; echo {name} ends") for name in ("a", "b")]
    result = pod.run(*steps, pod.entry("main", "primary", "true"))
    in_order(result, "a begins", "a ends", "b begins", "b ends", "started main")


def test_s03_the_primary_waits_for_all_steps_and_all_sidecars(pod: Pod, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    with pod.start(pod.init("step", "true"), pod.sidecar("slow", startup=EVENTUALLY % ready), pod.primary()) as run:
        run.line("startup of slow: failure", count=2)
        assert "main" not in run.seen.decode()
        ready.touch()
        run.line("main started")
        run.kill(signal.SIGTERM)
        in_order(run.end(), "startup of slow: success", "started main")


def test_s04_a_step_fails_by_its_code_or_by_the_memory(pod: Pod) -> None:
    """The memory part, with an exit code of 0, is in test_s93, where the cgroup's counter rises."""
    result = pod.run(pod.init("step", "sh", "-c", "exit 9"), pod.primary())
    assert result.code == 9 and "main" not in result.text.replace("'main'", ""), result
    assert "step is terminated(Error, exit code 9)" in result.text, result


@pytest.mark.parametrize("policy", ["on-failure", "always"])
def test_s05_a_failed_step_is_tried_again_with_back_off(pod: Pod, tmp_path: Path, policy: str) -> None:
    script = f"{pod.helper} stamp step; echo x >>{tmp_path}/n; test $(wc -l <{tmp_path}/n) = 3"
    step = pod.init("step", "sh", "-c", script, restart=f'"{policy}"', backoff='{ initial = "300ms" }')
    result = pod.run(step, pod.entry("main", "primary", "true"))
    assert result.code == 0 and len(stamps(result, "step")) == 3, result
    assert gaps(result, "step")[1] >= 0.3, result
    in_order(result, "restart 1 now", "restart 2 in 0.3 s")


def test_s06_a_failed_step_under_never_fails_the_group(pod: Pod) -> None:
    result = pod.run(pod.sidecar("log"), pod.init("step", "sh", "-c", "exit 9"), pod.primary(), wrap=HELD)
    assert result.code == 9 and "main started" not in result.text, result
    in_order(result, "init step step (pid", "log got 15", "log ends")
    assert [line for line in result.lines if "phase" in line][-1] == "pidone: phase Failed", result


def test_s07_only_the_failed_step_runs_again(pod: Pod, tmp_path: Path) -> None:
    retry = pod.init("b", "sh", "-c", f"echo b; test -e {tmp_path}/x || {{ touch {tmp_path}/x; exit 1; }}",
                     restart='"on-failure"')  # fmt: skip
    result = pod.run(pod.init("a", "echo", "a"), retry, pod.entry("main", "primary", "true"))
    assert [line for line in result.lines if line in "ab"] == ["a", "b", "b"], result


def test_s08_a_restart_of_the_primary_runs_no_step_again(pod: Pod, tmp_path: Path) -> None:
    script = f"echo main; test -e {tmp_path}/x || {{ touch {tmp_path}/x; exit 1; }}"
    main = pod.entry("main", "primary", "sh", "-c", script, restart='"on-failure"')
    result = pod.run(pod.init("a", "echo", "a"), main)
    assert [line for line in result.lines if line in ("a", "main")] == ["a", "main", "main"], result
    assert result.code == 0, result


@pytest.mark.parametrize("key", ["startup", "readiness", "liveness", "post_start", "pre_stop"])
def test_s09_a_step_has_no_probe_and_no_hook(pod: Pod, key: str) -> None:
    said = pod.refused(pod.init("step", "true", **{key: '{ exec = ["true"] }'}), pod.primary())
    assert f"process 'step': an init step has no {key}" in said and ":7:" in said, said


def test_s10_names_are_unique(pod: Pod) -> None:
    assert "this name is taken by line 4" in pod.refused(pod.init("a", "true"), pod.sidecar("a"), pod.primary())


def test_s11_a_step_that_cannot_be_executed_has_failed(pod: Pod, tmp_path: Path) -> None:
    result = pod.run(pod.init("step", "/nope"), pod.primary())
    assert result.code == 127 and "step is terminated(StartError, exit code 128)" in result.text, result
    late = pod.init("step", str(tmp_path / "late"), restart='"on-failure"', backoff='{ initial = "100ms" }')
    with pod.start(late, pod.entry("main", "primary", "true")) as run:
        run.line("step is waiting(CrashLoopBackOff)")
        (tmp_path / "late.part").write_text("#!/bin/sh\nexit 0\n")
        (tmp_path / "late.part").chmod(0o755)
        (tmp_path / "late.part").rename(tmp_path / "late")
        result = run.end()
    assert result.code == 0 and result.text.count("cannot start step") == 1, result  # pidone prints it once


def test_s12_a_stop_in_a_step_signals_it_and_the_sidecars_at_once(pod: Pod) -> None:
    steps = [pod.init("one", "true"), pod.entry("two", "init", pod.helper, "app", "two", "delay=300"),
             pod.init("three", "echo", "three")]  # fmt: skip
    with pod.start(pod.sidecar("log"), *steps, pod.primary()) as run:
        run.line("log started")
        run.line("two started")
        run.kill(signal.SIGTERM)
        result = run.end()
    in_order(result, "two got 15", "two ends")
    in_order(result, "log got 15", "two ends")  # the sidecar did not wait for the step
    assert result.code == 143 and "three" not in result.lines and "main started" not in result.text, result


def test_s13_a_step_s_own_policy_counts_more_than_the_group_s(pod: Pod) -> None:
    step = pod.init("step", "sh", "-c", "echo step; exit 4", restart='"never"')
    result = pod.run(step, pod.primary(), restart='"always"')
    assert result.code == 4 and result.lines.count("step") == 1, result


def test_s14_the_deadline_counts_from_the_group_s_start(pod: Pod) -> None:
    result = pod.run(pod.init("step", "sleep", "60"), pod.primary(), deadline='"300ms"')
    assert result.code == 124 and "DeadlineExceeded" in result.text, result
    assert [line for line in result.lines if "phase" in line][-1] == "pidone: phase Failed", result


def test_s15_a_sidecar_stands_in_the_list_and_is_kept_running(pod: Pod) -> None:
    with pod.start(pod.sidecar("side", "code=3"), pod.primary()) as run:
        run.line("main started")
        run.line("side started")
        os.kill(run.child("side"), signal.SIGTERM)
        run.line("side started", count=2)
        run.kill(signal.SIGTERM)
        assert run.end().code == 0


def test_s16_started_is_running_and_post_start_and_startup(pod: Pod, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    side = pod.sidecar("side", startup=EVENTUALLY % ready, post_start='{ exec = ["sleep", "0.1"] }')
    with pod.start(side, pod.primary()) as run:
        run.line("startup of side: failure", count=2)
        ready.touch()
        run.line("main started")
        run.kill(signal.SIGTERM)
        result = run.end()
    in_order(result, "started side", "post_start of side: success", "side is running(not started",
             "startup of side: success", "side is running(started", "started main")  # fmt: skip


def test_s17_a_sidecar_that_never_starts_keeps_the_group_pending(pod: Pod, tmp_path: Path) -> None:
    side = pod.sidecar("side", startup=EVENTUALLY % (tmp_path / "never"))
    with pod.start(side, pod.primary()) as run:
        run.line("startup of side: failure", count=8)
        assert "phase" not in run.seen.decode() and "main started" not in run.seen.decode()
        run.kill(signal.SIGTERM)
        assert run.end().code == 143
    result = pod.run(side, pod.primary(), start_timeout='"200ms"')  # the limit that a Pod does not have
    assert result.code == 124 and "main started" not in result.text, result
    assert "not everything started within the group's start_timeout" in result.text, result


def test_s18_a_sidecar_that_ends_in_its_post_start_has_not_started(pod: Pod) -> None:
    side = pod.entry(
        "side", "sidecar", "sh", "-c", "exit 5", restart='"never"', post_start='{ exec = ["sleep", "0.2"] }'
    )
    result = pod.run(side, pod.primary())
    assert result.code == 5 and "main started" not in result.text, result
    assert "before it had started" in result.text, result


def test_s19_readiness_does_not_gate(pod: Pod) -> None:
    side = pod.sidecar("side", readiness='{ exec = ["false"], period = "50ms" }')
    with pod.start(side, pod.primary()) as run:
        run.line("main started")
        run.line("readiness of side: failure")
        run.kill(signal.SIGTERM)
        result = run.end()
    assert "side is running(started, not ready)" in result.text and result.code == 0, result


def test_s20_liveness_does_not_gate(pod: Pod) -> None:
    side = pod.sidecar(
        "side", liveness='{ exec = ["false"], period = "100ms", delay = "100ms", failure_threshold = 1 }'
    )
    with pod.start(side, pod.primary(), wrap=HELD) as run:
        run.line("main started")
        run.line("liveness failed once")
        run.line("side started", count=2)
        run.kill(signal.SIGTERM)
        assert run.end().code == 0


def test_s21_a_failed_startup_restarts_under_any_policy_of_the_group(pod: Pod) -> None:
    side = pod.sidecar("side", startup='{ exec = ["false"], period = "50ms", failure_threshold = 1 }')
    with pod.start(side, pod.primary(), restart='"never"', wrap=HELD) as run:
        run.line("side started", count=2)
        assert "startup failed once: exit code 1; stopping it" in run.seen.decode()
        run.kill(signal.SIGTERM)
        assert run.end().code == 143


@pytest.mark.parametrize("code", [0, 3])
def test_s22_a_sidecar_is_restarted_after_any_exit_code(pod: Pod, code: int) -> None:
    side = pod.entry("side", "sidecar", pod.helper, "stamp", "side", str(code), backoff='{ initial = "200ms" }')
    with pod.start(side, pod.primary(), restart='"never"') as run:
        run.line("side is waiting(CrashLoopBackOff)", count=2)
        run.kill(signal.SIGTERM)
        result = run.end()
    assert result.code == 0 and len(stamps(result, "side")) >= 3, result


def test_s23_a_crash_after_the_gate_does_not_hold_later_steps(pod: Pod) -> None:
    side = pod.entry("side", "sidecar", "sh", "-c", "sleep 0.1; exit 1", backoff='{ initial = "60s" }')
    result = pod.run(
        side, pod.init("a", "sleep", "0.3"), pod.init("b", "echo", "b runs"), pod.entry("main", "primary", "true")
    )
    in_order(result, "side is terminated(Error", "b runs", "started main")
    assert result.code == 0, result


def test_s24_a_sidecar_s_restart_leaves_the_primary_alone(pod: Pod) -> None:
    with pod.start(pod.sidecar("side"), pod.primary()) as run:
        run.line("main started")
        run.line("side started")
        before = run.child("main")
        os.kill(run.child("side"), signal.SIGKILL)
        run.line("side started", count=2)
        assert run.child("main") == before
        run.kill(signal.SIGTERM)
        result = run.end()
    assert result.lines.count("main started") == 1 and result.text.count("phase Running") == 1, result


def test_s25_sidecars_never_keep_the_group_alive(pod: Pod) -> None:
    side = pod.entry("side", "sidecar", "false", backoff='{ initial = "60s" }')
    result = pod.run(side, pod.sidecar("log"), pod.entry("main", "primary", "sleep", "0.5"))
    in_order(result, "side is waiting(CrashLoopBackOff)", "main (pid", "log got 15", "log ends")
    assert result.code == 0 and result.text.count("started side") == 2, result
