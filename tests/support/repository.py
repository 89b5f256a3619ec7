"""The files of the repository that tests read: its pages, and its Python sources."""

from __future__ import annotations

from pathlib import Path

from tests.support.pid1 import ROOT

#: Every Markdown page, those of hidden directories left out.
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("*/*.md"), *ROOT.glob("docs/*/*.md")])
PAGES = [path for path in PAGES if not path.parent.name.startswith(".")]


def python_files(*tops: str) -> list[Path]:
    """Return every Python file below these directories of the repository."""
    return [path for top in tops for path in (ROOT / top).rglob("*.py")]
