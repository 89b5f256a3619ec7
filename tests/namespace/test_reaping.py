"""No zombie stays, no exit is lost in a crowd, and pidone signals no foreign process.

E1 and so on: docs/reference/edge-cases.md.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.pid1 import PYTHON, Pidone, Running, Write, until


def zombies(pid: int) -> list[str]:
    """Return the children of `pid` that have ended, and that it has not reaped."""
    found = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        try:
            if Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                found.append(child)
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def test_a_storm_of_orphans_leaves_no_zombie(pidone: Pidone, helper: str) -> None:  # E16
    with pidone.start("--", "sh", "-c", f"{helper} orphans 2000; exec {helper} app a") as run:
        run.line("made 2000")
        run.line("a started")
        until(lambda: not zombies(run.pid), "all orphans are reaped")
        run.kill(signal.SIGTERM)
        assert run.end().code == 0


def test_a_signal_gets_through_while_orphans_rain(pidone: Pidone, helper: str) -> None:  # E29
    script = f"{helper} orphans 30000 & exec {helper} app a"
    with pidone.start("--", "sh", "-c", script) as run:
        run.line("a started")
        until(lambda: len(Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()) > 1, "it rains")
        run.kill(signal.SIGUSR1)
        run.line("a got 10")
        run.kill(signal.SIGTERM)
        result = run.end()
    assert result.code == 0 and "made" not in result.text, result


def test_the_exit_code_is_not_lost_among_orphans(pidone: Pidone, helper: str) -> None:  # E16
    result = pidone.run("--", "sh", "-c", f"{helper} orphans 500; exit 9")
    assert (result.code, result.err) == (9, ""), result


def test_the_primary_waits_for_its_own_children_itself(pidone: Pidone) -> None:  # E17
    code = (
        "import subprocess; print([subprocess.call(['sh', '-c', f'exit {n}']) for n in range(50)] == list(range(50)))"
    )
    assert pidone.run("--", PYTHON, "-c", code).text == "True\n"


def test_a_suspended_child_does_not_count_as_ended(pidone: Pidone, helper: str) -> None:  # E19
    with pidone.start("--", helper, "app", "a") as run:
        run.line("a started")
        child = run.child("a")
        os.kill(child, signal.SIGSTOP)
        until(lambda: Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] == "T", "it has stopped")
        os.kill(child, signal.SIGCONT)
        run.kill(signal.SIGUSR1)
        run.line("a got 10")
        run.kill(signal.SIGTERM)
        assert run.end().code == 0


@pytest.mark.parametrize("number", range(5))
def test_a_suspended_primary_is_continued_when_it_gets_sigterm(pidone: Pidone, helper: str, number: int) -> None:  # E19
    """SIGTERM overtakes the SIGCHLD of the suspension, because its number is lower.

    The test repeats this to make it likely.
    """
    with pidone.start("--", helper, "app", "a") as run:
        run.line("a started")
        child = run.child("a")
        os.kill(child, signal.SIGSTOP)
        until(lambda: Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] == "T", "it has stopped")
        run.kill(signal.SIGTERM)
        result = run.end()
    assert result.code == 0 and "a got 15" in result.text, result


def test_a_process_that_daemonizes_is_adopted_and_swept_at_the_end(pidone: Pidone, helper: str) -> None:  # E28, E44
    script = f"{helper} leave x {helper} app daemon && exec {helper} app main"
    with pidone.start("--", "sh", "-c", script) as run:
        run.line("daemon started")
        run.line("main started")
        until(lambda: run.child("daemon") in run.children().values() or len(run.children()) > 1, "it is adopted")
        os.kill(run.child("main"), signal.SIGTERM)
        result = run.end()
    assert result.code == 0 and "daemon got 15" in result.lines and "daemon ends" in result.lines, result


def test_the_primary_s_number_is_never_signalled_after_it_is_reaped(pidone: Pidone, helper: str) -> None:  # E18
    """The leftover uses the grace. pidone forwards no signal then: the primary has ended."""
    script = f"{helper} leave x {helper} app rest ignore=15 ends=10 && exec {helper} app main"
    with pidone.start("-t", "30s", "--", "sh", "-c", script) as run:
        run.line("main started")
        run.line("rest started")
        os.kill(run.child("main"), signal.SIGTERM)
        run.line("rest got 18")  # it follows SIGTERM, for a suspended process
        run.kill(signal.SIGUSR2)
        run.kill(signal.SIGWINCH)
        os.kill(run.child("rest"), signal.SIGUSR1)
        result = run.end()
    assert result.code == 0 and [line for line in result.lines if line.startswith("rest got")] == [
        "rest got 15", "rest got 18", "rest got 10",
    ], result  # fmt: skip


class TestNotPid1:
    """On a laptop, in CI or under `docker exec`, pidone is a child subreaper."""

    def start(self, pidone: Pidone, *arguments: str) -> Running:
        return Running([*pidone.program, *arguments])

    def test_it_warns_once_that_it_is_not_pid_1_and_does_the_same(self, pidone: Pidone) -> None:
        result = self.start(pidone, "--", "sh", "-c", "exit 4").end()
        assert result.code == 4, result
        assert result.err.startswith("pidone: not pid 1 (but ") and result.err.count("\n") == 1, result
        assert "adopting orphans as a subreaper" in result.err, result

    def test_orphans_are_adopted_and_swept_but_not_foreign_processes(self, pidone: Pidone, helper: str) -> None:  # E28
        stranger = subprocess.Popen([helper, "app", "stranger"], stdout=subprocess.PIPE)
        script = f"{helper} leave x {helper} app daemon && exec {helper} app main"
        with self.start(pidone, "--", "sh", "-c", script) as run:
            run.line("daemon started")
            run.line("main started")
            run.process.send_signal(signal.SIGTERM)
            result = run.end()
        assert result.code == 0 and "daemon got 15" in result.lines, result
        assert stranger.poll() is None and stranger.stdout is not None
        assert stranger.stdout.readline() == b"stranger started\n"
        stranger.terminate()
        assert stranger.communicate()[0] == b"stranger got 15\nstranger ends\n"

    def test_a_crowd_of_leftovers_does_not_block_pidone(self, pidone: Pidone) -> None:
        """Reading all of /proc once for each leftover took 37 s for 2,500 of them."""
        script = "i=0; while [ $i -lt 800 ]; do sleep 1000 & i=$((i + 1)); done; exit 3"
        began = time.monotonic()
        result = self.start(pidone, "-t", "2s", "--", "sh", "-c", script).end()
        assert result.code == 3 and time.monotonic() - began < 15, result

    def test_an_orphan_that_ignores_sigterm_is_killed_after_the_grace(self, pidone: Pidone, helper: str) -> None:
        script = f"{helper} leave x {helper} app daemon ignore=15 && exit 3"
        result = self.start(pidone, "-t", "300ms", "--", "sh", "-c", script).end()
        assert result.code == 3 and "daemon got 15" in result.text, result
        assert "the grace of 0.3 s is over: SIGKILL to helper (pid" in result.err, result


def test_under_another_init_it_works_as_a_subreaper(pidone: Pidone, helper: str, write: Write) -> None:
    """Under docker run --init, or below a shell, pidone is not PID 1 of its namespace."""
    result = pidone.bare("sh", "-c", f"{pidone.program[0]} -- sh -c 'exit 6'; echo $?")
    assert result.text == "6\n" and "not pid 1" in result.err, result
