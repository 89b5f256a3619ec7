"""S26-S53: probes. The HTTP servers are threads of the test.

A PID namespace shares the loopback device.

S1 and so on: docs/reference/pod.md.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from pidone.group.probe import Probe
from pidone.probes.exec import expand
from tests.support.pid1 import HELD, PYTHON, until
from tests.support.pod import Pod, Web, in_order, one_probe, stamps, status, stop

FAST = 'period = "50ms", failure_threshold = 1'


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        ("liveness", "tcp = 80, http = 'http://:80/'", "exactly one of exec, http, tcp, grpc, file, notify, fd"),
        ("liveness", "period = '1s'", "exactly one of"),
        (
            "liveness",
            "exec = 'test -e /x'",
            'a list, such as ["test", "-e", "/x"]; a line for the shell is ["sh", "-c", "test -e /x"]',
        ),
        (
            "liveness",
            "tcp = 80, success_threshold = 2",
            "success_threshold = 1, the only value that liveness allows",
        ),
        (
            "startup",
            "tcp = 80, success_threshold = 2",
            "success_threshold = 1, the only value that startup allows",
        ),
        ("readiness", "tcp = 80, grace = '1s'", "no grace, because a readiness probe stops nothing"),
        ("readiness", "tcp = 80, period = '0s'", "more than 0s"),
        ("readiness", "tcp = 80, timeout = '0s'", "more than 0s"),
        ("readiness", "tcp = 80, failure_threshold = 0", "a whole number from 1 to"),
        ("readiness", "tcp = 80, periods = '1s'", "expected 'period'; there is no 'periods'"),
        ("readiness", "htp = 'http://:80/'", "expected 'http'; there is no 'htp'"),
        ("readiness", "tcp = 80, colour = 1", "there is no 'colour'"),
        ("readiness", "tcpSocket = { port = 80 }", "expected 'tcp'; there is no 'tcpSocket'"),
        ("readiness", "tcp = 80, periodSeconds = 5", "expected 'period'; there is no 'periodSeconds'"),
        ("readiness", "tcp = 80, headers = {}", "there is no 'headers': it belongs to http"),
        ("readiness", "tcp = 80, exec = ['true']", "notify, fd, not exec and tcp"),
        ("readiness", "colour = 1", "notify, fd, not colour"),
        ("readiness", "tcp = true", "readiness.tcp = true: expected"),
        ("readiness", "tcp = 'web'", "readiness: no port 'web' in its ports; there are: none"),
        ("liveness", "fd = 3", "no fd, because a newline can only report readiness"),
        ("readiness", "tcp = 70000", "a port from 1 to 65535"),
        ("readiness", "http = 'ftp://x/'", 'http = "http://127.0.0.1:8080/health"'),
        ("readiness", "notify = true, timeout = '1s'", "no timeout, because with notify the process reports by itself"),
    ],
)
def test_s27_wrong_probes_are_refused(pod: Pod, kind: str, text: str, said: str) -> None:
    assert said in pod.refused(pod.primary(**{kind: f"{{ {text} }}"}))


def test_s28_nothing_else_is_probed_until_startup_has_succeeded(pod: Pod, tmp_path: Path) -> None:
    def logged(what: str, rest: str = "") -> str:
        return f"""{{ exec = ["sh", "-c", "echo {what} >>{tmp_path}/log{rest}"], {FAST.replace("1", "9")} }}"""

    probes = {
        "startup": logged("startup", f"; test $(wc -l <{tmp_path}/log) -ge 3"),
        "liveness": logged("liveness"),
        "readiness": logged("readiness"),
    }
    with pod.start(pod.primary(**probes)) as run:
        run.line("liveness of main: success", count=2)
        run.line("readiness of main: success", count=2)
        stop(run)
    calls = (tmp_path / "log").read_text().split()
    assert calls[:3] == ["startup"] * 3 and "startup" not in calls[3:], calls


def test_s29_liveness_and_readiness_do_not_wait_for_each_other(pod: Pod) -> None:
    keys = {"readiness": f'{{ exec = ["false"], {FAST} }}', "liveness": f'{{ exec = ["true"], {FAST} }}'}
    with pod.start(pod.primary(**keys), wrap=HELD) as run:
        run.line("readiness of main: failure", count=3)
        run.line("liveness of main: success", count=3)
        assert stop(run).code == 0


def test_s30_before_the_first_result_it_is_alive_and_not_ready(pod: Pod) -> None:
    slow = '{ exec = ["sleep", "0.2"], timeout = "5s" }'
    with pod.start(pod.primary(readiness=slow, liveness=slow)) as run:
        run.line("main is running(started, not ready)")
        run.line("main is running(started, ready)")
        result = stop(run)
    in_order(result, "running(started, not ready)", "readiness of main: success", "running(started, ready)")
    assert Probe(("exec", (), 0, 1, 1, 1, 3, None)).result is None  # startup: unknown


def test_s31_the_delay_counts_from_the_process_s_start(pod: Pod) -> None:
    """startup takes 2 s and liveness has a delay of 1.9 s.

    So liveness runs right after startup, and not 1.9 s later.
    """
    keys = {
        "startup": '{ exec = ["sleep", "2"], timeout = "20s" }',
        "liveness": f'{{ exec = ["{pod.helper}", "stamp", "x"], delay = "1900ms", period = "60s" }}',
        "readiness": '{ exec = ["true"], delay = "60s" }',
    }
    with pod.start(pod.primary(**keys)) as run:
        run.line("startup of main: success")
        began = time.monotonic()
        run.line("liveness of main: success")
        assert time.monotonic() - began < 1.8
        result = stop(run)
    assert "readiness of main" not in result.text, result


def test_s32_a_probe_runs_after_its_delay_each_period_one_at_a_time(pod: Pod, tmp_path: Path) -> None:
    script = f"{pod.helper} stamp p >>{tmp_path}/log; sleep 0.15; {pod.helper} stamp q >>{tmp_path}/log"
    keys = {"readiness": f'{{ exec = ["sh", "-c", "{script}"], delay = "200ms", period = "100ms", timeout = "5s" }}'}
    with pod.start(pod.entry("main", "primary", "sh", "-c", f"{pod.helper} stamp main; exec sleep 60", **keys)) as run:
        run.line("readiness of main: success", count=3)
        result = stop(run)
    calls = [line.split() for line in (tmp_path / "log").read_text().splitlines()]
    assert [name for name, _ in calls][:6] == list("pqpqpq"), calls
    assert 0.19 <= float(calls[0][1]) - stamps(result, "main")[0] < 5.0, calls


def test_s33_the_first_readiness_is_asked_as_soon_as_it_has_started(pod: Pod) -> None:
    keys = {"startup": f'{{ exec = ["true"], {FAST} }}', "readiness": '{ exec = ["true"], period = "100s" }'}
    with pod.start(pod.primary(**keys)) as run:
        run.line("main is running(started, ready)")
        in_order(stop(run), "startup of main: success", "readiness of main: success")


def test_s34_below_the_threshold_nothing_is_killed(pod: Pod, tmp_path: Path) -> None:
    script = f"echo x >>{tmp_path}/n; case $(wc -l <{tmp_path}/n) in 1|3|4) exit 1;; esac"
    keys = {"liveness": f'{{ exec = ["sh", "-c", "{script}"], period = "50ms", failure_threshold = 3 }}'}
    with pod.start(pod.primary(**keys)) as run:
        run.line("liveness of main: success", count=3)
        result = stop(run)
    assert result.text.count("liveness of main: failure") == 3 and "stopping it" not in result.text, result


def test_s35_at_the_threshold_it_is_ended_and_no_longer_asked(pod: Pod) -> None:
    main = pod.primary(
        "main", "delay=400", "code=3", liveness='{ exec = ["false"], period = "50ms", failure_threshold = 2 }'
    )
    result = pod.run(main, wrap=HELD)
    in_order(result, "liveness failed 2 times: exit code 1; stopping it", "main got 15", "main ends")
    assert result.text.count("liveness of main: failure") == 2 and result.code == 3, result


def test_s36_readiness_turns_off_and_on_again_and_ends_nothing(pod: Pod, tmp_path: Path) -> None:
    up = tmp_path / "up"
    up.touch()
    with one_probe(
        pod, "readiness", f'file = "{up}", stale = true, period = "50ms", failure_threshold = 2, success_threshold = 2'
    ) as run:
        run.line("main is running(started, ready)")
        up.unlink()
        run.line("main is running(started, not ready)", count=2)
        up.touch()
        run.line("main is running(started, ready)", count=2)
        result = stop(run)
    assert "is ready again" in result.text and result.code == 0, result


def test_s37_a_startup_that_never_succeeds_ends_at_its_threshold(pod: Pod) -> None:
    startup = '{ exec = ["false"], delay = "100ms", period = "100ms", failure_threshold = 3 }'
    script = f"trap '{pod.helper} stamp end; exit 1' TERM; {pod.helper} stamp begin; while :; do sleep 0.01; done"
    main = pod.entry("main", "primary", "sh", "-c", script, startup=startup)
    result = pod.run(main)
    took = stamps(result, "end")[0] - stamps(result, "begin")[0]
    assert 0.25 <= took < 10 and result.text.count("startup of main: failure") == 3, result


def test_s38_a_new_instance_starts_with_fresh_probe_results(pod: Pod) -> None:
    keys = {"startup": f'{{ exec = ["true"], {FAST} }}', "readiness": f'{{ exec = ["true"], {FAST} }}'}
    with pod.start(pod.sidecar("side", **keys), pod.primary()) as run:
        run.line("side is running(started, ready)")
        os.kill(run.child("side"), signal.SIGKILL)
        run.line("side is running(not started, not ready)", count=2)
        run.line("side is running(started, ready)", count=2)
        result = stop(run)
    in_order(result, *["startup of side: success", "readiness of side: success"] * 2)


def test_s39_a_probe_s_own_grace_and_the_group_s_in_a_stop(pod: Pod) -> None:
    side = pod.sidecar(
        "side", "ignore=15", liveness=f'{{ exec = ["false"], {FAST}, grace = "300ms" }}', restart='"never"'
    )
    with pod.start(side, pod.primary(), grace='"10s"', time_scale="0.5", wrap=HELD) as run:
        run.line("the grace of 0.15 s is over: SIGKILL to side")
        assert stop(run).code == 0
    slow = pod.sidecar(
        "side", "ignore=15", liveness=f'{{ exec = ["false"], {FAST}, grace = "60s" }}', restart='"never"'
    )
    with pod.start(slow, pod.primary(), grace='"400ms"', time_scale="0.2", wrap=HELD) as run:
        run.line("side got 15")
        began = time.monotonic()
        result = stop(run)
        assert time.monotonic() - began < 5 and "SIGKILL to side" in result.text, result


def test_s40_an_internal_error_is_retried_three_times_and_discarded(pod: Pod) -> None:
    with one_probe(pod, "liveness", f'exec = ["/nope"], {FAST}') as run:
        run.line("liveness of main: unknown: /nope: no such file or directory", count=7)
        result = stop(run)
    assert "stopping it" not in result.text and result.code == 0, result


def test_s41_exec_s_exit_code_decides_and_a_timeout_is_a_failure(pod: Pod, tmp_path: Path) -> None:
    hang = f"""exec = ["sh", "-c", "sleep 987 & echo $! >{tmp_path}/pid; wait"], timeout = "200ms", {FAST}"""
    with one_probe(pod, "readiness", hang) as run:
        run.line("main started")
        until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text(), "the probe has begun")
        first = (tmp_path / "pid").read_text().strip()
        until(lambda: (tmp_path / "pid").read_text().strip() not in ("", first), "it has been asked again")
        space = f"/proc/{run.pid}/root/proc/{first}/comm"
        until(lambda: not os.path.exists(space), "what the probe had started has ended with it, and is reaped")
        assert stop(run).code == 0


def test_s42_output_changes_nothing(pod: Pod) -> None:
    flood = 'exec = ["sh", "-c", "head -c 1048576 /dev/zero; head -c 1048576 /dev/zero >&2"]'
    with one_probe(pod, "readiness", f'{flood}, period = "50ms", timeout = "10s"') as run:
        run.line("readiness of main: success", count=3)
        result = stop(run)
    assert "\0" not in result.text and result.code == 0, result


def test_s43_a_probe_s_command_knows_the_declared_environment(pod: Pod) -> None:
    """A probe's command expands $(NAME), from the declared environment only. A hook's does not."""
    assert expand(b"$(A) $$(A) $(B) $A $(A", {b"A": b"1"}) == b"1 $(A) $(B) $A $(A"
    keys = {"env": '{ PORT = "80", CODE = "0" }'}
    probe = """exec = ["sh", "-c", "test $(PORT) = 80 -a $CODE = 0 -a '$$(PORT)' = '$''(PORT)'"], period = '60s'"""
    with one_probe(
        pod, "readiness", probe, post_start="""{ exec = ["test", "$(PORT)", "=", "$(PORT)"] }""", **keys
    ) as run:
        run.line("readiness of main: success")
        assert "post_start of main: success" in stop(run).text


def asked(pod: Pod, web: Web, path: str, more: str = "", host: str = "127.0.0.1") -> str:
    """Return the result of a probe of this path: the line that pidone prints."""
    with one_probe(pod, "readiness", f'http = "http://{host}:{web.port}{path}", period = "60s"{more}') as run:
        line = run.line("readiness of main: ")
        stop(run)
    return line.partition("readiness of main: ")[2]


@pytest.mark.parametrize(
    ("code", "verdict"),
    [(200, "success"), (204, "success"), (304, "success"), (399, "success"), (400, "failure"), (500, "failure")],
)
def test_s44_http_succeeds_from_200_to_399(pod: Pod, web: Web, code: int, verdict: str) -> None:
    web.paths["/health"] = status(code)
    assert asked(pod, web, "/health").split(":")[0] == verdict


def test_s44_a_refused_connection_a_reset_and_no_answer_are_failures(pod: Pod) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with one_probe(
            pod, "readiness", f'http = "http://127.0.0.1:{port}/", timeout = "200ms", period = "50ms"'
        ) as run:
            run.line("main is running(started, not ready)")
            server.settimeout(20)
            server.accept()[0].close()
            run.line("readiness of main: failure", count=1)
            stop(run)
    with one_probe(pod, "readiness", f'http = "http://127.0.0.1:{port}/", {FAST}') as run:
        assert "connection refused" in run.line("readiness of main: failure")
        stop(run)


def test_s45_redirects_are_followed_to_the_same_host_only(pod: Pod, web: Web) -> None:
    web.paths["/r"] = status(302, Location="/bad")
    web.paths["/bad"] = status(500)
    assert asked(pod, web, "/r").startswith("failure: it answers with 500")
    web.paths["/away"] = status(302, Location=f"http://localhost:{web.port}/bad")
    assert asked(pod, web, "/away").startswith("success: it redirects to another host, localhost")
    web.paths["/loop"] = status(302, Location="loop")
    web.requests.clear()
    assert asked(pod, web, "/loop").startswith("failure: stopped after 10 redirects")
    assert len(web.requests) == 10


def test_s46_a_final_3xx_is_a_success_with_a_warning(pod: Pod, web: Web) -> None:
    web.paths["/x"] = status(304)
    with one_probe(pod, "liveness", f'http = "http://127.0.0.1:{web.port}/x", {FAST}') as run:
        run.line("liveness of main: success: it answers with 304", count=3)
        result = stop(run)
    assert result.text.count("(said once)") == 1 and "stopping it" not in result.text, result


def test_s47_headers(pod: Pod, web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    web.paths["/x"] = status(200)
    assert asked(pod, web, "/x") == "success"
    _, headers = web.requests.pop()
    assert headers["user-agent"].startswith("pidone-probe/") and headers["accept"] == "*/*", headers
    assert headers["connection"] == "close" and "accept-encoding" not in headers
    assert headers["host"] == f"127.0.0.1:{web.port}"
    more = ', headers = { Host = "example.org", user-agent = "", Accept = "text/plain", X-Y = "z" }'
    assert asked(pod, web, "/x", more) == "success"
    _, headers = web.requests.pop()
    assert headers["host"] == "example.org" and "user-agent" not in headers
    assert (headers["accept"], headers["x-y"]) == ("text/plain", "z")


def drip(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    try:
        while True:
            handler.wfile.write(b".")
            handler.wfile.flush()
            time.sleep(0.02)
    except OSError:
        pass


def test_s48_a_long_body_does_no_harm_and_a_dripping_one_times_out(pod: Pod, web: Web) -> None:
    web.paths["/long"] = status(200, b"x" * (1 << 20))
    assert asked(pod, web, "/long") == "success"
    web.paths["/drip"] = drip
    with one_probe(
        pod, "readiness", f'http = "http://127.0.0.1:{web.port}/drip", timeout = "300ms", period = "50ms"'
    ) as run:
        drips = "/drip"
        until(
            lambda: [path for path, _ in web.requests].count(drips) > 2,
            "two have been given up, although they drip all the while",
        )
        result = stop(run)
    assert "readiness of main: success" not in result.text, result


def hold(answer: bytes) -> Any:
    """Answer, and keep the connection open."""

    def handle(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(answer)
        handler.wfile.flush()
        time.sleep(5)

    return handle


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    ],
)  # fmt: skip
def test_s44_a_complete_answer_is_enough_on_an_open_connection(pod: Pod, web: Web, answer: bytes) -> None:
    web.paths["/x"] = hold(answer)
    assert asked(pod, web, "/x") == "success"


def test_s44_an_answer_without_http_or_a_bad_redirect_is_a_failure(pod: Pod, web: Web) -> None:
    web.paths["/x"] = hold(b"SSH-2.0\r\n\r\n")
    assert asked(pod, web, "/x").startswith("failure: its answer is not HTTP")
    web.paths["/y"] = status(302, Location="http://127.0.0.1:99999999999999999999999/")
    assert asked(pod, web, "/y").startswith("failure: it redirects to http://127.0.0.1:9999")


def test_s49_an_empty_host_is_the_loopback(pod: Pod, web: Web) -> None:
    web.paths["/x"] = status(200)
    assert asked(pod, web, "/x", host="") == "success"


def test_s50_a_completed_connect_is_a_success(pod: Pod) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        accepting = threading.Thread(target=lambda: server.accept()[0].close(), daemon=True)
        accepting.start()
        with one_probe(pod, "liveness", f'tcp = "127.0.0.1:{server.getsockname()[1]}", period = "60s"') as run:
            run.line("liveness of main: success")
            stop(run)


def test_s52_a_port_has_a_name(pod: Pod, web: Web) -> None:
    web.paths["/x"] = status(200)
    ports = f"{{ web = {web.port} }}"
    with one_probe(pod, "readiness", 'http = "http://:web/x", period = "60s"', ports=ports) as run:
        run.line("readiness of main: success")
        stop(run)
    with one_probe(pod, "liveness", 'tcp = "web", period = "60s"', ports=ports) as run:
        run.line("liveness of main: success")
        stop(run)
    assert "no port 'wep' in its ports; there are: web" in pod.refused(
        pod.primary(liveness='{ tcp = "wep" }', ports=ports)
    )


def test_s53_in_the_stop_only_readiness_goes_on(pod: Pod) -> None:
    keys = {"readiness": f'{{ exec = ["true"], {FAST} }}', "liveness": f'{{ exec = ["true"], {FAST} }}'}
    with pod.start(pod.sidecar("side", **keys), pod.primary("main", "delay=500", **keys), wrap=HELD) as run:
        run.line("liveness of main: success")
        run.line("liveness of side: success")
        run.kill(signal.SIGTERM)
        result = run.end()
    after = result.text.partition("signal SIGTERM")[2]
    assert after.count("readiness of main: success") > 2 and after.count("readiness of side: success") > 2, result
    assert "liveness of" not in after and after.count("got 15") == 2, result


# -- not in Kubernetes: a process that notifies


NOTIFY = """
import os, socket, sys, time
def say(text):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.connect("\\0" + os.environ["NOTIFY_SOCKET"][1:])
        s.send(text if isinstance(text, bytes) else text.encode())
"""


def python(pod: Pod, write: Any, script: str, role: str = "primary", name: str = "main", **keys: str) -> str:
    path = write(f"{name}.py", NOTIFY + script)
    return pod.entry(name, role, "/usr/bin/python3", path, **keys)


def test_notify_reports_the_start_and_the_stop_of_a_process(pod: Pod, write: Any) -> None:
    side = python(
        pod, write, 'say("STATUS=warming up"); time.sleep(0.3); say("X=1\\nREADY=1"); time.sleep(0.1)\n'
        'say("STOPPING=1"); time.sleep(60)', "sidecar", "side",
        startup="{ notify = true }", readiness="{ notify = true }",
    )  # fmt: skip
    with pod.start(side, pod.primary()) as run:
        run.line("main started")
        run.line("side is running(started, not ready)")
        result = stop(run)
    in_order(result, "running(not started, not ready)", "says: ready", "started main", "not ready)")
    in_order(result, "says: warming up", "says: ready")
    in_order(result, "side is running(started, ready)", "side is running(started, not ready)")


def test_a_missing_notification_fails_the_start(pod: Pod, write: Any) -> None:
    side = python(pod, write, "time.sleep(60)", "sidecar", "side", restart='"never"',
                  startup='{ notify = true, period = "100ms", failure_threshold = 2 }')  # fmt: skip
    result = pod.run(side, pod.primary())
    assert result.code == 143 and "startup failed" in result.text and "no notification came" in result.text, result


def test_a_watchdog_that_is_not_fed_ends_the_process(pod: Pod, write: Any) -> None:
    script = 'assert os.environ["WATCHDOG_USEC"] == "1000000"\nfor _ in range(8): say("WATCHDOG=1"); time.sleep(0.1)\n'
    script += "time.sleep(60)"
    main = python(pod, write, script, liveness='{ notify = true, period = "1s" }')
    result = pod.run(main)
    assert result.text.count("says: watchdog") == 8 and result.code == 143, result
    in_order(result, "says: watchdog", "liveness failed once: no notification came; stopping it")


@pytest.mark.parametrize("datagram", ['b""', 'b"x" * 65536', 'b"\\xff\\0\\x80" * 30', 'b"READY=1" * 9', 'b"READY=2"'])
def test_an_invalid_notify_datagram_changes_nothing(pod: Pod, write: Any, datagram: str) -> None:
    script = f"try: say({datagram})\nexcept OSError: pass\n"
    script += "say(b'WATCHDOG=1'); time.sleep(0.2); say('READY=1'); time.sleep(60)"
    side = python(pod, write, script, "sidecar", "side", startup="{ notify = true }")
    with pod.start(side, pod.primary()) as run:
        run.line("main started")
        result = stop(run)
    assert result.text.count("says: ready") == 1 and result.code == 0, result


def test_a_datagram_of_another_process_of_the_group_does_not_count(pod: Pod, write: Any, tmp_path: Path) -> None:
    side = python(pod, write, f'open("{tmp_path}/name", "w").write(os.environ["NOTIFY_SOCKET"])\n'
                  f'os.rename("{tmp_path}/name", "{tmp_path}/socket"); time.sleep(0.5); say("READY=1")\ntime.sleep(60)',
                  "sidecar", "side", startup="{ notify = true }")  # fmt: skip
    liar = python(pod, write, f'while not os.path.exists("{tmp_path}/socket"): time.sleep(0.01)\n'
                  f'os.environ["NOTIFY_SOCKET"] = open("{tmp_path}/socket").read(); say("READY=1"); time.sleep(60)',
                  "sidecar", "liar", after="[]")  # fmt: skip
    with pod.start(liar, side, pod.primary()) as run:
        run.line("ignored a notification for side from pid ")
        assert "main started" not in run.seen.decode()
        run.line("main started")
        assert stop(run).code == 0


def test_a_reload_that_is_quickly_over_leaves_it_ready(pod: Pod, write: Any) -> None:
    script = 'say("READY=1"); say("RELOADING=1"); say("READY=1"); time.sleep(60)'
    with pod.start(python(pod, write, script, readiness="{ notify = true }")) as run:
        run.line("says: ready", count=2)
        assert stop(run).text.count("main is running(started, ready)") == 2


def test_the_listener_s_death_ends_no_other_process(pod: Pod, write: Any) -> None:
    script = "while True:\n try: say('WATCHDOG=1')\n except OSError: print('deaf', flush=True)\n time.sleep(0.05)"
    with pod.start(python(pod, write, script, liveness='{ notify = true, period = "500ms" }')) as run:
        run.line("says: watchdog")
        listener = next(pid for name, pid in run.children().items() if name == "pidone")
        os.kill(listener, signal.SIGKILL)
        run.line("the listener for sd_notify exited: it was killed by SIGKILL; starting another")
        before = run.seen.decode().count("says: watchdog")
        run.line("says: watchdog", count=before + 20)
        result = stop(run)
    assert "stopping it" not in result.text, result


@pytest.mark.parametrize("launcher", ["ends at once", "waits until it has been said"])
def test_a_daemon_can_notify_before_it_is_found(pod: Pod, write: Any, tmp_path: Path, launcher: str) -> None:
    """The notification comes while the launcher runs or is a zombie.

    Then the sender is an orphan with a session of its own.
    """
    wait = "os.read(said[0], 1)" if launcher != "ends at once" else "0"
    script = f"""
said = os.pipe()
if os.fork(): os.close(said[1]), {wait}, os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
while os.getppid() != 1: time.sleep(0.001)
os.setsid()
say("READY=1")
os.close(said[1])
time.sleep(0.3)
open("{tmp_path}/d.pid", "w").write(str(os.getpid()))
time.sleep(60)"""
    keys = {"daemonizes": "true", "pid_file": f'"{tmp_path}/d.pid"', "startup": "{ notify = true }"}
    with pod.start(python(pod, write, script, "sidecar", "d", **keys), pod.primary()) as run:
        run.line("main started")
        result = stop(run)
    assert "does not count" not in result.text and result.code == 0, result


def test_a_descriptor_flooded_without_a_newline_is_closed(pod: Pod) -> None:
    side = pod.entry(
        "side", "sidecar", "sh", "-c", "cat /dev/zero >&3; echo broken; exec sleep 60", startup="{ fd = 3 }"
    )
    with pod.start(side, pod.primary()) as run:
        run.line("broken")
        assert stop(run).code == 143


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("restart_rules", "[{ in = [1], action = ['x'] }]", 'action = "restart" or "restart-all"'),
        ("nice", "0x" + "f" * 5000, "nice = a number with too many digits: expected "),
        ("liveness", "[1]", "a table, such as"),
        ("startup", "{ fd = 3 }\nreadiness = { fd = 4 }", "startup and readiness must use the same way"),
        ("readiness", "{ notify = true, success_threshold = 2 }", "no threshold"),
        ("pause", "true\ndaemonizes = true\npid_file = '/x'", "runs no program"),
        ("backoff", "{ initial = '0s' }\nrestart = 'always'", "at least 1ms"),
    ],
)
def test_no_value_causes_a_traceback(pod: Pod, key: str, value: str, said: str) -> None:
    text = pod.refused(pod.primary(**{key: value}))
    assert said in text and "Error" not in text, text


def test_a_newline_on_a_descriptor_says_that_it_is_ready(pod: Pod) -> None:
    script = "echo begins; sleep 0.1; printf almost >&9; sleep 0.1; echo >&9; exec sleep 60"
    side = pod.entry("side", "sidecar", "sh", "-c", script, startup="{ fd = 9 }")
    with pod.start(side, pod.primary()) as run:
        run.line("main started")
        result = stop(run)
    in_order(result, "begins", "says: ready", "started main")


def test_only_the_process_has_the_descriptor_new_at_each_start(pod: Pod) -> None:
    script = "echo >&3; for p in /proc/self/fd/*; do echo fd ${p##*/}; done; exec sleep 60"
    side = pod.entry("side", "sidecar", "sh", "-c", script, startup="{ fd = 3 }")
    with pod.start(
        side, pod.entry("main", "primary", "sh", "-c", "test -e /proc/self/fd/3 || while :; do read x; done")
    ) as run:
        run.line("started main")
        os.kill(run.children()["sleep"], signal.SIGKILL)
        run.line("says: ready", count=2)
        assert stop(run).code == 143


def test_a_probe_that_forks_and_floods_costs_nothing(pod: Pod, tmp_path: Path) -> None:
    bombs = tmp_path / "bombs"
    script = f"echo x >>{bombs}; for i in 1 2 3 4 5 6 7 8; do yes & done; wait"
    bomb = f'exec = ["sh", "-c", "{script}"], timeout = "200ms", period = "100ms"'
    with one_probe(pod, "readiness", bomb) as run:
        until(lambda: bombs.exists() and len(bombs.read_text()) >= 6, "three have been started, and two killed")
        time_to_answer = time.monotonic()
        run.kill(signal.SIGUSR1)
        run.line("main got 10")
        assert time.monotonic() - time_to_answer < 2
        result = stop(run)
    assert result.code == 0, result


def test_a_newline_counts_for_its_writer_even_if_numbers_are_reused(pod: Pod) -> None:
    """After the first newline, its descriptor closes, and a new process gets the same number."""
    first = pod.entry("first", "sidecar", "sh", "-c", "echo >&3; exec sleep 60", startup="{ fd = 3 }")
    many = pod.entry(
        "w", "sidecar", "sh", "-c", "echo >&3; exec sleep 60", readiness="{ fd = 3 }", after='["first"]', replicas="8"
    )
    with pod.start(first, many, pod.primary()) as run:
        for number in range(8):
            run.line(f"w-{number} is running(started, ready)")
        run.line("main started")
        assert stop(run).code == 0


def test_the_listener_ends_even_if_the_caller_has_blocked_sigterm(pod: Pod) -> None:
    wrap = [
        PYTHON,
        "-c",
        "import os, signal, sys; signal.pthread_sigmask(0, [15]); os.execvp(sys.argv[1], sys.argv[1:])",
    ]
    side = pod.sidecar("side", liveness='{ notify = true, period = "100s" }', stop_signal='"SIGKILL"')
    with pod.start(side, pod.entry("main", "primary", "sleep", "0.1"), wrap=wrap, grace='"600s"') as run:
        assert run.end().code == 0


@pytest.mark.parametrize("flood", ['say("READY=1\\nSTOPPING=1\\n" * 200)', 'say("READY=1"); say("RELOADING=1")'])
def test_pid_1_stays_responsive_and_quiet_in_a_notification_flood(pod: Pod, write: Any, flood: str) -> None:
    side = python(pod, write, f"while True:\n try: {flood}\n except OSError: pass", "sidecar", "side",
                  readiness="{ notify = true }", stop_signal='"SIGKILL"')  # fmt: skip
    with pod.start(side, pod.primary(), options=()) as run:
        run.line("main started")
        run.line("is not ready")
        run.kill(signal.SIGUSR1)
        run.line("main got 10")
        run.kill(signal.SIGTERM)
        began = time.monotonic()
        result = run.end()
    assert result.code == 0 and time.monotonic() - began < 8, result
    assert result.text.count("is not ready") < 20, result


def test_a_group_of_one_is_probed_without_v(pod: Pod) -> None:
    """Without -v, only its probes need the event that the process was executed."""
    main = pod.primary(liveness='{ exec = ["false"], period = "50ms" }')
    with pod.start(main, options=()) as run:
        result = run.end()
    assert "liveness failed 3 times: exit code 1" in result.text, result
