"""`pidonectl launcher [PATH]`: the fastest way to start PID 1 with the interpreter that runs this.

Of the 7 ms that a Python takes to start, what pidone can add is finding, reading and compiling its files. So its room
is compiled once, here, into one file that is read and executed in one go, without annotations and docstrings; the
launcher is a script of a few lines whose first names the interpreter, isolated (`-I`) and without `site` (`-S`). The
room's file carries the interpreter's version and each source: where one differs, the launcher imports the sources
instead, so a stale one costs time and never changes what runs. Size and time of a file would not do: in a reproducible
build all have the same time.
"""

from __future__ import annotations

import argparse
import ast
import marshal
import sys
from pathlib import Path
from types import CodeType

from pidone.cli.stderr import print_error
from pidone.paths import replace_file

PACKAGE = Path(__file__).resolve().parent.parent

#: What a PID 1 of one command loads, each after what it imports. The rest of the room is imported when wanted.
ROOM = ("", "kernel", "init", *(f"init.{name}" for name in (
    "signals", "slots", "plan", "inherited", "proc", "events", "machine", "single", "reap", "spawn", "trouble",
    "record", "loop", "arguments", "main",
)))  # fmt: skip

#: Line 2 of a script is compiled at each start, so it is short: the rest of the work is in the room's file.
SCRIPT = """\
#!{interpreter} -IS
# Written by `pidonectl launcher` for this interpreter. Where that changes, write it again.
import marshal, posix, sys, _signal
if callable(_signal.getsignal(2)): _signal.signal(2, _signal.SIG_DFL)
try:
    f = posix.open({room!r}, 0)
    d = posix.read(f, 1 << 20)
    posix.close(f)
except OSError:
    d = b""
if d[:4] == sys.hexversion.to_bytes(4, "big"):
    code, room = marshal.loads(d[4:])
    exec(code)
sys.path.append({root!r})
from pidone.init.main import main
main()
"""

#: Runs first: makes the modules of the room if no source has changed since. `room` is what its file holds.
BOOT = """
def boot(room):
    import posix, sys
    new, read = type(sys), posix.read
    for name, path, source, code in room:
        fd = posix.open(path, 0)
        same = read(fd, len(source) + 1) == source
        posix.close(fd)
        if not same:
            return
    for name, path, source, code in room:
        module = new(name)
        module.__file__ = path
        if path.endswith("/__init__.py"):
            module.__path__ = [path[:-12]]
        sys.modules[name] = module
        above, _, last = name.rpartition(".")
        if above:
            setattr(sys.modules[above], last, module)
        exec(code, module.__dict__)
    sys.path.append(room[0][1][:-19])
    return module.main
try:
    main = boot(room)
except OSError:
    main = None
room = code = d = None
if main:
    main()
"""


class Strip(ast.NodeTransformer):
    """Take annotations out: PID 1 has no use for them, and each costs an evaluation at start."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        node.returns = None
        for argument in (*node.args.args, *node.args.kwonlyargs, *filter(None, (node.args.vararg, node.args.kwarg))):
            argument.annotation = None
        self.generic_visit(node)
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt | None:
        if node.value is None:
            return None
        return ast.copy_location(ast.Assign([node.target], node.value), node)


def compile_file(path: Path) -> CodeType:
    tree = ast.fix_missing_locations(Strip().visit(ast.parse(path.read_bytes())))
    return compile(tree, str(path), "exec", dont_inherit=True, optimize=2)


def make_room() -> bytes:
    """The room's file: version of the interpreter, then (boot code, [(module, path, source, code), ...])."""
    room = []
    for name in ROOM:
        path = PACKAGE.joinpath(*name.split(".")) if name else PACKAGE
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        full = f"pidone.{name}" if name else "pidone"
        room.append((full, str(path), path.read_bytes(), compile_file(path)))
    boot = compile(BOOT, "<pidone boot>", "exec", dont_inherit=True, optimize=2)
    return sys.hexversion.to_bytes(4, "big") + marshal.dumps((boot, room))


def room_path() -> Path:
    return PACKAGE / "init" / "__pycache__" / f"room.{sys.implementation.cache_tag}-{sys.hexversion:08x}.bin"


def write(path: Path) -> None:
    """Write launcher and room. Raises OSError, and ValueError where a first line cannot name the interpreter."""
    interpreter = sys.executable
    if " " in interpreter or len(interpreter) > 120:  # execve(2): the first line's limits
        raise ValueError(f"a script's first line cannot hold {interpreter!r}: it has a space, or over 120 characters")
    script = SCRIPT.format(interpreter=interpreter, room=str(room_path()), root=str(PACKAGE.parent))
    room_path().parent.mkdir(exist_ok=True)
    replace_file(bytes(room_path()), make_room(), 0o644)
    replace_file(bytes(path), script.encode(), 0o755)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "path", nargs="?", type=Path, help="where to write it; default: over the `pidone` next to pidonectl"
    )


def run(arguments: argparse.Namespace) -> int:
    if PACKAGE.parent.is_file():
        print_error(f"pidonectl: {PACKAGE.parent} is all of pidone in one file: it needs no launcher")
        return 1
    path = arguments.path or Path(sys.argv[0]).resolve().with_name("pidone")
    try:
        write(path)
    except (OSError, ValueError) as error:
        print_error(f"pidonectl: cannot write the launcher {path}: {error}")
        return 1
    print(f"{path}: starts pidone with {sys.executable} -IS")
    return 0
