"""pidone -- CMD in a real container: in place of tini, on any single program.

Also groups at the limits of a container.

E1 and so on: docs/reference/edge-cases.md.
"""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

import pytest

from pidone.cli import pyz
from tests.support.engine import BASE, Engine, Run, mount
from tests.support.files import process
from tests.support.pid1 import Write, steady, until

HELPER = "/t/helper"


def dump(run: Run, *arguments: str) -> list[str]:
    result = run(*arguments).end()
    assert result.code == 0 and result.err == "", result
    # The client sends its -e in any order. The namespace tier tests that pidone keeps the order.
    text = re.sub(r"^environment \d+", "environment", result.text, flags=re.M)
    return sorted(re.sub(r"(docker/)[0-9a-f]{64}", r"\1", steady(text)).splitlines())


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--user", "4321:55", "--group-add", "7", "-w", "/usr", "-e", "LANG=C", "-e", "PYTHONPATH=/x"],
        [
            "--ulimit",
            "nofile=77:88",
            "--cap-drop",
            "ALL",
            "--security-opt",
            "no-new-privileges",
            "--oom-score-adj",
            "7",
        ],
        ["-i"],
    ],
    ids=["plain", "user", "limits", "stdin"],
)
def test_the_app_sees_what_it_would_see_without_an_init(run: Run, options: list[str]) -> None:
    """The app sees all but its place in the process tree. The host name is the container's own."""
    name = ("--hostname", "same")
    bare = dump(run, *name, *options, "--entrypoint", HELPER, "plain", "dump")
    assert dump(run, *name, *options, "plain", "--", HELPER, "dump") == bare


def test_an_image_needs_only_one_file(engine: Engine, tmp_path: Path, run: Run) -> None:
    """pidone.pyz is copied into an image that has a Python, but nothing of pidone."""
    (tmp_path / "pidone.pyz").write_bytes(pyz.build())
    (tmp_path / "pidone.pyz").chmod(0o755)
    lines = f'FROM {BASE}\nCOPY pidone.pyz /usr/local/bin/pidone\nENTRYPOINT ["pidone", "--"]\n'
    (tmp_path / "Dockerfile").write_text(lines)
    engine.build("one-file", file=tmp_path / "Dockerfile", directory=tmp_path)
    name = ("--hostname", "same")
    bare = dump(run, *name, "--entrypoint", HELPER, "one-file", "dump")
    assert dump(run, *name, "one-file", HELPER, "dump") == bare
    container = run("one-file", HELPER, "app", "main", "code=6")
    container.said("main started")
    assert container.stop()[0].code == 6


def test_docker_stop_reaches_a_program_that_does_nothing_about_it(run: Run) -> None:
    """As PID 1, the program would ignore SIGTERM, and docker stop would take ten seconds."""
    container = run("plain", "--", "python3", "-uc", "print('up'); import signal; signal.pause()")
    container.said("up")
    result, took = container.stop()
    assert result.code == 143 and took < 5, (took, result)


def test_the_image_s_stopsignal_is_forwarded_real_time_ones_too(run: Run) -> None:
    container = run("--stop-signal", "RTMIN+3", "plain", "--", HELPER, "app", "a", "ends=37")
    container.said("a started")
    result, took = container.stop()
    assert result.code == 0 and took < 5 and "a got 37" in result.lines, result


def test_docker_kill_sends_any_signal(run: Run) -> None:
    container = run("plain", "--", HELPER, "app", "a", "code=6")
    container.said("a started")
    for name, number in (("HUP", 1), ("USR1", 10), ("WINCH", 28), ("RTMAX", 64)):
        container.signal(name)
        container.said(f"a got {number}")
    container.signal("TERM")
    assert container.end().code == 6


def test_the_orphan_of_a_docker_exec_is_reaped_and_swept(run: Run) -> None:  # E44
    container = run("plain", "--", HELPER, "app", "main")
    container.said("main started")
    container.exec("sh", "-c", f"{HELPER} leave x {HELPER} app orphan > /proc/1/fd/1")
    container.said("orphan started")
    result, _ = container.stop()
    assert result.code == 0 and "orphan got 15" in result.lines and "orphan ends" in result.lines, result


def test_zombies_of_docker_exec_do_not_stay(run: Run) -> None:
    container = run("plain", "--", HELPER, "app", "main")
    container.said("main started")
    container.exec(HELPER, "orphans", "100")
    script = "grep -l 'State:.Z' /proc/[0-9]*/status 2>/dev/null | wc -l"
    until(lambda: container.exec("sh", "-c", script).text.strip() == "0", "no zombie is left")


def test_out_of_memory_exits_with_137_and_is_reported(run: Run) -> None:
    """The kernel kills the app, not pidone, which is smaller (E31)."""
    eat = "b = []\nwhile True: b.append(bytearray(1 << 20))"
    container = run("--memory", "48m", "--memory-swap", "48m", "plain", "--", "python3", "-c", eat)
    result = container.end()
    assert result.code == 137, result
    assert re.search(
        r"pidone: python3 \(pid \d+\) was killed by SIGKILL, which pidone did not send: out of memory", result.err
    ), result


def test_pids_limit_in_the_middle_of_a_start_stops_what_runs(run: Run, write: Write) -> None:  # E30
    sidecars = "".join(process(f"s{n}", "sidecar", HELPER, "app", f"s{n}") for n in range(10))
    file = write("g.toml", sidecars + process("main", "primary", HELPER, "app", "main"))
    result = run("--pids-limit", "6", *mount(file), "plain").end()
    assert result.code == 126 and "main" not in result.text, result
    assert re.search(r"cannot start s\d: cannot fork: resource temporarily unavailable \(exit 126\)", result.err), (
        result
    )
    begun = {line.split()[0] for line in result.lines if "started" in line}
    assert begun == {line.split()[0] for line in result.lines if "ends" in line} and len(begun) == 5, result


def test_a_group_of_1_5_gib_in_a_container_of_1_25_gib_is_refused(run: Run, write: Write) -> None:
    file = write(
        "g.toml",
        process("cache", "sidecar", HELPER, "app", "cache", more='requests = { memory = "512MiB" }')
        + process("main", "primary", HELPER, "app", "main", more='requests = { memory = "1GiB" }'),
    )
    result = run("--memory", "1280m", *mount(file), "plain").end()
    assert result.code == 2 and result.out == b"", result
    assert "cache 512 MiB + main 1 GiB = 1.5 GiB, and the container may use 1.25 GiB" in result.err, result
    container = run("--memory", "1536m", *mount(file), "plain")
    container.said("main started")
    assert container.stop()[0].code == 0


def test_volumes_are_created_and_the_user_is_changed(run: Run, write: Write) -> None:
    file = write(
        "g.toml",
        '[[volume]]\nname = "data"\npath = "/data/deep"\nowner = "www-data"\nmode = "0750"\n'
        + process("main", "primary", "sh", "-c", "id -un; id -Gn; stat -c %U:%a /data/deep; touch /data/deep/x",
                  more='user = "www-data"\ngroups = ["www-data", "adm"]'),
    )  # fmt: skip
    result = run(*mount(file), "plain").end()
    assert result.code == 0 and result.lines == ["www-data", "www-data adm", "www-data:750"], result


def test_a_stop_that_takes_too_long_ends_before_docker_s_timeout(run: Run, write: Write) -> None:  # E37
    stubborn = [process(name, "sidecar", HELPER, "app", name, "ignore=15") for name in ("a", "b")]
    file = write("g.toml", "".join(stubborn) + process("main", "primary", HELPER, "app", "main", "ignore=15"))
    container = run(*mount(file), "plain")
    for name in ("a", "b", "main"):
        container.said(f"{name} started")
    began = time.monotonic()
    container.engine.docker("stop", "-t", "20", container.id)
    result = container.end()
    assert result.code == 137 and time.monotonic() - began < 15, result
    assert re.search(r"the grace of 6 s is over: SIGKILL to main \(pid \d+\)", result.err), result


def test_a_bad_file_is_an_error_in_docker_logs_and_exit_2(run: Run, write: Write) -> None:
    result = run(*mount(write("g.toml", "[[proces]]\n")), "plain").end()
    assert result.code == 2, result
    assert "pidone: /etc/pidone.toml:1: unknown table 'proces'; is it 'process'?\n" in result.err, result


def test_without_command_and_file_it_says_what_to_give(run: Run) -> None:
    result = run("plain").end()
    assert result.code == 2, result
    assert result.err == (
        "pidone: /etc/pidone.toml: cannot read it: no such file or directory; name the file with -c FILE, or give a"
        " command\n"
    ), result


def test_pidone_ignores_the_processes_of_a_healthcheck(run: Run, engine: Engine) -> None:
    container = run(
        "--health-cmd", "sh -c 'sleep 0.01 & exit 0'", "--health-interval", "1s", "plain", "--", HELPER, "app", "a"
    )
    until(lambda: container.inspect()["State"]["Health"]["Status"] == "healthy", "docker says healthy")
    result, _ = container.stop()
    assert (result.code, result.err) == (0, ""), result


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ([], "/run/pidone"), (["--user", "1000:1000"], "/tmp/pidone-1000"),
        (["--user", "1000:1000", "--read-only"], "/dev/shm/pidone-1000"),
        (["--user", "54321:54321"], "/tmp/pidone-54321"),
    ],
)  # fmt: skip
def test_every_user_s_control_socket_is_found(run: Run, write: Write, options: list[str], place: str) -> None:
    """pidone runs as root, as a user, as any uid, and with no place to write but /dev/shm.

    Root finds all sockets.
    """
    file = write("g.toml", process("main", "primary", HELPER, "app", "main"))
    container = run(*options, *mount(file), "plain")
    container.said("main started")
    assert container.exec("pidonectl", "health").text == "healthy\n"
    assert container.exec("pidonectl", "health", options=["-u", "0"]).text == "healthy\n"
    assert container.exec("ls", place).text == "control.sock\n"
    result = container.exec("pidonectl", "exec", "main", "--", "id", "-u")
    assert result.text.strip() == str(container.exec("id", "-u").text.strip()), result
    container.exec("pidonectl", "stop", check=False)  # the stop ends the container, too
    assert container.end().code == 0


def test_a_broken_docker_exec_leaves_no_orphan(run: Run, write: Write) -> None:  # E44
    """This is about `pidonectl exec`. What docker exec itself starts stays until the sweep."""
    file = write("g.toml", process("main", "primary", HELPER, "app", "main"))
    container = run(*mount(file), "plain")
    container.said("main started")
    words = ["docker", "exec", container.id, "pidonectl", "exec", "main", "--", "sleep", "4321"]
    client = subprocess.Popen(words, env=container.engine.environment, stdin=subprocess.DEVNULL)

    def there() -> int:
        return container.exec("sh", "-c", "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '").text.count(
            "sleep 4321"
        )

    until(lambda: there() >= 2, "the client and the command run")
    script = "for p in /proc/[0-9]*; do grep -qa pidone[c]tl $p/cmdline && kill -9 ${p#/proc/}; done"
    container.exec("sh", "-c", script, check=False)
    client.wait()
    until(lambda: there() == 0, "the command has gone with its client")
    assert container.stop()[0].code == 0
