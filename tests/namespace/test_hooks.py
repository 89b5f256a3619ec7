"""S68-S74: hooks.

S1 and so on: docs/reference/pod.md.
"""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.support.pid1 import HELD
from tests.support.pod import Pod, Web, in_order, status


def test_s68_post_start_and_the_process_run_at_the_same_time(pod: Pod, tmp_path: Path) -> None:
    """Both run at once: the process waits for the hook's file, then the hook for the process's."""
    script = f"until [ -e {tmp_path}/hook ]; do sleep 0.01; done; touch {tmp_path}/main; exec sleep 60"
    hook = f"touch {tmp_path}/hook; until [ -e {tmp_path}/main ]; do sleep 0.01; done"
    main = pod.entry("main", "primary", "sh", "-c", script, post_start=f'{{ exec = ["sh", "-c", "{hook}"] }}')
    with pod.start(main) as run:
        run.line("post_start of main: success")
        run.kill(signal.SIGTERM)
        assert run.end().code == 143


def test_s69_no_process_is_running_or_probed_before_post_start_ends(pod: Pod) -> None:
    keys = {"post_start": '{ exec = ["sleep", "0.3"] }', "readiness": '{ exec = ["true"], period = "50ms" }'}
    with pod.start(pod.sidecar("side", **keys), pod.primary()) as run:
        run.line("main started")
        run.kill(signal.SIGTERM)
        result = run.end()
    in_order(result, "started side", "post_start of side: success", "side is running(started", "started main")
    before = result.text.partition("post_start of side: success")[0]
    assert "readiness" not in before and "side is running" not in before, result


def test_s70_a_failed_post_start_ends_and_restarts_the_process(pod: Pod) -> None:
    keys = {"post_start": '{ exec = ["false"] }', "pre_stop": '{ exec = ["true"] }', "backoff": '{ initial = "60s" }'}
    with pod.start(pod.sidecar("side", **keys), pod.primary(), wrap=HELD) as run:
        run.line("side is waiting(PostStartHookError)")
        run.kill(signal.SIGTERM)
        result = run.end()
    in_order(
        result,
        "post_start failed: exit code 1; stopping it",
        "pre_stop of side: success",
        "side got 15",
        "restart 1 now",
    )
    assert "main started" not in result.text and result.code == 143, result


@pytest.mark.parametrize("cause", ["stop", "liveness", "startup", "post_start", "itself"])
def test_s71_pre_stop_runs_before_the_signal_whenever_pidone_ends_it(pod: Pod, cause: str) -> None:
    keys = {"pre_stop": '{ exec = ["sleep", "0.1"] }', "restart": '"never"'}
    if cause in ("liveness", "startup"):
        keys[cause] = '{ exec = ["false"], period = "50ms", failure_threshold = 1 }'
    if cause == "post_start":
        keys[cause] = '{ exec = ["false"] }'
    with pod.start(pod.primary("main", "ends=10", **keys), wrap=HELD) as run:
        run.line("main started")
        if cause in ("stop", "itself"):
            run.line("main is running(started, ready)")
            run.kill(signal.SIGTERM if cause == "stop" else signal.SIGUSR1)
        result = run.end()
    if cause == "itself":
        assert "pre_stop" not in result.text, result
    else:
        in_order(result, "pre_stop of main: success", "main got 15", "main ends")


def test_s72_a_failed_pre_stop_is_reported_and_the_stop_continues(pod: Pod) -> None:
    with pod.start(pod.primary(pre_stop='{ exec = ["sh", "-c", "exit 7"] }'), wrap=HELD) as run:
        run.line("main is running(started")
        run.kill(signal.SIGTERM)
        result = run.end()
    in_order(result, "pre_stop failed: exit code 7; the stop continues", "main got 15")
    assert result.code == 0, result


def test_s73_any_http_answer_succeeds_and_no_answer_fails(pod: Pod, web: Web) -> None:
    web.paths["/hook"] = status(500)
    for scheme in ("http", "https"):  # a server without HTTPS gets the request by HTTP
        hook = f'{{ http = "{scheme}://127.0.0.1:{web.port}/hook", headers = {{ X-Hook = "1" }} }}'
        with pod.start(pod.primary(post_start=hook)) as run:
            run.line("main is running(started")
            run.kill(signal.SIGTERM)
            assert "post_start of main: success" in run.end().text
        assert web.requests.pop()[1]["x-hook"] == "1"
    result = pod.run(pod.primary(post_start='{ http = "http://127.0.0.1:9/" }'))
    assert "post_start failed: 127.0.0.1:9: connection refused" in result.text, result


def test_s73_sleep_waits_and_must_not_be_longer_than_the_grace(pod: Pod) -> None:
    with pod.start(pod.primary(pre_stop='{ sleep = "300ms" }')) as run:
        run.line("main is running(started")
        began = time.monotonic()
        run.kill(signal.SIGTERM)
        run.line("main got 15")
        assert 0.3 <= time.monotonic() - began < 3
        assert run.end().code == 0
    assert "it sleeps longer than the grace of 6 s" in pod.refused(pod.primary(pre_stop='{ sleep = "9s" }'))
    shell = 'a line for the shell is ["sh", "-c", "sleep 5"]'
    assert shell in pod.refused(pod.primary(pre_stop='{ exec = "sleep 5" }'))
    assert "a hook that only connects does nothing" in pod.refused(pod.primary(pre_stop="{ tcp = 80 }"))


def test_s74_a_hook_s_output_is_dropped_except_a_failure_s_last_line(pod: Pod) -> None:
    hook = '{ exec = ["sh", "-c", "echo secret; echo secret >&2; printf \'\\\\033[2Jno\\\\tfile\'; exit 1"] }'
    with pod.start(pod.primary(pre_stop=hook)) as run:
        run.line("main is running(started")
        run.kill(signal.SIGTERM)
        result = run.end()
    assert "secret" not in result.text and "\x1b" not in result.text, result
    assert "pre_stop failed: exit code 1: [2Jno file; the stop continues" in result.text, result


def test_a_pre_stop_that_never_ends_is_cut_off_when_the_grace_ends(pod: Pod) -> None:
    with pod.start(pod.primary(pre_stop='{ exec = ["sleep", "987"] }'), grace='"4s"', time_scale="0.25") as run:
        run.line("main is running(started")
        began = time.monotonic()
        run.kill(signal.SIGTERM)
        result = run.end()
    assert 1.0 <= time.monotonic() - began < 10 and result.code == 0, result
    in_order(result, "pre_stop failed: it did not exit within the grace; the stop continues", "main got 15")


def test_a_post_start_that_never_ends_ends_with_the_stop(pod: Pod) -> None:
    with pod.start(pod.primary(post_start='{ exec = ["sleep", "987"] }')) as run:
        run.line("main started")
        hook = run.child("987")
        run.kill(signal.SIGTERM)
        assert run.end().code == 0
    assert not Path(f"/proc/{hook}").exists()
