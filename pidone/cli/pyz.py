"""`pidonectl pyz [PATH]`: all of pidone in one file, which runs wherever there is a Python 3.9 or later.

A zip archive with a first line (PEP 441). It holds the sources, and beside each what this interpreter makes of it: the
same version starts faster, any other reads the sources. Called by a link named `pidonectl` it is that one.
"""

from __future__ import annotations

import argparse
import io
import py_compile
import tempfile
import zipfile
from pathlib import Path

from pidone.cli.launcher import PACKAGE
from pidone.cli.stderr import print_error
from pidone.paths import replace_file

#: Isolated from the app's environment, and without `site` (env(1)'s -S: coreutils 8.30, busybox 1.30).
FIRST_LINE = b"#!/usr/bin/env -S python3 -I -S\n"

MAIN = """\
import sys, _signal
if callable(_signal.getsignal(2)): _signal.signal(2, _signal.SIG_DFL)
if sys.argv[0].rpartition("/")[2].startswith("pidonectl"):
    import site
    site.main()
    from pidone.cli.main import main
    sys.exit(main())
from pidone.init.main import main
main()
"""

#: A time for every entry, so that the same sources make the same file.
WHEN = (2020, 1, 1, 0, 0, 0)


def build() -> bytes:
    """Stored, not compressed: zlib would be one more thing that PID 1 needs. Of an archive, the archive."""
    if PACKAGE.parent.is_file():
        return PACKAGE.parent.read_bytes()
    out = io.BytesIO()
    out.write(FIRST_LINE)
    with zipfile.ZipFile(out, "a", zipfile.ZIP_STORED) as archive, tempfile.TemporaryDirectory() as directory:
        put(archive, "__main__.py", MAIN.encode())
        for path in sorted(PACKAGE.rglob("*.py")):
            name = f"pidone/{path.relative_to(PACKAGE)}"
            put(archive, name, path.read_bytes())
            put(archive, f"{name}c", compiled(path, name, Path(directory) / "module.pyc"))
    return out.getvalue()


def put(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name, WHEN), data)


def compiled(path: Path, name: str, to: Path) -> bytes:
    """Believed without a look at the source, which lies beside it and cannot change (PEP 552)."""
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(str(path), str(to), dfile=name, doraise=True, optimize=2, invalidation_mode=mode)
    return to.read_bytes()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", nargs="?", type=Path, default=Path("pidone.pyz"), help="default: pidone.pyz, here")


def run(arguments: argparse.Namespace) -> int:
    try:
        replace_file(bytes(arguments.path), build(), 0o755)
    except OSError as error:
        print_error(f"pidonectl: cannot write {arguments.path}: {(error.strerror or str(error)).lower()}")
        return 1
    size = arguments.path.stat().st_size >> 10
    print(f"{arguments.path}: pidone in one file, {size} KiB; a link named pidonectl runs pidonectl")
    return 0
