"""The exit code is the primary's, whatever happens.

E1 and so on: docs/reference/edge-cases.md.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from pidone import __version__
from tests.support.pid1 import PYTHON, Pidone, Write


@pytest.mark.parametrize("code", [0, 1, 3, 125, 255])
def test_the_exit_code_is_the_primary_s(pidone: Pidone, code: int) -> None:  # E35
    result = pidone.run("--", "sh", "-c", f"exit {code}")
    assert (result.code, result.err) == (code, ""), result


@pytest.mark.parametrize("number", [1, 2, 9, 11, 15, 34, 64])
def test_a_primary_killed_by_a_signal_gives_128_and_its_number(pidone: Pidone, number: int) -> None:  # E35
    die = f"import os, signal; signal.signal(2, signal.SIG_DFL); os.kill(os.getpid(), {number}); signal.pause()"
    result = pidone.run("--", PYTHON, "-c", die)
    assert result.code == 128 + number, result
    assert "which pidone did not send" in result.err and f"(exit {128 + number})" in result.err, result
    assert result.plain.count("\n") == 1, result


def test_a_core_dump_does_not_change_the_exit_code(pidone: Pidone, tmp_path: Path) -> None:  # E35
    abort = "import os, resource; resource.setrlimit(resource.RLIMIT_CORE, (1 << 20, 1 << 20)); os.abort()"
    result = pidone.run("--", PYTHON, "-c", abort, cwd=tmp_path)
    assert result.code == 128 + 6, result


def test_a_code_can_be_remapped_to_zero_and_others_are_not(pidone: Pidone) -> None:  # E39
    result = pidone.run("-e", "143", "--", "sh", "-c", "kill -TERM $$")
    assert result.code == 0 and "(exit 0)" in result.err, result
    assert pidone.run("-e", "143", "-e", "7", "--", "sh", "-c", "exit 7").code == 0
    assert pidone.run("-e", "143", "--", "sh", "-c", "exit 7").code == 7


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        (["nosuchprogram"], 127, "nosuchprogram: command not found in PATH (/usr/bin:/bin)"),
        (["/no/such"], 127, "/no/such: no such file or directory"),
        ([""], 127, "the command is empty"),
        (["/etc"], 126, "/etc: is a directory"),
        (["/etc/passwd"], 126, "/etc/passwd: permission denied"),
        (["/etc/passwd/x"], 127, "/etc/passwd/x: no such file or directory"),
        (["./a/../nosuch"], 127, "./a/../nosuch: no such file or directory"),
        (["caf\udce9"], 127, "caf\\xe9: command not found"),
        (["two\nlines"], 127, "'two\\nlines': command not found"),
    ],
)
def test_a_command_that_cannot_run_is_named_with_its_reason(
    pidone: Pidone, command: list[str], code: int, words: str
) -> None:  # E5
    result = pidone.run("--", *command, env={"PATH": "/usr/bin:/bin"})
    assert result.code == code and result.out == b"", result
    assert result.err.startswith("pidone: cannot start ") and result.err.endswith(f"(exit {code})\n"), result
    assert words in result.err and result.err.count("\n") == 1, result


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("#!/no/interpreter -x\n", 127, "its interpreter /no/interpreter: no such file or directory"),
        ("#!/bin/sh\r\necho\r\n", 127, "(the script has CR LF line endings)"),
        ("echo no first line\n", 126, "exec format error (a script needs a first line such as #!/bin/sh)"),
        ("", 126, "exec format error"),
        ("#!/etc\n", 126, "permission denied"),
    ],
)
def test_a_script_that_cannot_run_says_which_part_is_missing(
    pidone: Pidone, write: Write, text: str, code: int, words: str
) -> None:  # E7
    result = pidone.run("--", write("script", text))
    assert result.code == code and words in result.err, result
    assert result.err.count("\n") == 1, result


def test_a_file_that_is_not_executable_is_skipped_in_path(pidone: Pidone, tmp_path: Path) -> None:  # E6
    for name, mode in (("first", 0o644), ("second", 0o755)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "tool").write_text(f"#!/bin/sh\necho {name}\n")
        (tmp_path / name / "tool").chmod(mode)
    path = f"{tmp_path}/first:{tmp_path}/second"
    assert pidone.run("--", "tool", env={"PATH": path}).out == b"second\n"
    result = pidone.run("--", "tool", env={"PATH": f"{tmp_path}/first:/nowhere"})
    assert result.code == 126 and f"{tmp_path}/first/tool: permission denied" in result.err, result


def test_without_a_path_the_platform_s_default_is_searched(pidone: Pidone) -> None:  # E6
    assert pidone.run("--", "echo", "x", env={}).out == b"x\n"


def test_an_empty_element_of_path_is_the_working_directory(pidone: Pidone, write: Write, tmp_path: Path) -> None:  # E6
    write("here", "#!/bin/sh\necho here\n")
    for path in ("/nowhere:", ":/nowhere", "/a::/b"):
        assert pidone.run("--", "here", env={"PATH": path}, cwd=tmp_path).out == b"here\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--nosuch"], "unknown option --nosuch"),
        (["--gruop", "x"], "is it --group?"),
        (["--gracee", "5"], "is it --grace?"),
        (["--remapp=3"], "is it --remap?"),
        (["-r", "A\nB:1", "true"], "unknown signal 'A\\nB'"),
        (["-x", "true"], "unknown option -x"),
        (["-r"], "-r expects a value"),
        (["-r", "TERM", "true"], "-r expects FROM:TO"),
        (["-r", "TERM:NOPE", "true"], "unknown signal 'NOPE'"),
        (["-r", "KILL:TERM", "true"], "KILL cannot be caught"),
        (["--grace", "8x", "true"], "'8x' is not a duration such as 500ms, 8s or 5m"),
        (["-e", "256", "true"], "expects an exit code from 0 to 255"),
        (["--verbose=1", "true"], "--verbose takes no value"),
    ],
)
def test_wrong_usage_exits_with_2_and_one_line(pidone: Pidone, arguments: list[str], words: str) -> None:
    result = pidone.run(*arguments)
    assert result.code == 2 and words in result.err and result.out == b"", result
    assert result.err.startswith("pidone: ") and result.err.count("\n") == 1, result


def test_help_fits_a_screen_and_shows_the_three_ways(pidone: Pidone) -> None:
    result = pidone.run("--help")
    assert result.code == 0 and result.err == "", result
    assert len(result.lines) <= 24 and max(map(len, result.lines)) <= 80, result
    assert sum(line.startswith("  pidone [OPTIONS]") for line in result.lines) == 3, result
    assert pidone.run("--version").text == f"pidone {__version__}\n"


def test_words_after_the_command_belong_to_the_command(pidone: Pidone) -> None:
    assert pidone.run("echo", "-v", "--help").out == b"-v --help\n"
    assert pidone.run("--", "echo", "--", "-c").out == b"-- -c\n"


def test_a_program_without_its_interpreter_is_skipped_in_path(pidone: Pidone, tmp_path: Path) -> None:
    """pidone tries the next directory of PATH, as execvp(3) does (E6)."""
    for name, interpreter in (("first", "/no/such"), ("second", "/bin/sh")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "tool").write_text(f"#!{interpreter}\necho {name}\n")
        (tmp_path / name / "tool").chmod(0o755)
    assert pidone.run("--", "tool", env={"PATH": f"{tmp_path}/first:{tmp_path}/second"}).out == b"second\n"
    result = pidone.run("--", "tool", env={"PATH": f"{tmp_path}/first:/nowhere"})
    assert result.code == 127 and "its interpreter /no/such: no such file" in result.err, result


def test_a_directory_of_path_that_may_not_be_searched(anyone: Pidone, tmp_path: Path) -> None:
    (tmp_path / "private").mkdir(mode=0o700)
    wrap = ("setpriv", "--reuid=4321", "--regid=4321", "--clear-groups", "env", f"PATH={tmp_path}/private:/usr/bin")
    assert anyone.run("--", "echo", "x", wrap=wrap).text == "x\n"
    result = anyone.run("--", "nosuchprogram", wrap=wrap)
    assert result.code == 126 and f"{tmp_path}/private/nosuchprogram: permission denied" in result.err, result
    assert "Error" not in result.err and result.err.count("\n") == 1, result


def test_a_long_line_keeps_its_beginning(pidone: Pidone) -> None:
    result = pidone.run("--", "nosuchprogram", env={"PATH": ":".join(["/" + "x" * 100] * 100)})
    assert result.code == 127 and len(result.err) <= 4096, result
    assert result.err.startswith("pidone: cannot start nosuchprogram: ") and result.err.endswith("\n"), result
