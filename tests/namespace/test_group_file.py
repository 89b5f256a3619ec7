"""The effect of a group file's keys on real processes.

E1 and so on: docs/reference/edge-cases.md.
"""

from __future__ import annotations

import contextlib
import json
import marshal
import os
import re
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pidone.config import compiled
from tests.support.files import check, process
from tests.support.pid1 import PYTHON, Pidone, Running, Write, until

LOOK = "import os, resource, json; print(json.dumps({'cwd': os.getcwd(), 'ids': [os.getresuid(), os.getresgid()], "
LOOK += "'groups': os.getgroups(), 'umask': os.umask(0), 'nice': os.nice(0), 'env': dict(os.environ), "
LOOK += "'nofile': resource.getrlimit(resource.RLIMIT_NOFILE), 'core': resource.getrlimit(resource.RLIMIT_CORE), "
LOOK += "'oom': int(open('/proc/self/oom_score_adj').read())}))"


def look(pidone: Pidone, write: Write, more: str, **options: Any) -> dict[str, Any]:
    """Return what a primary with these keys sees."""
    script = write("look", f"#!/usr/bin/python3\n{LOOK}\n")
    file = write("g.toml", process("main", "primary", script, more=more))
    result = pidone.run("-c", file, **options)
    assert result.code == 0 and result.err == "", result
    return dict(json.loads(result.text))


def test_env_is_laid_over_the_container_s_and_expands_nothing(pidone: Pidone, write: Write) -> None:
    more = 'env = { A = "new", B = "$HOME and ${A}" }'
    env = look(pidone, write, more, env={"A": "old", "C": "kept", "HOME": "/h"})["env"]
    assert isinstance(env, dict)
    env.pop("LC_CTYPE", None)  # the Python of the script sets it
    assert env == {"A": "new", "B": "$HOME and ${A}", "C": "kept", "HOME": "/h"}


def test_env_file_is_read_as_docker_reads_it_and_env_wins(pidone: Pidone, write: Write) -> None:
    write("vars", "\ufeff# comment\n\nA=1\n  Q='quoted'\nE=\nHOME\nE2=a=b # no comment\n")
    env = look(pidone, write, 'env_file = "vars"\nenv = { A = "2" }', env={})["env"]
    assert isinstance(env, dict)
    env.pop("LC_CTYPE", None)
    assert env == {"A": "2", "Q": "'quoted'", "E": "", "E2": "a=b # no comment"}


def test_the_path_of_the_declared_environment_finds_the_command(pidone: Pidone, write: Write, tmp_path: Path) -> None:
    write("tool", "#!/bin/sh\necho declared\n")  # E6
    file = write("g.toml", process("main", "primary", "tool", more=f'env = {{ PATH = "{tmp_path}" }}'))
    assert pidone.run("-c", file).text == "declared\n"


def test_cwd_umask_nice_limits_and_oom_score(pidone: Pidone, write: Write) -> None:
    more = 'cwd = "/usr/share"\numask = "0027"\nnice = 7\noom_score_adj = 500\n'
    more += 'rlimits = { nofile = "100:200", core = 0 }'
    seen = look(pidone, write, more)
    wanted = {"cwd": "/usr/share", "umask": 0o027, "nice": 7, "oom": 500, "nofile": [100, 200], "core": [0, 0]}
    assert {key: seen[key] for key in wanted} == wanted


@pytest.mark.parametrize(
    ("more", "uid", "gid", "groups"),
    [
        ('user = "nobody"', 65534, 65534, [65534]),
        ('user = "nobody:daemon"', 65534, 1, [1]),
        ('user = "4321"', 4321, 0, [0]),  # no passwd line: gid 0, as Docker's USER
        ("user = 4321", 4321, 0, [0]),
        ('user = "4321:1234"', 4321, 1234, [1234]),
        ('user = "nobody"\ngroups = ["adm", "77"]', 65534, 65534, [4, 77]),
        ('user = "nobody"\ngroups = []', 65534, 65534, []),
        ('user = "root"', 0, 0, [0]),
    ],
)
def test_user_and_groups(pidone: Pidone, write: Write, more: str, uid: int, gid: int, groups: list[int]) -> None:  # E12
    seen = look(pidone, write, more, env={"HOME": "/root", "USER": "root"})
    assert seen["ids"] == [[uid] * 3, [gid] * 3]
    assert sorted(seen["groups"]) == groups
    env = seen["env"]
    assert isinstance(env, dict) and (env["HOME"], env["USER"]) == ("/root", "root")  # pidone sets them only if asked


def test_a_user_that_pidone_may_not_become_is_one_line(anyone: Pidone, write: Write) -> None:
    file = write("g.toml", process("main", "primary", "true", more='user = "1:1"'))
    wrap = ("setpriv", "--reuid=4321", "--regid=4321", "--clear-groups", "env")
    result = anyone.run("-c", file, wrap=wrap)
    assert result.code == 126 and "main: user 1:1: operation not permitted (exit 126)" in result.err, result
    own = write("own.toml", process("main", "primary", "true", more='user = "4321:4321"'))
    assert anyone.run("-c", own, wrap=wrap).code == 0


def test_cwd_that_is_not_there_is_one_line(pidone: Pidone, write: Write) -> None:
    file = write("g.toml", process("main", "primary", "true", more='cwd = "/no/where"'))
    result = pidone.run("-c", file)
    assert result.code == 126, result
    assert result.err == "pidone: cannot start main: cwd /no/where: no such file or directory (exit 126)\n", result


@pytest.mark.parametrize("locale", ["C", "C.UTF-8", "POSIX"])
def test_a_word_of_the_file_is_its_bytes_in_every_locale(pidone: Pidone, write: Write, locale: str) -> None:
    file = write("g.toml", process("main", "primary", "printf", "%s-", "caf\u00e9", "\u20ac"))
    assert pidone.run("-c", file, env={"LC_ALL": locale}).out == "caf\u00e9-\u20ac-".encode()


def test_shell_is_a_line_for_sh(pidone: Pidone, write: Write) -> None:
    file = write("g.toml", '[[process]]\nname = "m"\nrole = "primary"\nshell = "echo $((1 + 1)) | cat; exit 3"\n')
    result = pidone.run("-c", file)
    assert (result.text, result.code) == ("2\n", 3), result


def test_a_pausing_primary_holds_the_group_while_sidecars_restart(pidone: Pidone, write: Write, helper: str) -> None:
    pause = "[[process]]\nname = 'infra'\nrole = 'primary'\npause = true\n"
    side = process("side", "sidecar", helper, "app", "side", more="backoff = { initial = '10ms' }")
    with pidone.start("-v", "-c", write("pidone.toml", side + pause), stderr=subprocess.STDOUT) as run:
        run.line("side started")
        run.line("started infra")
        for count in (2, 3, 4):
            os.kill(run.child("side"), signal.SIGKILL)
            run.line("side started", count=count)
        run.kill(signal.SIGTERM)
        result = run.end()
    assert result.code == 0 and "infra (pid" in result.text, result


def test_a_pause_reacts_only_to_sigterm_and_sigint(pidone: Pidone, write: Write) -> None:
    pause = "[[process]]\nname = 'infra'\nrole = 'primary'\npause = true\n"
    with pidone.start("-v", "-c", write("pidone.toml", pause), stderr=subprocess.STDOUT) as run:
        run.line("started infra")
        pid = until(lambda: run.children().get("pause"), "it has its name")
        status = Path(f"/proc/{pid}/status")
        until(lambda: "SigBlk:\tfffffffe7ffbbefd" in status.read_text(), "it waits for SIGINT and SIGTERM alone")
        for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGALRM, signal.SIGRTMIN):
            run.kill(number)
        run.kill(signal.SIGINT)
        result = run.end()
    assert result.code == 0 and "infra (pid 3) ended with exit code 0" in result.text, result


def test_stdin_is_the_primary_s_and_dev_null_everyone_else_s(pidone: Pidone, write: Write) -> None:
    file = write(
        "g.toml",
        process("step", "init", "cat") + process("side", "sidecar", "cat") + process("main", "primary", "cat"),
    )
    reading, writing = os.pipe()
    os.write(writing, b"for main\n")
    os.close(writing)
    result = pidone.run("-c", file, stdin=reading)
    os.close(reading)
    assert result.text == "for main\n" and result.code == 0, result


def test_the_image_s_command_replaces_the_primary_s(pidone: Pidone, write: Write) -> None:
    file = write("g.toml", process("step", "init", "echo", "step") + process("main", "primary", "echo", "declared"))
    assert pidone.run("-c", file, "--", "echo", "from", "CMD").text == "step\nfrom CMD\n"
    assert pidone.run("-c", file, "echo", "from", "CMD").text == "step\nfrom CMD\n"


def test_the_file_is_the_one_of_pidone_config_and_else_etc(pidone: Pidone, write: Write) -> None:
    file = write("g.toml", process("main", "primary", "echo", "found"))
    assert pidone.run(env={"PIDONE_CONFIG": file}).text == "found\n"
    result = pidone.run(env={})
    assert result.code == 2 and "/etc/pidone.toml: cannot read it: no such file" in result.err, result
    assert "name the file with -c FILE, or give a command" in result.err, result


def test_a_relative_file_is_found_from_where_the_container_started(
    pidone: Pidone, write: Write, tmp_path: Path
) -> None:
    write("g.toml", process("main", "primary", "pwd"))
    assert pidone.run("-c", "g.toml", cwd=tmp_path).text == f"{tmp_path}\n"


NO_DIRECTORY = "it exists and is not a directory"


class TestVolumes:
    def test_volumes_get_mode_and_owner_before_anything_starts(
        self, pidone: Pidone, write: Write, tmp_path: Path
    ) -> None:
        a, b, c = (tmp_path / "v" / name for name in "abc")
        file = write(
            "g.toml",
            f'[[volume]]\nname = "a"\npath = "{a}"\n'
            f'[[volume]]\nname = "b"\npath = "{b}"\nmode = "0750"\nowner = "nobody:adm"\n'
            f'[[volume]]\nname = "c"\npath = "{c}"\nowner = "4321"\n'
            + process("step", "init", "ls", "-d", str(a), str(b), str(c), more='user = "nobody"')
            + process("main", "primary", "true"),
        )
        result = pidone.run("-c", file, wrap=("sh", "-c", 'umask 077; exec "$@"', "sh"))
        assert result.code == 0 and len(result.lines) == 3, result
        found = [(stat.S_IMODE(p.stat().st_mode), p.stat().st_uid, p.stat().st_gid) for p in (a, b, c)]
        assert found == [(0o777, 0, 0), (0o750, 65534, 4), (0o777, 4321, 0)]

    def test_an_existing_volume_is_kept(self, pidone: Pidone, write: Write, tmp_path: Path) -> None:
        here = tmp_path / "here"
        here.mkdir(mode=0o700)
        (here / "data").write_text("x")
        file = write("g.toml", f'[[volume]]\nname = "a"\npath = "{here}"\n' + process("m", "primary", "true"))
        assert pidone.run("-c", file).code == 0
        assert stat.S_IMODE(here.stat().st_mode) == 0o700 and (here / "data").read_text() == "x"

    def test_a_volume_that_cannot_be_created_is_an_error_with_its_line(
        self, pidone: Pidone, write: Write, tmp_path: Path
    ) -> None:
        write("file", "")
        for path, reason in ((f"{tmp_path}/file", NO_DIRECTORY), (f"{tmp_path}/file/x", "not a directory")):
            file = write("g.toml", f'[[volume]]\nname = "a"\npath = "{path}"\n' + process("m", "primary", "echo", "x"))
            result = pidone.run("-c", file)
            assert result.code == 2 and result.out == b"", result
            assert result.err == f"pidone: {file}:3: volume 'a': cannot make {path}: {reason}\n", result


class TestRequests:
    """Requests against a real memory cgroup of 1.25 GiB."""

    def run(self, pidone: Pidone, file: str, limit: int) -> Running:
        return pidone.start("-c", file, wrap=(PYTHON, "-c", IN_CGROUP, self.cgroup, str(limit)))

    @pytest.fixture(autouse=True)
    def made(self, request: pytest.FixtureRequest) -> Iterator[None]:
        """Choose a cgroup name for this test alone, because another run may be under way."""
        self.cgroup = f"pidone-test-{os.getpid()}-{abs(hash(request.node.name)) % 1000}"
        yield
        for top in ("memory", ""):
            with contextlib.suppress(OSError):
                Path("/sys/fs/cgroup", top, self.cgroup).rmdir()

    def test_a_group_that_requests_more_than_the_limit_is_refused(self, pidone: Pidone, write: Write) -> None:
        file = write(
            "g.toml",
            process("log", "sidecar", "echo", "x", more='requests = { memory = "512MiB" }')
            + process("main", "primary", "echo", "x", more='requests = { memory = "1GiB" }'),
        )
        result = self.run(pidone, file, 1280 << 20).end()
        assert result.code == 2 and result.out == b"", result
        assert result.err == (
            f"pidone: {file}:5: memory requests do not fit: log 512 MiB + main 1 GiB = 1.5 GiB, and the container may"
            " use 1.25 GiB; request less, or allow more (docker run -m)\n"
        ), result

    def test_a_group_that_fits_exactly_starts(self, pidone: Pidone, write: Write) -> None:
        file = write("g.toml", process("main", "primary", "echo", "x", more='requests = { memory = "1.25GiB" }'))
        result = self.run(pidone, file, 1280 << 20).end()
        assert (result.code, result.text) == (0, "x\n"), result


#: Make a cgroup with a memory limit, enter it, and execute the rest. The test removes the cgroup.
IN_CGROUP = """
import os, sys
from pathlib import Path
name, limit, command = sys.argv[1], sys.argv[2], sys.argv[3:]
v1 = Path("/sys/fs/cgroup/memory")
here = (v1 if v1.is_dir() else Path("/sys/fs/cgroup")) / name
here.mkdir(exist_ok=True)
(here / ("memory.limit_in_bytes" if v1.is_dir() else "memory.max")).write_text(limit)
(here / "cgroup.procs").write_text(str(os.getpid()))
os.execvp(command[0], command)
"""


class TestCompiled:
    """`pidonectl check --compile` writes the checked plan next to the file."""

    def compile(self, file: str) -> None:
        done = check("--compile", file)
        assert done.returncode == 0, done

    def test_a_start_from_a_compiled_file_needs_no_toml(self, pidone: Pidone, write: Write) -> None:
        file = write("g.toml", process("main", "primary", "echo", "found"))
        self.compile(file)
        result = pidone.run("-c", file, wrap=("strace", "-f", "-e", "trace=openat,open,execve", "-o", f"{file}.trace"))
        assert result.text == "found\n", result
        trace = Path(f"{file}.trace").read_text()
        loaded = set(re.findall(r"pidone/(?:(\w+)/)?__pycache__/(\w+)\.", trace))
        assert "g.toml.plan" in trace and ("config", "resolve") in loaded and "tomllib" not in trace
        assert not {("config", "keys"), ("config", "check"), ("config", "parse"), ("", "readers")} & loaded

    def test_a_changed_file_is_read_again(self, pidone: Pidone, write: Write) -> None:
        file = write("g.toml", process("main", "primary", "echo", "old"))
        self.compile(file)
        write("g.toml", process("main", "primary", "echo", "new"))
        assert pidone.run("-c", file).text == "new\n"

    @pytest.mark.parametrize("other", [("0.4.0", 0, (), ()), (*compiled.MARK[:3], (*compiled.MARK[3], "cpus"))])
    def test_a_compiled_file_of_another_pidone_is_ignored(
        self, pidone: Pidone, write: Write, other: tuple[Any, ...]
    ) -> None:
        file = write("g.toml", process("main", "primary", "echo", "found"))
        self.compile(file)
        mark, source, declaration = marshal.loads(Path(file + ".plan").read_bytes())
        declaration["processes"][0]["command"] = ["echo", "stale"]
        for made, said in ((mark, "stale\n"), (other, "found\n")):
            Path(file + ".plan").write_bytes(marshal.dumps((made, source, declaration)))
            assert pidone.run("-c", file).text == said

    @pytest.mark.parametrize("junk", [b"", b"junk", b"\xe3" * 100, b"N"])
    def test_a_broken_compiled_file_is_ignored(self, pidone: Pidone, write: Write, junk: bytes) -> None:
        file = write("g.toml", process("main", "primary", "echo", "found"))
        Path(file + ".plan").write_bytes(junk)
        assert pidone.run("-c", file).text == "found\n"
