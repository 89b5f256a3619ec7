"""Faults of real use, in containers.

These are Docker's timeout, docker exec, memory, and servers that replace themselves.

E1 and so on: docs/reference/edge-cases.md.
"""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

import pytest

from pidone.init import plan
from tests.docker.conftest import apps, started
from tests.support.engine import BASE, Container, Engine, Run, mount
from tests.support.files import process
from tests.support.pid1 import ROOT, Write, until

__all__ = ["apps"]  # the fixture
pytestmark = pytest.mark.timeout(1200)

IGNORES = "trap : TERM; echo %s up; while :; do sleep 0.05; done"


@pytest.mark.parametrize("times", range(3))
def test_a_stop_with_all_defaults_ends_before_docker_s_own_kill(run: Run, write: Write, times: int) -> None:
    """Two processes ignore SIGTERM. Docker's kill would leave no report and no exit code."""
    both = (("side", "sidecar"), ("main", "primary"))
    text = "".join(process(name, role, "sh", "-c", IGNORES % name) for name, role in both)
    container = run(*mount(write("pidone.toml", text)), "plain", "-c", "/etc/pidone.toml")
    container.said("main up")
    container.said("side up")
    result, took = container.stop()
    assert "pidone: report: asked to stop by SIGTERM" in result.err, (took, result)  # Docker's kill leaves none
    assert result.code == 137 and f"the grace of {plan.GRACE:g} s is over" in result.err, result


def test_a_docker_exec_has_time_to_end_in_a_stop(run: Run, tmp_path: Path) -> None:
    container = run("-v", f"{tmp_path}:/out", "plain", "--", "/t/helper", "app", "main")
    container.said("main started")
    script = "trap 'sleep 0.5; echo done >/out/done; exit' TERM; echo up >/out/up; while :; do sleep 0.02; done"
    container.exec("sh", "-c", script, options=("-d",))
    until((tmp_path / "up").exists, "it runs")
    result, took = container.stop()
    assert result.code == 0 and took < 5 and (tmp_path / "done").exists(), (took, result)


def test_an_abandoned_shell_costs_two_seconds_and_is_named(run: Run) -> None:
    container = run("plain", "--", "/t/helper", "app", "main")
    container.said("main started")
    container.exec("bash", "--norc", "-i", options=("-d", "-t"))
    until(lambda: "bash" in container.exec("sh", "-c", "cat /proc/[0-9]*/comm").text, "it runs")
    result, took = container.stop()
    assert result.code == 0 and took < 7, (took, result)
    assert re.search(r"killed with the container, 2 s after SIGTERM: bash \(pid \d+\)", result.err), result


HOG = "data = []\nwhile True: data.append(bytearray(b'x' * (1 << 20)))"


@pytest.mark.parametrize("times", range(3))
def test_an_oom_kill_of_docker_exec_does_not_explain_a_later_kill(run: Run, write: Write, times: int) -> None:
    side = process("side", "sidecar", "sleep", "1000", more="restart = 'never'")
    text = side + process("main", "primary", "/t/helper", "app", "main")
    container = run("--memory", "64m", *mount(write("pidone.toml", text)), "plain", "-c", "/etc/pidone.toml")
    container.said("main started")
    assert container.exec("python3", "-c", HOG, check=False).code == 137, "the memory killer has taken it"
    time.sleep(1.2)  # the fault showed after minutes; after a second, a kill is an old one
    container.exec("sh", "-c", "kill -9 $(grep -l '^sleep$' /proc/[0-9]*/comm | cut -d/ -f3)")
    line = container.said("sidecar side")
    assert "out of memory" not in line, line
    assert container.stop()[0].code == 0


def test_an_oom_kill_is_still_reported_as_out_of_memory(run: Run, write: Write) -> None:
    text = process("hog", "sidecar", "python3", "-c", 'exec(open("/hog").read())', more="restart = 'never'")
    text += process("main", "primary", "/t/helper", "app", "main")
    files = (*mount(write("pidone.toml", text)), *mount(write("hog", HOG), "/hog"))
    container = run("--memory", "64m", *files, "plain", "-c", "/etc/pidone.toml")
    assert "out of memory" in container.said("sidecar hog")
    assert container.stop()[0].code == 0


@pytest.mark.parametrize("moment", ["creating configuration files", "running bootstrap script", "performing post"])
def test_a_kill_during_the_first_start_of_a_postgres_does_no_harm(run: Run, apps: Engine, moment: str) -> None:  # E61
    volume = apps.docker("volume", "create").text.strip()
    containers: list[Container] = []
    try:
        first = run("-v", f"{volume}:/srv/postgres", "postgres", "-v")
        containers.append(first)
        first.said(moment)
        first.signal("KILL")
        assert first.end().code == 137
        second = run("-v", f"{volume}:/srv/postgres", "postgres", "-v")
        containers.append(second)
        started(second, "postgres")
        assert second.stop()[0].code == 0
    finally:
        for begun in containers:
            apps.docker("rm", "-f", begun.id, check=False)
        apps.docker("volume", "rm", volume, check=False)


GUNICORN = """
[group]
log = "prefix"

[[process]]
name     = "main"
role     = "primary"
command  = ["gunicorn", "--bind", "127.0.0.1:8080", "--pid", "/run/web/g.pid", "--workers", "1", "app:app"]
cwd      = "/srv/web"
pid_file = "/run/web/g.pid"
"""


def test_a_gunicorn_that_replaces_itself_does_not_end_the_container(run: Run, write: Write) -> None:  # E62
    container = run(*mount(write("pidone.toml", GUNICORN)), "web", "-v")
    container.said("Booting worker")
    read = ("cat", "/run/web/g.pid")
    old = until(lambda: container.exec(*read, check=False).text.strip(), "it has its pid file")
    container.exec("sh", "-c", f"kill -USR2 {old}")
    new = until(lambda: container.exec("cat", "/run/web/g.pid.2", check=False).text.strip(), "there are two masters")
    until(lambda: container.logs()[0].count("Booting worker") >= 2, "the new one serves")
    container.exec("sh", "-c", f"kill -QUIT {old}")
    container.said(f"pid {new} from its pid_file replaces it")
    assert container.inspect()["State"]["Running"]
    result, took = container.stop()
    assert took < 9 and f"main (pid {new}) ended with exit code 0" in result.err, (took, result)


NGINX = """
[group]
log = "%s"

[[process]]
name    = "main"
role    = "primary"
user    = "www-data"
command = ["nginx", "-e", "/dev/stderr", "-c", "/etc/n.conf", "-g", "daemon off;"]
"""
NGINX_CONF = """
pid /tmp/n.pid;
error_log /dev/stderr notice;
events {}
http { access_log /dev/stdout; client_body_temp_path /tmp/a; proxy_temp_path /tmp/b; fastcgi_temp_path /tmp/c;
       scgi_temp_path /tmp/d; uwsgi_temp_path /tmp/e; server { listen 8080; } }
"""


@pytest.mark.parametrize("log", ["prefix", "json"])
def test_an_nginx_with_a_user_of_its_own_logs_to_its_standard_output(run: Run, write: Write, log: str) -> None:  # E49
    files = (*mount(write("pidone.toml", NGINX % log)), *mount(write("n.conf", NGINX_CONF), "/etc/n.conf"))
    container = run("--user", "0", *files, "web")
    assert "main" in container.said("start worker process")
    assert container.stop()[0].code == 0


#: The view of pip in a Python image that is not Debian's: no EXTERNALLY-MANAGED in its library (PEP
#: 668).
OFFICIAL = "RUN rm -f /usr/lib/python3*/EXTERNALLY-MANAGED\n"


@pytest.mark.parametrize("image", ["Debian's", "an official Python's"])
def test_the_readme_s_three_lines_work_as_they_stand(
    run: Run, engine: Engine, source: Path, tmp_path: Path, image: str
) -> None:
    block = re.search(r"```dockerfile\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    assert block is not None
    wheel = [str(ROOT / ".venv" / "bin" / "python"), "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path)]
    subprocess.run([*wheel, str(source)], check=True)
    (tmp_path / "app.py").write_text("import os, sys\nprint('below', os.getppid(), flush=True)\nsys.exit(7)\n")
    index = "COPY *.whl /wheels/\nENV PIP_FIND_LINKS=/wheels PIP_NO_INDEX=1\nWORKDIR /app\n"
    text = f"FROM {BASE}\n{OFFICIAL if image.startswith('an') else ''}{index}{block[1]}COPY app.py /app\n"
    (tmp_path / "Dockerfile").write_text(text)
    engine.build("readme", file=tmp_path / "Dockerfile", directory=tmp_path)
    with Container(engine, "readme") as container:
        result = container.end()
    assert (result.code, result.text, result.err) == (7, "below 1\n", ""), result
