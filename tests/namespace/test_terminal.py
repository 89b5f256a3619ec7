"""A terminal works as without an init: job control, Ctrl-C, Ctrl-Z, window size, giving it back.

E1 and so on: docs/reference/edge-cases.md.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest

from tests.support.files import process
from tests.support.pid1 import NAMESPACE, PATIENCE, PYTHON, ROOT, SETSID, Pidone, Write, until
from tests.support.terminal import APP, ENGINE, Tty

#: A shell leads the session, and pidone is PID 1 of a namespace below it.
SHELL = [SETSID, "--ctty", "sh", "-c", '"$@"; exit $?', "sh", *NAMESPACE[:-1]]


@pytest.fixture(params=["engine", "shell"])
def start(request: pytest.FixtureRequest, pidone: Pidone) -> Iterator[Callable[..., Tty]]:
    """start(COMMAND...) runs it under pidone on a terminal, in both ways."""
    with contextlib.ExitStack() as stack:

        def start(*command: str) -> Tty:
            above = ENGINE if request.param == "engine" else SHELL
            return stack.enter_context(Tty(*above, *pidone.program, *command))

        yield start


Start = Callable[..., Tty]


def test_the_app_is_in_the_foreground_and_reads(start: Start) -> None:  # E24
    tty = start("--", PYTHON, "-c", APP)
    tty.see("up True")
    tty.type("hello")
    tty.see("read hello")
    tty.type("end")
    assert tty.code() == 7


def test_ctrl_c_reaches_the_app_once(start: Start) -> None:  # E21
    tty = start("--", PYTHON, "-c", APP)
    tty.see("up True")
    tty.press("c")
    tty.see("got 2 80 24")
    tty.type("after")
    assert tty.see("got 2 ", "read after") == 1
    tty.press("\\")
    tty.see("got 3")
    tty.type("end")
    assert tty.code() == 7


def test_ctrl_c_kills_an_app_without_a_handler_and_pidone_is_silent(start: Start) -> None:
    tty = start("--", "sleep", "1000")
    until(lambda: tty.foreground() == "sleep", "sleep is in the foreground")
    tty.press("c")
    assert tty.code() == 130
    assert "pidone" not in tty.screen.before


def test_the_window_s_size_reaches_the_app(start: Start) -> None:  # E22
    tty = start("--", PYTHON, "-c", APP)
    tty.see("up True")
    tty.resize(50, 132)
    tty.see("got 28 132 50")
    tty.type("end")
    assert tty.code() == 7


def test_bash_has_job_control(start: Start) -> None:  # E24, E25
    tty = start("--", "bash", "--norc", "--noprofile", "-i")
    tty.see(r"bash-[\d.]+[#$] ")
    assert "job control" not in tty.screen.before and "terminal" not in tty.screen.before
    tty.own_prompt()
    tty.type("sleep 1000")
    until(lambda: tty.foreground() == "sleep", "sleep is in the foreground")
    tty.press("z")
    tty.see(r"\[1\]\+ +Stopped +sleep 1000")
    tty.see("<> ")
    tty.type("bg; jobs")
    tty.see(r"\[1\]\+ +Running +sleep 1000")
    tty.type("fg")
    until(lambda: tty.foreground() == "sleep", "sleep is in the foreground again")
    tty.press("c")
    tty.see("<> ")
    tty.type("exit 5")
    assert tty.code() == 5


def test_only_the_primary_of_a_group_has_the_terminal(start: Start, write: Write, helper: str) -> None:
    file = write(
        "g.toml",
        process("side", "sidecar", "sh", "-c", "exec 2>/dev/null; (: < /dev/tty) && echo has a terminal; sleep 1000")
        + process("main", "primary", "bash", "--norc", "--noprofile", "-i"),
    )
    tty = start("-c", file)
    tty.see(r"bash-[\d.]+[#$] ")
    assert "job control" not in tty.screen.before and "has a terminal" not in tty.screen.before
    tty.type("exit 5")
    assert tty.code() == 5


def test_a_hang_up_reaches_the_app(pidone: Pidone, tmp_path: Path) -> None:
    """The terminal closes: the kernel sends SIGHUP to the session's leader, which is the app."""
    script = f"trap 'echo > {tmp_path}/out; exit 6' HUP; echo ready; while :; do read x; sleep 0.01; done"
    with Tty(*ENGINE, *pidone.program, "--", "sh", "-c", script) as tty:
        tty.see("ready")
        tty.hang_up()
        until((tmp_path / "out").exists, "the app has noticed")
        assert tty.process.wait(PATIENCE) == 6


class TestUnderAShell:
    """On a laptop, pidone is a job of an interactive shell, in a sandbox or not."""

    @pytest.fixture(params=["not pid 1", "sandbox"])
    def bash(self, request: pytest.FixtureRequest, pidone: Pidone) -> Iterator[tuple[Tty, str]]:
        """Yield (terminal with an interactive shell, the words that start pidone)."""
        with Tty(SETSID, "--ctty", "bash", "--norc", "--noprofile", "-i", cwd=ROOT) as tty:
            tty.see("# ")
            tty.own_prompt()
            yield tty, pidone.program[0] if request.param == "not pid 1" else f"{PYTHON} -m pidone.cli.main sandbox"
            tty.type("exit")

    def test_ctrl_z_gives_the_shell_its_prompt_and_fg_continues(  # E26
        self, bash: tuple[Tty, str], write: Write
    ) -> None:
        tty, words = bash
        tty.type(f"{words} -- {PYTHON} {write('app.py', APP)}")
        tty.see("up True")
        for _ in range(2):
            tty.press("z")
            tty.see("Stopped")
            tty.see("<> ")
            tty.type("echo the shell is $((1 + 1)) here")
            tty.see("is 2 here")
            tty.type("fg")
            tty.see("got 18")
            tty.type("again")
            tty.see("read again")
        tty.type("end")
        tty.see("<> ")
        tty.type("echo code $?")
        tty.see("code 7")

    def test_the_terminal_is_given_back(self, bash: tuple[Tty, str]) -> None:
        tty, words = bash
        tty.type(f"{words} -- cat")
        until(lambda: tty.foreground() == "cat", "cat is in the foreground")
        tty.press("d")
        tty.see("<> ")
        tty.type("echo still $((40 + 2)); stty size")
        tty.see("still 42\r\n24 80")

    def test_ctrl_c_ends_it_and_the_code_says_so(self, bash: tuple[Tty, str]) -> None:
        tty, words = bash
        tty.type(f"{words} -- cat")
        until(lambda: tty.foreground() == "cat", "cat is in the foreground")
        tty.press("c")
        tty.see("<> ")
        tty.type("echo code $?")
        tty.see("code 130")

    def test_in_the_background_it_leaves_the_terminal_alone(self, bash: tuple[Tty, str]) -> None:
        tty, words = bash
        tty.type(f"{words} -- sh -c 'echo from behind; exit 4' & wait $!; echo code $?")
        tty.see("from behind")
        tty.see("code 4")
        tty.type("echo still $((40 + 2))")
        tty.see("still 42")


class TestSuspended:
    """The user presses Ctrl-Z, and something happens before `fg`."""

    @pytest.fixture
    def tty(self, pidone: Pidone, tmp_path: Path, helper: str) -> Iterator[Tty]:
        with Tty(SETSID, "--ctty", "bash", "--norc", "--noprofile", "-i", cwd=tmp_path) as tty:
            tty.see("# ")
            tty.own_prompt()
            tty.type(f"{pidone.program[0]} -- sh -c 'echo $$ > app; echo up; read x' 2> err")
            tty.see("up")
            tty.press("z")
            tty.see("Stopped")
            tty.see("<> ")
            yield tty

    def test_the_app_is_killed(self, tty: Tty, tmp_path: Path) -> None:
        os.kill(int((tmp_path / "app").read_text()), 9)
        tty.type("fg; echo code $?")
        tty.see("code 137")
        assert "Traceback" not in (tmp_path / "err").read_text()

    def test_the_terminal_hangs_up(self, tty: Tty, tmp_path: Path) -> None:
        app = int((tmp_path / "app").read_text())
        tty.hang_up()
        until(lambda: not Path(f"/proc/{app}").exists(), "the app is gone with the terminal")
        tty.process.wait(PATIENCE)
        assert "Traceback" not in (tmp_path / "err").read_text()


def test_writing_to_a_given_away_terminal_does_not_suspend_pidone(pidone: Pidone) -> None:  # E23
    """With `stty tostop`, SIGTTOU suspends a process that writes from the background."""
    script = f"stty tostop; {pidone.program[0]} -- sh -c 'kill -9 $$'; echo code $?"
    with Tty(SETSID, "--ctty", "sh", "-c", script) as tty:
        tty.see("was killed by SIGKILL")
        tty.see("code 137")


def test_with_0_to_2_redirected_no_terminal_is_touched(pidone: Pidone) -> None:
    script = f"{pidone.program[0]} -- cat < /dev/null > /dev/null 2>&1; echo code $?"
    with Tty(SETSID, "--ctty", "sh", "-c", script) as tty:
        tty.see("code 0")
