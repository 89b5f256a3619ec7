"""docs/how-to/extending.md is done: its changes are applied to a copy of the checkout, and its commands run there."""

from __future__ import annotations

import fnmatch
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pid1 import ROOT

PAGE = ROOT / "docs" / "how-to" / "extending.md"


def apply(text: str, copy: Path) -> None:
    """One change of the page. "@@" alone: wherever its lines stand, and they must stand there once."""
    name = re.search(r"^\+\+\+ b/(.*)$", text, re.M)
    assert name, text
    path, lines = copy / name[1], text.split("\n@@", 1)[1].splitlines()[1:]
    after = "".join(f"{line[1:]}\n" for line in lines if line[:1] != "-")
    if text.startswith("--- /dev/null"):
        path.write_text(after)
        return
    before = "".join(f"{line[1:]}\n" for line in lines if line[:1] != "+")
    assert path.read_text().count(before) == 1, f"{name[1]} does not have once:\n{before}"
    path.write_text(path.read_text().replace(before, after))


def environment(copy: Path) -> None:
    """A .venv of its own that shares the packages of ours: `./do` must not install the copy into ours."""
    ours, its = Path(sys.prefix), copy / ".venv"
    (its / "bin").mkdir(parents=True)
    (its / "bin" / "python").symlink_to(ours / "bin" / "python")
    for name in ("lib", "pyvenv.cfg"):
        (its / name).symlink_to(ours / name)
    script = its / "bin" / "pidonectl"
    script.write_text(f"#!{its}/bin/python\nimport sys\nfrom pidone.cli.main import main\nsys.exit(main())\n")
    script.chmod(0o755)
    (its / "installed-test").touch()


@pytest.fixture
def extended(tmp_path: Path) -> Path:
    copy = tmp_path / "pidone"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "__pycache__", "*.egg-info"))
    environment(copy)
    subprocess.run(["git", "init", "-q"], cwd=copy, check=True)
    subprocess.run(["git", "add", "docs"], cwd=copy, check=True)
    for change in re.findall(r"^```diff\n(.*?)^```$", PAGE.read_text(), re.M | re.S):
        apply(change, copy)
    return copy


def commands() -> list[tuple[str, list[str]]]:
    """(command, the lines of its output that the page shows)"""
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(r"^```console\n(.*?)^```$", PAGE.read_text(), re.M | re.S):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            elif line != "...":
                found[-1][1].append(line)
    return found


def test_one_of_each_is_added_as_the_page_says(extended: Path) -> None:
    """PYTHONPATH puts the copy before the checkout that .venv has installed."""
    for command, shown in commands():
        done = subprocess.run(
            ["bash", "-ec", command], cwd=extended, env={**os.environ, "PYTHONPATH": str(extended)},
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        said = done.stdout + done.stderr
        assert done.returncode == 0, (command, said)
        for line in shown:
            assert any(fnmatch.fnmatchcase(one, line) for one in said.splitlines()), (command, line, said)


def test_what_was_added_says_what_is_wrong_like_all_else(extended: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(extended)}
    subprocess.run([".venv/bin/python", "-m", "scripts.generate"], cwd=extended, env=environment, check=True)
    text = (extended / "example.toml").read_text()
    (extended / "wrong.toml").write_text(
        text.replace("cpus = [0]", "cpus = 0").replace('"/tmp/pidone-example.sock", p', "5, p")
    )
    check = [".venv/bin/pidonectl", "check", "wrong.toml"]
    done = subprocess.run(check, cwd=extended, env=environment, capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout == "", done
    said = done.stderr.splitlines()
    assert len(said) == 2, said
    assert said[0] == "pidone: wrong.toml:8: process 'server': cpus = 0: wanted is a list of processors, such as [0, 1]"
    assert said[1].startswith("pidone: wrong.toml:11: process 'server': startup.unix = 5: wanted is "), said
