"""docker run -it: as without an init."""

from __future__ import annotations

import os
from pathlib import Path

from tests.docker.engine import Engine
from tests.namespace.test_terminal import APP, Tty
from tests.pid1 import SETSID


def interactive(engine: Engine, *arguments: str) -> Tty:
    os.environ["DOCKER_HOST"] = engine.host  # the client that Tty starts inherits it
    try:
        return Tty(SETSID, "--ctty", "docker", "run", "--rm", "--network", "none", "-it", *arguments)
    finally:
        del os.environ["DOCKER_HOST"]


def test_bash_has_job_control(engine: Engine) -> None:  # E24, E25
    with interactive(engine, "plain", "--", "bash", "--norc", "--noprofile") as tty:
        tty.see(r"bash-[\d.]+# ")
        assert "job control" not in tty.screen.before and "pidone" not in tty.screen.before
        tty.type("stty -echo; PS1='<''> '")
        tty.see("<> ")
        tty.type("cat")
        tty.type("is read")
        tty.see("is read")
        tty.press("z")
        tty.see(r"\[1\]\+ +Stopped +cat")
        tty.see("<> ")
        tty.type("bg")
        tty.see(r"\[1\]\+ +(cat &|Stopped)")
        tty.type("fg")
        tty.type("is read again")
        tty.see("is read again")
        tty.press("c")
        tty.see("<> ")
        tty.type("ps -o pid,ppid,sid,tty,comm 2>/dev/null; exit 5")
        assert tty.code() == 5


def test_ctrl_c_and_the_window_s_size_reach_the_app_once(engine: Engine, public: Path) -> None:  # E21, E22
    (public / "terminal.py").write_text(APP)
    with interactive(engine, "-v", f"{public}:/t:ro", "plain", "--", "python3", "/t/terminal.py") as tty:
        tty.see("up True")
        tty.resize(50, 132)
        tty.see("got 28 132 50")
        tty.press("c")
        tty.see("got 2 132 50")
        tty.type("after")
        assert tty.see("got 2", "read after") == 1
        tty.type("end")
        assert tty.code() == 7


def test_a_group_s_primary_has_the_terminal(engine: Engine) -> None:
    with interactive(engine, "web", "-c", "/etc/pidone.toml", "--", "bash", "--norc", "--noprofile") as tty:
        tty.see(r"bash-[\d.]+\$ ")
        assert "job control" not in tty.screen.before
        tty.type("exit 4")
        assert tty.code() == 4
