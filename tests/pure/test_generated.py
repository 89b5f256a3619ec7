"""What is generated is as the declarations say, and one key of the file is found in few places."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.generate import FILES


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_it_is_what_do_generate_writes(path: Path) -> None:
    text = path.read_text()
    assert FILES[path](text) == text, "run ./do generate"
