"""demos/compare: the results of its page come out again.

A failure is a cell that says so, and nothing is left.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

from demos.comparison import play, show
from demos.comparison.peers import PEERS, Scenario
from demos.comparison.scenarios import SCENARIOS
from demos.comparison.stage import Stage
from tests.support.engine import Engine
from tests.support.pid1 import ROOT

RESULTS = json.loads((ROOT / "demos" / "comparison" / "results.json").read_text())["results"]

#: The scenarios whose yes and no, and exit codes, make the README's table. `./do compare` runs the
#: others.
REPEATED = ("orphans", "exits", "killed", "stop", "unprivileged")

#: {row of the README's table: (scenario, column, the value that means yes)}.
ROWS = {
    "`docker stop` reaches the app": ("stop", "the app gets SIGTERM", True),
    "the container ends when the app ends": ("exits", "the container ends", True),
    "and with the app's exit code": ("exits", "exit code", 3),
    "1,000 orphans are reaped within a second": ("orphans", "zombies after 1 s", 0),
    "processes that the app leaves behind get SIGTERM and time": ("exits", "what the app left behind can, too", True),
    "`docker stop` loses no buffer of a helper": ("stop", "buffers lost", 0),
    "says that the app was killed, and by which signal": ("killed", "the log names the end", True),
    "runs with no capabilities, on a read-only root": ("unprivileged", "the app starts", True),
}


@pytest.fixture
def directory(compared: Engine, tmp_path: Path) -> Path:
    tmp_path.chmod(0o755)
    play.compile_app(tmp_path / "tools")
    return tmp_path


def stable(peer: str, cell: dict[str, object]) -> dict[str, object]:
    """Return what is the same in every run.

    Times differ, and so does the number of zombies. runit's PID 1 signals and exits at once, so its
    cells about signals differ, too.
    """
    timed = ("after (ms)", "seconds", *(("the app gets SIGTERM", "the helper gets SIGTERM") if peer == "runit" else ()))
    return {
        column: bool(value) if column.startswith("zombies") else value
        for column, value in cell.items()
        if column not in timed
    }


@pytest.mark.parametrize("scenario", REPEATED)
def test_a_new_run_finds_the_results_on_the_page(compared: Engine, directory: Path, scenario: str) -> None:
    """Some results depend on one second: on a busy machine the slowest may need another try."""
    there = {peer: stable(peer, RESULTS[scenario][peer]) for peer in PEERS}
    peers, told = list(PEERS), list[str]()
    for _ in range(3):
        found = play.play(compared, play.IMAGE, directory, {scenario: SCENARIOS[scenario]}, peers, told.append)[
            scenario
        ]
        peers = [peer for peer in peers if stable(peer, found[peer]) != there[peer]]
        if not peers:
            break
    assert not peers, ([(peer, found[peer], there[peer]) for peer in peers], told)
    assert compared.docker("ps", "-aq").text == ""


def test_the_readme_s_table_is_made_of_the_page_s_results() -> None:
    lines = [line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    head = next(row for row in cells if "systemd" in row)
    table = {row[0]: dict(zip(head[1:], row[1:])) for row in cells if len(row) == len(head) and row[0] in ROWS}
    assert set(table) == set(ROWS) and set(head[1:]) <= set(PEERS) and "pidone" in head
    for row, (scenario, column, good) in ROWS.items():
        for peer in head[1:]:
            value = RESULTS[scenario][peer][column]
            assert table[row][peer] == ("yes" if value is good or value == good else "no"), (row, peer, value)


def test_every_scenario_of_the_page_is_complete() -> None:
    assert list(RESULTS) == list(SCENARIOS)
    for name, cells in RESULTS.items():
        assert list(cells) == list(PEERS) and not show.errors(name, RESULTS)
        for cell in cells.values():
            assert set(cell) == set(SCENARIOS[name].COLUMNS)


# -- bad input


def scenario(code: str) -> ModuleType:
    module = ModuleType("scenario")
    exec(code, module.__dict__)
    return module


def test_a_hanging_scenario_gets_an_error_cell_and_is_removed(compared: Engine, directory: Path) -> None:
    module = scenario("COLUMNS = {'x': ''}")

    def hang(stage: Stage) -> dict[str, object]:
        stage.start(Scenario())
        compared.docker("create", "--network", "none", play.IMAGE, "true")  # a container that the scenario has lost
        while True:
            time.sleep(1)

    module.play = hang  # type: ignore[attr-defined]
    said: list[str] = []
    began = time.monotonic()
    results = play.play(compared, play.IMAGE, directory, {"hangs": module}, ["tini"], said.append, limit=3)
    assert results == {"hangs": {"tini": {"error": "not over after 3 s"}}} and time.monotonic() - began < 60
    assert compared.docker("ps", "-aq").text == "" and "  tini: not over after 3 s" in said


def test_an_engine_that_dies_in_a_scenario_gets_an_error_cell(directory: Path, tmp_path: Path) -> None:
    engine = Engine()

    def kill(stage: Stage) -> dict[str, object]:
        engine.process.kill()
        engine.process.wait()
        return {"never": "reached"}

    module = ModuleType("kills")
    module.play = kill  # type: ignore[attr-defined]
    try:
        cell = play.one(module, Stage(engine, "none", "tini", tmp_path, directory), 30)
        assert cell == {"error": "the engine does not answer any more"}
    finally:
        engine.stop()


def test_a_missing_peer_gets_an_error_cell_and_the_rest_continues(compared: Engine, directory: Path) -> None:
    (directory / "Dockerfile").write_text(f"FROM {play.IMAGE}\nRUN rm /usr/bin/tini\n")
    compared.build("without-tini", file=directory / "Dockerfile", directory=directory)
    results = play.play(
        compared, "without-tini", directory, {"unprivileged": SCENARIOS["unprivileged"]}, ["tini", "dumb-init"],
        lambda text: None,
    )  # fmt: skip
    assert results["unprivileged"] == {
        "tini": {"error": "tini is not installed"}, "dumb-init": {"the app starts": True},
    }  # fmt: skip
    text = show.as_text({"results": results})
    assert "tini: tini is not installed" in text and re.search(r"the app starts +error +yes", text), text


def test_a_failed_scenario_gets_an_error_cell_with_the_reason(compared: Engine, directory: Path) -> None:
    module = scenario("COLUMNS = {'x': ''}\ndef play(stage): raise RuntimeError('it is not so')")
    results = play.play(compared, play.IMAGE, directory, {"x": module}, ["tini"], lambda text: None)
    assert results == {"x": {"tini": {"error": "it is not so"}}}


@pytest.mark.parametrize(
    ("words", "path", "code", "said"),
    [
        (["orphan"], os.environ["PATH"], 2, "no scenario 'orphan'; there are: orphans, exits"),
        (["--under", "tiny"], os.environ["PATH"], 2, "no peer 'tiny'; there are: bare, tini"),
        (["orphans"], "/nonexistent", 1, "apt-get install gcc libc6-dev"),
    ],
)
def test_a_usage_error_prints_no_traceback(words: list[str], path: str, code: int, said: str) -> None:
    command = [sys.executable, str(ROOT / "demos" / "compare"), *words]
    done = subprocess.run(command, env={**os.environ, "PATH": path}, capture_output=True, text=True)
    assert done.returncode == code and said in done.stderr and "Traceback" not in done.stderr, done


def test_an_engine_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    for name in ("cc", "gcc", "as", "ld"):
        there = subprocess.run(["which", name], capture_output=True, text=True).stdout.strip()
        if there:
            (tmp_path / name).symlink_to(there)
    command = [sys.executable, str(ROOT / "demos" / "compare"), "orphans"]
    done = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done
    assert done.stderr.startswith("compare: this tier needs: apt-get install"), done
