"""Dockerfile.example: a web application of four real programs under pidone, in a real container."""

from __future__ import annotations

import json
import re

import pytest

from tests.support.engine import Container, Run, mount
from tests.support.pid1 import ROOT, Write, until

NAMES = {"rsyslogd": "log", "python3": "compute", "nginx": "api", "gunicorn": "main"}

FETCH = """
import json, sys, urllib.error, urllib.request
try:
    data = sys.argv[2].encode() if len(sys.argv) > 2 else None
    with urllib.request.urlopen("http://127.0.0.1:8080" + sys.argv[1], data, timeout=5) as answer:
        print(json.dumps([answer.status, json.load(answer)]))
except urllib.error.HTTPError as error:
    print(json.dumps([error.code, None]))
"""


def fetch(container: Container, *arguments: str) -> tuple[int, dict[str, object]]:
    status, body = json.loads(container.exec("python3", "-c", FETCH, *arguments).text)
    return int(status), body


def healthy(container: Container) -> Container:
    until(lambda: container.inspect()["State"]["Health"]["Status"] == "healthy", "docker says healthy")
    return container


def started(container: Container) -> list[str]:
    """Return the names in the order in which pidone -v prints that they started."""
    return re.findall(r"^pidone: started (\S+) \(pid", container.logs()[1], re.M)


def ended(container: Container) -> list[str]:
    return re.findall(r"^pidone: (\S+) \(pid \d+\) ended with exit code 0$", container.logs()[1], re.M)


def test_the_group_comes_up_in_order_and_does_its_work(run: Run) -> None:
    container = healthy(run("web", "-v"))
    assert started(container) == ["log", "compute", "api", "main"]
    status, body = fetch(container, "/")
    assert status == 200 and body["hello"] == "world"
    status, job = fetch(container, "/jobs", '{"number": 10403}')
    assert status == 202
    until(lambda: fetch(container, f"/jobs/{job['job']}")[1]["factors"] == [101, 103], "the worker has done the job")
    assert fetch(container, "/nosuch")[0] == 404
    container.said("nginx: 127.0.0.1 - - [")
    container.said(f"compute: job {job['job']} is done")
    assert "main: job" in container.logs()[0]


def test_pidone_is_pid_1_and_nothing_runs_as_root(run: Run) -> None:
    container = healthy(run("web"))
    script = "for p in /proc/[0-9]*; do echo $(stat -c %u $p) ${p#/proc/} $(cat $p/comm); done"
    rows = [line.split() for line in container.exec("sh", "-c", script, check=False).lines if len(line.split()) == 3]
    assert {row[0] for row in rows} == {"1000"}, rows
    assert next(row[2] for row in rows if row[1] == "1") == "pidone"
    assert set(NAMES) <= {row[2] for row in rows}


def test_docker_stop_ends_it_in_order_and_in_time(run: Run) -> None:
    container = healthy(run("web", "-v"))
    result, took = container.stop()
    assert result.code == 0 and took < 10, (took, result)
    assert ended(container) == ["main", "api", "compute", "log"], result
    assert "SIGKILL" not in result.err, result
    assert "compute: stopped" in result.text, result  # the log still ran to take the line


def test_requests_under_way_are_answered_before_it_ends(run: Run) -> None:
    """nginx ends by SIGQUIT, after the application.

    An accepted request gets an answer or a refusal. None is cut off.
    """
    container = healthy(run("web"))
    assert fetch(container, "/health") == (200, {"ok": True})
    result, _ = container.stop()
    assert result.code == 0 and "GET /health" in result.text, result


@pytest.mark.parametrize(("number", "code"), [("KILL", 137), ("SEGV", 139)])
def test_killing_main_ends_the_container_with_main_s_code(run: Run, number: str, code: int) -> None:
    container = healthy(run("web", "-v"))
    main = re.search(r"started main \(pid (\d+)\)", container.logs()[1])
    assert main
    container.exec("sh", "-c", f"kill -{number} {main[1]}")
    result = container.end()
    assert result.code == code, result
    assert f"main (pid {main[1]}) was killed by SIG{number}, which pidone did not send" in result.err, result
    assert ended(container) == ["api", "compute", "log"], result  # and not by SIGKILL, as without an init


def test_a_killed_sidecar_is_started_again_and_does_its_work(run: Run) -> None:
    container = healthy(run("web", "-v"))
    compute = re.search(r"started compute \(pid (\d+)\)", container.logs()[1])
    assert compute
    container.exec("sh", "-c", f"kill -9 {compute[1]}")
    container.said(f"sidecar compute (pid {compute[1]}) was killed by SIGKILL; restart 1 now")
    job = fetch(container, "/jobs", '{"number": 10403}')[1]
    until(lambda: fetch(container, f"/jobs/{job['job']}")[1]["factors"] == [101, 103], "the new worker has done it")
    assert container.stop()[0].code == 0


def test_a_main_that_hangs_is_ended_by_its_liveness_probe(run: Run, write: Write) -> None:
    """The test suspends gunicorn: its socket still accepts, but no answer comes."""
    text = (ROOT / "config" / "web" / "pidone.toml").read_text()
    file = write("pidone.toml", text.replace('period = "10s", timeout = "5s"', 'period = "500ms", timeout = "500ms"'))
    container = healthy(run(*mount(file), "web", "-v"))
    script = "for p in /proc/[0-9]*; do grep -q gunicorn $p/comm && kill -STOP ${p#/proc/}; done"
    container.exec("sh", "-c", script, check=False)
    container.said("liveness failed 3 times: no answer in 0.5 s; stopping it")
    result = container.end()
    assert result.code == 0 and ended(container) == ["main", "api", "compute", "log"], (
        result
    )  # once it is continued, it ends well


def test_signals_go_where_the_file_sends_them(run: Run) -> None:
    container = healthy(run("web", "-v"))
    container.signal("HUP")
    container.signal("WINCH")
    container.said("pidone: signal SIGWINCH")
    assert fetch(container, "/health")[0] == 200
    result, _ = container.stop()
    assert "Handling signal: hup" not in result.err and "Handling signal: winch" not in result.err, result
    assert result.code == 0


@pytest.mark.parametrize(
    "options",
    [
        ["--read-only", "--tmpfs", "/run/web:uid=1000", "--tmpfs", "/tmp"],
        ["--cap-drop", "ALL", "--security-opt", "no-new-privileges"],
        ["--user", "12345:0", "--tmpfs", "/run/web"],
        ["--memory", "512m", "--pids-limit", "40"],
    ],
    ids=["read-only", "no privileges", "arbitrary uid", "limits"],
)
def test_it_runs_confined(run: Run, options: list[str]) -> None:
    container = healthy(run(*options, "web"))
    assert fetch(container, "/")[0] == 200
    result, took = container.stop()
    assert result.code == 0 and took < 10 and "pidone:" not in result.err, result


def test_below_docker_s_own_init_it_is_a_subreaper(run: Run) -> None:
    container = healthy(run("--init", "web", "-v"))
    assert re.search(r"pidone: not pid 1 \(but \d+\): adopting orphans as a subreaper", container.logs()[1])
    result, took = container.stop()
    assert result.code == 0 and took < 10, result
    assert ended(container) == ["main", "api", "compute", "log"], result


def test_with_too_little_memory_it_is_refused_before_anything_starts(run: Run) -> None:
    result = run("--memory", "128m", "web").end()
    assert result.code == 2 and result.out == b"", result
    assert result.err == (
        "pidone: /etc/pidone.toml:19: memory requests do not fit: log 16 MiB + compute 32 MiB + api 16 MiB + main 96"
        " MiB = 160 MiB, and the container may use 128 MiB; request less, or allow more (docker run -m)\n"
    ), result


def test_the_image_s_command_replaces_main_s(run: Run) -> None:
    container = run("web", "-c", "/etc/pidone.toml", "--", "sh", "-c", "echo instead; exit 5")
    result = container.end()
    assert result.code == 5 and "instead\n" in result.text, result
