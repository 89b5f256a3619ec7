"""The app's environment cannot change what PID 1 imports, and reaches the app unchanged.

E1 and so on: docs/reference/edge-cases.md.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pidone import __version__
from pidone.cli import pyz
from pidone.init import ALLOWED
from tests.support.files import process
from tests.support.pid1 import PYTHON, ROOT, Pidone, Write

HOSTILE = "import posix; posix.write(2, b'TAKEN OVER\\n'); posix._exit(66)\n"
NAMES = (
    "signal",
    "os",
    "types",
    "sitecustomize",
    "usercustomize",
    "posixpath",
    "stat",
    "enum",
    "fcntl",
    "pidone",
    "re",
)


@pytest.fixture(params=["launcher", "pip's script", "pip's script, linked", "pidone.pyz"])
def started(request: pytest.FixtureRequest, pidone: Pidone, installed: Path, tmp_path: Path) -> Pidone:
    """Each way in which an image may start pidone."""
    if request.param == "pidone.pyz":
        (tmp_path / "pidone.pyz").write_bytes(pyz.build())
        (tmp_path / "pidone.pyz").chmod(0o755)
        return Pidone(str(tmp_path / "pidone.pyz"))
    if request.param == "launcher":
        return pidone
    if request.param == "pip's script":
        return Pidone(str(installed / "pidone"))
    (tmp_path / "linked").symlink_to(installed / "pidone")
    return Pidone(str(tmp_path / "linked"))


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    directory = tmp_path / "hostile"
    directory.mkdir()
    for name in NAMES:
        (directory / f"{name}.py").write_text(HOSTILE)
    # They are also the site-packages of a user, by PYTHONUSERBASE.
    site = directory / "lib" / "python{}.{}".format(*sys.version_info) / "site-packages"
    site.parent.mkdir(parents=True)
    site.symlink_to(directory)
    (directory / "hostile.pth").write_text("import usercustomize\n")
    return directory


#: A PATH with a real python3. pyenv's is a script that adds to the environment, which pidone does
#: not do.
REAL = f"{Path(PYTHON).parent}:/usr/bin:/bin"


def environment(hostile: Path) -> dict[str, str]:
    return {
        "PATH": REAL,
        "PYTHONPATH": str(hostile),
        "PYTHONHOME": "/nowhere",
        "PYTHONSTARTUP": str(hostile / "os.py"),
        "PYTHONINSPECT": "1",
        "PYTHONVERBOSE": "1",
        "PYTHONWARNINGS": "error",
        "PYTHONDEVMODE": "1",
        "PYTHONTRACEMALLOC": "5",
        "PYTHONMALLOC": "debug",
        "PYTHONIOENCODING": "rot13",
        "PYTHONUTF8": "0",
        "PYTHONUSERBASE": str(hostile),
        "PYTHONPYCACHEPREFIX": str(hostile),
        "PYTHONBREAKPOINT": "os.system",
        "PYTHONPLATLIBDIR": "nowhere",
        "PYTHONEXECUTABLE": "/nowhere",
        "PYTHONCASEOK": "1",
    }


def test_a_hostile_environment_does_not_change_pid_1_s_imports(started: Pidone, hostile: Path, helper: str) -> None:
    wanted = environment(hostile)
    result = started.run("--", "/usr/bin/env", cwd=hostile, env=wanted)
    assert result.code == 0 and result.err == "", result
    assert dict(line.split("=", 1) for line in result.lines) == wanted


def test_a_hostile_environment_does_not_change_a_profile_s_imports(
    pidone: Pidone, hostile: Path, tmp_path: Path
) -> None:
    (tmp_path / "tini").symlink_to(pidone.program[0])
    wanted = environment(hostile)
    result = Pidone(str(tmp_path / "tini")).run("-s", "--", "/usr/bin/env", cwd=hostile, env=wanted)
    assert result.code == 0 and result.err == "", result
    assert dict(line.split("=", 1) for line in result.lines) == wanted


def test_a_hostile_environment_does_not_change_the_reader_s_imports(
    started: Pidone, hostile: Path, write: Write
) -> None:
    for name in ("tomllib", "pwd", "grp", "json", "typing", "collections", "difflib"):
        (hostile / f"{name}.py").write_text(HOSTILE)
    file = write("g.toml", process("step", "init", "true") + process("main", "primary", "/bin/echo", "ran"))
    result = started.run("-c", file, cwd=hostile, env=environment(hostile))
    assert (result.text, result.err, result.code) == ("ran\n", "", 0), result


def test_a_hostile_environment_does_not_change_the_error_messages(started: Pidone, hostile: Path) -> None:
    result = started.run("--", "/no/such", cwd=hostile, env=environment(hostile))
    assert result.code == 127 and result.err.startswith("pidone: cannot start such: /no/such: no such file"), result


def test_it_starts_where_no_dependency_is_installed(installed: Path, write: Write) -> None:
    """The environment of `installed` has neither psutil nor python-daemon nor tomli."""
    listing = subprocess.run([installed / "python", "-m", "pip", "list"], capture_output=True, text=True).stdout
    assert "pidone" in listing and "psutil" not in listing and "daemon" not in listing
    script = Pidone(str(installed / "pidone"))
    assert script.run("--", "sh", "-c", "exit 3").code == 3


MODULES = """
import posix, sys
before = set(sys.modules)
def tell(code, exit=posix._exit):
    if posix.getpid() == 1:
        posix.write(3, " ".join(sorted(set(sys.modules) - before)).encode())
    exit(code)
posix._exit = tell
sys.path.append(sys.argv.pop(1))
from pidone.init.main import main
main()
"""


def loaded(*arguments: str) -> set[str]:
    """Return the modules that PID 1 has loaded at its end, beyond those of the bare interpreter."""
    reading, writing = os.pipe()
    command = (PYTHON, "-I", "-S", "-c", MODULES, str(ROOT))
    # Descriptor 3 belongs to the patched PID 1. The app inherits it like any other (E9).
    wrap = ("bash", "-c", f'exec 3>&{writing}; exec "$@"', "bash")
    result = Pidone(*command).run(*arguments, wrap=wrap, pass_fds=(writing,))
    os.close(writing)
    with os.fdopen(reading) as pipe:
        told = pipe.read().split()
    assert result.code == 0, result
    return set(told)


def test_pid_1_loads_only_the_allowed_builtins_and_its_own_modules(write: Write) -> None:
    file = write(
        "g.toml",
        process("step", "init", "true")
        + process(
            "log",
            "sidecar",
            "sleep",
            "60",
            more="startup = { file = '/', stale = true }\nliveness = { http = 'http://:9/' }",
        )
        + process("said", "sidecar", "sh", "-c", "echo >&3; sleep 60", more="startup = { fd = 3 }")
        + process("main", "primary", "true"),
    )
    paths = [
        *(ROOT / "pidone" / "init").glob("*.py"),
        *(ROOT / "pidone" / "group").glob("*.py"),
        *(ROOT / "pidone" / "supervisor").glob("*.py"),
        ROOT / "pidone" / "control" / "protocol.py",
    ]
    room = {f"pidone.{path.parent.name}.{path.stem}" for path in paths} | {
        "pidone",
        "pidone.init",
        "pidone.group",
        "pidone.supervisor",
        "pidone.control",
        "pidone.paths",
        "pidone.kernel",
        "pidone.layout",
        "pidone.oom",
    }
    single, group = loaded("--", "true"), loaded("-c", file)
    assert {"pidone.init.loop", "pidone.init.spawn"} <= single <= group
    assert {"pidone.supervisor.planner", "pidone.group.group"} <= group and not any("group" in name for name in single)
    assert not {"pidone.supervisor.messages", "pidone.group.status"} & group, "loaded without need"
    for name in (single | group) - room:
        assert name in ALLOWED, f"PID 1 has loaded {name}"
    assert not {"pidone.init.messages", "pidone.init.others", "pidone.init.terminal"} & single, "loaded without need"
    assert "fcntl" not in single


def test_a_stale_launcher_silently_starts_from_the_changed_sources(source: Path, public: Path, tmp_path: Path) -> None:
    """It then starts from the sources: slower, but correctly."""
    copy = tmp_path / "source"
    shutil.copytree(source / "pidone", copy / "pidone", ignore=shutil.ignore_patterns("__pycache__"))
    command = [PYTHON, "-m", "pidone.cli.main", "launcher", str(tmp_path / "pidone")]
    subprocess.run(command, check=True, cwd=copy, stdout=subprocess.DEVNULL)
    version = copy / "pidone" / "__init__.py"
    launcher = Pidone(str(tmp_path / "pidone"))
    assert launcher.run("--version").text == f"pidone {__version__}\n"
    before = version.stat()
    version.write_text(version.read_text().replace(__version__, "9.9.9"))
    os.utime(version, ns=(before.st_atime_ns, before.st_mtime_ns))  # as in a reproducible build
    for compiled in (copy / "pidone" / "__pycache__").glob("__init__.*"):
        compiled.unlink()  # pip compiles it again; Python itself compares size and time
    assert version.stat().st_size == before.st_size
    assert launcher.run("--version").text == "pidone 9.9.9\n"
    version.write_text('__version__ = "9.9"\n')
    assert launcher.run("--version").text == "pidone 9.9\n"
    assert launcher.run("--", "sh", "-c", "exit 3").code == 3
    for room in (copy / "pidone" / "init" / "__pycache__").glob("room.*"):
        room.write_bytes(b"junk")
        assert launcher.run("--", "sh", "-c", "exit 3").code == 3
        room.unlink()
    assert launcher.run("--", "sh", "-c", "exit 3").code == 3


def test_the_launcher_refuses_an_interpreter_unfit_for_a_first_line(tmp_path: Path) -> None:
    spaced = tmp_path / "with space"
    spaced.mkdir()
    (spaced / "python").symlink_to(PYTHON)
    command = [str(spaced / "python"), "-m", "pidone.cli.main", "launcher", str(tmp_path / "pidone")]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 1 and "a script's first line cannot hold" in result.stderr, result
    assert not (tmp_path / "pidone").exists()


def test_the_launcher_names_a_path_that_it_cannot_write() -> None:
    command = [PYTHON, "-m", "pidone.cli.main", "launcher", "/no/where/pidone"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 1 and result.stderr.startswith("pidonectl: cannot write the launcher /no/where/pidone")
    assert result.stderr.count("\n") == 1


def test_python_m_pidone_is_the_same_program() -> None:
    result = Pidone(PYTHON, "-m", "pidone").run("--", "sh", "-c", "exit 3", cwd=ROOT)
    assert (result.code, result.err) == (3, ""), result


@pytest.fixture
def copied(source: Path, tmp_path: Path) -> tuple[Path, Pidone]:
    """Return (a package for this test, its launcher)."""
    shutil.copytree(source / "pidone", tmp_path / "copy" / "pidone", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "copy" / "pidone", Pidone(str(tmp_path / "pidone"))


def launch(package: Path, pidone: Pidone) -> None:
    command = [PYTHON, "-m", "pidone.cli.main", "launcher", pidone.program[0]]
    subprocess.run(command, check=True, cwd=package.parent, stdout=subprocess.DEVNULL)


def test_the_exit_code_does_not_depend_on_the_file_of_messages(copied: tuple[Path, Pidone], helper: str) -> None:
    """PID 1 loads this file on trouble. An upgrade in the container can remove it before that."""
    package, pidone = copied
    launch(package, pidone)
    (package / "init" / "messages.py").unlink()
    script = f"{helper} leave x {helper} app rest; kill -9 $$"
    result = pidone.run("--", "sh", "-c", script)
    assert (result.code, result.err) == (137, "") and "rest ends" in result.lines, result


def test_the_launcher_starts_pidone_once_even_if_it_raises(copied: tuple[Path, Pidone]) -> None:
    package, pidone = copied
    with (package / "init" / "main.py").open("a") as file:
        file.write('\n\ndef main():\n    posix.write(1, b"once\\n")\n    raise OSError(5, "planted")\n')
    launch(package, pidone)
    result = pidone.run("--", "true")
    assert result.text == "once\n" and "planted" in result.err, result
