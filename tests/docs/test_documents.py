"""Every command block of the README, file in config/, figure and link, as it is."""

from __future__ import annotations

import ast
import fnmatch
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.show import BARS
from demos.comparison import show
from tests.support.engine import BASE, Container, Engine
from tests.support.files import check
from tests.support.pid1 import PYTHON, ROOT, Pidone, Result, Write
from tests.support.repository import PAGES


class Block:
    """A fenced block.

    document: the path of the document.
    language: the language of the block.
    text: its text.
    output: the output that the document shows below it, if any.
    """

    def __init__(self, document: Path, language: str, text: str, output: str) -> None:
        self.document, self.language, self.text, self.output = document, language, text, output

    def __repr__(self) -> str:
        return f"{self.document.name}: {self.text.splitlines()[0]}"


def blocks(*languages: str) -> list[Block]:
    found = []
    for document in PAGES:
        text = document.read_text()
        fences = list(re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S))
        for fence, after in zip(fences, [*fences[1:], None]):
            shown = after and after[1] == "text" and "\n#" not in text[fence.end() : after.start()]
            if fence[1] in languages:
                found.append(Block(document, fence[1], fence[2], after[2] if after and shown else ""))
    return found


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the checkout as a new user has it, without the files that git ignores.

    The environment is the one that ./do has made already.
    """
    directory = tmp_path_factory.mktemp("clone") / "pidone"
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    ).stdout.split()
    for name in names or [str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if path.is_file()]:
        if (ROOT / name).is_file():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, directory / name)
    return directory


#: Blocks that the test does not run, because they run this test.
THIS = {"./do test\n"}


def test_the_readme_and_ci_name_the_command_that_runs_these_tests() -> None:
    readme = [block.text for block in blocks("sh") if block.document.name == "README.md"]
    assert set(readme) >= THIS and "./do hello\n" in readme
    assert "./do test" in (ROOT / ".ci" / "run").read_text().splitlines()


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("block", [block for block in blocks("sh") if block.text not in THIS], ids=repr)
def test_a_command_block_runs_and_prints_what_the_document_shows(block: Block, clone: Path, engine: Engine) -> None:
    environment = {key: value for key, value in engine.environment.items() if key != "CI"}
    done = subprocess.run(
        ["bash", "-euc", block.text], cwd=clone, env=environment, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=280,
    )  # fmt: skip
    result = Result([block.text], done.returncode, done.stdout.encode(), done.stderr)
    assert result.code == 0, result
    for line in block.output.splitlines():
        if line != "...":
            assert any(fnmatch.fnmatchcase(said, line) for said in (done.stdout + done.stderr).splitlines()), (
                line,
                result,
            )


@pytest.mark.parametrize("block", blocks("toml"), ids=repr)
def test_a_file_that_a_document_shows_is_right_and_runs(block: Block, pidone: Pidone, write: Write) -> None:
    file = write("pidone.toml", block.text)
    checked = check(file)
    assert checked.returncode == 0, checked.stderr
    result = pidone.run("-c", file)
    assert result.code == 0 and result.err == "", result


#: A Python image as the README's three lines expect it, with a wheel of this checkout as the
#: package index.
PYTHON_IMAGE = f"""\
FROM {BASE}
COPY *.whl /wheels/
ENV PIP_FIND_LINKS=/wheels PIP_NO_INDEX=1
WORKDIR /app
"""


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("block", blocks("dockerfile"), ids=repr)
def test_the_lines_for_a_dockerfile_make_an_image_that_runs(
    block: Block,
    engine: Engine,
    source: Path,
    tmp_path: Path,
) -> None:
    wheel = [PYTHON, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path), str(source)]
    subprocess.run(wheel, check=True, env={k: v for k, v in os.environ.items() if not k.startswith("PYTHON")})
    (tmp_path / "app.py").write_text("import os, sys\nprint('below', os.getppid(), flush=True)\nsys.exit(7)\n")
    (tmp_path / "Dockerfile").write_text(f"{PYTHON_IMAGE}{block.text}COPY app.py /app\n")
    engine.build("three-lines", file=tmp_path / "Dockerfile", directory=tmp_path)
    with Container(engine, "three-lines") as container:
        result = container.end()
    assert (result.code, result.text, result.err) == (7, "below 1\n", ""), result


class TestConfig:
    """Every file in config/, run."""

    def test_there_is_a_test_for_every_file(self) -> None:
        files = {str(path.relative_to(ROOT / "config")) for path in (ROOT / "config").rglob("*.toml")}
        assert files == {
            "smallest.toml",
            "helloworld/pidone.toml",
            "web/pidone.toml",  # tests/docker/test_web.py
            *(f"{name}/pidone.toml" for name in ("redis", "postgres", "tomcat")),  # tests/docker/test_apps.py
        }

    @pytest.mark.parametrize("path", sorted((ROOT / "config").rglob("*.toml")), ids=lambda path: str(path.parent.name))
    def test_it_is_right_and_every_process_is_explained(self, path: Path) -> None:
        result = check("--elsewhere", str(path))
        assert result.returncode == 0 and "note:" not in result.stdout, result
        text = path.read_text()
        assert text.startswith("# ") and text.count("#") >= text.count("[["), "too few comments"

    def test_the_smallest(self, pidone: Pidone) -> None:
        result = pidone.run("-c", str(ROOT / "config" / "smallest.toml"))
        assert (result.code, result.text, result.err) == (0, "hello, world\n", ""), result

    def test_helloworld(self, pidone: Pidone) -> None:
        result = pidone.run("-c", "pidone.toml", cwd=ROOT / "config" / "helloworld")
        assert result.code == 0 and result.err == "", result
        assert result.lines[0] == "log: started", result
        assert "main: the api says: hello, world! 512970878052 is divisible by 2" in result.lines, result
        assert result.lines[-3:] == [
            "api: stopped", "compute: stopped", "log: stopped, the last; 6 lines were written",
        ], result  # fmt: skip

    def test_helloworld_s_route_of_sighup(self, pidone: Pidone) -> None:
        shutil.rmtree("/tmp/pidone-helloworld", ignore_errors=True)
        wait = "until [ -S /tmp/pidone-helloworld/log ]; do sleep 0.01; done; kill -HUP 1; exec sleep 1"
        command = ("-c", "pidone.toml", "--", "sh", "-c", wait)
        result = pidone.run(*command, cwd=ROOT / "config" / "helloworld")
        assert result.code == 0 and "log: would reopen its file now" in result.lines, result


def test_the_index_lists_every_page_under_its_kind() -> None:
    text = (ROOT / "docs" / "README.md").read_text()
    kinds = re.findall(r"^## .*\n((?:.+\n|\n(?!##))*)", text, re.M)
    listed = [re.findall(r"\]\((\S+?\.md)\)", part) for part in kinds]
    assert [len({path.split("/")[0] for path in part}) for part in listed] == [1, 1, 1, 1]
    assert sorted(path for part in listed for path in part) == sorted(
        str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").glob("*/*.md")
    )


def test_every_link_leads_somewhere() -> None:
    for document in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_every_test_that_a_document_names_exists() -> None:
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("*.py"))
    for document in PAGES:
        for name in re.findall(r"`(test_\w+)`", document.read_text()):
            assert f"def {name}(" in tests, f"{document.name} names {name}"


def test_every_statement_of_a_pod_is_listed_with_its_tests() -> None:
    """The page has a hundred rows, each with a mark and all tests of that number.

    A row with a cross or a wave gives the reason.
    """
    rows = re.findall(
        r"^\| S(\d+) \| (.+) \| ([✓≈]) \| (.+) \|$", (ROOT / "docs" / "reference" / "pod.md").read_text(), re.M
    )
    assert [int(number) for number, *_ in rows] == list(range(1, 101))
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("*.py"))
    for number, text, mark, names in rows:
        there = re.findall(rf"def (test_s0?{number}_\w+)\(", tests)
        assert there and sorted(re.findall(r"`(\w+)`", names)) == sorted(there), f"S{number}"
        assert mark == "✓" or ":" in text or "," in text, f"S{number}: why?"


def marked() -> dict[int, set[str]]:
    """Return {number of an edge case: the tests with it in a comment or docstring at the head}."""
    found: dict[int, set[str]] = {}
    for path in (ROOT / "tests").rglob("test_*.py"):
        text = path.read_text()
        lines = text.splitlines()
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
                head = "\n".join([*lines[first - 1 : node.body[0].lineno - 1], ast.get_docstring(node) or ""])
                for number in re.findall(r"\bE(\d+)\b", head):
                    found.setdefault(int(number), set()).add(node.name)
    return found


def test_every_edge_case_is_listed_with_its_tests() -> None:
    """Each case has a row with all tests that carry its number.

    Three numbers have no row yet: they belong to the report.
    """
    rows = re.findall(
        r"^\| E(\d+) \| .+ \| (.+) \|$", (ROOT / "docs" / "reference" / "edge-cases.md").read_text(), re.M
    )
    assert [int(number) for number, _ in rows] == [*range(1, 57), 60, 61, 62]
    there = marked()
    for number, names in rows:
        assert set(re.findall(r"`(\w+)`", names)) == there[int(number)], f"E{number}"


@pytest.mark.parametrize("name", ["hangs", "dies"])
def test_the_tutorial_s_pictures_are_what_its_steps_make(clone: Path, name: str) -> None:
    """Times and pids may differ. This runs after the tutorial's own blocks."""

    def words(picture: Path) -> set[str]:
        texts = ElementTree.parse(picture).iter("{http://www.w3.org/2000/svg}text")
        return {re.sub(r"[\d.]+", "N", text.text) for text in texts if text.text}  # without texts for a pointer

    assert (clone / "tutorial" / f"{name}.svg").exists(), "made by the tutorial's own blocks: run them with this"
    there = words(ROOT / "docs" / "tutorial" / f"{name}.svg")
    made = words(clone / "tutorial" / f"{name}.svg")
    assert {"store", "web"} <= there and there == made


def test_the_comparison_s_page_is_written_from_its_results() -> None:
    document = json.loads((ROOT / "demos" / "comparison" / "results.json").read_text())
    assert (ROOT / "docs" / "explanation" / "comparison.md").read_text() == show.page(document), (
        "demos/compare --write writes it"
    )
    for name in document["results"]:
        chart = ElementTree.parse(ROOT / "docs" / "explanation" / "comparison" / f"{name}.svg")
        words = {element.text for element in chart.iter("{http://www.w3.org/2000/svg}text")}
        assert {"pidone", "systemd"} <= words, name


def measured() -> Iterator[tuple[str, str, str]]:
    """Yield (row, column, cell) of the README's and docs/how-to/starting.md's tables of figures."""
    for document in ("README.md", "docs/how-to/starting.md"):
        head: list[str] = []
        for line in (ROOT / document).read_text().splitlines():
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if not line.startswith("|"):
                head = []
            elif not head:
                head = cells
            elif head[0] == "measured" and not set(line) <= set("|-"):
                yield from ((cells[0], name, cell) for name, cell in zip(head[1:], cells[1:]))


def test_every_figure_is_one_of_the_benchmark_s_last_run() -> None:
    rows = json.loads((ROOT / "benchmarks" / "results.json").read_text())["rows"]
    figures = list(measured())
    assert len(figures) > 20
    for row, column, cell in figures:
        value = rows[row].get(column)
        said = float(cell.replace(",", "")) if cell not in ("-", "") else None
        assert (value is None) == (said is None), f"{row}, {column}: {cell} is said, {value} was measured"
        if value is not None and said is not None:
            assert abs(said - value) <= 0.006 * max(value, 1), f"{row}, {column}: {cell} is said, {value} was measured"


def test_the_page_lists_every_missed_bar_of_the_last_benchmark_run() -> None:
    bars = json.loads((ROOT / "benchmarks" / "results.json").read_text())["bars"]
    assert [bar["what"] for bar in bars] == [what for what, *_ in BARS]
    missed = {(bar["what"], f"{bar['value']:.2f}", bar["bar"]) for bar in bars if not bar["kept"]}
    text = (ROOT / "benchmarks" / "README.md").read_text().partition("## Missed")[2]
    assert set(re.findall(r"^\| (.+) \| (.+) \| (.+) \|$", text, re.M)[1:]) == missed


def test_the_storms_were_of_a_hundred_thousand_each() -> None:
    head, *lines = (ROOT / "benchmarks" / "storms.txt").read_text().splitlines()
    assert re.match(r"\./do storms, \d{4}-\d\d-\d\d, commit [\w-]{7,}, ", head)
    assert {line.partition(":")[0] for line in lines} == {
        f"{how}, 100,000 {kind}" for how in ("single", "group") for kind in ("stops", "signals", "orphans")
    }


def test_help_s_options_are_all_in_the_documents(pidone: Pidone) -> None:
    text = "\n".join(path.read_text() for path in PAGES)
    for option in re.findall(r"^  (?:-\w, |    )(--\w+)", pidone.run("--help").text, re.M):
        if option not in ("--help", "--version", "--config"):
            assert option in text, f"{option} is in no document"
