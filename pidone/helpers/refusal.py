"""Says why a program could not be executed. Only a child whose exec has failed loads it.

E1 and so on: docs/reference/edge-cases.md.
"""

import errno
import posix

from pidone.init.plan import CANNOT, NOT_FOUND
from pidone.init.signals import show
from pidone.kernel import read_file


def explain(program: bytes, paths: "list[bytes]", refused: "tuple[bytes, OSError] | None") -> "tuple[int, str]":
    """Return (exit code, text).

    paths: the paths that were tried.
    refused: the file that was there, and why it did not run; or None where there was no file.
    """
    if refused:
        return explain_file(*refused)
    if not program:
        return NOT_FOUND, "the command is empty"
    if b"/" in program:
        return NOT_FOUND, "%s: no such file or directory" % show(program)
    path = b":".join(path[: -len(program) - 1] for path in paths)
    return NOT_FOUND, "%s: command not found in PATH (%s)" % (show(program), show(path))


def explain_file(path: bytes, error: OSError) -> "tuple[int, str]":
    """Return (exit code, text) for a file that exists.

    The fault is the file's own, or its interpreter's (E7).
    """
    words = posix.strerror(error.errno or 0).lower()
    if error.errno == errno.ENOENT:
        return NOT_FOUND, "%s: %s" % (show(path), missing_loader(path, words))
    if error.errno == errno.EACCES and is_directory(path):
        words = "is a directory"
    elif error.errno == errno.ENOEXEC:
        words += " (a script needs a first line such as #!/bin/sh)"
    return CANNOT, "%s: %s" % (show(path), words)


def is_directory(path: bytes) -> bool:
    try:
        return posix.stat(path).st_mode & 0o170000 == 0o040000
    except OSError:  # the file is in a directory that we may not search
        return False


def missing_loader(path: bytes, words: str) -> str:
    """Explain ENOENT of a file that exists: its interpreter is missing.

    execve(2): the file, or a script's or ELF's interpreter, does not exist.
    """
    try:
        first = read_file(path.decode("utf-8", "surrogateescape"))[:256].split(b"\n")[0]
    except OSError:
        first = b""
    if not first.startswith(b"#!"):
        return "the file exists, but its loader does not: %s" % words
    interpreter = (first[2:].strip(b" \t").split(b" ") or [b""])[0]
    ends = " (the script has CR LF line endings)" if interpreter.endswith(b"\r") else ""
    return "its interpreter %s: %s%s" % (show(interpreter), words, ends)
