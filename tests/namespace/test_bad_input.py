"""Bad input: a clear line, the documented exit code, nothing started and no process left.

This was an issue of the first version.

E1 and so on: docs/reference/edge-cases.md.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from tests.support.files import process
from tests.support.pid1 import Pidone, Running, Write, until

GOOD = process("main", "primary", "echo", "ran")


def refused(pidone: Pidone, file: str, *words: str) -> None:
    result = pidone.run("-c", file)
    assert result.code == 2 and result.out == b"", result
    assert all(line.startswith(f"pidone: {file}") for line in result.err.splitlines()), result
    assert "Traceback" not in result.err, result
    for word in words:
        assert word in result.err, result


def test_a_missing_file(pidone: Pidone, tmp_path: Path) -> None:
    refused(pidone, f"{tmp_path}/none.toml", "cannot read it: no such file or directory")


def test_an_unreadable_file(anyone: Pidone, write: Write) -> None:
    file = write("g.toml", GOOD)
    os.chmod(file, 0o000)
    wrap = ("setpriv", "--reuid=4321", "--regid=4321", "--clear-groups", "env")
    result = anyone.run("-c", file, wrap=wrap)
    assert result.code == 2 and result.err == f"pidone: {file}: cannot read it: permission denied\n", result


def test_an_empty_file(pidone: Pidone, write: Write) -> None:
    refused(pidone, write("g.toml", ""), 'no process has role = "primary"; exactly one must')


def test_a_directory(pidone: Pidone, tmp_path: Path) -> None:
    refused(pidone, str(tmp_path), "cannot read it: is a directory")


def test_a_file_of_10_mb(pidone: Pidone, write: Write) -> None:
    refused(pidone, write("g.toml", "# x\n" * 2_500_000 + GOOD), "it is larger than 1 MiB")


def test_an_endless_file(pidone: Pidone) -> None:
    refused(pidone, "/dev/zero", "it is larger than 1 MiB")


def test_a_socket(pidone: Pidone, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{tmp_path}/s")
        refused(pidone, f"{tmp_path}/s", "cannot read it: no such device or address")


@pytest.mark.parametrize(
    ("data", "where", "words"),
    [
        (b"a = 1\nb = '\xe9'\n", ":2:", "byte 0xe9 is not UTF-8"),
        (bytes(range(256)), ":2:", "byte 0x80 is not UTF-8"),
        (Path("/bin/true").read_bytes()[:4096], ":1:", ""),
        (b"[[process]]\nname = \n", ":2:", "not TOML at column"),
        (b"[[process]\n", ":1:", "not TOML at column"),
        (b"a = 1\na = 2\n", ":2:", "a key is given twice"),
        (b"[group]\ngrace = 10s\n", ":2:", "in quotes"),
        (b"[[process]]\numask = 022\n", ":2:", "in quotes"),
        (b"[[process]]\nname = web\n", ":2:", "in quotes"),
        (b"a = " + b"[" * 100000, "", ""),
        (b"\xff\xfe[\x00", ":1:", "byte 0xff is not UTF-8"),
    ],
    ids=[
        "latin-1",
        "all bytes",
        "elf",
        "no value",
        "no bracket",
        "a key twice",
        "a time",
        "a mode",
        "a word",
        "deep",
        "utf-16",
    ],
)
def test_a_file_that_is_not_toml(pidone: Pidone, tmp_path: Path, data: bytes, where: str, words: str) -> None:
    (tmp_path / "g.toml").write_bytes(data)
    refused(pidone, f"{tmp_path}/g.toml", where, words)


def test_a_wrong_target_of_a_signal_is_named(pidone: Pidone, write: Write) -> None:
    file = write("g.toml", process("main", "primary", "true") + "[signals]\nHUP = { to = ['main'], as = 'KILL2' }\n")
    result = pidone.run("-c", file)
    said = f"pidone: {file}:7: [signals] HUP: as = 'KILL2': expected a signal, such as"
    assert result.code == 2 and result.err.startswith(said), result


def test_all_errors_of_a_file_at_once_each_with_its_line(pidone: Pidone, write: Write) -> None:
    text = """\
[group]
grcae = "8s"
grace = 8

[[process]]
name = "Web"
role = "sidekick"
comand = ["x"]

[[process]]
name = "main"
role = "primary"
command = "nginx -g"
user = "nosuchuser"
env = { A = 1 }

[[process]]
name = "main"
role = "primary"
command = []
log = "jsno"

[[volume]]
name = "data"

[signals]
SIGNOPE = ["main"]
SIGHUP = ["mian"]

[extra]
"""
    file = write("g.toml", text)
    result = pidone.run("-c", file)
    wanted = [
        (2, "[group]: unknown key 'grcae'; is it 'grace'?"),
        (3, '[group]: grace = 8: expected a string with a unit: "500ms", "8s", "5m"'),
        (5, 'process \'Web\': no command; give command = ["program", "argument"]'),
        (6, "process 'Web': name = 'Web': expected lower-case letters"),
        (7, 'process \'Web\': role = \'sidekick\': expected "init", "sidecar" or "primary"'),
        (8, "process 'Web': unknown key 'comand'; is it 'command'?"),
        (13, "process 'main': command = 'nginx -g': expected a list, such as [\"nginx\", \"-g\"]"),
        (15, "process 'main': env = { A = 1 }: expected a table of strings"),
        (18, "process 'main': this name is taken by line 11"),
        (19, "process 'main': a second primary, after line 10"),
        (20, "process 'main': command = []: expected a list of strings"),
        (21, 'process \'main\': log = \'jsno\': expected "inherit", "prefix", "json"'),
        (23, "volume 'data': no path"),
        (27, "[signals] SIGNOPE: unknown signal 'SIGNOPE'"),
        (28, "[signals] SIGHUP: no process 'mian'; is it 'main'?"),
        (30, "unknown table 'extra'"),
    ]
    lines = result.err.splitlines()
    assert result.code == 2, result
    for line, words in wanted:
        assert any(said.startswith(f"pidone: {file}:{line}: {words}") for said in lines), (line, words, result)
    assert len(lines) == len(wanted), result


def test_a_group_with_no_primary_and_one_with_two(pidone: Pidone, write: Write) -> None:
    refused(
        pidone,
        write("a.toml", process("x", "sidecar", "true")),
        "exactly one must have it: its exit code is the container's",
    )
    two = process("x", "primary", "true") + process("y", "primary", "true")
    refused(pidone, write("b.toml", two), ":8: process 'y': a second primary, after line 1; make one of them")


def test_an_unknown_user_and_group(pidone: Pidone, write: Write) -> None:
    refused(
        pidone,
        write("g.toml", process("x", "primary", "true", more='user = "nosuch"')),
        ":5: process 'x': no user 'nosuch' here; create it with useradd, or use its number",
    )
    refused(
        pidone,
        write("g.toml", process("x", "primary", "true", more='user = "root:nosuch"')),
        "no group 'nosuch' here; create it with groupadd, or use its number",
    )


@pytest.mark.parametrize("user", ["4294967295", "4294967295:0", "0:4294967295", "99999999999"])
def test_a_user_number_that_would_leave_root_in_place_is_refused(pidone: Pidone, write: Write, user: str) -> None:
    refused(
        pidone,
        write("g.toml", process("x", "primary", "id", more=f'user = "{user}"')),
        ":5: process 'x': user = ", "expected numbers below 4294967295",
    )  # fmt: skip


def test_a_mode_s_example_is_a_mode_and_no_umask(pidone: Pidone, write: Write) -> None:
    file = write("g.toml", "[[volume]]\npath = '/x'\nmode = 755\n" + process("main", "primary", "true"))
    refused(pidone, file, ":3: ", 'mode = 755: expected an octal number in quotes, such as "0755"')


@pytest.mark.parametrize("command", ["[]", '[""]', '["a\\u0000b"]', "[1]", '"true"', '[["true"]]', "{}"])
def test_commands_that_make_no_sense(pidone: Pidone, write: Write, command: str) -> None:
    file = write("g.toml", f'[[process]]\nname = "m"\nrole = "primary"\ncommand = {command}\n')
    refused(pidone, file, ":4: process 'm': command = ", ": expected ")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("nice = " + "9" * 5000, "not readable as TOML"),
        ('requests = { memory = "' + "9" * 400 + '.5GiB" }', ":5: process 'm': requests = "),
        ('user = "a\\u0000b"', ":5: process 'm': user = 'a\\x00b': expected "),
        ('user = "\u00b2"', "expected numbers below 4294967295, in ASCII digits"),
        ('user = "\u0661"', "expected numbers below 4294967295, in ASCII digits"),
        ("rlimits = { nofile = 99999999999999999999 }", ":5: process 'm': rlimits = "),
        ('rlimits = { core = "9223372036854775808" }', "a number below 2**63"),
        ('rlimits = { nofile = "\u0663\u0663" }', ":5: process 'm': rlimits = "),
        ('stop_signal = "SIGRTMIN+\u0663"', "expected a signal"),
        ('"a\\nb" = 2', "unknown key 'a\\nb'"),
        ('"\\u001b[31m" = 2', "unknown key '\\x1b[31m'"),
        ('"' + "k" * 100000 + '" = 2', "unknown key 'kkk"),
    ],
    ids=range(12),
)
def test_absurd_values_give_one_line_each(pidone: Pidone, write: Write, line: str, words: str) -> None:
    file = write("g.toml", f'[[process]]\nname = "m"\nrole = "primary"\ncommand = ["true"]\n{line}\n')
    result = pidone.run("-c", file)
    assert result.code == 2 and words in result.err, result
    assert result.err.count("\n") == 1 and len(result.err) < 2200 and "\x1b" not in result.err, result


def test_a_byte_order_mark_is_named(pidone: Pidone, write: Write) -> None:
    refused(
        pidone,
        write("g.toml", "\ufeff" + GOOD),
        ":1: the file starts with a byte order mark; save it as UTF-8 without one",
    )


def test_a_bad_env_file_is_named_with_its_own_line(pidone: Pidone, write: Write, tmp_path: Path) -> None:
    file = write("g.toml", process("x", "primary", "true", more='env_file = "vars"'))
    refused(pidone, file, f":5: process 'x': cannot read env_file {tmp_path}/vars: no such file or directory")
    write("vars", "A=1\nB C=1\n=c\n")
    refused(pidone, file, f"{tmp_path}/vars:2: not NAME=VALUE: 'B C=1'", f"{tmp_path}/vars:3: not NAME=VALUE: '=c'")
    (tmp_path / "vars").unlink()
    (tmp_path / "vars").symlink_to("/dev/zero")
    refused(pidone, file, f"env_file {tmp_path}/vars is larger than 1 MiB")


def test_a_reader_that_is_killed_is_named(pidone: Pidone, tmp_path: Path) -> None:
    """The kernel does so where the container's memory is too small to read the file."""
    os.mkfifo(tmp_path / "slow.toml")
    with pidone.start("-c", f"{tmp_path}/slow.toml") as run:
        writer = os.open(tmp_path / "slow.toml", os.O_WRONLY)
        (child,) = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()
        os.kill(int(child), 9)
        result = run.end()
        os.close(writer)
    assert result.code == 126, result
    assert result.err == (
        f"pidone: cannot read {tmp_path}/slow.toml: the child that reads it was killed by SIGKILL\n"
    ), result


class TestStderr:
    """A message of pidone that cannot be written never stops anything (E32)."""

    def test_a_full_device(self, pidone: Pidone) -> None:  # E32
        with open("/dev/full", "wb") as full:
            assert pidone.run("--", "/no/such", stderr=full).code == 127
            assert pidone.run("--", "sh", "-c", "kill -9 $$", stderr=full).code == 137

    def test_a_closed_stderr(self, pidone: Pidone) -> None:  # E32
        wrap = ("sh", "-c", 'exec 2>&-; exec "$@"', "sh")
        assert pidone.run("--", "/no/such", wrap=wrap).code == 127
        assert pidone.run("-c", "/no/such", wrap=wrap).code == 2

    def test_a_pipe_without_a_reader(self, pidone: Pidone) -> None:  # E32
        reading, writing = os.pipe()
        os.close(reading)
        assert pidone.run("--", "/no/such", stderr=writing).code == 127
        os.close(writing)

    @pytest.mark.parametrize("options", [(), ("-v",)])
    def test_a_pipe_without_a_reader_does_not_end_the_app(self, pidone: Pidone, options: tuple[str, ...]) -> None:
        """The kernel's SIGPIPE for pidone's own line has pidone as its sender.

        Forwarded, it would kill the app.
        """
        reading, writing = os.pipe()
        os.close(reading)
        script = "(exec sleep 1000) & kill -9 $!; wait; exit 4"
        with pidone.start(*options, "-t", "1s", "--", "sh", "-c", script, stderr=writing) as run:
            os.close(writing)
            assert run.end().code == 4
        result = Running([*pidone.program, *options, "--", "sh", "-c", "echo ran; exit 4"], stderr=broken()).end()
        assert (result.code, result.text) == (4, "ran\n"), result

    def test_a_file_at_its_size_limit(self, pidone: Pidone, tmp_path: Path) -> None:
        """SIGXFSZ of RLIMIT_FSIZE."""
        with open(tmp_path / "log", "wb") as log:
            wrap = ("prlimit", "--fsize=0")
            assert pidone.run("--", "/no/such", stderr=log, wrap=wrap).code == 127
            assert pidone.run("-v", "--", "sh", "-c", "exit 4", stderr=log, wrap=wrap).code == 4

    def test_a_full_pipe_holds_nothing_up_and_what_was_lost_is_counted(
        self, pidone: Pidone, helper: str, write: Write
    ) -> None:
        file = write(
            "g.toml",
            process("one", "sidecar", helper, "app", "one")
            + process("two", "sidecar", helper, "app", "two")
            + process("fill", "sidecar", helper, "fill")
            + process("main", "primary", helper, "app", "main", "code=3"),
        )
        reading, writing = os.pipe()
        with pidone.start("-c", file, stderr=writing) as run:
            os.close(writing)
            run.line("main started")
            run.line("full")
            one = run.child("one")
            os.kill(one, 15)
            until(lambda: not Path(f"/proc/{one}").exists(), "its end has been dealt with, and could not be said")
            drain(reading)
            os.kill(run.child("two"), 15)
            with os.fdopen(reading) as lines:
                said = lines.readline()
            assert "sidecar two (pid" in said and said.endswith("(1 lines before this one were lost)\n"), said
            run.kill(15)
            assert run.end().code == 3


def broken() -> int:
    """Return the writing end of a pipe that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    return writing


def drain(fd: int) -> None:
    """Read what is there without waiting."""
    os.set_blocking(fd, False)
    try:
        while os.read(fd, 1 << 20):
            pass
    except BlockingIOError:
        os.set_blocking(fd, True)


def test_all_standard_descriptors_closed(pidone: Pidone) -> None:
    wrap = ("sh", "-c", 'exec 0<&- 1>&- 2>&-; exec "$@"', "sh")
    assert pidone.run("--", "sh", "-c", "exit 5", wrap=wrap).code == 5


class TestOddPlaces:
    def test_an_arbitrary_uid_without_a_passwd_line(self, anyone: Pidone, helper: str, write: Write) -> None:
        wrap = ("setpriv", "--reuid=123456", "--regid=0", "--clear-groups", "env", "HOME=/")
        assert anyone.run("--", "id", "-u", wrap=wrap).text == "123456\n"
        result = anyone.run("-c", write("g.toml", GOOD), wrap=wrap)
        assert (result.text, result.err, result.code) == ("ran\n", "", 0), result

    def test_without_proc(self, pidone: Pidone, helper: str, write: Write) -> None:
        wrap = ("sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh")
        assert pidone.run("--", "sh", "-c", "exit 4", wrap=wrap).code == 4
        result = pidone.run("--", "ls", "-A", "/proc", wrap=wrap)
        assert result.text == "", result
        result = pidone.run("-c", write("g.toml", GOOD), wrap=wrap)
        assert (result.text, result.err) == ("ran\n", ""), result
        script = f"{helper} leave x {helper} app bad ignore=15; exit 3"
        result = pidone.run("-t", "200ms", "--", "sh", "-c", script, wrap=wrap)
        assert result.code == 3 and result.plain == "pidone: the grace of 0.2 s is over: SIGKILL to what is left\n", (
            result
        )

    def test_locale_coercion_is_undone_without_proc_as_well(self, pidone: Pidone) -> None:
        wrap = ("sh", "-c", 'mount -t tmpfs none /proc && exec env -i "$@"', "sh")
        assert pidone.run("--", "env", wrap=wrap).text == ""

    def test_a_read_only_root(self, pidone: Pidone, write: Write, helper: str) -> None:
        remount = "mount --make-rprivate / && mount -o remount,ro,bind / && ! touch /x 2>/dev/null"
        wrap = ("sh", "-c", remount + ' && exec "$@"', "sh")
        assert pidone.run("--", "sh", "-c", "exit 4", wrap=wrap).code == 4
        result = pidone.run("-c", write("g.toml", GOOD), wrap=wrap)
        assert (result.text, result.err) == ("ran\n", ""), result

    def test_without_dev_null(self, pidone: Pidone, write: Write) -> None:
        wrap = ("sh", "-c", 'mount --make-rprivate / && mount -t tmpfs none /dev && exec "$@"', "sh")
        assert pidone.run("--", "sh", "-c", "exit 4", wrap=wrap).code == 4
        closed = ("sh", "-c", 'mount --make-rprivate / && mount -t tmpfs n /dev && exec 0<&- && exec "$@"', "sh")
        assert pidone.run("--", "sh", "-c", "exit 4", wrap=closed).code == 4
        result = pidone.run("-c", write("g.toml", process("s", "init", "true") + GOOD), wrap=wrap)
        assert result.code == 126 and "cannot start s: stdin: no such file or directory" in result.err, result

    def test_no_new_privileges_and_no_capabilities(self, anyone: Pidone, write: Write) -> None:
        wrap = ("setpriv", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", "--clear-groups", "env")
        result = anyone.run("-c", write("g.toml", GOOD), wrap=wrap)
        assert (result.text, result.err, result.code) == ("ran\n", "", 0), result
