"""`pidone --detach`: in the background of a machine without containers, by python-daemon."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pidone.cli import pyz
from tests.support.files import process
from tests.support.pid1 import PATIENCE, PYTHON, ROOT, UNSHARE, Pidone, Write, until


class Background:
    """Start pidone with a pid file and a log for this test, and end what it has started."""

    def __init__(self, program: str, directory: Path) -> None:
        self.program, self.directory = program, directory
        self.pid_file, self.log = directory / "p.pid", directory / "p.log"
        self.pids: list[int] = []

    def start(self, *words: str, program: str | None = None, **options: object) -> subprocess.CompletedProcess[str]:
        place = ["--pid-file", str(self.pid_file), "--log", str(self.log)]
        done = subprocess.run(
            [program or self.program, "--detach", *place, *words], stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=PATIENCE, **options,  # type: ignore[call-overload]
        )  # fmt: skip
        self.pids += [int(pid) for pid in re.findall(r"background as pid (\d+)", done.stderr)]
        return done  # type: ignore[no-any-return]

    def pid(self) -> int:
        return int(self.pid_file.read_text())

    def said(self, words: str) -> str:
        return str(until(lambda: self.log.exists() and words in self.log.read_text() and self.log.read_text(), words))

    def end(self) -> None:
        for pid in self.pids:
            if b"pidone" in command_line(pid):
                os.kill(pid, signal.SIGTERM)
                until(lambda at=pid: not command_line(at), "it has ended")


def command_line(pid: int) -> bytes:
    """Return the command line, or b"" for a process that has ended, zombies included.

    For a process that is about to end it is b"?".
    """
    try:
        ended = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
        return b"" if ended else Path(f"/proc/{pid}/cmdline").read_bytes() or b"?"
    except OSError:
        return b""


@pytest.fixture
def background(pidone: Pidone, tmp_path: Path) -> Iterator[Background]:
    found = Background(pidone.program[0], tmp_path)
    yield found
    found.end()


@pytest.fixture
def group(write: Write, tmp_path: Path, helper: str) -> str:
    text = f"[group]\ncontrol = '{tmp_path}/c.sock'\n" + process("side", "sidecar", helper, "app", "side")
    return write("g.toml", text + process("main", "primary", helper, "app", "main"))


def test_a_group_runs_in_the_background_and_pidonectl_finds_it(background: Background, group: str) -> None:
    done = background.start("-c", "g.toml", cwd=Path(group).parent)
    assert done.returncode == 0 and done.stdout == "" and done.stderr.count("\n") == 1, done
    assert background.pids == [background.pid()]
    background.said("main started")
    command = [PYTHON, "-m", "pidone.cli.main", "status", "--json", "--socket", f"{Path(group).parent}/c.sock"]
    status = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout)
    assert {one["name"]: one["state"] for one in status["processes"]} == {"side": "running", "main": "running"}
    os.kill(background.pid(), signal.SIGTERM)
    log = background.said("side ends")
    assert [line for line in log.splitlines() if line.endswith("ends")] == ["main ends", "side ends"]


def test_pidonectl_finds_the_group_at_the_default_places(background: Background, helper: str, write: Write) -> None:
    """This runs in its own mount namespace, because these places exist once on a machine."""
    file = write("g.toml", process("main", "primary", helper, "app", "main"))
    ctl = f"{PYTHON} -m pidone.cli.main"
    script = f"""
mount -t tmpfs -o mode=755 tmpfs /run
{background.program} --detach -c {file} >&2
cat /run/pidone/pidone.pid
until grep -q 'main started' /run/pidone/pidone.log; do sleep 0.02; done
{ctl} status
{ctl} stop >&2
while kill -0 $(cat /run/pidone/pidone.pid) 2>/dev/null; do :; done
cat /run/pidone/pidone.log
"""
    command = [UNSHARE, "--mount", "sh", "-euc", script]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL)
    pid = re.search(r"background as pid (\d+)", done.stderr)
    background.pids += [int(pid[1])] if pid else []
    assert pid and done.stdout.startswith(f"{pid[1]}\n") and re.search(r"^main +primary +running", done.stdout, re.M), (
        done
    )
    assert done.stdout.endswith("main ends\n"), done


def test_a_second_start_is_refused_with_the_pid_of_the_first(background: Background) -> None:
    assert background.start("sleep", "60").returncode == 0
    again = background.start("sleep", "60")
    assert again.returncode == 1 and again.stderr.count("\n") == 1, again
    assert again.stderr.startswith(
        f"pidone: already running as pid {background.pid()}, according to {background.pid_file}"
    )


@pytest.mark.parametrize("stale", [True, False])
def test_only_one_of_many_simultaneous_starts_runs(background: Background, stale: bool) -> None:
    if stale:
        background.pid_file.write_text("999999999\n")
    words = [background.program, "--detach", "--pid-file", str(background.pid_file), "sleep", "60"]
    pipes = {"stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
    all_of_them = [subprocess.Popen(words, text=True, **pipes) for _ in range(6)]  # type: ignore[call-overload]
    said = [one.communicate(timeout=PATIENCE)[1] for one in all_of_them]
    background.pids += [int(pid) for pid in re.findall(r"background as pid (\d+)", "".join(said))]
    assert sorted(one.returncode for one in all_of_them) == [0, 1, 1, 1, 1, 1] and len(background.pids) == 1, said
    assert background.pid() == background.pids[0]


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "1000"]) as found:
        yield found
        found.kill()


@pytest.mark.parametrize("stale", ["ended", "a stranger's", "empty"])
def test_a_stale_pid_file_is_replaced(background: Background, stale: str, stranger: subprocess.Popen[bytes]) -> None:
    if stale == "ended":
        background.start("true")
        pid = background.pids[0]
        until(lambda: not command_line(pid), "it has ended")
        assert background.pid() == pid
    else:
        text = {"a stranger's": f"{stranger.pid}\n", "empty": ""}[stale]
        background.pid_file.write_text(text)
        if stale == "a stranger's":  # the foreign process got the number later
            os.utime(background.pid_file, (0, 0))
    done = background.start("sleep", "60")
    assert done.returncode == 0 and background.pid() == background.pids[-1], done


def test_the_program_sees_a_daemon_s_session_and_descriptors(
    background: Background, helper: str, tmp_path: Path
) -> None:
    """It sees a session without a terminal, /dev/null, the log, and the descriptors to keep.

    Signals, limits and umask are those of the caller.
    """
    reading, writing = os.pipe()
    other = os.dup(reading)
    before = os.umask(0o027)
    try:
        words = ["--keep", str(writing), "--directory", "/var", "--", helper, "dump"]
        done = background.start(*words, pass_fds=(writing, other))
    finally:
        os.umask(before)
        for fd in (reading, writing, other):
            os.close(fd)
    assert done.returncode == 0, done
    log = background.said("coredump_filter")
    assert re.search(r"^fd 0: /dev/null ", log, re.M) and re.search(rf"^fd 1: {background.log} ", log, re.M), log
    assert re.search(rf"^fd {writing}: pipe:", log, re.M) and not re.search(rf"^fd {other}:", log, re.M), log
    assert "cwd: /var" in log and "Umask:\t0027" in log, log
    own = re.findall(r"^Sig(?:Blk|Ign):.*$", Path("/proc/self/status").read_text(), re.M)
    assert next(line for line in own if "SigBlk" in line) in log and "SigIgn:\t0000000000000000" in log, log
    core = re.findall(r"^Max core file size +(\S+) +(\S+)", Path("/proc/self/limits").read_text(), re.M)[0]
    assert re.search(rf"Max core file size +{core[0]} +{core[1]} ", log), log


def test_umask_and_the_options_of_the_program_are_its_own(background: Background) -> None:
    done = background.start("--umask=077", "--", "sh", "-c", 'umask; echo "$@"', "sh", "--keep", "1", "--log", "x")
    assert done.returncode == 0, done
    background.said("0077\n--keep 1 --log x\n")
    until(lambda: not command_line(background.pids[-1]), "it has ended")
    again = background.start("sh", "-c", 'echo "again $@"; exit 3', "sh", "--umask", "9")
    assert again.returncode == 0, again
    background.said("again --umask 9")


def test_the_log_is_appended_to(background: Background) -> None:
    for word in ("one", "two"):
        background.start("echo", word)
        background.said(word)
        until(lambda: not command_line(background.pids[-1]), "it has ended")
    assert [line for line in background.log.read_text().splitlines() if "pidone" not in line] == ["one", "two"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["-c", "/nonexistent.toml"], 2, "pidone: /nonexistent.toml: cannot read it: no such file or directory"),
        (["-Z", "true"], 2, "pidone: unknown option -Z"),
        (["--umask", "9", "true"], 2, "'9' is not an octal mode"),
        (["--keep", "x", "true"], 2, "invalid int value"),
        (["--keep", "99", "true"], 2, "pidone: --keep 99: no such descriptor is open"),
        (["--directory", "/nonexistent", "true"], 1, "pidone: cannot go into the background: "),
        (["--log", "/nonexistent/x/y/../../../proc/z", "true"], 1, "pidone: cannot go into the background: "),
        (["--pid-file", "/proc/x/y", "true"], 1, "pidone: cannot use the pid file /proc/x/y: "),
    ],
)
def test_an_error_is_printed_in_the_foreground_and_leaves_no_file(
    background: Background, words: list[str], code: int, said: str
) -> None:
    done = background.start(*words)
    assert done.returncode == code and said in done.stderr and "Traceback" not in done.stderr, done
    assert not background.pids and not background.pid_file.exists() and not background.log.exists(), done


def test_a_broken_file_is_reported_with_its_line_and_leaves_no_file(background: Background, write: Write) -> None:
    file = write("bad.toml", "[group]\ngrace = 5\n" + process("main", "primary", "true"))
    done = background.start("-c", file)
    assert done.returncode == 2 and f"pidone: {file}:2: [group]: grace = 5: expected " in done.stderr, done
    assert not background.pid_file.exists()


@pytest.mark.parametrize("what", ["text", "a device", "a pipe", "a link", "a directory"])
def test_a_file_that_is_not_a_pid_file_is_left_untouched(background: Background, tmp_path: Path, what: str) -> None:
    path = background.pid_file
    if what == "text":
        path.write_text("precious\n")
    elif what == "a device":
        os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    elif what == "a pipe":
        os.mkfifo(path)
    elif what == "a link":
        path.symlink_to(tmp_path / "elsewhere")
    else:
        path.mkdir()
    before = path.lstat()
    done = background.start("sleep", "60")
    assert done.returncode == 1 and done.stderr.startswith(f"pidone: cannot use the pid file {path}: "), done
    after = path.lstat()
    assert (before.st_ino, before.st_mode, before.st_size) == (after.st_ino, after.st_mode, after.st_size)
    assert not (tmp_path / "elsewhere").exists() and done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("/", "a directory"),
        ("x.log", "are the same file"),
        ("\udcff.pid", "runs in the background"),
        ("a\nb.pid", "runs"),
    ],
)
def test_odd_places_cause_no_traceback(background: Background, tmp_path: Path, place: str, said: str) -> None:
    command = [background.program, "--detach", "--pid-file", place, "sh", "-c", "exit 0"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=PATIENCE)
    text = done.stderr.decode("utf-8", "replace")
    assert said in text and "Traceback" not in text, text


def test_in_a_removed_directory_it_prints_an_error(background: Background, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    script = f"cd {gone} && rmdir {gone} && exec {background.program} --detach --pid-file x.pid true"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 1 and done.stderr == "pidone: cannot go into the background: no such file or directory\n"


@pytest.mark.parametrize("line", ["-vc g.toml", "-gt 5s -c g.toml", "-cg.toml -v", "--config=g.toml"])
def test_the_file_is_found_with_another_working_directory(background: Background, group: str, line: str) -> None:
    done = background.start("--directory", "/var", *line.split(), cwd=Path(group).parent)
    assert done.returncode == 0, done
    background.said("main started")


def test_its_command_may_replace_the_primary_s(background: Background, group: str) -> None:
    done = background.start("-c", group, "--", "sh", "-c", 'echo "instead $*"; sleep 1', "sh", "-c", "x")
    assert done.returncode == 0, done
    background.said("instead -c x")


def test_every_way_to_start_pidone_can_do_it(background: Background, tmp_path: Path, pidone: Pidone) -> None:
    """By a relative path, as an archive that is not executable, and as a module."""
    (tmp_path / "p.pyz").write_bytes(pyz.build())
    (tmp_path / "link").symlink_to(pidone.program[0])
    place = ["--pid-file", str(background.pid_file), "--log", str(background.log), "--directory", "/var"]
    for words in (["./link"], [PYTHON, "p.pyz"], [PYTHON, "-m", "pidone"]):
        where = ROOT if words[-1] == "pidone" else tmp_path
        command = [*words, "--detach", *place, "sh", "-c", f"echo by {words[-1]}"]
        done = subprocess.run(command, cwd=where, capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0 and "runs in the background" in done.stderr, done
        background.said(f"by {words[-1]}")
        until(lambda: not command_line(background.pid()), "it has ended")


def test_as_pid_1_it_is_refused(pidone: Pidone) -> None:
    result = pidone.run("--detach", "true")
    assert result.code == 1 and result.err.startswith("pidone: --detach is for a machine without containers"), result


def test_without_python_daemon_it_says_what_to_install(background: Background, installed: Path) -> None:
    path = {**os.environ, "PATH": f"{installed}:/usr/bin:/bin"}
    done = background.start("true", program=str(installed / "pidone"), env=path)
    assert done.returncode == 1 and "pip install python-daemon" in done.stderr, done
