"""The rooms: which may import which, and how large PID 1 may be.

E1 and so on: docs/reference/edge-cases.md.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from pidone.cli import launcher
from pidone.init import ALLOWED
from tests.support.pid1 import PACKAGE, ROOT
from tests.support.repository import python_files

#: {room: the rooms it may import from}. A file at the top of the package is a room of its own.
MAY = {
    "kernel": set(),
    "init": {"kernel"},
    "paths": {"init"},
    "layout": set(),
    "oom": {"kernel"},
    "readers": {"init"},
    "library": set(),
    "probes": {"library", "paths", "readers", "init"},
    "control": {"paths"},
    "group": {"control", "init"},
    "supervisor": {"layout", "oom", "group", "control", "paths", "init", "kernel"},
    "config": {"group", "control", "probes", "readers", "library", "paths", "init"},
    "report": {"config", "control", "layout", "oom", "init"},
    "helpers": {"layout", "library", "oom", "report", "config", "group", "control", "paths", "init", "kernel"},
    "cli": {"report", "config", "group", "control", "probes", "paths", "init"},
    "compat": {"cli", "init", "kernel"},
    "__main__": {"init"},
}

#: What PID 1 imports late from higher rooms: before it becomes another PID 1, or in a child.
LATE = {
    "init/main.py": {"compat.main", "group.group", "helpers.usage", "supervisor.loop", "supervisor.planner"},
    "init/spawn.py": {"config.lookup", "helpers.refusal"},
}

#: The modules of other rooms that the room `group`, which decides, may import: they are pure.
PURE = {"pidone.control.protocol", *(f"pidone.init.{name}" for name in ("events", "machine", "plan", "slots"))}


def is_module(name: str) -> bool:
    path = PACKAGE.parent.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def imports(path: Path) -> list[tuple[int, str, bool]]:
    """Return (line, module, whether only the type checker imports it) of each import."""
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
            module = node.module or ""
            names = {
                f"{module}.{alias.name}" if is_module(f"{module}.{alias.name}") else module for alias in node.names
            }
            found += [(node.lineno, name, id(node) in typing_only) for name in sorted(names)]
    return found


def sources(room: str) -> list[Path]:
    return sorted((PACKAGE / room).rglob("*.py"))


def name_of(path: Path) -> str:
    """Return init.loop for pidone/init/loop.py, and init for pidone/init/__init__.py."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


def modules() -> dict[str, tuple[Path, list[tuple[int, str]]]]:
    """Return {module: (path, [(line, module of pidone that it imports)])}, without imports for the
    type checker.
    """
    found = {}
    for path in PACKAGE.rglob("*.py"):
        ours = [
            (line, name[7:]) for line, name, typing_only in imports(path) if not typing_only and name[:7] == "pidone."
        ]
        found[name_of(path)] = path, ours
    return found


def test_imports_go_downwards_only() -> None:
    for module, (path, ours) in modules().items():
        room = module.split(".")[0]
        for line, other in ours:
            above = other.split(".")[0]
            late = other in LATE.get(str(path.relative_to(PACKAGE)), ())
            assert above == room or above in MAY[room] or late, f"{path.relative_to(ROOT)}:{line} imports {other}"


def test_there_is_no_cycle_of_imports() -> None:
    """Imports within functions count, too."""
    try:
        TopologicalSorter({module: {other for _, other in ours} for module, (_, ours) in modules().items()}).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(error.args[1]))


def test_decision_code_imports_only_pure_modules() -> None:
    for path in sources("group"):
        for line, module, typing_only in imports(path):
            pure = module in PURE or module.split(".")[:2] == ["pidone", "group"]
            assert typing_only or pure, f"{path.name}:{line} imports {module}"
    for module in PURE - {"pidone.init.plan"}:
        for line, other, typing_only in imports(PACKAGE / f"{module.replace('.', '/')[7:]}.py"):
            assert typing_only or other in PURE, f"{module}:{line} imports {other}"


def test_pid_1_s_rooms_import_the_allowed_builtins_only() -> None:
    only_elsewhere = {"ctypes", "resource", "__future__"}  # a subreaper that is not PID 1; a child that sets limits
    for path in [
        *sources("init"),
        *sources("group"),
        *sources("supervisor"),
        PACKAGE / "paths.py",
        PACKAGE / "kernel.py",
    ]:
        for line, module, typing_only in imports(path):
            if not typing_only and module.split(".")[0] != "pidone":
                assert module in {*ALLOWED, *only_elsewhere}, f"{path.name}:{line} imports {module}"


def test_every_room_is_known() -> None:
    rooms = {path.stem for path in PACKAGE.iterdir() if path.stem not in ("__pycache__", "__init__", "py")}
    assert rooms == set(MAY)


def code_lines(path: Path) -> int:
    """Return the number of lines that are neither blank, comment nor docstring."""
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


def test_pid_1_s_code_is_under_4200_lines_and_init_under_1530() -> None:
    """The count leaves out code that PID 1 loads to print a message or a status, and generated
    code.
    """
    left_out = {"init": ("slots",), "group": ("slots", "status"), "supervisor": ("messages",)}
    lines = {room: sum(code_lines(p) for p in sources(room) if p.stem not in left_out[room]) for room in left_out}
    assert lines["init"] < 1530 and sum(lines.values()) < 4200, f"{lines}: take something out, or say why it may grow"


def test_a_single_command_s_pid_1_loads_under_1300_lines_of_code() -> None:
    loaded = [
        PACKAGE.joinpath(*name.split(".")).with_suffix(".py") for name in launcher.MODULES if name not in ("", "init")
    ]
    assert sum(map(code_lines, loaded)) < 1300


#: This file names what it looks for, and is left out.
CITING = [
    path
    for path in python_files("pidone", "tests", "benchmarks", "scripts", "demos", "config")
    if path.stem != "test_rooms"
]


@pytest.mark.parametrize(("kind", "page"), [("E", "edge-cases.md"), ("S", "pod.md")])
def test_a_file_that_cites_numbers_says_once_where_they_are_defined(kind: str, page: str) -> None:
    for path in CITING:
        text = path.read_text()
        if re.search(rf"\b{kind}\d{{1,3}}\b", text) and path.stem != "generate":  # it writes such a line
            assert text.count(f"docs/reference/{page}") == 1, path


def test_a_page_or_a_file_that_a_comment_cites_is_there() -> None:
    for path in CITING:
        text = path.read_text()
        cited = re.findall(r"\bdocs/[\w/-]+\.(?:md|json)\b", text)
        assert all((ROOT / name).exists() for name in cited), (path, cited)
        assert "DESIGN" not in text, path


def functions() -> list[tuple[str, int]]:
    """Return (where, number of lines) of each function."""
    found = []
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                where = f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
                found.append((where, (node.end_lineno or 0) - node.lineno + 1))
    return found


def test_a_function_fits_a_screen_and_nine_in_ten_fit_half_of_one() -> None:
    lengths = sorted(length for _, length in functions())
    assert not [where for where, length in functions() if length > 50]
    assert lengths[len(lengths) * 9 // 10] <= 25


def test_a_class_is_small_and_no_base_class_has_only_one_child() -> None:
    """A class has at most 25 methods. No class exists only for one other class of pidone to inherit
    from.
    """
    children: dict[str, set[str]] = {}
    names = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                names.add(node.name)
                methods = sum(isinstance(one, ast.FunctionDef) for one in node.body)
                assert methods <= 25, f"{path.relative_to(ROOT)}: {node.name} has {methods} methods"
                for base in node.bases:
                    children.setdefault(ast.unparse(base).split(".")[-1], set()).add(f"{path.stem}.{node.name}")
    assert not {base: one for base, one in children.items() if base in names and len(one) == 1}


def test_no_clock_but_the_monotonic_one() -> None:  # E33
    """Suspend, NTP and an administrator step the other clocks."""
    for path in [
        *sources("init"),
        *sources("group"),
        *sources("supervisor"),
        PACKAGE / "paths.py",
        PACKAGE / "kernel.py",
    ]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == "time":
                assert [alias.name for alias in node.names] == ["monotonic"], f"{path.name}:{node.lineno}"
            assert not (isinstance(node, ast.Import) and node.names[0].name == "time"), f"{path.name}"
