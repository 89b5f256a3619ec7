"""[metrics]: Prometheus metrics and /health of a real group."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pidone.control.client import NoAnswerError, ask_once
from tests.support.control import Line
from tests.support.files import process
from tests.support.pid1 import Pidone, Running, Write, until


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def scrape(port: int) -> dict[tuple[str, tuple[str, ...]], float]:
    """Return {(name, values of the labels in the order of their names): value}."""
    families = text_string_to_metric_families(get(port, "/metrics")[1])
    return {
        (s.name, tuple(value for _, value in sorted(s.labels.items()))): s.value
        for family in families
        for s in family.samples
    }


def server(run: Running, port: int) -> int:
    """Return the outer pid of the child of PID 1 that listens at this port.

    It finds the port by the local address, state and inode of net/tcp (proc(5)).
    """
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    inode = next(row[9] for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "0A")
    for pid in Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split():
        with contextlib.suppress(OSError):
            links = [os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()]
            if f"socket:[{inode}]" in links:
                return int(pid)
    raise AssertionError("nobody listens")


def test_metrics_show_the_same_state_as_status(
    pidone: Pidone, helper: str, write: Write, tmp_path: Path, port: int
) -> None:
    line = Line(pidone, write, tmp_path / "c.sock")
    probe = f"readiness = {{ file = '{tmp_path}/ready', period = '50ms' }}"
    loop = process("loop", "sidecar", "sh", "-c", "exit 3", more="backoff = { initial = '60s' }")
    log = process("log", "sidecar", helper, "app", "log", more=probe)
    main = process("main", "primary", helper, "app", "main")
    with line.start(log, loop, main, f"[metrics]\nlisten = '127.0.0.1:{port}'\n") as run:
        run.line("main started")
        until(
            lambda: scrape(port).get(("pidone_process_restarts_total", ("loop", "sidecar"))) == 1.0,
            "it has been restarted",
        )
        found = scrape(port)
        assert (
            found["pidone_process_up", ("main", "primary")] == 1.0 and found["pidone_group_phase", ("Running",)] == 1.0
        )
        assert found["pidone_process_ready", ("log", "sidecar")] == 0.0
        assert found["pidone_process_exits_total", ("3", "loop")] == 2.0
        assert found["pidone_probes_total", ("failure", "readiness", "log")] >= 1.0
        assert found["pidone_probe_seconds_total", ("failure", "readiness", "log")] > 0.0
        assert found["pidone_process_resident_bytes", ("main",)] > 4096
        until(lambda: scrape(port)["pidone_zombies", ()] == 0.0, "nobody waits to be reaped")
        code, text = get(port, "/health")
        assert code == 503 and "log is running(started, not ready)" in text, text
        (tmp_path / "ready").touch()
        until(lambda: scrape(port)["pidone_process_ready", ("log", "sidecar")] == 1.0, "it is ready")
        assert get(port, "/nope")[0] == 404
        run.kill(signal.SIGTERM)
        result = run.end()
    assert result.code == 0 and result.err.count("metrics") == 0, result


def test_a_daemon_s_cpu_time_and_memory_are_those_of_its_session(
    pidone: Pidone, helper: str, write: Write, tmp_path: Path, port: int
) -> None:
    """The daemon leads no session: the process that started it does.

    The processor time of a worker still counts after the worker has ended.
    """
    line = Line(pidone, write, tmp_path / "c.sock")
    work = write("work", "#!/bin/sh\n(i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done)\ntouch worked\nsleep 1000\n")
    launch = write("launch", f"#!/bin/sh\ncd {tmp_path} && setsid sh -c '{work} & echo $! >pid.new; mv pid.new pid'\n")
    more = f"daemonizes = true\npid_file = '{tmp_path}/pid'\n"
    daemon = process("daemon", "sidecar", launch, more=more)
    with line.start(
        daemon, process("main", "primary", helper, "app", "main"), f"[metrics]\nlisten = '127.0.0.1:{port}'\n"
    ) as run:
        run.line("main started")
        until((tmp_path / "worked").exists, "its worker has ended")
        until(lambda: get(port, "/metrics")[0] == 200, "it serves")
        found = scrape(port)
        assert found["pidone_process_cpu_seconds_total", ("daemon",)] > 0.02
        assert found["pidone_process_resident_bytes", ("daemon",)] > 4096
        assert 0 <= found["pidone_reap_wait_seconds_max", ()] < 5
        run.kill(signal.SIGTERM)
        assert run.end().code == 0


@pytest.mark.once
def test_a_server_that_dies_is_reported_and_affects_nothing_else(
    pidone: Pidone, helper: str, write: Write, tmp_path: Path, port: int
) -> None:
    line = Line(pidone, write, tmp_path / "c.sock")
    with line.start(process("main", "primary", helper, "app", "main"), f"[metrics]\nlisten = '127.0.0.1:{port}'\n",
                    group="time_scale = 1.0") as run:  # fmt: skip
        run.line("main started")
        until(lambda: get(port, "/health")[0] == 200, "it serves")
        os.kill(server(run, port), signal.SIGKILL)
        run.kill(signal.SIGUSR1)
        run.line("main got 10")
        until(lambda: get(port, "/health")[0] == 200, "it serves again")
        run.kill(signal.SIGTERM)
        result = run.end()
    assert result.code == 0 and "pidone: no metrics: it was killed by SIGKILL; trying again in 5 s" in result.err, (
        result
    )


def test_a_port_in_use_is_reported(pidone: Pidone, helper: str, write: Write, tmp_path: Path) -> None:
    line = Line(pidone, write, tmp_path / "c.sock")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        metrics = f"[metrics]\nlisten = '127.0.0.1:{number}'\n"
        with line.start(process("main", "primary", "sleep", "60"), metrics, stderr=subprocess.STDOUT) as run:
            words = f"no metrics: cannot listen on 127.0.0.1:{number}: address already in use; trying again in 5 s"
            run.line(f"pidone: {words}")
            run.kill(signal.SIGTERM)
            assert run.end().code == 143


def test_a_missing_library_is_reported_once(write: Write, tmp_path: Path, source: Path) -> None:
    """The interpreter hides the library."""
    hide = tmp_path / "hide"
    hide.mkdir()
    boot = (
        f"import sys; sys.path.insert(0, {str(source)!r}); sys.modules['prometheus_client'] = None;"
        "from pidone.init.main import main; main()"
    )
    file = write(
        "g.toml",
        f"[group]\ncontrol = '{tmp_path}/c.sock'\n" + process("main", "primary", "sleep", "60")
        + "[metrics]\nlisten = '127.0.0.1:1'\n",
    )  # fmt: skip
    with Pidone(sys.executable, "-I", "-c", boot).start("-c", file, stderr=subprocess.STDOUT) as run:
        run.line("pidone: no metrics: the package prometheus-client is missing: pip install 'pidone[metrics]'")
        run.kill(signal.SIGTERM)
        assert run.end().text.count("no metrics") == 1


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("[metrics]\nlisten = 9900", 'expected listen = "127.0.0.1:9900"'), ("[metrics]", "[metrics]: no listen"),
        ("[metrics]\nport = 9", "unknown key 'port'"), ("metrics = 1", "'metrics' is a table"),
        ("[group]\ncontrol = false\n[metrics]\nlisten = '[::1]:9'", "needs the control socket"),
    ],
)  # fmt: skip
def test_wrong_metrics_tables_are_refused(pidone: Pidone, write: Write, lines: str, words: str) -> None:
    result = pidone.run("-c", write("g.toml", f"{lines}\n{process('main', 'primary', 'true')}"))
    assert result.code == 2 and words in result.err, result


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "no answer within 0.2 s"), (b"", "pidone closed the connection"), (b"HTTP/1.1 400\n", "is not pidone"),
        (b"[1]\n", "is not pidone"), (b'{"ok": true}\n', "answers in schema 1, and this pidonectl knows 2"),
    ],
)  # fmt: skip
def test_a_scrape_times_out_if_pid_1_does_not_answer(tmp_path: Path, answer: bytes | None, words: str) -> None:
    """A suspended or traced PID 1 does not answer, and the server serves one scrape at a time."""
    with socket.socket(socket.AF_UNIX) as line, ThreadPoolExecutor(1) as other:
        line.bind(str(tmp_path / "c"))
        line.listen()
        asked = other.submit(ask_once, str(tmp_path / "c"), {"do": "status"}, 0.2)
        if answer is not None:
            with line.accept()[0] as client:
                client.sendall(answer)
        with pytest.raises(NoAnswerError, match=words):
            asked.result()
