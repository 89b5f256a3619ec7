"""pidone forwards each signal that it can forward once, to the process that it is meant for.

E1 and so on: docs/reference/edge-cases.md.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.support.files import pending, process
from tests.support.pid1 import PYTHON, Pidone, Write, until

#: All signals that a process can catch. The C library keeps 32 and 33 for itself.
FORWARDED = [n for n in range(1, 65) if n not in (signal.SIGKILL, signal.SIGSTOP, 32, 33)]


def test_every_signal_reaches_the_app(pidone: Pidone, helper: str) -> None:  # E13, E14, E15, E22
    """Also faults, the terminal's signals, and those that pidone needs: SIGCHLD, SIGIO, SIGALRM."""
    with pidone.start("--", helper, "app", "a", "ignore=15") as run:
        run.line("a started")
        for number in FORWARDED:
            run.kill(number)
            run.line(f"a got {number}")
        assert got(run.seen.decode().splitlines()) == FORWARDED


def test_realtime_signals_are_queued_not_merged(pidone: Pidone, helper: str) -> None:  # E14
    with pidone.start("--", helper, "app", "a") as run:
        run.line("a started")
        for _ in range(50):
            run.kill(signal.SIGRTMIN + 3)
        run.line(f"a got {signal.SIGRTMIN + 3}", count=50)
        run.kill(signal.SIGTERM)
        result = run.end()
    assert result.code == 0 and result.text.count(f"got {signal.SIGRTMIN + 3}\n") == 50, result


def test_a_fault_of_pidone_s_own_kind_sent_by_kill_does_not_end_it(pidone: Pidone, helper: str) -> None:  # E15
    with pidone.start("--", helper, "app", "a") as run:
        run.line("a started")
        for number in (signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSYS):
            run.kill(number)
            run.line(f"a got {int(number)}")
        run.kill(signal.SIGTERM)
        assert run.end().code == 0


def test_sigterm_ends_a_program_that_does_nothing_about_it(pidone: Pidone) -> None:  # E13
    with pidone.start("--", PYTHON, "-uc", "print('up'); import signal; signal.pause()") as run:
        run.line("up")
        run.kill(signal.SIGTERM)
        result = run.end()
    assert (result.code, result.err) == (143, ""), result


#: Between exec and its own sigprocmask(2), an app has the mask of the caller. This one blocks all
#: signals, so they wait (E3).
BLOCKED = ("env", "--block-signal")


def test_signals_that_come_before_the_primary_are_held_and_delivered(
    pidone: Pidone, helper: str, write: Write, tmp_path: Path
) -> None:  # E1
    fifo = tmp_path / "go"
    os.mkfifo(fifo)
    file = write(
        "g.toml",
        process("wait", "init", "sh", "-c", f"echo waiting; read x < {fifo}")
        + process("main", "primary", helper, "app", "main"),
    )
    with pidone.start("-c", file, wrap=BLOCKED) as run:
        run.line("waiting")
        for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGUSR1, signal.SIGRTMIN, signal.SIGRTMIN):
            run.kill(number)
        until(lambda: pending(run.pid) == 0, "pidone has taken them")
        fifo.write_text("x\n")
        run.line(f"main got {int(signal.SIGRTMIN)}", count=2)
        run.kill(signal.SIGTERM)
        result = run.end()
    assert result.code == 0, result
    assert sorted(got(result.lines)) == [10, 12, 15, 34, 34], result


def test_a_signal_while_the_file_is_read_is_delivered_to_the_primary(
    pidone: Pidone, helper: str, write: Write, tmp_path: Path
) -> None:  # E1
    """The file is a FIFO, so the test decides how long reading it takes."""
    file = tmp_path / "slow.toml"
    os.mkfifo(file)
    with pidone.start("-c", str(file), wrap=BLOCKED) as run:
        writer = os.open(file, os.O_WRONLY)  # returns when the child has opened it
        run.kill(signal.SIGUSR1)
        run.kill(signal.SIGHUP)
        until(lambda: pending(run.pid) == 0, "pidone has taken them")
        os.write(writer, process("main", "primary", helper, "app", "main").encode())
        os.close(writer)
        run.line("main got", count=2)
        run.kill(signal.SIGTERM)
        result = run.end()
    assert sorted(got(result.lines)) == [1, 10, 15], result


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_a_stop_while_the_file_is_read_ends_pidone_at_once(pidone: Pidone, tmp_path: Path, number: int) -> None:  # E41
    file = tmp_path / "slow.toml"
    os.mkfifo(file)
    with pidone.start("-c", str(file)) as run:
        writer = os.open(file, os.O_WRONLY)
        run.kill(number)
        result = run.end()
        os.close(writer)
    assert result.code == 128 + number, result


def test_rewrite_sends_another_signal_and_zero_drops_it(pidone: Pidone, helper: str) -> None:
    arguments = ("-r", "TERM:QUIT", "--rewrite=HUP:0", "-r", "SIGRTMIN+3:USR1", "-r", "12:15")
    with pidone.start(*arguments, "--", helper, "app", "a", "ends=3") as run:
        run.line("a started")
        run.kill(signal.SIGHUP)
        run.kill(signal.SIGRTMIN + 3)
        run.line("a got 10")
        run.kill(signal.SIGTERM)
        result = run.end()
    assert result.code == 0 and got(result.lines) == [10, 3], result


def test_routes_redirect_translate_or_drop_a_signal(pidone: Pidone, helper: str, write: Write) -> None:
    file = write(
        "g.toml",
        process("log", "sidecar", helper, "app", "log")
        + process("main", "primary", helper, "app", "main")
        + '[signals]\nSIGHUP = ["log"]\nSIGUSR1 = { to = ["log", "main"], as = "SIGWINCH" }\nSIGUSR2 = []\n',
    )
    with pidone.start("-c", file) as run:
        run.line("main started")
        for number in (signal.SIGHUP, signal.SIGUSR2, signal.SIGUSR1, signal.SIGQUIT):
            run.kill(number)
        run.line("main got 3")
        run.line("main got 28")
        run.line("log got 28")
        run.kill(signal.SIGTERM)
        result = run.end()
    assert sorted(line for line in result.lines if "got" in line) == [
        "log got 1", "log got 15", "log got 28", "main got 15", "main got 28", "main got 3",
    ], result  # fmt: skip


def test_rewrite_comes_before_the_routes_and_the_stop(pidone: Pidone, helper: str, write: Write) -> None:
    file = write("g.toml", process("main", "primary", helper, "app", "main", "ignore=15", "ends=10"))
    with pidone.start("-c", file, "-r", "TERM:USR1", "-r", "HUP:TERM") as run:
        run.line("main started")
        run.kill(signal.SIGTERM)
        result = run.end()
    assert result.code == 0 and got(result.lines) == [10], result


def test_only_the_primary_gets_a_signal_and_its_process_group_with_g(pidone: Pidone, helper: str) -> None:  # E20
    two = f"{helper} app child & exec {helper} app parent"
    for options, expected in (([], ["parent got 10"]), (["-g"], ["child got 10", "parent got 10"])):
        with pidone.start(*options, "--", "sh", "-c", two) as run:
            run.line("parent started")
            run.line("child started")
            run.kill(signal.SIGUSR1)
            run.line("parent got 10")
            if options:
                run.line("child got 10")
            run.kill(signal.SIGTERM)
            result = run.end()
        assert sorted(line for line in result.lines if "got 10" in line) == expected, result


def test_a_flood_of_signals_loses_no_realtime_one_and_no_exit_code(pidone: Pidone, helper: str) -> None:
    with pidone.start("--", helper, "app", "a", "code=7") as run:
        run.line("a started")
        for n in range(1000):
            run.kill(signal.SIGRTMIN + n % 20)
            run.kill(signal.SIGUSR1)
        run.line("a got 10")
        for number in range(
            signal.SIGRTMIN, signal.SIGRTMIN + 20
        ):  # SIGTERM would overtake what still waits for the app
            run.line(f"a got {number}", count=50)
        run.kill(signal.SIGTERM)
        result = run.end()
    assert result.code == 7 and sum(n >= 34 for n in got(result.lines)) == 1000, result


def got(lines: list[str]) -> list[int]:
    return [int(line.split()[2]) for line in lines if " got " in line]


@pytest.mark.parametrize("blocked", [True, False])
def test_a_signal_between_fork_and_exec_is_the_program_s(pidone: Pidone, helper: str, blocked: bool) -> None:  # E2
    """The test delays the exec, and the signal comes before it.

    The signal's effect depends on the mask that pidone was started with.
    """
    strace = ("strace", "-D", "-f", "-o", "/dev/null", "-e", "trace=execve", "-e", "inject=execve:delay_enter=4000000")
    mask = ("env", "--block-signal=USR1") if blocked else ("env", "--default-signal=USR1")
    with pidone.start("--", helper, "app", "a", wrap=(*mask, *strace)) as run:
        until(lambda: "pidone" in run.children(), "the program is forked, and not yet itself")
        run.kill(signal.SIGUSR1)
        if blocked:
            run.line("a got 10")
            run.kill(signal.SIGTERM)
        result = run.end()
    assert result.code == (0 if blocked else 138) and ("a started" in result.text) == blocked, result
