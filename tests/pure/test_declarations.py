"""Everything is declared once: what derives from a declaration agrees with it, in few places."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

from pidone import probes
from pidone.config import keys
from pidone.helpers import table
from pidone.init.events import FAILURE, SUCCESS
from pidone.report.events import EVENTS, named, sentence
from scripts.generate import FILES
from tests.support.pid1 import ROOT

SOURCES = sorted((ROOT / "pidone").rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_generated_code_is_the_output_of_do_generate(path: Path) -> None:
    text = path.read_text()
    assert FILES[path](text) == text, "run ./do generate"


#: Keys with one purpose and a name that means nothing else. The other keys act in several places of
#: a lifetime.
PLAIN = (
    "nice", "rlimits", "oom_score_adj", "env_file", "requests", "ports", "groups", "replicas", "restart_rules",
    "backoff", "max_restarts", "stop_timeout",
)  # fmt: skip


@pytest.mark.parametrize("key", PLAIN)
def test_a_key_is_found_in_at_most_four_files(key: str) -> None:
    """Search for the key as a word: its entry, slot, check against other keys, and use."""
    word = re.compile(rf"\b{key}\b")
    found = [str(path.relative_to(ROOT)) for path in SOURCES if word.search(code(path))]
    assert "pidone/config/keys.py" in found and len(found) <= 4, found


def code(path: Path) -> str:
    """Return the attributes, keyword arguments and strings without a space of a file."""
    words = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute):
            words.append(node.attr)
        elif isinstance(node, ast.keyword):
            words.append(node.arg or "")
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and " " not in node.value:
            words.append(node.value)
    return " ".join(words)


def test_each_key_is_in_the_docs() -> None:
    text = (ROOT / "docs" / "reference" / "file.md").read_text()
    for key in (*keys.GROUP, *keys.VOLUME, *keys.METRICS, *keys.PROCESS, *keys.OF_POLICY):
        assert f"\n| `{key.name}` | {key.doc} | {key.default} |\n" in text, key.name


@pytest.mark.parametrize("name", [*probes.PROBE_HANDLERS, *probes.HOOK_HANDLERS])
def test_a_handler_has_its_required_functions(name: str) -> None:
    file = probes.handler(name)
    argument = file.read(example(file.EXAMPLE))
    assert file.describe(argument) and file.DOC
    packed = probes.pack(name, argument)
    if name in ("notify", "fd", "sleep"):
        assert not hasattr(file, "run"), "nobody is asked"
    elif name not in ("exec", "file"):  # PID 1 adds to the arguments of these
        inspect.signature(file.run).bind(*packed)


def test_a_hook_of_a_handler_without_its_own_hook_runs_as_a_probe(tmp_path: Path) -> None:
    assert table.run("probes.file:hook", (bytes(tmp_path), True, None), -1) == (SUCCESS, "")
    assert table.run("probes.file:hook", (bytes(tmp_path / "x"), True, None), -1)[0] == FAILURE


def example(text: str) -> object:
    """Return the value of `key = value`, written in TOML that Python can read, too."""
    return ast.literal_eval(text.partition(" = ")[2].replace("true", "True"))


def noted() -> list[tuple[str, str, list[ast.expr]]]:
    """Return (where, kind, fields) of each `….add_event("kind", …)` of PID 1."""
    found = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "add_event":
                kind, *fields = node.args
                if isinstance(kind, ast.Constant):
                    found.append((f"{path.relative_to(ROOT)}:{node.lineno}", str(kind.value), fields))
    return found


def test_recorded_events_have_the_fields_of_their_entry() -> None:
    for where, kind, fields in noted():
        declared = EVENTS[kind].fields
        if not any(isinstance(field, ast.Starred) for field in fields):
            least = len([name for name in declared if name[0] != "_"])
            good = least <= len(fields) <= len(declared) or (EVENTS[kind].more and len(fields) >= least)
            assert good, f"{where}: {kind} has {' '.join(declared)}"
    assert {kind for _, kind, _ in noted()} == set(EVENTS)


def test_an_event_without_its_last_fields_has_a_sentence() -> None:
    """An event that is too long for its slot loses its last fields."""
    values = {
        "process": 0,
        "pid": 5,
        "waited": 900,
        "code": 3,
        "signal": 9,
        "uid": 0,
        "number": 0,
        "verb": 1,
        "word": 1,
        "verdict": 1,
    }
    for kind, entry in EVENTS.items():
        for cut in range(1, len(entry.fields) + 1):
            fields = [values.get(name, "x") for name in entry.fields[:cut]]
            event = named((0, 0, kind, *fields), {0: ("web", 1)})
            assert event["what"] == kind and isinstance(sentence(event), str)


def test_an_event_of_a_newer_pidone_is_shown_as_raw_fields() -> None:
    assert sentence({"n": 1, "at": 0.5, "what": "hatched", "eggs": 3}) == "what hatched eggs 3"
