"""Log files that others move or share (E52, E54), pieces of lines (E53), prompts and stderr.

E1 and so on: docs/reference/edge-cases.md.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from pidone.helpers.log_file import whole_characters
from tests.support.control import Line
from tests.support.files import check, one, process
from tests.support.pid1 import Pidone, Write, until

# -- a file that others change


@pytest.mark.parametrize("how", ["mv", "rm"])
def test_a_moved_log_file_is_reopened_and_no_line_is_lost(
    pidone: Pidone, write: Write, tmp_path: Path, how: str
) -> None:  # E52
    log = tmp_path / "web.log"
    script = f"echo first; until [ -e {tmp_path}/go ]; do sleep 0.01; done; sleep 1; echo second; echo third"
    with pidone.start("-c", one(write, script, f"{{ file = '{log}' }}")) as run:
        until(lambda: log.exists() and log.read_text() == "first\n", "the first line is there")
        if how == "mv":
            log.rename(tmp_path / "moved")
        else:
            log.unlink()
        (tmp_path / "go").touch()
        assert run.end().code == 0
    assert log.read_text() == "second\nthird\n"
    assert how == "rm" or (tmp_path / "moved").read_text() == "first\n"


def test_a_file_rotated_by_another_program_is_not_rotated_again(pidone: Pidone, write: Write, tmp_path: Path) -> None:
    """This is right before pidone's own rotation: the file of that name is new and almost empty."""
    log = tmp_path / "web.log"
    lines = "i=0; while [ $i -lt %d ]; do i=$((i+1)); echo line $i; done"
    script = f"{lines % 400}; until [ -e {tmp_path}/go ]; do sleep 0.01; done; {lines % 400}"
    with pidone.start("-c", one(write, script, f"{{ file = '{log}', max_size = '4KiB', keep = 9 }}")) as run:
        until(lambda: log.exists() and "line 400\n" in log.read_text(), "all is there")
        (tmp_path / "web.log").rename(tmp_path / "theirs")
        (tmp_path / "go").touch()
        assert run.end().code == 0
    names = [f"web.log.{number}" for number in range(9, 0, -1)]
    parts = [tmp_path / name for name in names if (tmp_path / name).exists()]
    text = "".join(part.read_text() for part in [*parts, tmp_path / "theirs", log])
    assert sorted(text.splitlines()) == sorted([f"line {n}" for n in range(1, 401)] * 2)


# -- several writers

LAST = '[[process]]\nname = "main"'

WRITES = "i=0; while [ $i -lt 300 ]; do i=$((i+1)); printf '%s' $0; printf ' line '; echo $i; done"


def writers(write: Write, logs: list[str], group: str = "", more: str = "") -> str:
    text = "".join(
        process(f"w{number}", "sidecar", write("w.sh", f"#!/bin/sh\n{WRITES.replace('$0', '$1')}\n"), f"w{number}",
                more=f"restart = 'never'\n{f'log = {log}' if log else ''}\n{more}")
        for number, log in enumerate(logs)
    )  # fmt: skip
    last = process("main", "primary", "sh", "-c", "while pgrep -f [w][.]sh >/dev/null; do sleep 0.05; done",
                   more="log = 'inherit'")  # fmt: skip
    return write("g.toml", f"[group]\n{group}\n{text}{last}")


def all_of_it(log: Path) -> list[str]:
    parts = [log.with_name(f"{log.name}.{number}") for number in range(99, 0, -1)]
    return "".join(part.read_text() for part in [*parts, log] if part.exists()).splitlines()


def each_whole_and_in_order(lines: list[str], many: int) -> bool:
    return len(lines) == 300 * many and all(
        [line for line in lines if line.startswith(f"w{number} ")] == [f"w{number} line {i}" for i in range(1, 301)]
        for number in range(many)
    )


def test_the_group_s_one_log_file_has_one_writer(pidone: Pidone, write: Write, tmp_path: Path) -> None:  # E54
    log = tmp_path / "all.log"
    shared = f"log = {{ file = '{log}', max_size = '4KiB', keep = 99 }}"
    result = pidone.run("-c", writers(write, ["", "", ""], shared))
    assert result.code == 0 and each_whole_and_in_order(all_of_it(log), 3), result
    assert max(len(part.read_bytes()) for part in tmp_path.glob("all.log*")) <= 4096


def test_a_quiet_writer_loses_no_line_beside_a_busy_one(pidone: Pidone, write: Write, tmp_path: Path) -> None:  # E54
    """With one writer per process, one would rotate and delete the other's file."""
    log = tmp_path / "all.log"
    shared = f"log = {{ file = '{log}', max_size = '4KiB', keep = 2 }}"
    little = f"echo before; until [ -e {tmp_path}/go ]; do sleep 0.01; done; for i in $(seq 30); do echo after $i; done"
    much = f"until grep -q before {log}; do sleep 0.01; done; seq 5000; touch {tmp_path}/go; sleep 60"
    entries = process("much", "sidecar", "sh", "-c", much) + process("little", "primary", "sh", "-c", little)
    result = pidone.run("-c", write("g.toml", f"[group]\n{shared}\n{entries}"))
    kept = [line for line in all_of_it(log) if line.startswith("after")]
    assert result.code == 0 and kept == [f"after {number}" for number in range(1, 31)], result


@pytest.mark.parametrize("how", ["the same name", "a symbolic link", "a hard link", "another way"])
def test_two_names_of_one_file_share_one_writer(pidone: Pidone, write: Write, tmp_path: Path, how: str) -> None:
    log = tmp_path / "all.log"
    other = tmp_path / "other.log"
    if how == "a symbolic link":
        other.symlink_to(log)
    elif how == "a hard link":
        log.touch()
        os.link(log, other)
    elif how == "another way":
        (tmp_path / "way").symlink_to(tmp_path)
        other = tmp_path / "way" / "all.log"
    else:
        other = log
    logs = [f"{{ file = '{name}', max_size = '1MiB' }}" for name in (log, other)]
    result = pidone.run("-c", writers(write, logs))
    assert result.code == 0 and each_whole_and_in_order(all_of_it(log), 2), result


def test_replicas_share_their_log_file(pidone: Pidone, write: Write, tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    script = write("r.sh", f"#!/bin/sh\n{WRITES.replace('$0', 'w$PIDONE_REPLICA')}\n")
    more = f"replicas = 3\nrestart = 'never'\nlog = {{ file = '{log}', max_size = '4KiB', keep = 99 }}"
    wait = process("main", "primary", "sh", "-c", "while pgrep -f [r][.]sh >/dev/null; do sleep 0.05; done")
    result = pidone.run("-c", write("g.toml", process("w", "sidecar", script, more=more) + wait))
    assert result.code == 0 and each_whole_and_in_order(all_of_it(log), 3), result


def test_processes_that_share_a_log_file_must_agree_on_its_size(write: Write, tmp_path: Path) -> None:
    logs = [f"{{ file = '{tmp_path}/a.log', max_size = '{size}' }}" for size in ("1MiB", "2MiB")]
    result = check(writers(write, logs))
    assert result.returncode == 2 and "belongs to process 'w0' too, with another max_size or keep" in result.stderr


def test_a_shared_file_keeps_its_lines_whole_over_a_reload(
    pidone: Pidone, write: Write, helper: str, tmp_path: Path
) -> None:
    """The pump hands over in the middle of a line."""
    line, log = Line(pidone, write, tmp_path / "c.sock"), tmp_path / "all.log"
    shared = f"log = {{ file = '{log}' }}"
    half = f"printf half; until [ -e {tmp_path}/go ]; do sleep 0.01; done; echo -half; sleep 60"
    entries = [
        process("a", "sidecar", "sh", "-c", half),
        process("b", "sidecar", "sh", "-c", "while :; do echo b; sleep 0.01; done"),
        process("main", "primary", helper, "app", "main", more="log = 'inherit'"),
    ]
    with line.start(*entries, group=shared) as run:
        run.line("main started")
        until(lambda: log.exists() and "b\n" in log.read_text(), "b writes")
        text = Path(tmp_path / "g.toml").read_text()
        added = process("new", "sidecar", "sleep", "60")
        (tmp_path / "g.toml").write_text(
            text.replace('[[process]]\nname = "main"', added + '[[process]]\nname = "main"')
        )
        line.good("reload")
        (tmp_path / "go").touch()
        until(lambda: "-half" in log.read_text(), "the line has come to its end")
        run.kill(signal.SIGTERM)
        run.end()
    assert set(log.read_text().splitlines()) == {"b", "half-half"}


# -- pieces of lines


def test_a_piece_ends_between_characters() -> None:  # E53
    for text in ("a", "é", "€", "😀", "aé€😀" * 3):
        data = text.encode()
        for end in range(1, len(data) + 1):
            cut = whole_characters(data, end)
            assert data[:cut].decode() == text[: len(data[:cut].decode())] and end - cut < 4
    assert whole_characters(b"\x80\x80\x80\x80\x80", 5) == 5 and whole_characters(b"a\xff", 2) == 2
    assert whole_characters(b"a\xf0\x9f", 3) == 1 and whole_characters(b"\xc3", 1) == 0


LONG = "x" * 65535 + "é€😀" * 30000


@pytest.mark.parametrize("log", ["'prefix'", "'json'"])
def test_pieces_of_a_long_line_put_together_are_the_line(
    pidone: Pidone, write: Write, tmp_path: Path, log: str
) -> None:
    (tmp_path / "long").write_text(LONG + "\n")
    result = pidone.run("-c", one(write, f"cat {tmp_path}/long", log))
    if log == "'json'":
        lines = [json.loads(line) for line in result.lines]
        assert "".join(line["message"] for line in lines) == LONG and not any(
            "\\x" in line["message"] for line in lines
        )
        assert [line.get("partial", False) for line in lines] == [True] * (len(lines) - 1) + [False]
    else:
        pieces = [re.fullmatch(r"main(\+|:) (.*)", line) for line in result.out.decode().split("\n")[:-1]]
        assert "".join(piece[2] for piece in pieces if piece) == LONG and len(pieces) > 2


def test_each_file_of_an_overlong_line_ends_between_characters(pidone: Pidone, write: Write, tmp_path: Path) -> None:
    (tmp_path / "long").write_text("é€😀" * 3000)
    log = tmp_path / "web.log"
    pidone.run("-c", one(write, f"cat {tmp_path}/long", f"{{ file = '{log}', max_size = '4KiB', keep = 99 }}"))
    parts = [log.with_name(f"web.log.{number}") for number in range(99, 0, -1)]
    texts = [part.read_bytes().decode() for part in [*parts, log] if part.exists()]
    assert "".join(texts) == "é€😀" * 3000 and len(texts) > 3


def test_a_reload_in_the_middle_of_a_character_cuts_none(
    pidone: Pidone, write: Write, helper: str, tmp_path: Path
) -> None:
    line = Line(pidone, write, tmp_path / "c.sock")
    half = f"printf 'caf\\\\303'; until [ -e {tmp_path}/go ]; do sleep 0.01; done; printf '\\\\251\\\\n'; sleep 60"
    entries = [
        process("a", "sidecar", "sh", "-c", half.replace("'", '"').replace("\\\\", "\\"), more="log = 'json'"),
        process("main", "primary", helper, "app", "main"),
    ]
    with line.start(*entries) as run:
        run.line('"message":"caf"')
        text = Path(tmp_path / "g.toml").read_text()
        added = process("new", "sidecar", "sleep", "60", more="log = 'prefix'")
        (tmp_path / "g.toml").write_text(
            text.replace('[[process]]\nname = "main"', added + '[[process]]\nname = "main"')
        )
        line.good("reload")
        (tmp_path / "go").touch()
        run.line('"message":"é"')
        run.kill(signal.SIGTERM)
        assert "\\x" not in run.end().text


# -- prompts


@pytest.mark.parametrize(("log", "said"), [("'prefix'", "main+ Password: "), ("'json'", '"partial":true')])
def test_a_prompt_is_shown_although_its_line_has_not_ended(
    pidone: Pidone, write: Write, tmp_path: Path, log: str, said: str
) -> None:
    script = f"printf 'Password: '; until [ -e {tmp_path}/go ]; do sleep 0.01; done; echo given"
    with pidone.start("-c", one(write, script, log)) as run:
        assert "Password: " in run.line(said)
        (tmp_path / "go").touch()
        result = run.end()
    assert "given" in result.lines[-1] and "Password" not in result.lines[-1], result


def test_a_line_that_comes_in_quick_pieces_is_not_torn(pidone: Pidone, write: Write) -> None:
    result = pidone.run("-c", one(write, "for i in 1 2 3 4 5; do printf $i; sleep 0.02; done; echo"))
    assert "".join(line[6:] for line in result.lines) == "12345", result


# -- separate stderr


def test_stderr_goes_its_own_way_where_it_is_asked_to(pidone: Pidone, write: Write) -> None:
    result = pidone.run("-c", one(write, "echo out; echo err >&2; exit 3", "{ mode = 'prefix', stderr = 'separate' }"))
    assert result.code == 3 and result.text == "main: out\n" and result.plain == "main: err\n", result
    assert "its last line: err" in result.err, result


def test_in_json_each_line_says_its_stream(pidone: Pidone, write: Write) -> None:
    result = pidone.run("-c", one(write, "echo out; echo err >&2", "{ mode = 'json', stderr = 'separate' }"))
    out, err = json.loads(result.text), json.loads(result.plain)
    assert (out["stream"], out["message"], err["stream"], err["message"]) == ("stdout", "out", "stderr", "err")
    together = json.loads(pidone.run("-c", one(write, "echo out", "'json'")).text)
    assert "stream" not in together


def test_together_is_the_default_and_keeps_one_order(pidone: Pidone, write: Write) -> None:
    script = "for i in 1 2 3; do echo out $i; echo err $i >&2; done"
    for log in ("'prefix'", "{ mode = 'prefix' }", "{ mode = 'prefix', stderr = 'together' }"):
        result = pidone.run("-c", one(write, script, log))
        assert result.lines == [f"main: {name} {i}" for i in (1, 2, 3) for name in ("out", "err")], result


@pytest.mark.parametrize("log", ["{ mode = 'inherit', stderr = 'separate' }", "{ file = '/x', stderr = 'separate' }",
                                 "{ mode = 'prefix', stderr = 'apart' }"])  # fmt: skip
def test_an_impossible_value_of_log_stderr_is_an_error(pidone: Pidone, write: Write, log: str) -> None:
    result = pidone.run("-c", one(write, "true", log))
    assert result.code == 2 and "log.stderr = " in result.err, result


# -- the last lines of all processes


def test_logs_of_all_processes_shows_the_last_lines_written(pidone: Pidone, write: Write, tmp_path: Path) -> None:
    line = Line(pidone, write, tmp_path / "c.sock")
    early = f"seq 30 | sed 's/^/early /'; touch {tmp_path}/said; sleep 60"
    late = (
        f"until [ -e {tmp_path}/said ]; do sleep 0.01; done; sleep 0.05; echo late 1; sleep 0.05; echo late 2; sleep 60"
    )
    with line.start(
        process("z", "sidecar", "sh", "-c", early.replace("'", '"')),
        process("a", "sidecar", "sh", "-c", late),
        process("main", "primary", "sleep", "60"),
        group="log = 'prefix'",
    ) as run:
        run.line("a: late 2")
        assert line.good("logs", "-n", "3").splitlines() == ["z: early 30", "a: late 1", "a: late 2"]
        assert len(line.good("logs").splitlines()) == 20
        assert line.good("logs", "z", "-n", "1") == "early 30\n"
        run.kill(signal.SIGTERM)
        run.end()


@pytest.mark.parametrize("before", [True, False], ids=["its beginning is there", "it comes while followed"])
def test_followed_logs_join_a_character_that_arrives_in_two_parts(
    pidone: Pidone, write: Write, tmp_path: Path, before: bool
) -> None:
    line = Line(pidone, write, tmp_path / "c.sock")
    first, second = "printf '\\303'; sleep 0.3", "printf '\\251\\n'; sleep 60"
    gate = f"until [ -e {tmp_path}/go ]; do sleep 0.01; done"
    script = "; ".join([first, gate, second] if before else [gate, first, second])
    main = process("main", "primary", write("m.sh", f"#!/bin/sh\n{script}\n"), more="log = 'prefix'")
    with line.start(main) as run:
        until(lambda: line.ctl("wait", "main", "--until", "started").returncode == 0, "it answers")
        if before:
            until(lambda: line.good("logs", "main").strip() == "\\xc3", "its beginning is there")
        follow = line.client("logs", "-f", "main", stdout=subprocess.PIPE)
        until(lambda: json.loads(line.good("status", "--json"))["sessions"] >= 1, "it follows")
        (tmp_path / "go").touch()
        assert follow.stdout is not None and follow.stdout.readline() == "é\n"
        follow.kill()
        follow.communicate()
        run.kill(signal.SIGTERM)
        run.end()
