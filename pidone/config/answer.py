"""What PID 1's child does with FILE: it prints errors on stderr, or writes a plan into the pipe."""

from __future__ import annotations

import os
import sys

from pidone.config import compiled, lookup
from pidone.config.read import ConfigError, read
from pidone.config.resolve import Resolver, make_volumes
from pidone.init import plan


def for_pid_1(path: bytes, command: list[bytes], cwd: bytes | None, token: str, pipe: int) -> tuple[int, str]:
    """Do the child's whole work: everything that may be slow, large or wrong.

    Returns (exit code, ""): it prints the errors itself.
    """
    code = plan.WRONG
    try:
        if cwd is not None:
            os.chdir(cwd)  # FILE may be relative to the directory in which the container started
        code = main(path, command, pipe, token)
    except Exception as error:
        print(
            f"pidone: cannot read {path.decode('utf-8', 'replace')}: {type(error).__name__}: {error}", file=sys.stderr
        )
    return code, ""


def main(path: bytes, command: list[bytes], pipe: int, token: str = "") -> int:
    """Write the plan and return 0, or print every error and return 2.

    command: replaces the primary's command, unless it is empty.
    token: part of the names of the sd_notify sockets; given where the file is read again.
    """
    name = os.fsdecode(path)
    try:
        data = read(name)
        declaration = compiled.read(name, data) or checked(data)
        directory = os.path.dirname(os.path.abspath(name))
        resolver = Resolver(declaration, directory, token, lookup.PATIENCE)
        made = resolver.resolve()
        make_volumes(declaration, resolver)
    except ConfigError as wrong:
        for line in lines(name, wrong.errors):
            print(line, file=sys.stderr)
        return plan.WRONG
    for line in lines(name, resolver.warnings):
        print(line, file=sys.stderr)
    if command:
        made.processes[-1].argv = command
    packed = plan.pack(made)
    while packed:
        packed = packed[os.write(pipe, packed) :]
    return 0


def checked(data: bytes) -> dict[str, object]:
    """Check the file's bytes and return the declaration. Raises ConfigError.

    The imports stand here, so that a compiled file does not load the checker.
    """
    from pidone.config.check import check
    from pidone.config.parse import parse

    return check(*parse(data))


def lines(name: str, errors: list[tuple[int, str]]) -> list[str]:
    """Return one line for each error: `pidone: FILE:LINE: what, and what would be right`."""
    return [printable(f"pidone: {name}{f':{line}' if line else ''}: {text}") for line, text in errors]


def printable(text: str) -> str:
    """Return the text as one printable line of at most 2,000 characters.

    A key or a name may hold anything: line feeds and a terminal's escape sequences are escaped, and
    a longer text is cut.
    """
    text = text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return text if len(text) <= 2000 else text[:1990] + " ..."
