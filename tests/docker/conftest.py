"""One engine, one base image and one web image for the whole tier."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest

from tests.docker.engine import Container, Engine

Run = Callable[..., Container]

#: An image with pidone and a Python, as small as the base allows: any single program is put in by a volume.
PLAIN = """\
FROM web
USER root
RUN rm -f /etc/pidone.toml /etc/pidone.toml.plan
HEALTHCHECK NONE
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "/docker/" in str(item.path):
            item.add_marker(pytest.mark.timeout(300))  # the first of them makes the base image


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """With the images `web`, of Dockerfile.example as it stands, and `plain`, the same without a group."""
    engine = Engine()
    try:
        engine.import_base()
        engine.build("web")
        directory = tmp_path_factory.mktemp("plain")
        (directory / "Dockerfile").write_text(PLAIN)
        engine.build("plain", file=directory / "Dockerfile", directory=directory)
        yield engine
    finally:
        engine.stop()


@pytest.fixture
def run(engine: Engine, public: Path, helper: str) -> Iterator[Run]:
    """run(*arguments of docker run) -> Container; the compiled helper is /t/helper in it."""
    begun: list[Container] = []

    def run(*arguments: str) -> Container:
        container = Container(engine, "-v", f"{public}:/t:ro", *arguments)
        begun.append(container)
        return container

    yield run
    for container in begun:
        container.__exit__(None)


def mount(file: str, to: str = "/etc/pidone.toml") -> tuple[str, ...]:
    return ("-v", f"{file}:{to}:ro")
