"""docker run -it works as without an init.

E1 and so on: docs/reference/edge-cases.md.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from demos.comparison.play import IMAGE
from tests.support.drop_in import ANYWHERE, NAMES, transcript
from tests.support.engine import Engine
from tests.support.pid1 import PATIENCE, SETSID, until
from tests.support.terminal import APP, Tty

RUN = (SETSID, "--ctty", "docker", "run", "--rm", "--network", "none", "-it")


@contextmanager
def client_of(engine: Engine) -> Iterator[None]:
    """Set DOCKER_HOST, so that the docker client that Tty starts finds its engine."""
    os.environ["DOCKER_HOST"] = engine.host
    try:
        yield
    finally:
        del os.environ["DOCKER_HOST"]


def interactive(engine: Engine, *arguments: str) -> Tty:
    with client_of(engine):
        return Tty(*RUN, *arguments)


def test_bash_has_job_control(engine: Engine) -> None:  # E24, E25
    with interactive(engine, "plain", "--", "bash", "--norc", "--noprofile") as tty:
        tty.see(r"bash-[\d.]+# ")
        assert "job control" not in tty.screen.before and "pidone" not in tty.screen.before
        tty.own_prompt()
        tty.type("cat")
        tty.reads("is read")
        tty.press("z")
        tty.see(r"\[1\]\+ +Stopped +cat")
        tty.see("<> ")
        tty.type("bg")
        tty.see(r"\[1\]\+ +(cat &|Stopped)")
        tty.type("fg")
        tty.reads("is read again")
        tty.press("c")
        tty.see("<> ")
        tty.type("ps -o pid,ppid,sid,tty,comm 2>/dev/null; exit 5")
        assert tty.code() == 5


def test_ctrl_c_and_the_window_s_size_reach_the_app_once(engine: Engine, public: Path) -> None:  # E21, E22
    (public / "terminal.py").write_text(APP)
    with interactive(engine, "-v", f"{public}:/t:ro", "plain", "--", "python3", "/t/terminal.py") as tty:
        tty.see("up True")
        tty.resize_until(50, 132, "got 28 132 50")
        tty.press("c")
        tty.see("got 2 132 50")
        tty.type("after")
        assert tty.see("got 2 ", "read after") == 1
        tty.type("end")
        assert tty.code() == 7


def test_a_group_s_primary_has_the_terminal(engine: Engine) -> None:
    with interactive(engine, "web", "-c", "/etc/pidone.toml", "--", "bash", "--norc", "--noprofile") as tty:
        tty.see(r"bash-[\d.]+\$ ")
        assert "job control" not in tty.screen.before
        tty.type("exit 4")
        assert tty.code() == 4


@pytest.mark.parametrize("name", NAMES)
def test_a_shell_under_a_profile_has_job_control(compared: Engine, name: str) -> None:
    """Under the original catatonit, Ctrl-Z does not work: one of the differences."""
    for init in ([name], ["pidone", "--as", name])[name == "catatonit" :]:
        with interactive(compared, IMAGE, *init, "--", "bash", "--norc", "--noprofile") as tty:
            tty.try_job_control()


#: Print that SIGHUP has come. A SIGCONT comes before or after it: the client passes each on by a
#: request.
LISTENS = """
import signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
print("up", flush=True)
open(sys.argv[1], "w").write("told %d" % signal.sigwait({signal.SIGHUP}))
sys.exit(6)
"""


@pytest.mark.parametrize("name", NAMES)
def test_a_profile_delivers_a_hang_up_as_the_original_does(compared: Engine, public: Path, name: str) -> None:
    """The engine holds the app's terminal.

    The client's terminal hangs up, and the client passes the signal on.
    """
    (public / "listens.py").write_text(LISTENS)
    found = []
    for which, init in enumerate(([name], ["pidone", "--as", name])):
        log, container = public / f"{name}{which}", f"hangs-{name}{which}"
        listens = ["python3", "/t/listens.py", f"/t/{log.name}"]
        with interactive(compared, "-v", f"{public}:/t", "--name", container, IMAGE, *init, "--", *listens) as tty:
            tty.see("up")
            tty.hang_up()
            until(lambda at=container: compared.docker("ps", "-aqf", f"name={at}").text == "", "it has ended")
            found.append((log.read_text(), tty.process.wait(PATIENCE)))
    assert found == [("told 1", 6)] * 2


@pytest.mark.parametrize("name", NAMES)
def test_a_profile_behaves_on_a_terminal_as_the_original_does(compared: Engine, public: Path, name: str) -> None:
    """Compare Debian's own and pidone, each as PID 1 of docker run -it.

    The test covers foreground, window size, Ctrl-C, Ctrl-\\ and the end.
    """
    (public / "anywhere.py").write_text(ANYWHERE)
    with client_of(compared):
        theirs, ours = (
            transcript(*RUN, "-v", f"{public}:/t", IMAGE, *init, "--", "python3", "/t/anywhere.py")
            for init in ([name], ["pidone", "--as", name])
        )
    assert theirs == ours and theirs[0] == "up True" and theirs[-1] == "7"
