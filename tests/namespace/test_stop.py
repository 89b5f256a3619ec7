"""A stop: in order, in time, with the right exit code, and with nothing left.

E1 and so on: docs/reference/edge-cases.md. S1 and so on: docs/reference/pod.md.
"""

from __future__ import annotations

import contextlib
import os
import re
import resource
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.files import pending, process
from tests.support.pid1 import HELD, PYTHON, Pidone, Write, until


def test_a_primary_s_end_is_the_end_at_once(pidone: Pidone, helper: str) -> None:  # E34
    """Leftovers that obey end the stop early: the grace is far longer than the test's own limit."""
    script = f"{helper} leave x {helper} app rest && exit 5"
    result = pidone.run("-t", "10m", "--", "sh", "-c", script)
    assert result.code == 5 and result.lines[-2:] == ["rest got 15", "rest ends"], result


def test_leftovers_get_sigterm_time_and_then_sigkill(pidone: Pidone, helper: str) -> None:  # E20, E36
    script = f"{helper} leave a {helper} app good delay=200 && {helper} leave b {helper} app bad ignore=15 && exit 5"
    result = pidone.run("-t", "1s", "--", "sh", "-c", script)
    assert result.code == 5 and "good ends" in result.lines, result
    assert "bad got 15" in result.lines and "bad ends" not in result.lines, result
    assert re.fullmatch(r"pidone: the grace of 1 s is over: SIGKILL to helper \(pid \d+\)\n", result.plain), result


def test_a_shell_that_swallowed_the_signal_is_named(pidone: Pidone, helper: str) -> None:  # E13, E20
    """The usual case: sh -c 'app; more'. SIGTERM ends sh, and its child gets no signal."""
    with pidone.start("--", "sh", "-c", f"{helper} app inner; true") as run:
        run.line("inner started")
        run.kill(signal.SIGTERM)
        result = run.end()
    assert result.code == 143 and "inner got 15" in result.lines, result
    assert (
        "sh (pid 2) exited and left helper (pid 3) behind: shells do not forward signals: start the last"
        in result.plain
    ), result


def test_a_shell_that_delays_a_stop_signal_is_named_meanwhile(pidone: Pidone, helper: str) -> None:
    """A shell that traps SIGTERM first waits for its foreground child, as it would as PID 1."""
    script = f"trap 'exit 0' TERM; {helper} app inner ends=10; true"
    with pidone.start("--", "sh", "-c", script) as run:
        run.line("inner started")
        run.kill(signal.SIGTERM)
        run.said("sh (pid 2) is still running 3 s after its stop signal: shells do not forward signals")
        os.kill(run.child("inner"), signal.SIGUSR1)
        result = run.end()
    assert result.code == 0 and result.err.count("\n") == 1, result


def test_a_slow_app_is_not_taken_for_a_shell(pidone: Pidone, helper: str) -> None:
    with pidone.start("--", helper, "app", "a", "delay=3300") as run:
        run.line("a started")
        run.kill(signal.SIGTERM)
        result = run.end()
    assert (result.code, result.err) == (0, ""), result


def test_a_single_command_has_no_grace_before_it_ends(pidone: Pidone, helper: str) -> None:
    """pidone waits, as tini does. The grace is for the leftovers."""
    with pidone.start("-t", "100ms", "--", helper, "app", "a", "delay=1000") as run:
        run.line("a started")
        run.kill(signal.SIGTERM)
        result = run.end()
    assert (result.code, result.err) == (0, "") and "a ends" in result.lines, result


GROUP = ("log", "sidecar"), ("api", "sidecar"), ("main", "primary")


def group(write: Write, helper: str, grace: str = "8s", **more: str) -> str:
    text = "".join(process(name, role, helper, "app", name, *more.get(name, "").split()) for name, role in GROUP)
    return write("g.toml", f'[group]\ngrace = "{grace}"\n{text}')


def test_a_group_stops_primary_first_then_sidecars_in_reverse(pidone: Pidone, helper: str, write: Write) -> None:
    with pidone.start("-c", group(write, helper, main="code=3 delay=100", api="delay=100")) as run:
        run.line("log started")
        run.line("api started")
        run.line("main started")
        run.kill(signal.SIGTERM)
        result = run.end()
    assert result.code == 3 and result.err == "", result
    assert [line for line in result.lines if "started" not in line] == [
        "main got 15", "main ends", "api got 15", "api ends", "log got 15", "log ends",
    ], result  # fmt: skip


def test_a_group_starts_in_order_each_after_the_one_before(pidone: Pidone, helper: str, write: Write) -> None:
    steps = "".join(process(f"s{n}", "init", "sh", "-c", f"echo step {n}") for n in range(3))
    rest = process("log", "sidecar", helper, "app", "log") + process("main", "primary", "sh", "-c", "echo main")
    result = pidone.run("-c", write("g.toml", steps + rest))
    assert result.code == 0 and result.lines[:3] == ["step 0", "step 1", "step 2"], result
    trace = pidone.run("-v", "-c", write("g.toml", steps + rest)).err.splitlines()
    started = [line.split()[2] for line in trace if line.startswith("pidone: started ")]
    assert started[:4] == ["s0", "s1", "s2", "log"], trace


def test_the_primary_s_end_stops_the_sidecars(pidone: Pidone, helper: str, write: Write) -> None:  # E34
    with pidone.start("-c", group(write, helper, main="code=9 ends=10")) as run:
        run.line("main started")
        os.kill(run.child("main"), signal.SIGUSR1)
        result = run.end()
    assert result.code == 9 and result.lines[-4:] == ["api got 15", "api ends", "log got 15", "log ends"], result


def test_killing_the_primary_gives_137_and_says_so(pidone: Pidone, helper: str, write: Write) -> None:
    with pidone.start("-c", group(write, helper)) as run:
        run.line("main started")
        os.kill(run.child("main"), signal.SIGKILL)
        result = run.end()
    assert result.code == 137 and "log ends" in result.lines, result
    assert re.fullmatch(
        r"pidone: main \(pid \d\) was killed by SIGKILL, which pidone did not send: out of memory, or somebody's"
        r" kill -9 \(exit 137\)\n", result.plain,
    ), result  # fmt: skip


def test_a_sidecar_s_end_is_reported_and_does_not_end_the_group(pidone: Pidone, helper: str, write: Write) -> None:
    file = process("api", "sidecar", helper, "app", "api", "code=2", more='restart = "never"')
    file += process("main", "primary", helper, "app", "main")
    with pidone.start("-c", write("g.toml", file)) as run:
        run.line("api started")
        run.line("main started")
        os.kill(run.child("api"), signal.SIGTERM)
        run.said("sidecar api")  # the app prints its last line before it ends
        run.kill(signal.SIGUSR1)
        run.line("main got 10")
        run.kill(signal.SIGTERM)
        result = run.end()
    assert result.code == 0, result
    said = r"pidone: sidecar api \(pid \d\) ended with exit code 2; the group goes on without it\n"
    assert re.fullmatch(said, result.err), result


def test_the_grace_bounds_a_stop_and_the_killed_are_named(pidone: Pidone, helper: str, write: Write) -> None:  # E37
    ignore = {name: "ignore=15" for name, _ in GROUP}
    began = time.monotonic()
    with pidone.start("-c", group(write, helper, "3s", **ignore)) as run:
        for name, _ in GROUP:
            run.line(f"{name} started")
        run.kill(signal.SIGTERM)
        result = run.end()
    assert result.code == 137 and time.monotonic() - began < 9, result
    assert re.match(r"pidone: the grace of 3 s is over: SIGKILL to main \(pid \d\)\n", result.err), result
    assert "log got 15" in result.lines and "api got 15" in result.lines, result  # signalled before SIGKILL (S81)


def test_a_second_stop_signal_changes_nothing(pidone: Pidone, helper: str, write: Write) -> None:  # E40
    with pidone.start("-c", group(write, helper, main="delay=300")) as run:
        run.line("main started")
        for number in (signal.SIGTERM, signal.SIGINT):
            run.kill(number)
        result = run.end()
    stops = [line for line in result.lines if "got" in line]
    assert result.code == 0 and stops == ["main got 15", "api got 15", "log got 15"], result


def test_a_stop_in_an_init_step_signals_it_and_starts_nothing(pidone: Pidone, helper: str, write: Write) -> None:  # E41
    file = write(
        "g.toml",
        process("log", "sidecar", helper, "app", "log")
        + process("step", "init", helper, "app", "step")
        + process("main", "primary", helper, "app", "main"),
    )
    with pidone.start("-c", file) as run:
        run.line("log started")
        run.line("step started")
        run.kill(signal.SIGTERM)
        result = run.end()
    assert result.code == 143 and "main started" not in result.text, result
    assert sorted(line for line in result.lines if "got" in line) == ["log got 15", "step got 15"], result  # S12


def test_the_stop_signal_of_each_process_is_its_own(pidone: Pidone, helper: str, write: Write) -> None:
    file = write(
        "g.toml",
        '[group]\nstop_signals = ["SIGQUIT", "SIGRTMIN+3"]\n'
        + process("log", "sidecar", helper, "app", "log", "ends=10", more='stop_signal = "SIGUSR1"')
        + process("main", "primary", helper, "app", "main", "ignore=15", "ends=3", more='stop_signal = "QUIT"'),
    )
    with pidone.start("-c", file) as run:
        run.line("log started")
        run.line("main started")
        run.kill(signal.SIGTERM)
        run.line("main got 15")
        run.kill(signal.SIGRTMIN + 3)
        result = run.end()
    assert result.code == 0, result
    assert [line for line in result.lines if "got" in line] == ["main got 15", "main got 3", "log got 10"], result


def test_the_primary_s_own_code_wins_over_the_signal_s(pidone: Pidone, helper: str, write: Write) -> None:  # E42
    for _ in range(20):
        with pidone.start(
            "-c", write("g.toml", process("main", "primary", helper, "app", "m", "ends=10", "code=4"))
        ) as run:
            run.line("m started")
            pid = run.pid
            os.kill(run.child("m"), signal.SIGUSR1)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
            result = run.end()
        assert result.code == 4, result


def test_output_written_just_before_death_is_there(pidone: Pidone) -> None:  # E43
    result = pidone.run("--", PYTHON, "-c", "import os; os.write(1, b'x' * 60000 + b'end'); os._exit(0)")
    assert result.out.endswith(b"xend") and len(result.out) == 60003


def test_a_grace_of_any_length_is_accepted(pidone: Pidone, helper: str) -> None:
    result = pidone.run("-t", "9999999h", "--", "sh", "-c", f"{helper} leave x {helper} app rest && exit 5")
    assert (result.code, result.err) == (5, "") and "rest ends" in result.lines, result


def test_a_primary_that_pidone_has_killed_is_named_once(pidone: Pidone, helper: str, write: Write) -> None:
    file = write("g.toml", process("main", "primary", helper, "app", "main", "ignore=15"))
    with pidone.start("-t", "1s", "-c", file) as run:
        run.line("main started")
        run.kill(signal.SIGTERM)
        result = run.end()
    assert result.code == 137, result
    assert re.fullmatch(r"pidone: the grace of 1 s is over: SIGKILL to main \(pid \d+\)\n", result.plain), result


def test_an_early_stop_signal_from_the_file_s_list_starts_nothing(
    pidone: Pidone, helper: str, tmp_path: Path
) -> None:  # E41
    file = tmp_path / "slow.toml"
    os.mkfifo(file)
    with pidone.start("-c", str(file)) as run:
        writer = os.open(file, os.O_WRONLY)
        run.kill(signal.SIGRTMIN + 3)
        until(lambda: pending(run.pid) == 0, "pidone has taken it")
        text = '[group]\nstop_signals = ["SIGRTMIN+3"]\n' + process("main", "primary", "echo", "started")
        os.write(writer, text.encode())
        os.close(writer)
        result = run.end()
    assert result.code == 128 + 37 and result.out == b"", result


def test_a_rewrite_applies_while_the_file_is_read(pidone: Pidone, tmp_path: Path) -> None:
    file = tmp_path / "slow.toml"
    os.mkfifo(file)
    with pidone.start("-r", "TERM:0", "-c", str(file)) as run:
        writer = os.open(file, os.O_WRONLY)
        run.kill(signal.SIGTERM)
        until(lambda: pending(run.pid) == 0, "pidone has taken it")
        os.write(writer, process("main", "primary", "echo", "started").encode())
        os.close(writer)
        result = run.end()
    assert (result.code, result.text) == (0, "started\n"), result


#: Each run of the tests uses other users: RLIMIT_NPROC counts all processes of a user.
USER = 1_000_000 + 4 * os.getpid()


class TestFailedStart:
    """A group that cannot start leaves nothing running."""

    def test_a_failed_init_step_gives_its_code_and_nothing_more_starts(
        self, pidone: Pidone, helper: str, write: Write
    ) -> None:
        file = write(
            "g.toml",
            process("log", "sidecar", helper, "app", "log")
            + process("migrate", "init", "sh", "-c", "exit 42")
            + process("main", "primary", helper, "app", "main"),
        )
        result = pidone.run("-c", file)
        assert result.code == 42 and "main started" not in result.text, result
        assert re.fullmatch(
            r"pidone: init step migrate \(pid \d+\) ended with exit code 42: the group stops"
            r" \(exit 42\)\n", result.plain,
        ), result  # fmt: skip

    def test_an_init_step_killed_by_a_signal_gives_128_and_its_number(self, pidone: Pidone, write: Write) -> None:
        file = write("g.toml", process("s", "init", "sh", "-c", "kill -9 $$") + process("m", "primary", "true"))
        result = pidone.run("-c", file)
        assert result.code == 137 and "was killed by SIGKILL: the group stops" in result.plain, result

    @pytest.mark.parametrize(
        ("role", "command", "code"), [("sidecar", "/no/such", 127), ("init", "/etc", 126), ("primary", "/no/such", 127)]
    )
    def test_a_command_that_is_not_there_takes_the_group_down_again(
        self, pidone: Pidone, helper: str, write: Write, role: str, command: str, code: int
    ) -> None:
        last = process("last", "primary", helper, "app", "last") if role != "primary" else ""
        file = write("g.toml", process("log", "sidecar", helper, "app", "log") + process("bad", role, command) + last)
        result = pidone.run("-c", file)
        assert result.code == code and "last started" not in result.text, result
        assert result.plain.startswith(f"pidone: cannot start bad: {command}: ") and result.plain.count("\n") == 1, (
            result
        )
        assert "log started" not in result.text or "log ends" in result.text, result

    def test_too_many_processes_in_the_middle_of_a_start_stops_what_runs(
        self, anyone: Pidone, helper: str, write: Write
    ) -> None:  # E30
        """RLIMIT_NPROC counts the processes of a user: this user has only those of this test."""
        sidecars = "".join(process(f"s{n}", "sidecar", helper, "app", f"s{n}") for n in range(12))
        file = write("g.toml", sidecars + process("main", "primary", helper, "app", "main"))
        wrap = ("setpriv", f"--reuid={USER}", "--regid=64321", "--clear-groups", "prlimit", "--nproc=8", *HELD)
        result = anyone.run("-c", file, wrap=wrap)
        assert result.code == 126, result
        assert "cannot fork: resource temporarily unavailable (exit 126)" in result.plain, result
        started = {line.split()[0] for line in result.lines if "started" in line}
        ended = {line.split()[0] for line in result.lines if "ends" in line}
        assert started == ended and "main" not in started and len(started) >= 3, result

    def test_a_failed_fork_at_a_restart_is_reported_once_and_tried_again(
        self, anyone: Pidone, helper: str, write: Write
    ) -> None:  # E30
        again = "restart = 'always'\nbackoff = { initial = '100ms', max = '100ms' }"
        file = process("side", "sidecar", helper, "app", "side", more=again) + process(
            "main", "primary", helper, "app", "main"
        )
        wrap = ("setpriv", f"--reuid={USER + 2}", "--regid=64321", "--clear-groups")
        with anyone.start("-v", "-c", write("g.toml", file), wrap=wrap) as run:
            run.line("side started")
            run.line("main started")
            limit = [*wrap, "prlimit", "--pid", str(run.pid)]
            subprocess.run([*limit, "--nproc=1:"], check=True)
            os.kill(run.child("side"), signal.SIGTERM)
            run.said("cannot start side: cannot fork: resource temporarily unavailable")
            run.said("leftovers of side: unknown: cannot fork", count=4)  # each time before the start is tried
            subprocess.run([*limit, f"--nproc={resource.getrlimit(resource.RLIMIT_NPROC)[0]}:"], check=True)
            run.line("side started", count=2)
            run.kill(signal.SIGTERM)
            result = run.end()
        assert result.code == 0 and result.plain.count("cannot start side") == 1, result

    def test_no_fork_at_all_is_one_line_and_126(self, anyone: Pidone) -> None:
        wrap = ("setpriv", f"--reuid={USER + 1}", "--regid=64321", "--clear-groups", "prlimit", "--nproc=1")
        result = anyone.run("--", "true", wrap=wrap)
        assert result.code == 126 and "cannot fork" in result.err and result.err.count("\n") == 1, result


def test_a_process_that_survives_sigkill_is_named_and_delays_no_exit(
    pidone: Pidone, helper: str, tmp_path: Path
) -> None:  # E38
    """A process in a frozen cgroup stays, whatever signal it gets.

    The v2 freezer lets SIGKILL through, so the test needs that of v1.
    """
    top = Path("/sys/fs/cgroup/freezer")
    if not (top / "cgroup.procs").exists():
        pytest.skip("no cgroup v1 freezer here: in v2's a process can be killed, and nothing else stays")
    ice = top / f"pidone-test-{os.getpid()}"
    ice.mkdir()
    run = pidone.start(
        "-t", "200ms", "--", "sh", "-c", f"{helper} leave x {helper} app frozen && exec {helper} app main"
    )
    try:
        run.line("frozen started")
        run.line("main started")
        (ice / "cgroup.procs").write_text(str(run.child("frozen")))
        (ice / "freezer.state").write_text("FROZEN")
        until(lambda: (ice / "freezer.state").read_text().strip() == "FROZEN", "it is frozen")
        os.kill(run.child("main"), signal.SIGTERM)
        run.said("is over: SIGKILL to helper")
        assert "helper (pid " in run.said("still running 0.5 s after SIGKILL; exiting anyway")
    finally:
        (ice / "freezer.state").write_text("THAWED")
        result = run.end()
        ice.rmdir()
    assert result.code == 0, result
