"""demos/pod: each script shows its case with real programs in real containers.

A script fails where its case does not hold.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.engine import Container, Engine
from tests.support.files import check
from tests.support.pid1 import PYTHON, ROOT, Result

DEMOS = {path.parent.name: path.parent.resolve() for path in sorted(ROOT.glob("demos/pod/*/run"))}

#: Demos that need nothing but Python, and so run in a sandbox, too: {name: a line that it prints
#: there}.
IN_A_SANDBOX = {
    "helloworld": "main: the api says: hello, world! 512970878052 is divisible by 2",
    "shared-network": "client: its port is taken: address already in use",
    "co-scheduling": "app: started",
}

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module")
def images(demos: Engine) -> Engine:
    demos.build("pidone-demo-tomcat", file=ROOT / "config" / "tomcat" / "Dockerfile")
    return demos


def run(engine: Engine, name: str, **environment: str) -> Result:
    done = subprocess.run(
        [str(DEMOS[name] / "run")], cwd="/", env={**engine.environment, **environment}, stdin=subprocess.DEVNULL,
        capture_output=True, timeout=200,
    )  # fmt: skip
    return Result([f"demos/pod/{name}/run"], done.returncode, done.stdout, done.stderr.decode(errors="replace"))


def test_every_scenario_of_the_article_is_there() -> None:
    assert set(DEMOS) == {
        "helloworld", "init-container", "sidecar-log", "sidecar-proxy", "sidecar-adapter", "sidecar-debug",
        "shared-network", "shared-volume", "infra", "co-scheduling", "systemd",
    }  # fmt: skip
    readme = (ROOT / "demos" / "README.md").read_text()
    for name, directory in DEMOS.items():
        assert (directory / "pidone.toml").exists() and f"[{name}](pod/{name})" in readme, name


@pytest.mark.parametrize("name", DEMOS)
def test_a_demo_shows_its_scenario_and_leaves_no_container(images: Engine, name: str) -> None:
    result = run(images, name)
    assert result.code == 0, result
    assert "seen: " in result.text or "docker stop" in result.text, result
    assert images.docker("ps", "-aq").text == "", result


@pytest.mark.parametrize("name", DEMOS)
def test_its_file_is_right(name: str) -> None:
    done = check("--elsewhere", str(DEMOS[name] / "pidone.toml"))
    assert done.returncode == 0 and "note:" not in done.stdout, done


#: A loopback device of its own: each of these demos has ports that another run may use at the same
#: time. The interface is brought up by ioctl(2), SIOCSIFFLAGS with IFF_UP (netdevice(7)).
UP = "import fcntl, os, socket, struct, sys; "
UP += "fcntl.ioctl(socket.socket(), 0x8914, struct.pack('16sH14x', b'lo', 1)); os.execvp(sys.argv[1], sys.argv[1:])"
OWN_NETWORK = ["unshare", "--net", PYTHON, "-c", UP]


@pytest.mark.parametrize("name", IN_A_SANDBOX)
def test_it_runs_in_a_sandbox(name: str) -> None:
    command = [PYTHON, "-m", "pidone.cli.main", "sandbox", "-c", str((DEMOS[name] / "pidone.toml").resolve())]
    where = (DEMOS[name] / "pidone.toml").resolve().parent
    done = subprocess.run(
        [*OWN_NETWORK, *command], cwd=where, capture_output=True, text=True,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0 and IN_A_SANDBOX[name] in done.stdout, done


#: Demos that need a few Debian packages, too: {name: a line that it prints in a sandbox}.
WITH_PACKAGES = {
    "infra": "infra is running(started, ready)",
    "shared-volume": "server is running(started, ready)",
    "sidecar-adapter": "app is running(started, ready)",
    "sidecar-log": "app is running(started, ready)",
    "sidecar-proxy": "app is running(started, ready)",
}


@pytest.mark.parametrize("name", WITH_PACKAGES)
def test_it_runs_in_a_sandbox_where_its_packages_are(images: Engine, name: str) -> None:
    """The image of the demos stands for a machine with these packages."""
    unshare = [
        "--cap-add",
        "SYS_ADMIN",
        "--security-opt",
        "seccomp=unconfined",
        "--security-opt",
        "systempaths=unconfined",
    ]
    machine = [*unshare, "--entrypoint", "pidonectl", "-v", f"{DEMOS[name]}:/here:ro", "-w", "/here"]
    with Container(images, *machine, "pidone-demos", "sandbox", "-v", "-c", "pidone.toml") as container:
        container.said(WITH_PACKAGES[name])
        result, took = container.stop()
    assert result.code in (0, 143) and took < 9, (took, result)


def test_without_an_engine_it_says_so_in_one_line(engine: Engine, tmp_path: Path) -> None:
    result = run(engine, "infra", DOCKER_HOST=f"unix://{tmp_path}/nobody")
    assert result.code == 1 and result.text == "" and result.err.count("\n") == 1, result
    assert result.err.startswith("run: no docker engine answers here"), result


def test_a_demo_whose_scenario_does_not_hold_fails(images: Engine, tmp_path: Path) -> None:
    """With another program in place of the image's, nothing holds."""
    (tmp_path / "Dockerfile").write_text('FROM pidone-demos\nENTRYPOINT ["sh", "-c", "echo not pidone"]\n')
    images.build("not-pidone", file=tmp_path / "Dockerfile", directory=tmp_path)
    result = run(images, "infra", PIDONE_DEMO_IMAGE="not-pidone")
    assert result.code == 1 and "it did not say: started infra" in result.err, result
    assert images.docker("ps", "-aq").text == ""
