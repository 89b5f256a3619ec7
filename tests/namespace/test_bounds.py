"""The bound of a stop (E55), foreign processes in the namespace, and old OOM kills (E56).

E1 and so on: docs/reference/edge-cases.md.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from pidone.init import plan
from tests.support.files import check, process
from tests.support.pid1 import PYTHON, Pidone, Running, Write, until

TWO_THAT_IGNORE = "".join(
    process(name, role, "sh", "-c", f"trap '' TERM; echo {name} up; while :; do sleep 0.05; done".replace("'", '"'))
    for name, role in (("side", "sidecar"), ("main", "primary"))
)


def test_a_stop_with_all_defaults_is_over_within_nine_seconds(pidone: Pidone, write: Write) -> None:  # E55
    assert plan.stop_bound(plan.GRACE) == 9.0
    with pidone.start("-c", write("g.toml", TWO_THAT_IGNORE)) as run:
        run.line("main up")
        run.line("side up")
        began = time.monotonic()
        run.kill(signal.SIGTERM)
        result = run.end()
        took = time.monotonic() - began
    assert result.code == 137 and "the grace of 6 s is over" in result.err, result
    assert 8.0 <= took < 9.5, took  # grace, minimum grace of the last, SIGKILL; more on a busy machine


def test_check_computes_the_stop_bound_and_notes_one_beyond_docker_s(write: Write) -> None:
    for grace, bound, noted in (("6s", 9.0, False), ("8s", 11.0, True), ("100ms", 3.1, False)):
        file = write("g.toml", f"[group]\ngrace = '{grace}'\n" + process("main", "primary", "true"))
        facts = json.loads(check("--json", file).stdout)
        assert facts["stop_worst"] == pytest.approx(bound) == pytest.approx(plan.stop_bound(seconds(grace)))
        assert bool(facts["notes"]) == noted, facts
    file = write("h.toml", "[group]\ngrace = '8s'\nstop_timeout = '30s'\n" + process("main", "primary", "true"))
    assert json.loads(check("--json", file).stdout)["notes"] == []


def seconds(text: str) -> float:
    return float(text[:-2]) / 1000 if text.endswith("ms") else float(text[:-1])


@pytest.mark.parametrize("timeout", ["1s", "2.5s", "0.1s"])
def test_a_stop_timeout_that_leaves_no_time_is_refused(write: Write, timeout: str) -> None:
    file = write("g.toml", f"[group]\nstop_timeout = '{timeout}'\n" + process("main", "primary", "true"))
    result = check(file)
    assert result.returncode == 2 and f"{file}:2: [group]: stop_timeout = " in result.stderr, result
    assert "leaves no time to stop: expected more than 2.5 s" in result.stderr


# -- foreign processes


def in_namespace_of(run: Running, script: str) -> subprocess.Popen[bytes]:
    """Start a process as `docker exec` does: in the namespace, but not as a child of PID 1."""
    enter = ["nsenter", "-t", str(run.pid), "-p", "-m", "setsid", "sh", "-c", script]
    return subprocess.Popen(enter, stdout=subprocess.DEVNULL)


def life(how: str, helper: str, write: Write) -> tuple[str, ...]:
    """Return the arguments that start the same app alone, or as the primary of a group."""
    if how == "single":
        return "--", helper, "app", "main"
    main = process("main", "primary", helper, "app", "main")
    return "-c", write("g.toml", "[group]\ncontrol = false\n" + main)


@pytest.mark.parametrize("how", ["single", "group"])
def test_a_session_from_outside_has_time_to_end_in_a_requested_stop(
    pidone: Pidone, helper: str, write: Write, tmp_path: Path, how: str
) -> None:
    with pidone.start(*life(how, helper, write)) as run:
        run.line("main started")
        script = f"trap 'sleep 0.5; echo done >{tmp_path}/done; exit' TERM; touch {tmp_path}/up; "
        script += "while :; do sleep 0.02; done"
        session = in_namespace_of(run, script)
        until((tmp_path / "up").exists, "it runs")
        run.kill(signal.SIGTERM)
        result = run.end()
        session.wait(20)
    assert result.code == 0 and result.err == "" and (tmp_path / "done").read_text() == "done\n", result


@pytest.mark.parametrize("how", ["single", "group"])
def test_a_session_that_ignores_sigterm_costs_two_seconds_at_most(
    pidone: Pidone, helper: str, write: Write, tmp_path: Path, how: str
) -> None:
    with pidone.start(*life(how, helper, write)) as run:
        run.line("main started")
        session = in_namespace_of(run, f"trap '' TERM; touch {tmp_path}/up; while :; do sleep 0.02; done")
        until((tmp_path / "up").exists, "it runs")
        began = time.monotonic()
        run.kill(signal.SIGTERM)
        result = run.end()
        session.wait(20)
    assert result.code == 0 and 1.8 < time.monotonic() - began < 6, result
    assert re.search(r"pidone: killed with the container, 2 s after SIGTERM: sh \(pid \d+\)", result.err), result


def test_a_primary_s_own_end_does_not_wait_for_outside_sessions(
    pidone: Pidone, helper: str, write: Write, tmp_path: Path
) -> None:
    with pidone.start("--", helper, "app", "main", "ends=10", "code=3") as run:
        run.line("main started")
        session = in_namespace_of(run, f"trap '' TERM; touch {tmp_path}/up; while :; do sleep 0.02; done")
        until((tmp_path / "up").exists, "it runs")
        run.kill(signal.SIGUSR1)
        result = run.end()
        session.wait(20)
    assert result.code == 3 and "killed with the container" not in result.err, result  # a stop names what it waits for


# -- old OOM kills

#: Run pidone with a test file as the cgroup's counter, and a given limit of the container's memory.
COUNTED = """
import sys
sys.path.append({root!r})
from pidone.config import memory
assert memory.oom_kill_counter and memory.limit  # names that are there: an assignment would make new ones
memory.oom_kill_counter = lambda proc="": {counter!r}
memory.limit = lambda proc="": {limit}
from pidone.init.main import main
main()
"""


@pytest.fixture
def counted(write: Write, tmp_path: Path) -> Pidone:
    (tmp_path / "events").write_text("oom_kill 0\n")
    text = COUNTED.format(
        root=str(Path(__file__).parents[2]), counter=str(tmp_path / "events").encode(), limit=64 << 20
    )
    return Pidone(PYTHON, "-I", "-S", write("counted.py", text))


#: Allocate so many MiB, print it, and wait.
HAS = "import sys, time; data = bytearray(b'x') * (int(sys.argv[1]) << 20); "
HAS += "print('has', len(data), flush=True); time.sleep(60)"


@pytest.mark.parametrize("times", range(3))
def test_an_old_oom_kill_does_not_explain_the_next_kill(
    counted: Pidone, write: Write, helper: str, tmp_path: Path, times: int
) -> None:  # E56
    """A process of `docker exec` was killed: PID 1 did not see its end, and has slept since."""
    side = process("side", "sidecar", "sleep", "60", more="restart = 'never'")
    file = write("g.toml", "[group]\ncontrol = false\n" + side + process("main", "primary", helper, "app", "main"))
    with counted.start("-c", file) as run:
        run.line("main started")
        until(lambda: run.children().get("sleep"), "it runs")
        time.sleep(1.2)  # only after this time, the kill is an old one
        (tmp_path / "events").write_text("oom_kill 1\n")
        time.sleep(0.2)
        os.kill(run.children()["sleep"], signal.SIGKILL)
        said = run.said("sidecar side")
        run.kill(signal.SIGTERM)
        result = run.end()
    assert "out of memory" not in said and "out of memory" not in result.err, result


def test_an_oom_kill_of_a_large_process_is_still_reported_as_that(
    counted: Pidone, write: Write, helper: str, tmp_path: Path
) -> None:
    hog = process("hog", "sidecar", PYTHON, "-c", HAS.replace("'", '"'), "40", more="restart = 'never'")
    file = write("g.toml", "[group]\ncontrol = false\n" + hog + process("main", "primary", helper, "app", "main"))
    with counted.start("-c", file) as run:
        run.line("has ")
        run.line("main started")
        time.sleep(1.2)
        (tmp_path / "events").write_text("oom_kill 1\n")
        os.kill(run.child("40"), signal.SIGKILL)
        assert "out of memory" in run.said("sidecar hog")
        run.kill(signal.SIGTERM)
        run.end()
