"""Scenarios x peers -> results.

If a scenario hangs or fails under a peer, or the peer is missing, its cell says so. The others go
on. All containers are removed.
"""

from __future__ import annotations

import os
import platform
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

from benchmarks.show import commit
from demos.comparison.peers import PACKAGES, PEERS
from demos.comparison.stage import Stage
from tests.support.engine import Engine
from tests.support.pid1 import ROOT, compile_c

IMAGE = "compared"

#: Adds pidone to the image of the peers, as users' images do.
DOCKERFILE = """\
FROM %s
COPY pidone /usr/lib/python3/dist-packages/pidone
RUN python3 -m compileall -q /usr/lib/python3/dist-packages/pidone \\
 && python3 -m pidone.cli.main launcher /usr/bin/pidone
"""

#: Seconds after which a scenario under one peer is ended.
LIMIT = 180.0

#: {peer: {column: value}, or {"error": text}}
Cells = dict[str, dict[str, Any]]


class ScenarioTimeoutError(Exception):
    pass


@contextmanager
def compared() -> Iterator[tuple[Engine, Path]]:
    """Yield an engine with the image, and a directory with the compiled app.

    Raises AssertionError, which says what is missing.
    """
    with tempfile.TemporaryDirectory(prefix="pidone-compare-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        compile_app(directory / "tools")
        engine = Engine()
        try:
            engine.import_base("peers", PACKAGES)
            make_image(engine, directory / "image", "peers")
            yield engine, directory
        finally:
            engine.stop()


def compile_app(tools: Path) -> None:
    tools.mkdir()
    compile_c(Path(__file__).with_name("app.c"), tools / "app")


def make_image(engine: Engine, directory: Path, base: str) -> None:
    """Build IMAGE from `base`, an image that has the peers."""
    shutil.copytree(ROOT / "pidone", directory / "pidone", ignore=shutil.ignore_patterns("__pycache__"))
    (directory / "Dockerfile").write_text(DOCKERFILE % base)
    engine.build(IMAGE, file=directory / "Dockerfile", directory=directory)


def missing(engine: Engine, image: str, peers: Sequence[str]) -> set[str]:
    """Return the peers whose program the image lacks."""
    programs = " ".join(PEERS[peer].program for peer in peers)
    script = f"for p in {programs}; do command -v $p >/dev/null || echo $p; done"
    run = ["run", "--rm", "--network", "none", "--entrypoint", "sh", image, "-c", script]
    absent = engine.docker(*run).text.split()
    return {peer for peer in peers if PEERS[peer].program in absent}


def play(
    engine: Engine, image: str, directory: Path, scenarios: dict[str, ModuleType], peers: Sequence[str],
    tell: Callable[[str], None], limit: float = LIMIT,
) -> dict[str, Cells]:  # fmt: skip
    """Run the scenarios under the peers. Return {scenario: Cells}.

    directory: for the files of each run; its tools/app is the compiled app.c.
    tell: a function that shows a line of progress.
    limit: seconds for a scenario under one peer.
    """
    absent = missing(engine, image, peers)
    results: dict[str, Cells] = {}
    for name, module in scenarios.items():
        tell(name)
        results[name] = {}
        for peer in peers:
            if peer in absent:
                cell: dict[str, Any] = {"error": f"{PEERS[peer].program} is not installed"}
            else:
                with tempfile.TemporaryDirectory(prefix=f"{name}-{peer}-", dir=directory) as home:
                    cell = one(module, Stage(engine, image, peer, Path(home), directory / "tools"), limit)
            results[name][peer] = cell
            if "error" in cell:
                tell(f"  {peer}: {cell['error']}")
    return results


def one(module: ModuleType, stage: Stage, limit: float) -> dict[str, Any]:
    """Run a scenario under one peer, within the limit. Removes all its containers."""

    def too_long(number: int, frame: FrameType | None) -> None:
        raise ScenarioTimeoutError

    before = signal.signal(signal.SIGALRM, too_long)
    signal.setitimer(signal.ITIMER_REAL, limit)
    try:
        values: dict[str, Any] = module.play(stage)
    except ScenarioTimeoutError:
        values = {"error": f"not over after {limit:g} s"}
    except Exception as error:  # a bug of one scenario must not end the others
        said = " ".join(str(error).split())[:300]
        values = {
            "error": said if isinstance(error, (RuntimeError, AssertionError)) else f"{type(error).__name__}: {said}"
        }
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if not remove_all(stage.engine):
            values = {"error": "the engine does not answer any more"}
    return values


def remove_all(engine: Engine) -> bool:
    """Remove every container of the engine, also those of an interrupted scenario.

    The engine is used by this run alone. Returns False if the engine does not answer. Its stop then
    removes the containers.
    """
    try:
        ids = engine.docker("ps", "-aq").text.split()
        if ids:
            engine.docker("rm", "-f", *ids, check=False)
        return True
    except (AssertionError, subprocess.TimeoutExpired):
        return False


def facts(engine: Engine) -> dict[str, Any]:
    """Return what the results depend on: versions, the machine, the date and the commit."""
    script = "dpkg-query -W -f '${Package} ${Version}\\n' tini dumb-init s6 runit supervisor systemd python3"
    versions = engine.docker("run", "--rm", "--network", "none", IMAGE, "sh", "-c", script).text.split("\n")
    server = engine.docker("version", "--format", "{{.Server.Version}}").text.strip()
    return {
        "versions": dict(sorted(line.split(" ") for line in versions if line)),
        "docker": server,
        "kernel": platform.release().partition("-")[0],
        "processors": os.cpu_count(),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "commit": commit(),
    }
