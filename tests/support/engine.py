"""The test run's own engine, a base image without a registry, and containers that leave nothing.

The engine is always the test run's own, with its own socket and directories: a developer's images
and containers stay as they are. The base is a Debian made by debootstrap, kept in .cache/ for the
next run. It has the name that Dockerfile.example and the Dockerfiles in config/ and demos/ ask for,
and the packages that they install, so they build without a network.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Callable

from demos.comparison.peers import PACKAGES
from tests.support.pid1 import PATIENCE, ROOT, Result, until

BASE = "debian:bookworm-slim"
RELEASE = "bookworm"
DOCKERFILE = ROOT / "Dockerfile.example"
NEEDS = {"dockerd": "docker.io", "docker": "docker-cli", "debootstrap": "debootstrap"}


def packages() -> list[str]:
    """Return what the Dockerfiles and demos/compare install: one base serves all tests."""
    found: list[str] = []
    for file in [DOCKERFILE, *sorted(ROOT.glob("config/*/Dockerfile")), *sorted(ROOT.glob("demos/*/Dockerfile"))]:
        match = re.search(r"apt-get install -y --no-install-recommends((?:\s*\\\n[^&]*)+)", file.read_text())
        assert match, f"{file} installs nothing that this can read"
        found += [name for name in match[1].replace("\\\n", " ").split() if name not in found]
    return found + [name for name in PACKAGES if name not in found]


class Engine:
    """dockerd, from its start to its end."""

    def __init__(self) -> None:
        missing = sorted({package for program, package in NEEDS.items() if not shutil.which(program)})
        assert not missing, f"this tier needs: apt-get install {' '.join(missing)}"
        self.home = Path(tempfile.mkdtemp(prefix="pidone-docker-"))
        self.host = f"unix://{self.home}/docker.sock"
        self.environment = {**os.environ, "DOCKER_HOST": self.host, "DOCKER_BUILDKIT": "0"}
        self.log = self.home / "log"
        command = [
            "dockerd", "--iptables=false", "--bridge=none", "--data-root", f"{self.home}/data", "--exec-root",
            f"{self.home}/exec", "-H", self.host, "--pidfile", f"{self.home}/pid",
        ]  # fmt: skip
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            until(self.answers, "the engine answers")
        except AssertionError:
            self.stop()
            raise

    def answers(self) -> bool:
        assert self.process.poll() is None, f"the engine ended:\n{self.log.read_text()}"
        return subprocess.run(["docker", "version"], env=self.environment, capture_output=True).returncode == 0

    def docker(self, *arguments: str, check: bool = True, **options: Any) -> Result:
        """Run `docker ARGUMENTS` to its end.

        Raises AssertionError with all output where it fails and `check` is set.
        """
        done = subprocess.run(
            ["docker", *arguments], env=self.environment, stdin=options.pop("stdin", subprocess.DEVNULL),
            capture_output=True, timeout=options.pop("timeout", PATIENCE * 3), **options,
        )  # fmt: skip
        result = Result(["docker", *arguments], done.returncode, done.stdout, done.stderr.decode(errors="replace"))
        assert not check or result.code == 0, result
        return result

    def import_base(self, name: str, packages: list[str]) -> None:
        """Import a Debian with these packages as the image `name`."""
        tar = ROOT / ".cache" / f"base-{hashlib.sha256(' '.join([RELEASE, *packages]).encode()).hexdigest()[:12]}.tar"
        tar.parent.mkdir(exist_ok=True)
        with (tar.parent / "lock").open("w") as lock:  # another run may be making it
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not tar.exists():
                make_base(tar, packages)
        with tar.open("rb") as file:
            self.docker("import", "-", name, stdin=file, timeout=300)

    def build(self, name: str, *, file: Path = DOCKERFILE, directory: Path = ROOT) -> Result:
        return self.docker("build", "--network", "none", "-t", name, "-f", str(file), str(directory), timeout=300)

    def stop(self) -> None:
        if self.process.poll() is None:
            ids = subprocess.run(["docker", "ps", "-aq"], env=self.environment, capture_output=True, text=True).stdout
            if ids:
                subprocess.run(["docker", "rm", "-f", *ids.split()], env=self.environment, capture_output=True)
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for line in reversed(Path("/proc/self/mountinfo").read_text().splitlines()):
            if line.split()[4].startswith(str(self.home)):
                subprocess.run(["umount", "-l", line.split()[4]], check=False)
        shutil.rmtree(self.home, ignore_errors=True)


def make_base(tar: Path, packages: list[str]) -> None:
    """Make the base with debootstrap: it needs no registry, no account, and half a minute."""
    with tempfile.TemporaryDirectory(prefix="pidone-base-") as directory:
        command = ["debootstrap", "--variant=minbase", f"--include={','.join(packages)}", RELEASE, directory]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, f"debootstrap: {done.stdout[-2000:]}{done.stderr}"
        partial = tar.with_suffix(".partial")
        archives = "--exclude=./var/cache/apt/archives/*.deb"
        subprocess.run(["tar", "-C", directory, archives, "-cf", str(partial), "."], check=True)
        partial.rename(tar)


class Container:
    """One container, created and started. `with` removes it."""

    def __init__(self, engine: Engine, *arguments: str) -> None:
        """Create and start the container.

        arguments: those of docker run, from its options to the command's.
        """
        self.engine = engine
        self.id = engine.docker("create", "--network", "none", *arguments).text.strip()
        started = engine.docker("start", self.id, check=False)
        self.refused = started.err if started.code else ""

    def __enter__(self) -> Container:
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        if kind is not None:
            print(self.end(wait=False))  # the output of the run, for a test that failed
        self.engine.docker("rm", "-f", self.id, check=False)

    def inspect(self) -> dict[str, Any]:
        return dict(json.loads(self.engine.docker("inspect", self.id).text)[0])

    def exec(self, *command: str, check: bool = True, options: Sequence[str] = ()) -> Result:
        return self.engine.docker("exec", *options, self.id, *command, check=check)

    def logs(self) -> tuple[str, str]:
        result = self.engine.docker("logs", self.id)
        return result.text, result.err

    def said(self, words: str) -> str:
        """Wait for a line with `words` on stdout or stderr."""

        def look() -> str:
            for line in "\n".join(self.logs()).splitlines():
                if words in line:
                    return line
            assert self.inspect()["State"]["Running"] or words in "".join(self.logs()), f"ended without {words!r}"
            return ""

        try:
            return str(until(look, f"it says {words!r}"))
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.end(wait=False)}") from None

    def signal(self, name: str) -> None:
        self.engine.docker("kill", "-s", name, self.id)

    def end(self, wait: bool = True) -> Result:
        if wait:
            self.engine.docker("wait", self.id)
        out, err = self.logs()
        state = self.inspect()["State"]
        return Result(["container", json.dumps(state)], int(state["ExitCode"]), out.encode(), err + self.refused)

    def stop(self) -> tuple[Result, float]:
        """Run docker stop. Return (the result, the seconds it took)."""
        began = time.monotonic()
        self.engine.docker("stop", self.id)
        took = time.monotonic() - began
        return self.end(), took


Run = Callable[..., Container]


def mount(file: str, to: str = "/etc/pidone.toml") -> tuple[str, ...]:
    return ("-v", f"{file}:{to}:ro")
