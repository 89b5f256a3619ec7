"""`pidonectl pyz [PATH]`: write all of pidone into one file, for any Python 3.9 or later.

The file is a zip archive with a first line (PEP 441). It holds each source, and next to it the code
that this interpreter compiled. The same Python version starts faster; any other reads the sources.
Called through a link named `pidonectl`, the file is pidonectl.
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

#: Isolated from the app's environment, and without `site`. env(1) has -S since coreutils 8.30 and
#: busybox 1.30.
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

#: The time of every entry: fixed, so that the same sources make the same file.
WHEN = (2020, 1, 1, 0, 0, 0)


def build() -> bytes:
    """Return the archive. From within an archive, return that one.

    It is not compressed: PID 1 would need zlib for that.
    """
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
    """Return the bytes of a .pyc file that Python does not check against its source (PEP 552).

    The source lies next to it in the archive and cannot change.
    """
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
