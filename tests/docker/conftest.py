"""Containers that are removed after the test."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from demos.comparison import play
from tests.support.engine import BASE, Container, Engine, Run
from tests.support.pid1 import ROOT, until


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "/docker/" in str(item.path) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(1200))  # the first test makes the base image, or waits for it


@pytest.fixture
def run(engine: Engine, public: Path, helper: str) -> Iterator[Run]:
    """run(*arguments of docker run) -> Container. The compiled helper is /t/helper in it."""
    begun: list[Container] = []

    def run(*arguments: str) -> Container:
        container = Container(engine, "-v", f"{public}:/t:ro", *arguments)
        begun.append(container)
        return container

    yield run
    for container in begun:
        container.__exit__(None)


@pytest.fixture(scope="session")
def compared(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """An engine with the image of demos/compare: pidone and all inits to compare it with."""
    play.make_image(engine, tmp_path_factory.mktemp("compared"), BASE)
    return engine


@pytest.fixture(scope="session")
def demos(engine: Engine) -> Engine:
    """An engine with the image of demos/pod: a Debian with many real programs, and pidone."""
    engine.build("pidone-demos", file=ROOT / "demos" / "pod" / "Dockerfile")
    return engine


@pytest.fixture(scope="module")
def apps(engine: Engine) -> Iterator[Engine]:
    for name in ("redis", "postgres", "tomcat"):
        engine.build(name, file=ROOT / "config" / name / "Dockerfile")
    yield engine


def started(container: Container, name: str, count: int = 1) -> int:
    """Return the pid of the latest instance, once `count` instances have started and are ready."""

    def look() -> int:
        text = container.logs()[1]
        assert container.inspect()["State"]["Running"], text
        ready = text.count(f"pidone: {name} is running(started, ready)") >= count
        return int(re.findall(rf"started {name} \(pid (\d+)\)", text)[-1]) if ready else 0

    return int(until(look, f"{name} is ready", 280))
