"""As root, pidone follows no path that another user redirects (E48).

Each test has a hostile user, or shows a use that must keep working.

E1 and so on: docs/reference/edge-cases.md.
"""

from __future__ import annotations

import json
import os
import signal
import stat
from pathlib import Path

import pytest

from pidone import paths
from tests.support.control import Line
from tests.support.files import process
from tests.support.pid1 import Pidone, Write

HOSTILE = 4242


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """Return a directory of another user."""
    directory = tmp_path / "theirs"
    directory.mkdir()
    os.chown(directory, HOSTILE, HOSTILE)
    return directory


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """Return a directory of root with a file that the other user wants to read or to change."""
    directory = tmp_path / "secret"
    directory.mkdir(mode=0o700)
    (directory / "file").write_text("secret")
    (directory / "file").chmod(0o600)
    return directory


def unchanged(secret: Path) -> bool:
    """Return whether the directory is unchanged, apart from its times."""
    file, directory = (secret / "file").stat(), secret.stat()
    same = (file.st_uid, file.st_mode & 0o777, directory.st_uid, directory.st_mode & 0o777) == (0, 0o600, 0, 0o700)
    return same and sorted(os.listdir(secret)) == ["file"] and (secret / "file").read_text() == "secret"


def link(at: Path, to: Path) -> None:
    at.symlink_to(to)
    os.chown(at, HOSTILE, HOSTILE, follow_symlinks=False)


MAIN = process("main", "primary", "true")


@pytest.mark.parametrize("where", ["itself", "a parent"])
def test_a_volume_follows_no_link_of_an_app_s(
    pidone: Pidone, write: Write, theirs: Path, secret: Path, where: str
) -> None:  # E48
    if where == "itself":
        link(theirs / "data", secret)
        path, component = theirs / "data", theirs / "data"
    else:
        link(theirs / "way", secret)
        path, component = theirs / "way" / "data", theirs / "way"
    file = write("g.toml", f'[[volume]]\nname = "a"\npath = "{path}"\nmode = "0777"\nowner = "nobody"\n' + MAIN)
    result = pidone.run("-c", file)
    assert (
        result.code == 2 and f"{component} is a link owned by uid {HOSTILE}; pidone does not follow it" in result.err
    ), result
    assert unchanged(secret)


def test_a_reload_applies_nothing_through_a_link_either(
    pidone: Pidone, write: Write, helper: str, theirs: Path, secret: Path, tmp_path: Path
) -> None:
    """The app put the link in the place of the volume while it ran."""
    line = Line(pidone, write, tmp_path / "c.sock")
    volume = f'[[volume]]\nname = "a"\npath = "{theirs}/data"\nmode = "0777"\nowner = "nobody"\n'
    with line.start(volume, process("main", "primary", helper, "app", "main")) as run:
        run.line("main started")
        (theirs / "data").rmdir()
        link(theirs / "data", secret)
        assert line.ctl("reload").returncode == 1
        assert unchanged(secret)


def test_a_volume_that_is_there_is_changed_in_place(pidone: Pidone, write: Write, theirs: Path) -> None:
    (theirs / "data").mkdir()
    file = write("g.toml", f'[[volume]]\nname = "a"\npath = "{theirs}/data/x/y"\nowner = "{HOSTILE}"\n' + MAIN)
    assert pidone.run("-c", file).code == 0
    made = (theirs / "data" / "x" / "y").stat()
    assert (made.st_uid, stat.S_IMODE(made.st_mode)) == (HOSTILE, 0o777)
    assert stat.S_IMODE((theirs / "data" / "x").stat().st_mode) == 0o755


@pytest.mark.parametrize("where", ["itself", "a parent", "a hard link"])
def test_a_log_file_follows_no_link_when_it_is_opened(
    pidone: Pidone, write: Write, theirs: Path, secret: Path, where: str
) -> None:  # E48
    path = theirs / "app.log"
    if where == "itself":
        link(path, secret / "file")
    elif where == "a parent":
        link(theirs / "logs", secret)
        path = theirs / "logs" / "app.log"
    else:
        os.link(secret / "file", path)
    file = write("g.toml", process("main", "primary", "echo", "evil", more=f"log = {{ file = '{path}' }}"))
    result = pidone.run("-c", file)
    assert "cannot be written" in result.err and ("does not follow it" in result.err or "hard link" in result.err), (
        result
    )
    assert unchanged(secret)


def test_a_log_file_follows_no_link_when_it_is_rotated(
    pidone: Pidone, write: Write, theirs: Path, secret: Path
) -> None:
    """The app moves the log's directory away, and puts a link in its place."""
    (theirs / "logs").mkdir()
    os.chown(theirs / "logs", HOSTILE, HOSTILE)
    # It waits until all is written: between the move and the link no directory exists, and pidone
    # would give that as the reason.
    script = f"seq 2000; until grep -qx 2000 {theirs}/logs/app.log; do sleep 0.02; done; "
    script += f"mv {theirs}/logs {theirs}/away; ln -s {secret} {theirs}/logs; "
    script += f"chown -h {HOSTILE} {theirs}/logs; seq 2000"
    log = f"{{ file = '{theirs}/logs/app.log', max_size = '4KiB', keep = 2 }}"
    result = pidone.run("-c", write("g.toml", process("main", "primary", "sh", "-c", script, more=f"log = {log}")))
    assert result.code == 0 and "does not follow it" in result.err, result
    assert unchanged(secret)


def test_each_reason_for_lost_lines_is_reported(pidone: Pidone, write: Write, theirs: Path, secret: Path) -> None:
    """First the directory is missing, then it is a link to another place.

    A user who reads only the first reason looks for the wrong fault.
    """
    logs = theirs / "logs"
    script = "line() { echo line; }; trap line USR1; trap exit USR2; echo up; while :; do sleep 0.02; done"
    log = f"log = {{ file = '{logs}/app.log' }}"
    with pidone.start("-c", write("g.toml", process("main", "primary", "sh", "-c", script, more=log))) as run:
        run.said(f"cannot be written to {logs}/app.log: no such file or directory; dropping it until that works")
        link(logs, secret)
        run.kill(signal.SIGUSR1)
        run.said("pidone does not follow it; dropping it until that works")
        run.kill(signal.SIGUSR2)
        result = run.end()
    assert result.code == 0 and result.err.count("dropping it until that works") == 2, result
    assert unchanged(secret)


def test_a_termination_message_is_not_emptied_or_read_through_a_link(
    pidone: Pidone, write: Write, theirs: Path, secret: Path
) -> None:
    """The process runs as root, and the directory of its message belongs to another user."""
    link(theirs / "way", secret)
    more = f"termination_message = '{theirs}/way/file'"
    result = pidone.run("-c", write("g.toml", process("main", "primary", "true", more=more)))
    assert result.code == 126 and "left the message" not in result.err, result
    assert unchanged(secret)


def test_a_pid_file_is_not_read_through_a_link(pidone: Pidone, write: Write, theirs: Path, secret: Path) -> None:
    link(theirs / "way", secret)
    more = f"daemonizes = true\npid_file = '{theirs}/way/file'"
    file = write("g.toml", "[group]\ntime_scale = 0.05\n" + process("main", "primary", "true", more=more))
    result = pidone.run("-c", file)
    assert result.code == 1 and f"{theirs}/way is a link owned by uid {HOSTILE}" in result.err, result


def test_a_probe_asks_for_no_file_behind_a_link(pidone: Pidone, write: Write, theirs: Path, secret: Path) -> None:
    link(theirs / "way", secret)
    more = f"startup = {{ file = '{theirs}/way/file', period = '20ms', failure_threshold = 1, stale = true }}"
    result = pidone.run("-c", write("g.toml", process("main", "primary", "sleep", "9", more=more)))
    assert f"startup failed once: {theirs}/way/file: {theirs}/way is a link owned by uid" in result.err, result


@pytest.mark.parametrize("where", ["itself", "a parent"])
def test_a_report_is_not_written_through_a_link(
    pidone: Pidone, write: Write, theirs: Path, secret: Path, where: str
) -> None:
    """Another user's link is an error, also in the place of the report itself."""
    path = theirs / "report.json"
    if where == "itself":
        link(path, secret / "file")
    else:
        link(theirs / "way", secret)
        path = theirs / "way" / "report.json"
    result = pidone.run("-o", str(path), "--", "sh", "-c", "exit 3")
    assert result.code == 3 and "cannot write the report" in result.err and "does not follow it" in result.err, result
    assert unchanged(secret)


def test_the_control_socket_is_made_behind_no_link(
    pidone: Pidone, write: Write, helper: str, theirs: Path, secret: Path
) -> None:
    link(theirs / "way", secret)
    file = write("g.toml", f"[group]\ncontrol = '{theirs}/way/c.sock'\n" + MAIN)
    result = pidone.run("-c", file)
    assert result.code == 0 and f"no control socket: {theirs}/way/c.sock: {theirs}/way is a link" in result.err, result
    assert unchanged(secret)


def test_an_env_file_is_not_read_through_a_link(pidone: Pidone, write: Write, theirs: Path, secret: Path) -> None:
    link(theirs / "env", secret / "file")
    file = write("g.toml", process("main", "primary", "true", more=f"env_file = '{theirs}/env'"))
    result = pidone.run("-c", file)
    assert result.code == 2 and "is a link owned by uid" in result.err, result


# -- uses that keep working


def test_root_s_own_links_and_a_config_map_s_are_followed(pidone: Pidone, write: Write, tmp_path: Path) -> None:  # E48
    """/var/run is a link, and a file of a ConfigMap is two.

    A ConfigMap is a read-only mount that every user may write to.
    """
    (tmp_path / "real").mkdir()
    (tmp_path / "log").symlink_to(tmp_path / "real")
    config = tmp_path / "config"
    (config / "..2026").mkdir(parents=True)
    (config / "..2026" / "env").write_text("A=from the map\n")
    (config / "..data").symlink_to("..2026")
    (config / "env").symlink_to("..data/env")
    config.chmod(0o777)
    mounted = ["unshare", "--mount", "sh", "-c", f'mount --bind -o ro {config} {config}; exec "$@"', "sh"]
    more = f"env_file = '{config}/env'\nlog = {{ file = '{tmp_path}/log/app.log' }}"
    script = "test -e /var/run && echo $A"
    result = pidone.run("-c", write("g.toml", process("main", "primary", "sh", "-c", script, more=more)), wrap=mounted)
    if result.code == 2 and "others may write" in result.err:  # a bind mount keeps the flags of its source
        raise AssertionError(result)
    assert result.code == 0, result
    assert (tmp_path / "real" / "app.log").read_text() == "from the map\n"


def test_the_report_goes_to_standard_output_by_its_usual_names(pidone: Pidone) -> None:
    for name in ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"):
        result = pidone.run("-o", name, "--", "true")
        assert json.loads(result.text)["exit_code"] == 0, result


def test_a_path_component_replaced_by_a_link_is_not_followed(tmp_path: Path, secret: Path) -> None:
    """It becomes one between the check and the open."""
    (tmp_path / "way").mkdir()
    parent = os.open(tmp_path, os.O_PATH)
    (tmp_path / "way").rmdir()
    (tmp_path / "way").symlink_to(secret)
    with pytest.raises(NotADirectoryError):
        paths._step(os.dup(parent), b"way")
    os.close(parent)


def test_a_cycle_of_links_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="Too many levels"):
        paths.walk(os.fsencode(tmp_path / "a" / "x"))


def test_without_root_pidone_follows_the_links_that_its_user_may(anyone: Pidone, write: Write, public: Path) -> None:
    """As another user, pidone can do no more than that user."""
    there = public / f"free-{os.getpid()}"
    there.mkdir()
    there.chmod(0o777)
    (there / "ready").touch()
    link(there / "way", there)
    more = f"startup = {{ file = '{there}/way/ready', stale = true, period = '20ms' }}"
    file = write("g.toml", process("side", "sidecar", "sleep", "9", more=more) + MAIN)
    user = ("setpriv", "--reuid=4321", "--regid=4321", "--clear-groups")
    assert anyone.run("-c", file, wrap=user).code == 0
