"""Bytes of a file -> a TOML document and the line of each key, or one error that says where.

Python's TOML libraries do not report the line of a key. So a scanner of a few tokens finds the
lines, in a text that is then known to be valid TOML.
"""

from __future__ import annotations

import re
from typing import Any

from pidone import library
from pidone.config.read import ConfigError

Path = tuple[Any, ...]  # ("process", 2, "command")

#: Advice for the library's errors on common mistakes.
IN_QUOTES = '; write a string, such as "10s" or "0022", in quotes'
HINTS = {
    "Expected newline or end of document after a statement": IN_QUOTES,
    "Invalid value": IN_QUOTES,
    "Cannot overwrite a value": "; a key is given twice",
}


def toml_library() -> Any:
    """Return tomllib, or tomli before Python 3.11. Raises ConfigError."""
    try:
        import tomllib

        return tomllib
    except ImportError:
        pass
    try:
        return library.load("tomli", "tomli", "tomli")
    except library.MissingPackageError as missing:
        raise ConfigError([(0, f"reading TOML needs Python 3.11 or the package tomli: {missing}")]) from None


def parse(data: bytes) -> tuple[dict[str, Any], dict[Path, int]]:
    """Return (document, {path of a key or table: line}). Raises ConfigError."""
    toml = toml_library()
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError([(line, f"byte 0x{data[error.start]:02x} is not UTF-8; TOML files are UTF-8")]) from None
    if text.startswith("\ufeff"):
        raise ConfigError([(1, "the file starts with a byte order mark; save it as UTF-8 without one")])
    try:
        document = toml.loads(text)
    except toml.TOMLDecodeError as error:
        where = re.search(r" \(at line (\d+), column (\d+)\)", str(error))
        what = re.sub(r" \(at .*\)", "", str(error))
        line = int(where[1]) if where else text.count("\n") + 1
        column = f" at column {where[2]}" if where else " at the end of the file"
        raise ConfigError([(line, f"not TOML{column}: {what[:1].lower()}{what[1:]}{HINTS.get(what, '')}")]) from None
    except ValueError as error:  # such as a number with more digits than Python reads
        raise ConfigError([(0, f"not readable as TOML: {error}")]) from None
    except RecursionError:
        raise ConfigError([(0, "its brackets are nested too deeply")]) from None
    return document, lines_of(text)


TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"""'
    r"|'''.*?'''"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*|[\[\]{}=\n,.]"
    r"""|[^\s\[\]{}=,.\#"']+""",
    re.DOTALL,
)


def lines_of(text: str) -> dict[Path, int]:
    """Return the line of tables and keys: {("process", 0): 5, ("process", 0, "shell"): 7, ...}."""
    lines: dict[Path, int] = {}
    arrays: dict[Path, int] = {}
    table: Path = ()
    for line, words in statements(text):
        if words[0] == "[":
            is_array = words[1:2] == ["["]
            names = tuple(unquote(word) for word in words if word not in "[].")
            table = inside(names[:-1], arrays) + names[-1:] if is_array else inside(names, arrays)
            if is_array:
                lines.setdefault(table, line)
                arrays[table] = arrays.get(table, -1) + 1
                table = (*table, arrays[table])
            lines.setdefault(table, line)
        else:
            path = table
            for word in words:
                if word != ".":
                    path = (*path, unquote(word))
                    lines.setdefault(path, line)
    return lines


def inside(names: Path, arrays: dict[Path, int]) -> Path:
    """Return the path of a table's name.

    The name of an array of tables stands for its latest table (TOML 1.0, Array of Tables).
    """
    path: Path = ()
    for name in names:
        path = (*path, name)
        if path in arrays:
            path = (*path, arrays[path])
    return path


def statements(text: str) -> list[tuple[int, list[str]]]:
    """Return [(line, words)] of each header, and of each key up to its "="."""
    found: list[tuple[int, list[str]]] = []
    words: list[str] = []
    line = start = 1
    depth, in_value = 0, False
    for match in TOKEN.finditer(text):
        token = match[0]
        if token == "\n" and depth == 0:
            if words and words[0] == "[":
                found.append((start, words))
            words, in_value = [], False
        elif in_value:
            depth += (token in "[{") - (token in "]}")
        elif token == "=" and words and words[0] != "[":
            found.append((start, words))
            in_value = True
        elif token != "\n" and token[0] != "#":
            start = start if words else line
            words.append(token)
        line += token.count("\n")
    if words and words[0] == "[":
        found.append((start, words))
    return found


def unquote(word: str) -> str:
    return word[1:-1] if word[:1] in "\"'" and len(word) > 1 else word
