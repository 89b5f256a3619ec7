"""`pidonectl sandbox`: the group under a real PID 1, without a container engine."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.files import process
from tests.support.pid1 import PATIENCE, PYTHON, ROOT, Pidone, Result, Running, Write, until

NOBODY = ("setpriv", "--reuid=4321", "--regid=4321", "--clear-groups", "env", "HOME=/")


def sandbox(*arguments: str, python: str = PYTHON, wrap: tuple[str, ...] = (), **options: Any) -> Running:
    options.setdefault("cwd", ROOT)
    return Running([*wrap, python, "-m", "pidone.cli.main", "sandbox", *arguments], **options)


def run(*arguments: str, **options: Any) -> Result:
    return sandbox(*arguments, **options).end()


def test_a_command_runs_below_a_real_pid_1_with_its_own_proc() -> None:
    result = run("--", "sh", "-c", "cat /proc/1/comm; set -- /proc/[0-9]*; echo $#; echo $PPID; exit 7")
    assert result.code == 7 and result.lines[1:] == ["2", "1"], result  # PID 1, and sh itself, which counts
    assert result.err.startswith("pidonectl: a sandbox has its own PID 1 and /proc; it shares files, network, users"), (
        result
    )
    assert result.err.count("\n") == 1 and "not pid 1" not in result.err, result


def test_quiet_says_nothing_and_options_reach_pidone() -> None:
    result = run("-q", "-e", "7", "--", "sh", "-c", "exit 7")
    assert (result.code, result.err) == (0, ""), result


def test_a_group_runs_and_sigterm_stops_it_in_order(write: Write, helper: str) -> None:
    file = write(
        "g.toml",
        process("log", "sidecar", helper, "app", "log") + process("main", "primary", helper, "app", "main", "code=4"),
    )
    with sandbox("-q", "-c", file) as running:
        running.line("main started")
        running.process.send_signal(signal.SIGTERM)
        result = running.end()
    assert result.code == 4 and result.lines[-4:] == ["main got 15", "main ends", "log got 15", "log ends"], result


def test_a_relative_file_is_found(write: Write, tmp_path: Path) -> None:
    write("g.toml", process("main", "primary", "pwd"))
    result = run("-q", "-c", "g.toml", cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert result.text == f"{tmp_path}\n", result


def test_without_root_it_uses_a_user_namespace(anyone: Pidone, source: Path, helper: str) -> None:
    python = Path(anyone.program[0]).read_text().split("\n")[0][2:].split()[0]
    script = f"id -u; cat /proc/1/comm; {helper} leave x {helper} app rest; exit 3"
    result = run("-q", "--", "sh", "-c", script, python=python, wrap=NOBODY, cwd=source)
    assert result.code == 3 and result.lines[0] == "0" and "rest got 15" in result.lines, result


def test_where_the_kernel_forbids_it_the_setting_is_named(anyone: Pidone, source: Path) -> None:
    """The test has its own user namespace, where it can set a limit without harm to the machine."""
    python = Path(anyone.program[0]).read_text().split("\n")[0][2:].split()[0]
    forbid = 'echo 0 > /proc/sys/user/max_pid_namespaces && exec "$@"'
    wrap = ("unshare", "--user", "--map-root-user", "sh", "-c", forbid, "sh")
    result = run("--", "true", python=python, wrap=wrap, cwd=source)
    assert result.code == 125 and result.out == b"", result
    assert "/proc/sys/user/max_pid_namespaces is 0: sysctl user.max_pid_namespaces=10000" in result.err, result
    assert result.err.startswith("pidonectl: no sandbox: ") and result.err.count("\n") == 1, result


def test_without_unshare_it_says_what_to_install(tmp_path: Path) -> None:
    result = run("--", "true", env={"PATH": str(tmp_path), "HOME": "/"})
    assert result.code == 125, result
    assert result.err == "pidonectl: no sandbox: there is no unshare command; install util-linux\n", result


def test_a_bad_file_is_refused_with_its_line(write: Write) -> None:
    result = run("-q", "-c", write("g.toml", "[grup]\n"))
    assert result.code == 2 and "unknown table 'grup'; is it 'group'?" in result.err, result


def test_the_end_of_the_sandbox_ends_everything_in_it(helper: str) -> None:
    with sandbox("-q", "--", helper, "app", "left-behind", "ignore=15") as running:
        running.line("left-behind started")
        running.process.kill()
        running.process.wait()
    search = ["pgrep", "-f", f"{helper} app left-behind"]
    until(lambda: subprocess.run(search, stdout=subprocess.DEVNULL).returncode == 1, "the app is gone with it")


@pytest.mark.parametrize("delay", [0.05, 0.1, 0.12, 0.14, 0.16, 0.18, 0.2, 0.25, 0.3])
def test_a_signal_in_the_first_instants_is_not_lost(delay: float) -> None:
    """It may come before Python listens, before unshare forks, before pidone runs, or later."""
    with sandbox("-q", "--", "sleep", "60") as running:
        time.sleep(delay)
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(PATIENCE / 2) in (143, -15), delay


def test_the_exit_code_is_kept_if_stdin_is_a_foreign_terminal() -> None:
    master, slave = os.openpty()
    result = run("-q", "--", "sh", "-c", "exit 3", stdin=slave, start_new_session=True)
    os.close(master)
    os.close(slave)
    assert (result.code, result.err) == (3, ""), result


def test_a_closed_or_full_stderr_does_not_prevent_the_run() -> None:
    with open("/dev/full", "wb") as full:
        result = run("--", "sh", "-c", "echo ran; exit 4", stderr=full)
    assert (result.code, result.text) == (4, "ran\n"), result
    result = run("--", "sh", "-c", "echo ran; exit 4", wrap=("sh", "-c", 'exec 2>&-; exec "$@"', "sh"))
    assert (result.code, result.text) == (4, "ran\n"), result
