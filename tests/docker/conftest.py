"""Containers that are removed after the test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest

from demos.comparison import play
from tests.docker.engine import BASE, Container, Engine
from tests.pid1 import ROOT

Run = Callable[..., Container]


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


def mount(file: str, to: str = "/etc/pidone.toml") -> tuple[str, ...]:
    return ("-v", f"{file}:{to}:ro")
