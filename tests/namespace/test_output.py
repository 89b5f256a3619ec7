"""Output through pidone: a name before each line, JSON, files; and the faults it must not have.

E1 and so on: docs/reference/edge-cases.md.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.files import one, process, said
from tests.support.pid1 import PYTHON, ROOT, Pidone, Running, Write, until


def pump(run: Running) -> int:
    """Return the outer pid of the pump: the child that reads, but is no declared process."""
    return until(lambda: [pid for name, pid in run.children().items() if name == "pidone"], "there is a pump")[0]  # type: ignore[no-any-return]


def test_each_line_has_the_process_name_and_streams_keep_their_order(pidone: Pidone, write: Write) -> None:
    result = pidone.run("-c", one(write, "echo a; echo b >&2; echo c; printf d; exit 3"))
    assert result.code == 3 and result.text == "main: a\nmain: b\nmain: c\nmain: d\n", result
    assert "its last line: d; exit code 3" in said(result), result


def test_a_pump_survives_a_sigterm_that_comes_before_it_runs() -> None:
    """The primary may end, and the sweep may send SIGTERM, before the pump first runs."""
    code = "import os; from pidone.init.inherited import Inherited; "
    code += "from pidone.init.signals import ALL; i = Inherited(); "
    code += "os.kill(os.getpid(), 15); i.restore_signals(%s); os.write(1, b'alive')"
    ends = [subprocess.run([PYTHON, "-c", code % mask], cwd=ROOT, capture_output=True) for mask in ("ALL", "()")]
    assert [(end.returncode, end.stdout) for end in ends] == [(0, b"alive"), (-15, b"")], ends


def test_time_true_adds_the_time_to_each_line(pidone: Pidone, write: Write) -> None:
    result = pidone.run("-c", one(write, "echo a", "{ mode = 'prefix', time = true }"))
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d\d\dZ main: a\n", result.text), result


def test_on_a_terminal_the_name_has_a_colour(pidone: Pidone, write: Write) -> None:
    ours, theirs = os.openpty()
    with pidone.start("-c", one(write, "echo a"), stdout=theirs) as run:
        run.end()
    os.close(theirs)
    assert os.read(ours, 999) == b"\x1b[36mmain: \x1b[0ma\r\n"
    os.close(ours)


def test_json_holds_any_bytes_that_a_process_writes(pidone: Pidone, write: Write) -> None:
    script = r"""printf 'plain\n"quoted\\ \t\001"\nh\303\274llo\nbad \377 byte\n\nlast'"""
    result = pidone.run("-c", one(write, script, "'json'"))
    lines = [json.loads(line) for line in result.lines]
    assert [line["message"] for line in lines] == ["plain", '"quoted\\ \t\x01"', "hüllo", "bad \\xff byte", "", "last"]
    assert all(line["process.name"] == "main" and line["@timestamp"].endswith("Z") for line in lines), lines


def test_a_process_s_own_log_overrides_the_group_s(pidone: Pidone, write: Write) -> None:
    file = write(
        "g.toml",
        "[group]\nlog = 'prefix'\n"
        + process("one", "init", "echo", "1")
        + process("two", "init", "echo", "2", more="log = 'inherit'")
        + process("main", "primary", "echo", "3", more="log = 'json'"),
    )
    result = pidone.run("-c", file)
    assert sorted(result.lines)[:2] == ["2", "one: 1"] and json.loads(sorted(result.lines)[2])["message"] == "3", result


def test_lines_of_ten_simultaneous_writers_stay_whole_and_in_order(pidone: Pidone, write: Write) -> None:
    script = write("w.sh", '#!/bin/sh\nfor i in $(seq 300); do printf "$1-"; printf "$i"; echo "-$1"; done\n')
    sides = "".join(
        process(f"w{n}", "init" if n > 9 else "sidecar", script, str(n), more="restart = 'never'") for n in range(10)
    )
    done = process("main", "primary", "sh", "-c", "while pgrep -f [w][.]sh >/dev/null; do sleep 0.05; done")
    result = pidone.run("-c", write("g.toml", "[group]\nlog = 'prefix'\n" + sides + done))
    for n in range(10):
        mine = [line for line in result.lines if line.startswith(f"w{n}: ")]
        assert mine == [f"w{n}: {n}-{i}-{n}" for i in range(1, 301)], result
    assert len(result.lines) == 3000, result


def test_a_line_of_eighty_megabytes_and_binary_bytes_do_no_harm(pidone: Pidone, write: Write, tmp_path: Path) -> None:
    """The line comes in marked pieces, and other lines stay whole between them."""
    script = "head -c 80000000 /dev/zero | tr '\\0' x; echo; head -c 3000000 /dev/urandom; echo; echo end"
    out = tmp_path / "out"
    with out.open("wb") as file, pidone.start("-c", one(write, script), stdout=file) as run:
        result = run.end()
    data = out.read_bytes()
    pieces = re.findall(rb"^main(: |\+ )(x{9,})\n", data, re.M)  # a random line may be an x
    assert sum(len(piece) for _, piece in pieces) == 80_000_000 and data.endswith(b"main: end\n"), result
    assert all(mark == b"+ " and len(piece) <= 1 << 16 for mark, piece in pieces[:-1]) and result.code == 0


def test_the_last_lines_of_a_killed_process_are_not_lost(pidone: Pidone, write: Write) -> None:  # E43
    result = pidone.run("-c", one(write, "i=0; while [ $i -lt 2000 ]; do i=$((i+1)); echo line $i; done; kill -9 $$"))
    assert result.code == 137 and result.lines == [f"main: line {i}" for i in range(1, 2001)], result
    assert "its last line: line 2000" in said(result), result


def test_a_reader_that_stops_reading_blocks_only_the_writers(pidone: Pidone, helper: str, write: Write) -> None:
    file = write(
        "g.toml",
        "[group]\ngrace = '1s'\n"
        + process("flood", "sidecar", "yes", more="log = 'prefix'")
        + process("main", "primary", "sleep", "60"),
    )
    reading, writing = os.pipe()
    with pidone.start("-c", file, stdout=writing) as run:
        flood = until(lambda: run.children().get("yes"), "the flood has begun")
        until(lambda: written(flood) > 1 << 16 and stands_still(flood), "the flood stands still")
        began = time.monotonic()
        run.kill(signal.SIGTERM)
        result = run.end()
    os.close(writing)
    os.close(reading)
    assert result.code == 143 and time.monotonic() - began < 8, result  # main got the signal, and pidone saw its end
    assert "the grace of 1 s is over: dropping output that nobody reads" in result.err, result


def stands_still(pid: int) -> bool:
    before = written(pid)
    time.sleep(0.2)  # the test expects that nothing happens
    return written(pid) == before


def written(pid: int) -> int:
    """Return the number of bytes that a process has written so far (proc(5), io)."""
    found = re.search(r"^wchar: (\d+)", Path(f"/proc/{pid}/io").read_text(), re.M)
    return int(found[1]) if found else 0


def test_a_pump_killed_by_pidone_s_last_sigkill_is_silently_replaced(pidone: Pidone, helper: str, write: Write) -> None:
    """Where a process is left at the end of the grace, pidone kills all, also the pump."""
    stubborn = [process(name, "sidecar", helper, "app", name, "ignore=15") for name in "ab"]
    main = process("main", "primary", helper, "app", "main", "ignore=15")
    file = write("g.toml", "[group]\ngrace = '1s'\ntime_scale = 0.2\nlog = 'prefix'\n" + "".join(stubborn) + main)
    with pidone.start("-c", file) as run:
        for name in ("a", "b", "main"):
            run.line(f"{name}: {name} started")
        run.kill(signal.SIGTERM)
        result = run.end()
    assert result.code == 137 and "SIGKILL to main" in result.err and "the pump" not in result.err, result


def test_a_pump_that_dies_is_replaced_and_reported(pidone: Pidone, write: Write) -> None:
    with pidone.start("-c", one(write, "i=0; while :; do i=$((i+1)); echo line $i; sleep 0.01; done")) as run:
        run.line("main: line 5")
        os.kill(pump(run), signal.SIGKILL)
        run.line("main: line 50")
        run.kill(signal.SIGTERM)
        result = run.end()
    assert "pidone: the output pump exited: it was killed by SIGKILL; starting another" in result.err, result
    numbers = [int(line.split()[-1]) for line in result.lines]
    assert numbers == sorted(numbers) and len(numbers) >= numbers[-1] - 3, (
        result
    )  # only what the pump had just read may be lost


def test_an_app_survives_when_its_output_has_no_reader(pidone: Pidone, write: Write) -> None:
    reading, writing = os.pipe()
    script = "trap 'echo pipe >&2; exit 9' PIPE; for i in 1 2 3; do echo $i; sleep 0.1; done; exit 4"
    with pidone.start("-c", one(write, script), stdout=writing) as run:
        os.close(writing)
        os.close(reading)
        result = run.end()
    assert result.code == 4 and "nobody reads the output any more: broken pipe; dropping it" in result.err, result


def test_a_leftover_with_open_output_delays_nothing_beyond_the_grace(pidone: Pidone, write: Write) -> None:
    script = "(trap '' TERM; sleep 60; sleep 60) & echo up; exit 2"
    began = time.monotonic()
    result = pidone.run("-c", one(write, script, group="grace = '200ms'"))
    assert result.code == 2 and result.text == "main: up\n" and time.monotonic() - began < 8, result


class TestFiles:
    def test_a_file_has_every_byte_and_older_ones_are_kept(self, pidone: Pidone, write: Write, tmp_path: Path) -> None:
        log = f"{{ file = '{tmp_path}/web.log', max_size = '4KiB', keep = 3 }}"
        result = pidone.run("-c", one(write, "for i in $(seq 3000); do echo line $i; done; printf end", log))
        assert result.text == "", result
        files = [tmp_path / name for name in ("web.log.3", "web.log.2", "web.log.1", "web.log")]
        text = b"".join(file.read_bytes() for file in files)
        whole = "".join(f"line {i}\n" for i in range(1, 3001)).encode() + b"end"
        assert whole.endswith(text) and len(text) > 8192 and not (tmp_path / "web.log.4").exists()
        assert all(file.stat().st_size <= 4096 and file.read_bytes().startswith(b"line") for file in files)

    def test_a_log_file_continues_where_an_earlier_run_has_ended(
        self, pidone: Pidone, write: Write, tmp_path: Path
    ) -> None:
        file = one(write, "echo again", f"{{ file = '{tmp_path}/web.log' }}")
        for _ in range(2):
            assert pidone.run("-c", file).code == 0
        assert (tmp_path / "web.log").read_text() == "again\nagain\n"

    @pytest.mark.parametrize("rotated", [False, True])
    def test_a_full_disk_is_reported_and_logging_resumes_with_free_space(
        self, pidone: Pidone, write: Write, tmp_path: Path, rotated: bool
    ) -> None:
        """With rotation, the rotated files fill the disk.

        The newest lines are lost until there is room.
        """
        disk = tmp_path / "disk"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], check=True)
        try:
            script = f"""for i in $(seq 3000); do echo a line that is some forty bytes long, $i; done
            until [ -e {tmp_path}/go ]; do sleep 0.01; done; echo after; exit 5"""
            rotation = ", max_size = '16KiB', keep = 9" if rotated else ""
            log = f"{{ file = '{disk}/web.log'{rotation} }}"
            with pidone.start("-c", one(write, script, log), stderr=subprocess.STDOUT) as run:
                run.line(f"cannot be written to {disk}/web.log: no space left on device; dropping it until that works")
                if rotated:
                    for path in disk.glob("web.log.*"):
                        path.unlink()
                else:
                    (disk / "web.log").write_bytes(b"")
                (tmp_path / "go").touch()
                result = run.end()
            assert result.code == 5 and "/web.log again; " in result.text and " bytes were lost" in result.text, result
            assert (disk / "web.log").read_bytes().endswith(b"after\n")
        finally:
            subprocess.run(["umount", str(disk)], check=True)

    def test_a_log_file_that_fails_to_open_is_reported_and_the_app_runs(self, pidone: Pidone, write: Write) -> None:
        result = pidone.run("-c", one(write, "echo lost; exit 4", "{ file = '/no/such/dir/x.log' }"))
        assert (
            result.code == 4
            and "/no/such/dir/x.log: no such file or directory; dropping it until that works" in result.err
        ), result

    def test_a_log_file_follows_no_link_and_waits_for_no_pipe(
        self, pidone: Pidone, write: Write, tmp_path: Path
    ) -> None:
        """The directory may belong to the app while pidone runs as root."""
        (tmp_path / "secret").write_text("secret")
        (tmp_path / "link").symlink_to(tmp_path / "secret")
        os.chown(tmp_path / "link", 4242, 4242, follow_symlinks=False)
        os.mkfifo(tmp_path / "fifo")
        for name in ("link", "fifo"):
            result = pidone.run("-c", one(write, "echo evil; exit 4", f"{{ file = '{tmp_path}/{name}' }}"))
            assert result.code == 4 and f"cannot be written to {tmp_path}/{name}: " in result.err, result
        assert (tmp_path / "secret").read_text() == "secret"

    def test_a_rotation_that_fails_cuts_the_file(self, pidone: Pidone, write: Write, tmp_path: Path) -> None:
        (tmp_path / "web.log.1" / "in").mkdir(parents=True)
        log = f"{{ file = '{tmp_path}/web.log', max_size = '4KiB', keep = 1 }}"
        result = pidone.run("-c", one(write, "for i in $(seq 1000); do echo line $i; done", log))
        assert result.code == 0 and "web.log cannot be rotated: is a directory; truncating it" in result.err, result
        assert (tmp_path / "web.log").read_text().endswith("line 1000\n")


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("'prefixed'", 'expected "inherit", "prefix", "json", { mode = "prefix", time = true } or'),
        ("{ mode = 'json', time = true }", 'log.time = true: expected time with mode = "prefix" only'),
        ("{ file = 'web.log' }", "log.file = 'web.log': expected a path that starts with '/'"),
        (
            "{ file = '/x', max_size = '1KiB', keeps = 3 }",
            "log.keeps = 3: expected 'keep'; there is no 'keeps'",
        ),
        ("{ file = '/x', max_size = '1KiB' }", "log.max_size = '1KiB': expected at least \"4KiB\""),
        ("{ file = '/x', mode = 'json' }", 'expected "inherit"'),
    ],
)
def test_wrong_values_of_log_are_refused(pidone: Pidone, write: Write, log: str, words: str) -> None:
    result = pidone.run("-c", one(write, "echo started", log))
    assert result.code == 2 and result.text == "" and words in result.err, result
