"""Fixtures of the tests that run pidone as the PID 1 of a namespace."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.pid1 import Pidone, Write
from tests.support.pod import Pod, Web


@pytest.fixture
def pod(pidone: Pidone, write: Write, helper: str) -> Iterator[Pod]:
    pod = Pod(pidone, write, helper)
    yield pod
    for running in pod.begun:
        running.__exit__(None)


@pytest.fixture
def web() -> Iterator[Web]:
    web = Web()
    yield web
    web.server.shutdown()
    web.server.server_close()
