"""`pidonectl launcher [PATH]`: write the fastest launcher of PID 1, for this interpreter.

A Python takes 7 ms to start. pidone adds the time to find, read and compile its files. So this
command compiles them once into one file, the room, without annotations and docstrings. The launcher
is a script of a few lines that reads and executes the room. Its first line names the interpreter,
isolated (`-I`) and without `site` (`-S`). The room holds the interpreter's version and all sources.
Where one differs, the launcher imports the sources instead. So a stale room costs time and never
changes what runs. The sizes and times of the files would not suffice: in a reproducible build all
times are the same.
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

#: The modules that a PID 1 of one command loads. Each stands after those that it imports. All other
#: modules are imported from their files when PID 1 needs them.
MODULES = ("", "kernel", "init", *(f"init.{name}" for name in (
    "signals", "slots", "plan", "inherited", "proc", "events", "machine", "single", "reap", "spawn", "trouble",
    "record", "loop", "arguments", "main",
)))  # fmt: skip

#: Python compiles this script at each start, so it is short. The rest of the work is in the room.
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

#: The launcher runs this first. It makes the room's modules if no source has changed since then.
#: `room` is the list that `make_room` wrote.
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
    """Remove annotations. PID 1 does not use them, and each costs an evaluation at the start."""

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
    """Return the room: the interpreter's version, then the marshalled code and modules.

    These are (boot code, [(module, path, source, code), ...]).
    """
    room = []
    for name in MODULES:
        path = PACKAGE.joinpath(*name.split(".")) if name else PACKAGE
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        full = f"pidone.{name}" if name else "pidone"
        room.append((full, str(path), path.read_bytes(), compile_file(path)))
    boot = compile(BOOT, "<pidone boot>", "exec", dont_inherit=True, optimize=2)
    return sys.hexversion.to_bytes(4, "big") + marshal.dumps((boot, room))


def room_path() -> Path:
    return PACKAGE / "init" / "__pycache__" / f"room.{sys.implementation.cache_tag}-{sys.hexversion:08x}.bin"


def write(path: Path) -> None:
    """Write the launcher and the room.

    Raises OSError, and ValueError if a script's first line cannot name the interpreter.
    """
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
        why = (error.strerror or "").lower() if isinstance(error, OSError) else error
        print_error(f"pidonectl: cannot write the launcher {path}: {why}")
        return 1
    print(f"{path}: starts pidone with {sys.executable} -IS")
    return 0
