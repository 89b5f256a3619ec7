"""pidone.pyz: all of pidone in one file, for any image that has a Python."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from pidone.cli import pyz
from tests.support.files import process, seen
from tests.support.pid1 import PYTHON, ROOT, Pidone, Write


@pytest.fixture(scope="session")
def file(public: Path) -> Path:
    """Return pidone.pyz, in a directory without any other file of pidone."""
    directory = public / "one-file"
    directory.mkdir()
    path = directory / "pidone.pyz"
    command = [PYTHON, "-m", "pidone.cli.main", "pyz", str(path)]
    said = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert said.startswith(f"{path}: pidone in one file, ")
    for name in ("pidonectl", "tini"):
        (directory / name).symlink_to("pidone.pyz")
    return path


@pytest.fixture(params=["the Python that has made it", "another one"])
def one(request: pytest.FixtureRequest, file: Path) -> Pidone:
    """Start pidone from the archive.

    The second variant has a wrong magic number: Python cannot use the compiled files of another
    version, and reads the sources.
    """
    if request.param.startswith("the"):
        return Pidone(sys.executable, "-I", "-S", str(file))
    other = file.with_name("other.pyz")
    magic = importlib.util.MAGIC_NUMBER
    data = file.read_bytes()
    with zipfile.ZipFile(io.BytesIO(data)) as made, zipfile.ZipFile(other, "w") as spoilt:
        for name in made.namelist():
            content = made.read(name)
            spoilt.writestr(name, b"\0\0\r\n" + content[4:] if content[:4] == magic else content)
    return Pidone(sys.executable, "-I", "-S", str(other))


def test_a_single_command_sees_what_it_sees_without_it(one: Pidone, helper: str) -> None:
    assert seen(one.run("--", helper, "dump")) == seen(one.bare(helper, "dump"))
    assert one.run("--", "sh", "-c", "exit 3").code == 3


def test_a_group_runs_from_it_with_all_that_its_children_load(one: Pidone, write: Write, tmp_path: Path) -> None:
    """Children import from the archive: the reader, probes, pump, control socket, report."""
    text = f"[group]\ncontrol = '{tmp_path}/c.sock'\nlog = 'prefix'\n"
    text += process("side", "sidecar", "sleep", "1000", more="startup = { exec = ['true'], period = '100ms' }")
    ctl = [PYTHON, "-I", str(Path(one.program[-1]).with_name("pidonectl")), "status", "--json"]
    text += process("main", "primary", *ctl, "--socket", f"{tmp_path}/c.sock")
    result = one.run("-c", write("g.toml", text), "--report", str(tmp_path / "report.json"))
    assert result.code == 0, result
    lines = [line.removeprefix("main: ") for line in result.lines if line.startswith("main: ")]
    status = json.loads("\n".join(lines))
    assert [one["name"] for one in status["processes"]] == ["side", "main"]
    assert json.loads((tmp_path / "report.json").read_text())["exit_code"] == 0


def test_a_pause_and_a_profile_work_from_the_archive(one: Pidone, write: Write, file: Path) -> None:
    text = process("main", "sidecar", "true", more="restart = 'never'\nessential = true")
    text += "[[process]]\nname = 'infra'\nrole = 'primary'\npause = true\n"
    assert one.run("-c", write("g.toml", text)).code == 0
    named = Pidone(*one.program[:-1], str(file.with_name("tini")))  # by a link to the first archive
    assert named.run("-e", "5", "--", "sh", "-c", "exit 5").code == 0


def test_it_runs_by_its_own_first_line(file: Path) -> None:
    path = f"{Path(PYTHON).parent}:/usr/bin:/bin"
    assert Pidone(str(file)).run("--", "sh", "-c", "exit 4", env={"PATH": path}).code == 4
    ctl = subprocess.run(
        [str(file.with_name("pidonectl")), "--version"], env={"PATH": path}, capture_output=True, text=True
    )
    assert ctl.returncode == 0 and ctl.stdout.startswith("pidonectl "), ctl


def test_the_same_sources_make_the_same_file() -> None:
    assert pyz.build() == pyz.build()


def test_an_archive_that_cannot_be_written_is_one_line() -> None:
    command = [PYTHON, "-m", "pidone.cli.main", "pyz", "/nonexistent/pidone.pyz"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=dict(os.environ))
    assert (
        done.returncode == 1 and done.stderr.count("\n") == 1 and "cannot write /nonexistent/pidone.pyz" in done.stderr
    )


def test_the_archive_builds_itself_again_but_no_launcher(file: Path, tmp_path: Path) -> None:
    ctl = [PYTHON, str(file.with_name("pidonectl"))]
    assert subprocess.run([*ctl, "pyz", str(tmp_path / "again.pyz")], capture_output=True).returncode == 0
    assert (tmp_path / "again.pyz").read_bytes() == file.read_bytes()
    done = subprocess.run([*ctl, "launcher", str(tmp_path / "x")], capture_output=True, text=True)
    assert done.returncode == 1 and "it needs no launcher" in done.stderr and "Traceback" not in done.stderr, done
