"""Fixtures of all tiers."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pidone.cli import launcher
from tests.support.engine import BASE, Engine, packages
from tests.support.pid1 import NAMESPACE, ROOT, Pidone, Write, compile_c

#: The smallest image that has pidone and a Python: a volume adds any single program.
PLAIN = """\
FROM web
USER root
RUN rm -f /etc/pidone.toml /etc/pidone.toml.plan
HEALTHCHECK NONE
"""

TIERS = ("pure", "namespace", "docker", "docs")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--every-tier", action="store_true", help="fail where a tier has run no test; name those left out")


class EveryTier:
    """Let the run fail where a tier has run no test."""

    def __init__(self) -> None:
        self.ran = dict.fromkeys(TIERS, 0)
        self.skipped: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        tier = report.nodeid.split("/")[1]
        if report.when == "call" and report.passed:
            self.ran[tier] += 1
        if report.skipped:
            self.skipped.append(report.nodeid)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if not all(self.ran.values()) and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for tier, ran in self.ran.items():
            terminalreporter.write_line(f"{tier}: {ran} passed" if ran else f"{tier}: THIS TIER COULD NOT RUN")
        for name in self.skipped:
            terminalreporter.write_line(f"left out: {name}")


#: The places of pidone and its demos that exist once on a machine.
OWN_PLACES = ("/run/pidone", "/tmp/pidone-helloworld")

CLONE_NEWNS = 0x20000


def isolate() -> None:
    """Mount private directories over these places, for this process and all that it starts.

    Other test runs and live groups keep theirs. This takes a mount namespace, which needs root, as
    these tests do. Without root, nothing happens. Raises OSError.
    """
    if os.geteuid() != 0:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "unshare(2): these tests need a mount name space of their own")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    for place in OWN_PLACES:
        Path(place).mkdir(exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", place], check=True)


def heed_the_keyboard() -> None:
    """Restore the usual handling of SIGINT and SIGQUIT where it is ignored.

    A shell ignores both signals in a background job, and every child of the job inherits that
    (signal(7)).
    """
    for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGQUIT, signal.SIG_DFL)):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, usual)


def pytest_configure(config: pytest.Config) -> None:
    works_for_another = hasattr(config, "workerinput")  # pytest-xdist: its controller runs no test itself
    isolate()
    heed_the_keyboard()
    if config.getoption("--every-tier") and not works_for_another:
        config.pluginmanager.register(EveryTier())


#: Files whose tests share nothing that is expensive to make.
PARTED = ("test_control", "test_drop_in", "test_group", "test_probes", "test_signals", "test_restarts")


#: Fixtures that run pip or another Python, once. The first test that needs one waits for it.
DEAR = ("installed", "anyone")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if set(DEAR) & set(getattr(item, "fixturenames", ())) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(300))


def group_of(nodeid: str) -> str:
    """Return the name of the group of tests that runs in one process, in order.

    Tests that share an engine, a module's fixtures or an environment are in one group.
    """
    path = nodeid.partition("::")[0]
    tier, stem = path.split("/")[1], Path(path).stem
    if tier in ("docs", "docker"):
        return tier
    if stem in ("test_detach", "test_isolation", "test_transparency"):
        return "installed"
    return nodeid if stem in PARTED else path


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Schedule the tests by `group_of`.

    xdist_group does not work here: xdist 3.8 writes the group into a name that pytest 9 no longer
    reads.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByGroup(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid)

    return ByGroup(config, log)


@pytest.fixture(scope="session")
def public(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that any user may enter and read."""
    directory = tmp_path_factory.mktemp("public")
    open_to_all(directory)
    return directory


def open_to_all(directory: Path) -> None:
    """Let other users pass through pytest's directories, which are for their owner only."""
    for parent in (directory, *directory.parents):
        if parent.parent == parent or not os.access(parent, os.W_OK) or parent == Path("/tmp"):
            break
        parent.chmod(parent.stat().st_mode | 0o055)


@pytest.fixture(scope="session")
def helper(public: Path) -> str:
    """The path of the compiled helper.c."""
    compile_c(ROOT / "tests" / "support" / "helper.c", public / "helper")
    return str(public / "helper")


@pytest.fixture(scope="session")
def pidone(public: Path) -> Pidone:
    """pidone, started by its fast launcher as PID 1 of its own namespaces."""
    trial = subprocess.run([*NAMESPACE, "true"], capture_output=True, text=True)
    assert trial.returncode == 0, f"this tier needs root and unshare (apt-get install util-linux): {trial.stderr}"
    launcher.write(public / "pidone")
    return Pidone(str(public / "pidone"))


@pytest.fixture(scope="session")
def source(public: Path) -> Path:
    """A copy of the files that pip installs from, readable by all users.

    pip leaves a build directory where it works.
    """
    copy = public / "source"
    copy.mkdir()
    for name in ("pidone", "scripts", "pyproject.toml", "README.md", "LICENSE"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, copy / name)
    return copy


@pytest.fixture(scope="session")
def anyone(public: Path, source: Path) -> Pidone:
    """The same as `pidone`, for other users: its interpreter is one that they may run, too."""
    # setpriv itself may still be able to reach every path; the program that it executes may not.
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env"]
    for python in (sys.executable, "/usr/bin/python3"):
        if subprocess.run([*nobody, python, "-c", ""], capture_output=True).returncode == 0:
            command = [python, "-m", "pidone.cli.main", "launcher", str(public / "anyone")]
            subprocess.run(command, check=True, cwd=source, stdout=subprocess.DEVNULL)
            return Pidone(str(public / "anyone"))
    raise AssertionError("no Python that other users may run: apt-get install python3")


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """write(name, text) -> path of an executable file in a directory that is open to all users."""

    def write(name: str, text: str) -> str:
        path = tmp_path / name
        path.write_text(text)
        path.chmod(0o755)
        return str(path)

    open_to_all(tmp_path)
    return write


@pytest.fixture(scope="session")
def installed(public: Path, source: Path) -> Path:
    """bin/ of an environment into which pip has installed pidone without its dependencies."""
    environment = public / "installed"
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    pip = [str(environment / "bin" / "python"), "-m", "pip", "install", "-q", "--no-deps"]
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    subprocess.run([*pip, str(source)], check=True, env=clean)
    return environment / "bin"


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An engine with two images.

    web: Dockerfile.example as it is.
    plain: the same without a group.
    """
    engine = Engine()
    try:
        engine.import_base(BASE, packages())
        engine.build("web")
        directory = tmp_path_factory.mktemp("plain")
        (directory / "Dockerfile").write_text(PLAIN)
        engine.build("plain", file=directory / "Dockerfile", directory=directory)
        yield engine
    finally:
        engine.stop()
