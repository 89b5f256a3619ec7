"""What a page asks a developer to do works.

The test applies the page's changes to a copy of the checkout, and runs its commands there.
"""

from __future__ import annotations

import fnmatch
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.pid1 import ROOT

EXTENDING, CONTRIBUTING = ROOT / "docs" / "how-to" / "extending.md", ROOT / "CONTRIBUTING.md"


def apply(text: str, copy: Path) -> None:
    """Apply one change of the page.

    A bare "@@" stands for the place of its lines, which must occur once.
    """
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
    """Make a .venv that shares the packages of the current one.

    `./do` must not install the copy into the current one.
    """
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
def copy(tmp_path: Path) -> Path:
    made = tmp_path / "pidone"
    shutil.copytree(ROOT, made, ignore=shutil.ignore_patterns(".*", "__pycache__", "*.egg-info"))
    environment(made)
    subprocess.run(["git", "init", "-q"], cwd=made, check=True)
    subprocess.run(["git", "add", "docs"], cwd=made, check=True)
    return made


def blocks(page: Path, language: str = r"\w+") -> list[tuple[str, str]]:
    return re.findall(rf"^```({language})\n(.*?)^```$", page.read_text(), re.M | re.S)


def commands(block: str) -> list[tuple[str, list[str]]]:
    """Return (command, the lines of its output that the page shows) for each command."""
    found: list[tuple[str, list[str]]] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif line != "...":
            found[-1][1].append(line)
    return found


def run(command: str, copy: Path) -> tuple[int, str]:
    """Return (exit code, output) of a command.

    PYTHONPATH puts the copy before the installed checkout.
    """
    done = subprocess.run(
        ["bash", "-ec", command], cwd=copy, env={**os.environ, "PYTHONPATH": str(copy)}, capture_output=True, text=True
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", [EXTENDING, CONTRIBUTING], ids=lambda page: page.name)
def test_the_steps_give_the_output_on_the_page(page: Path, copy: Path) -> None:
    for language, text in blocks(page):
        block = text.replace("/tmp/pidone-example", f"{copy.parent}/its")  # several of these tests may run at once
        if language == "diff":
            apply(block, copy)
        for command, shown in commands(block) if language == "console" else ():
            code, said = run(command, copy)
            assert code == 0, (command, said)
            for line in shown:
                assert any(fnmatch.fnmatchcase(one, line) for one in said.splitlines()), (command, line, said)


def test_added_keys_report_wrong_values_like_all_others(copy: Path) -> None:
    for _, block in blocks(EXTENDING, "diff"):
        apply(block, copy)
    text = (copy / "example.toml").read_text()
    wrong = text.replace("cpus = [0]", "cpus = 0").replace('"/tmp/pidone-example.sock", p', "5, p")
    (copy / "wrong.toml").write_text(wrong)
    assert run("./do generate", copy)[0] == 0
    code, said = run(".venv/bin/pidonectl check wrong.toml", copy)
    first, second = said.splitlines()
    assert first == "pidone: wrong.toml:8: process 'server': cpus = 0: expected a list of processors, such as [0, 1]"
    assert second.startswith("pidone: wrong.toml:11: process 'server': startup.unix = 5: expected ")
    assert code == 2
