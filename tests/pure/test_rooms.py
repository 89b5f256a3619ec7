"""The house: who may import whom, and how large PID 1 may be (design, sections 1 and 7)."""

from __future__ import annotations

import ast
import io
import tokenize
from pathlib import Path

import pytest

from pidone.cli import launcher
from pidone.init import ALLOWED
from tests.pid1 import ROOT

PACKAGE = ROOT / "pidone"

#: room -> the rooms it may import from at all; `paths` and `control.protocol` are leaves.
MAY = {
    "init": {"init"},
    "compat": {"compat", "init"},
    "group": {"group", "control", "init"},
    "supervisor": {"supervisor", "group", "control", "paths", "init"},
    "report": {"report", "config", "supervisor", "control", "init"},
    "helpers": {"helpers", "report", "config", "supervisor", "group", "control", "paths", "init"},
    "config": {"config", "group", "control", "paths", "init"},
    "control": {"control", "paths", "init"},
    "cli": {"cli", "config", "report", "control", "paths", "group", "init"},
}
#: What a child of PID 1, or a run that never becomes one, loads from above: the file's reader and words.
CHILD_ONLY = {
    "supervisor/planner.py": {"pidone.config"},
    "init/spawn.py": {"pidone.helpers", "pidone.config"},
    "init/main.py": {
        "pidone",
        "pidone.helpers.usage",
        "pidone.supervisor",
        "pidone.compat.main",
        "pidone.group.group",
        "pidone.supervisor.loop",
    },
    "init/loop.py": {"pidone.helpers.reporter"},
    "compat/main.py": {"pidone.cli.detach"},
    "supervisor/helpers.py": {"pidone.helpers", "pidone.config.policy"},
    "supervisor/control_server.py": {"pidone.helpers.control.session"},
}

#: What decides, and so may import what is pure only: the room `group`, and of `init`
PURE = {"pidone.control.protocol", "pidone.init.events", "pidone.init.machine", "pidone.init.plan"}


def imports(path: Path) -> list[tuple[int, str, bool]]:
    """(line, module, only for the type checker?)"""
    tree = ast.parse(path.read_text())
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name, id(node) in typing_only) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append((node.lineno, node.module or "", id(node) in typing_only))
    return found


def sources(room: str) -> list[Path]:
    return sorted((PACKAGE / room).rglob("*.py"))


@pytest.mark.parametrize("room", MAY)
def test_imports_go_downwards_only(room: str) -> None:
    for path in sources(room):
        for line, module, _ in imports(path):
            if module.split(".")[0] != "pidone" or module in CHILD_ONLY.get(f"{room}/{path.name}", ()):
                continue
            above = (module.split(".") + ["init"])[1] if module != "pidone" else "pidone"
            allowed = MAY[room] | {"pidone"} if room != "init" else MAY[room]
            assert above in allowed, f"{path.name}:{line} imports {module}"


def test_what_decides_imports_what_is_pure() -> None:
    for path in sources("group"):
        for line, module, typing_only in imports(path):
            pure = module in PURE or module.split(".")[:2] == ["pidone", "group"]
            assert typing_only or pure, f"{path.name}:{line} imports {module}"
    for module in PURE - {"pidone.init.plan"}:
        for line, other, typing_only in imports(PACKAGE / f"{module.replace('.', '/')[7:]}.py"):
            assert typing_only or other in PURE, f"{module}:{line} imports {other}"


def test_pid_1_s_rooms_import_the_allowed_builtins_only() -> None:
    only_elsewhere = {"ctypes", "resource", "__future__"}  # a subreaper that is not PID 1; a child that sets limits
    for path in [*sources("init"), *sources("group"), *sources("supervisor"), PACKAGE / "paths.py"]:
        for line, module, typing_only in imports(path):
            if not typing_only and module.split(".")[0] != "pidone":
                assert module in {*ALLOWED, *only_elsewhere}, f"{path.name}:{line} imports {module}"


def test_every_room_is_known() -> None:
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert rooms == set(MAY)


def code_lines(path: Path) -> int:
    """Lines that are neither blank, comment nor docstring."""
    text = path.read_text()
    lines: set[int] = set()
    nothing = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in nothing:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node, clean=False):
            first = node.body[0]
            lines -= set(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return len(lines)


def test_pid_1_s_own_code_is_under_1500_lines() -> None:
    assert sum(code_lines(path) for path in sources("init")) < 1500


@pytest.mark.parametrize("room", ["group", "supervisor"])
def test_what_a_group_adds_to_it_is_under_1400_lines_of_decisions_and_of_carrying_out(room: str) -> None:
    """What is loaded to say something is left out."""
    assert sum(code_lines(path) for path in sources(room) if path.stem not in ("words", "status")) < 1400


def test_what_a_single_command_s_pid_1_loads_is_under_1450_lines_with_comments() -> None:
    loaded = [PACKAGE / "init" / f"{name.split('.')[1]}.py" for name in launcher.ROOM if "." in name]
    assert sum(sum(1 for line in path.read_text().splitlines() if line.strip()) for path in loaded) < 1450


def test_a_file_is_one_sitting_and_a_function_one_screen() -> None:
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text()
        assert text.count("\n") <= 480, f"{path.name} has grown: {text.count(chr(10))} lines"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                length = (node.end_lineno or 0) - node.lineno + 1
                assert length <= 50, f"{path.name}:{node.lineno} {node.name} has {length} lines"


def test_no_clock_but_the_monotonic_one() -> None:  # E33
    """Suspend, NTP and an administrator step the others."""
    for path in [*sources("init"), *sources("group"), *sources("supervisor"), PACKAGE / "paths.py"]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == "time":
                assert [alias.name for alias in node.names] == ["monotonic"], f"{path.name}:{node.lineno}"
            assert not (isinstance(node, ast.Import) and node.names[0].name == "time"), f"{path.name}"
