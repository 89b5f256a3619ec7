"""A process sees what it would see as the container's own command.

E1 and so on: docs/reference/edge-cases.md.
"""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from tests.support.files import seen
from tests.support.pid1 import PYTHON, Pidone, Write


def test_an_ordinary_start_is_the_same_with_and_without_pidone(pidone: Pidone, helper: str) -> None:
    assert seen(pidone.run("--", helper, "dump")) == seen(pidone.bare(helper, "dump"))


def test_an_odd_start_is_the_same_with_and_without_pidone(pidone: Pidone, helper: str) -> None:  # E3, E4, E8, E9, E11
    """Start with an odd signal mask, and more that is odd.

    That is dispositions, a closed stdin, more descriptors, limits, umask, nice, timer slack and an
    odd environment block.
    """
    odd = (helper, "odd")
    bare = seen(pidone.bare(helper, "dump", wrap=odd))
    assert {"environment 1: A=2", "environment 3: no-equals", "signal 17: ignored", "nice: 5"} <= set(bare)
    assert not any(line.startswith("fd 0:") for line in bare)
    assert seen(pidone.run("--", helper, "dump", wrap=odd)) == bare


def test_the_same_through_the_script_that_pip_installs(installed: Path, helper: str) -> None:
    script = Pidone(str(installed / "pidone"))
    real = {**os.environ, "PATH": f"{Path(PYTHON).parent}:/usr/bin:/bin"}  # no wrapper as python3, such as pyenv's
    assert seen(script.run("--", helper, "dump", env=real)) == seen(script.bare(helper, "dump", env=real))


@pytest.mark.parametrize("environment", [{}, {"LANG": "C"}, {"LC_ALL": "POSIX"}, {"LC_CTYPE": "C"}, {"LC_CTYPE": "xx"}])
def test_locale_coercion_stays_in_pidone(pidone: Pidone, helper: str, environment: dict[str, str]) -> None:
    bare = seen(pidone.bare(helper, "dump", env=environment))
    assert seen(pidone.run("--", helper, "dump", env=environment)) == bare


def test_a_group_s_primary_sees_the_same_except_for_declared_changes(pidone: Pidone, helper: str, write: Write) -> None:
    file = write("g.toml", f'[[process]]\nname = "a"\nrole = "primary"\ncommand = ["{helper}", "dump"]\n')
    assert seen(pidone.run("-c", file)) == seen(pidone.bare(helper, "dump"))


def test_a_sidecar_differs_in_its_stdin_alone(pidone: Pidone, helper: str, write: Write) -> None:
    file = write(
        "g.toml",
        f'[[process]]\nname = "a"\nrole = "init"\ncommand = ["{helper}", "dump"]\n'
        '[[process]]\nname = "b"\nrole = "primary"\ncommand = ["true"]\n',
    )
    bare = seen(pidone.bare(helper, "dump", stdin=None))
    assert seen(pidone.run("-c", file, stdin=None)) == [
        "fd 0: /dev/null flags 0 status 100000 offset 0" if line.startswith("fd 0:") else line for line in bare
    ]


def test_arguments_and_environment_at_the_kernel_s_limit_pass(pidone: Pidone) -> None:  # E11
    count = "import os, sys; print(len(sys.argv[1]), sum(map(len, sys.argv)), len(os.environb[b'BIG']))"
    words = ["x" * 131071] + ["y" * 100000] * 8
    result = pidone.run("--", PYTHON, "-c", count, *words, env={"BIG": "z" * 131067})
    assert result.text.split() == ["131071", str(2 + 131071 + 800000), "131067"], result


def test_arguments_that_are_not_utf_8_pass_as_bytes(pidone: Pidone) -> None:  # E11
    assert pidone.run("--", "printf", "%s", os.fsdecode(b"\xff\xfe caf\xe9"), env={}).out == b"\xff\xfe caf\xe9"


def test_every_descriptor_is_there_and_not_one_more(pidone: Pidone) -> None:  # E9
    reading, writing = os.pipe()
    try:
        passed = (reading, writing, os.dup(writing))
        listing = f"{PYTHON} -c 'import os; print(*sorted(map(int, os.listdir(\"/proc/self/fd\"))))'"
        bare = pidone.bare("sh", "-c", f"exec {listing}", pass_fds=passed)
        assert pidone.run("--", "sh", "-c", f"exec {listing}", pass_fds=passed).out == bare.out
        assert str(writing) in bare.text.split()
    finally:
        for fd in passed:
            os.close(fd)


def test_o_nonblock_is_never_set_on_an_inherited_descriptor(pidone: Pidone, helper: str) -> None:
    reading, writing = os.pipe()
    with pidone.start("--", helper, "app", "a", stderr=writing) as run:
        run.line("a started")
        assert os.get_blocking(writing)
        run.kill(15)
        assert run.end().code == 0
        assert os.get_blocking(writing)
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)])
def test_closed_standard_descriptors_are_closed_for_the_app_as_well(
    pidone: Pidone, tmp_path: Path, closed: tuple[int, ...]
) -> None:  # E8
    script = " ".join([f"exec {fd}<&-;" for fd in closed] + ['exec "$@"'])
    # An interpreter would hide what it got, so sh checks first: `[ -e` needs no descriptor.
    probe = 'for fd in 0 1 2; do [ -e /proc/$$/fd/$fd ] && s=$s$fd; done; echo "$s" > out; exec true'
    bare = pidone.bare("sh", "-c", script, "sh", "sh", "-c", probe, cwd=tmp_path)
    expected = (tmp_path / "out").read_text()
    result = pidone.run("--", "sh", "-c", probe, wrap=("sh", "-c", script, "sh"), cwd=tmp_path)
    assert (result.code, bare.code) == (0, 0), result
    assert (tmp_path / "out").read_text() == expected
    assert not set(expected) & set(map(str, closed))


def test_the_app_keeps_the_working_directory_and_pidone_is_in_root(
    pidone: Pidone, helper: str, tmp_path: Path
) -> None:  # E10
    assert pidone.run("--", "pwd", cwd=tmp_path).text == f"{tmp_path}\n"
    with pidone.start("--", helper, "app", "a", cwd=tmp_path) as run:
        run.line("a started")
        assert os.readlink(f"/proc/{run.pid}/cwd") == "/"


def test_a_deleted_working_directory_breaks_nothing(pidone: Pidone, tmp_path: Path) -> None:  # E10
    (tmp_path / "gone").mkdir()
    wrap = ("sh", "-c", 'rmdir "$PWD"; exec "$@"', "sh")
    result = pidone.run("--", "readlink", "/proc/self/cwd", wrap=wrap, cwd=tmp_path / "gone")
    assert result.text == f"{tmp_path}/gone (deleted)\n", result


def test_a_caller_s_ignored_sighup_stays_ignored_as_under_nohup(pidone: Pidone, helper: str) -> None:  # E4
    wrap = (
        PYTHON,
        "-c",
        "import signal, os, sys; signal.signal(1, signal.SIG_IGN); os.execvp(sys.argv[1], sys.argv[1:])",
    )
    assert "signal 1: ignored" in seen(pidone.run("--", helper, "dump", wrap=wrap))


def test_sigpipe_is_always_reset_to_the_default(pidone: Pidone, helper: str) -> None:
    """This is the only disposition that changes: CPython sets it before pidone's first instruction.

    decisions.md says so, too.
    """
    wrap = ("env", "--ignore-signal=PIPE")
    assert "signal 13: ignored" in seen(pidone.bare(helper, "dump", wrap=wrap))
    assert "signal 13: ignored" not in seen(pidone.run("--", helper, "dump", wrap=wrap))


def test_another_user_s_pidone_changes_nothing(anyone: Pidone, helper: str) -> None:
    wrap = ("setpriv", "--reuid=4321", "--regid=1234", "--groups=5,6", "--no-new-privs", "--bounding-set=-all")
    bare = seen(anyone.bare(helper, "dump", wrap=wrap))
    assert "Groups:\t5 6 " in bare
    assert seen(anyone.run("--", helper, "dump", wrap=wrap)) == bare


def test_limits_meant_for_the_app_are_not_raised(pidone: Pidone) -> None:
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    assert pidone.run("--", "sh", "-c", "ulimit -n").text == f"{soft}\n"
