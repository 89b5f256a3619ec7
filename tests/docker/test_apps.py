"""Real applications under pidone, each with its file in config/, in its own container image."""

from __future__ import annotations

import re

import pytest

from tests.docker.conftest import started
from tests.support.engine import Container, Engine, Run

pytestmark = pytest.mark.timeout(1200)


def test_a_redis_that_hangs_is_restarted_and_keeps_its_data(run: Run, apps: Engine) -> None:
    container = run("redis", "-v")
    pid = started(container, "redis")
    assert container.exec("redis-cli", "set", "key", "value").text == "OK\n"
    container.exec("sh", "-c", f"kill -STOP {pid}")
    container.said("liveness failed 2 times: no answer in 4 s; stopping it")
    assert started(container, "redis", 2) != pid
    assert container.exec("redis-cli", "get", "key").text == "value\n"
    container.said(f"primary redis (pid {pid}) ended with exit code 0 (liveness); restart 1 now")  # TERM, then CONT
    result, took = container.stop()
    assert result.code == 0 and took < 10 and "Redis is now ready to exit, bye bye" in result.text, result


def test_a_killed_redis_is_restarted_in_the_same_container(run: Run, apps: Engine) -> None:
    container = run("redis", "-v")
    pid = started(container, "redis")
    container.exec("sh", "-c", f"kill -9 {pid}")
    assert started(container, "redis", 2) != pid
    assert container.inspect()["RestartCount"] == 0
    assert container.stop()[0].code == 0


def psql(container: Container, text: str, check: bool = True) -> str:
    return container.exec("psql", "-h", "/run/postgresql", "-U", "postgres", "-Atc", text, check=check).text.strip()


def test_a_postgres_creates_its_cluster_keeps_rows_and_stops_cleanly(run: Run, apps: Engine) -> None:
    volume = apps.docker("volume", "create").text.strip()
    try:
        container = run("-v", f"{volume}:/srv/postgres", "postgres", "-v")
        started(container, "postgres")
        psql(container, "create table t (n int); insert into t select generate_series(1, 1000)")
        result, took = container.stop()
        assert result.code == 0 and took < 10, (took, result)
        assert "pre_stop of postgres: success" in result.err and "database system is shut down" in result.err, result
        assert "SIGKILL to" not in result.err and "received fast shutdown request" in result.err, result
        again = run("-v", f"{volume}:/srv/postgres", "postgres", "-v")
        started(again, "postgres")
        assert psql(again, "select count(*) from t") == "1000"
        log = again.logs()[1]
        assert "database system was shut down at" in log and "not properly shut down" not in log, log
        assert "initdb" not in again.logs()[0] and again.stop()[0].code == 0
    finally:
        for begun in (container, again):
            apps.docker("rm", "-f", begun.id, check=False)
        apps.docker("volume", "rm", volume, check=False)


GET = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8080/sample/', timeout=5).read().decode())"


@pytest.mark.timeout(1200)
def test_a_tomcat_serves_the_war_that_an_init_step_has_copied(run: Run, apps: Engine) -> None:
    container = run("tomcat", "-v")
    started(container, "tomcat")
    assert "hello from Apache Tomcat/10" in container.exec("python3", "-c", GET).text
    result, took = container.stop()
    assert took < 10.5 and result.code == 143 and "SIGKILL to" not in result.err, (took, result)
    assert re.search(r"copy-war \(pid \d+\) ended with exit code 0", result.err), result


def test_without_its_war_nothing_starts(run: Run, apps: Engine) -> None:
    container = run("--tmpfs", "/opt", "tomcat", "-v")
    result = container.end()
    assert result.code == 1 and "started tomcat" not in result.err, result
    assert "init step copy-war" in result.err and "the group stops (exit 1)" in result.err, result
