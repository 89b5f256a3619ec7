"""Why a process died: real deaths of real groups, the last line, and what --report keeps."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import xml.etree.ElementTree as xml
from pathlib import Path
from typing import Any

import pytest

from tests.support.files import process, said
from tests.support.pid1 import HELD, PYTHON, ROOT, Pidone, Result, Write


def ctl(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([PYTHON, "-m", "pidone.cli.main", *words], cwd=ROOT, capture_output=True, text=True)


def test_a_primary_s_own_code_and_what_followed(pidone: Pidone, helper: str, write: Write) -> None:
    file = write(
        "g.toml",
        process("log", "sidecar", helper, "app", "log") + process("main", "primary", helper, "app", "main", "code=3"),
    )
    with pidone.start("-c", file) as run:
        run.line("log started")
        run.line("main started")
        os.kill(run.child("main"), signal.SIGTERM)
        result = run.end()
    assert result.code == 3 and said(result).endswith("; then stopped: log (exit code 0); exit code 3"), result
    assert "report: main (pid " in said(result) and ") ended with exit code 3, " in said(result), result


def test_a_clean_end_says_nothing(pidone: Pidone, helper: str, write: Write) -> None:
    file = write("g.toml", process("main", "primary", helper, "app", "main", "code=6"))
    with pidone.start("-c", file) as run:
        run.line("main started")
        run.kill(signal.SIGTERM)
        result = run.end()
    assert result.code == 6 and result.err == "", result  # it was asked to stop, and did
    assert pidone.run("--", "sh", "-c", "exit 7").err == "", "a single command's code is its own affair"


def test_a_fault_of_the_app_is_distinguished_from_a_sent_signal(pidone: Pidone, helper: str) -> None:
    result = pidone.run("--", helper, "fault")
    assert "was killed by SIGSEGV" in said(result) and "accesses memory that is not its own" in said(result), result


def test_the_suspects_of_a_sigkill_are_named(pidone: Pidone, helper: str, write: Write) -> None:
    """Only one of two neighbours may: the other is neither root nor of the victim's user."""
    kill = 'until p=$(pgrep -f "app victim$"); do sleep 0.01; done; kill -9 $p; trap "" TERM; echo done; sleep 0.3'
    file = write(
        "g.toml",
        process("bystander", "sidecar", helper, "app", "bystander", more="user = '4242:4242'")
        + process("killer", "sidecar", "sh", "-c", kill)
        + process("main", "primary", helper, "app", "victim", more="user = '4343:4343'"),
    )
    result = pidone.run("-c", file)
    assert result.code == 137 and "in this container " in said(result), result
    could = said(result).partition("in this container ")[2].partition(" could have")[0]
    assert "killer (pid " in could and "bystander" not in could, result


def test_a_primary_ended_by_its_probe_is_reported_even_with_code_0(pidone: Pidone, helper: str, write: Write) -> None:
    probe = "liveness = { exec = ['false'], period = '50ms' }"
    file = write("g.toml", process("main", "primary", helper, "app", "main", more=probe))
    result = pidone.run("-c", file, wrap=HELD)
    assert result.code == 0 and "its liveness probe failed 3 times: exit code 1" in said(result), result


def test_the_report_says_that_the_grace_was_over(pidone: Pidone, helper: str, write: Write) -> None:
    file = write(
        "g.toml",
        "[group]\ngrace = '2.1s'\n"
        + process("log", "sidecar", helper, "app", "log")
        + process("main", "primary", helper, "app", "main", "ignore=15"),
    )
    with pidone.start("-c", file) as run:
        run.line("main started")
        run.kill(signal.SIGTERM)
        result = run.end()
    assert result.code == 137, result
    assert "report: asked to stop by SIGTERM from outside of this container, " in said(result), result
    assert "it did not exit within its grace of 2.1 s; then stopped: log (exit code 0)" in said(result), result


def test_a_signal_s_sender_inside_is_named(pidone: Pidone, helper: str, write: Write) -> None:
    file = write(
        "g.toml",
        "[group]\ngrace = '0.1s'\ntime_scale = 0.1\n" + process("main", "primary", helper, "app", "main", "ignore=15"),
    )
    with pidone.start("-c", file) as run:
        run.line("main started")
        inside = ["nsenter", "-t", str(run.pid), "-p", "-m", "sh", "-c", "sleep 0.01; kill -TERM 1; sleep 1"]
        killer = subprocess.Popen(inside)
        result = run.end()
        killer.wait()
    assert "asked to stop by SIGTERM from sh (pid " in said(result) and ", root)" in said(result), result


def report(result: Result, path: Path) -> dict[str, Any]:
    assert path.is_file(), result
    return dict(json.loads(path.read_text()))


def test_the_whole_report_has_each_instance_with_its_times(
    pidone: Pidone, helper: str, write: Write, tmp_path: Path
) -> None:
    file = write(
        "g.toml",
        process("step", "init", "true")
        + process(
            "api", "sidecar", "sh", "-c", "sleep 0.1; exit 3", more="backoff = { initial = '100ms', max = '100ms' }"
        )
        + process("main", "primary", "sleep", "0.7"),
    )
    out = tmp_path / "out.json"
    result = pidone.run("-o", str(out), "-c", file)
    assert result.code == 0 and "report" not in result.err, result
    made = report(result, out)
    step, api, main = made["processes"]
    assert made["exit_code"] == 0 and made["cause"]["process"] == "main" and made["group"] == "group"
    assert step["instances"][0]["code"] == 0 and step["restarts"] == 0
    assert api["restarts"] == len(api["instances"]) - 1 >= 2
    for one in api["instances"][:-1]:
        assert one["code"] == 3 and one["forked"] < one["execed"] <= one["started"] < one["ended"], one
        assert one["ready"] == [[one["started"], one["ended"]]] or one["ready"][0][1] == one["ended"]
    ends = [(a["ended"], b["forked"]) for a, b in zip(api["instances"][1:], api["instances"][2:])]
    assert all(forked - ended >= 0.099 for ended, forked in ends), ends
    assert main["instances"][0]["pid"] > api["instances"][0]["pid"]


def test_a_single_command_s_report_shows_signals_and_orphans(pidone: Pidone, helper: str, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    script = f"(sleep 0.1 & exit 0); exec {helper} app main code=4"
    with pidone.start("--report", str(out), "--", "sh", "-c", script) as run:
        run.line("main started")
        run.kill(signal.SIGUSR1)
        run.line("main got 10")
        run.kill(signal.SIGTERM)
        result = run.end()
    made = report(result, out)
    assert result.code == 4 and result.err == "" and made["single"], result
    events = [event for event in made["events"] if event["what"] == "signal"]
    assert [(event["signal"], event["pid"]) for event in events] == [("SIGUSR1", 0), ("SIGTERM", 0)], events
    assert made["processes"][0]["instances"][0]["code"] == 4


@pytest.mark.parametrize("more", [[], ["-v"]])
def test_a_command_that_could_not_run_is_not_counted_as_an_orphan(
    pidone: Pidone, tmp_path: Path, more: list[str]
) -> None:
    """With -v the answer comes before the end; without, pidone reads it only at the end."""
    made = report(pidone.run(*more, "-o", str(tmp_path / "out.json"), "--", "/no/such"), tmp_path / "out.json")
    assert made["exit_code"] == 127 and made["orphans"] == 0, made
    assert [event["what"] for event in made["events"] if event["what"] in ("failed", "reaped")] == ["failed"]


def test_a_storm_of_orphans_is_counted_and_displaces_no_other_event(
    pidone: Pidone, helper: str, write: Write, tmp_path: Path
) -> None:
    out = tmp_path / "out.json"
    file = write("g.toml", process("main", "primary", helper, "orphans", "5000"))
    result = pidone.run("-o", str(out), "-c", file)
    made = report(result, out)
    assert made["orphans"] == 5000, result
    noted = [event for event in made["events"] if event["what"] == "reaped"]
    missed = sum(event["orphans"] for event in made["events"] if event["what"] == "missed")
    assert noted and len(noted) + missed == 5000 and noted[0]["name"] == "helper", (len(noted), missed)
    assert [event["what"] for event in made["events"]][:2] == ["forked", "execed"]


@pytest.mark.parametrize("where", ["/no/such/dir/r.json", "/dev/full", "/etc"])
def test_a_failed_report_is_an_error_line_and_keeps_the_exit_code(pidone: Pidone, where: str) -> None:
    result = pidone.run("-o", where, "--", "sh", "-c", "exit 9")
    assert result.code == 9 and result.err.startswith(f"pidone: cannot write the report {where}: "), result
    assert result.err.count("\n") == 1, result


def test_a_disk_that_is_full_keeps_the_report_of_before(pidone: Pidone, tmp_path: Path) -> None:
    """pidone writes the report as a whole, or not at all."""
    full = ["sh", "-c", f'mount -t tmpfs -o size=4k tmpfs {tmp_path} && echo old >{tmp_path}/r.json && "$@" && '
            f"cat {tmp_path}/r.json; ls {tmp_path}", "sh"]  # fmt: skip
    result = pidone.run("-o", f"{tmp_path}/r.json", "--", "true", wrap=full)
    assert "cannot write the report" in result.err and "no space left on device" in result.err, result
    assert result.text == "old\nr.json\n", result


def test_pidone_does_not_wait_to_write_a_report_into_an_unread_pipe(pidone: Pidone, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    result = pidone.run("-o", str(tmp_path / "fifo"), "--", "sh", "-c", "exit 5")
    assert result.code == 5 and "fifo: no such device or address" in result.err, result


def test_repeated_kills_do_no_harm_to_pid_1(pidone: Pidone, write: Write) -> None:
    """A helper searches for the suspects, and the next kill may come before it has finished."""
    quick = "backoff = { initial = '1ms', max = '1ms' }\nleftovers = 'keep'"
    many = process("idle", "sidecar", "sleep", "60", more="replicas = 60")
    killed = "".join(process(f"k{n}", "sidecar", "sh", "-c", "kill -9 $$", more=quick) for n in range(2))
    file = write("g.toml", many + killed
                 + process("main", "primary", "sh", "-c", "sleep 2; exit 3"))  # fmt: skip
    result = pidone.run("-c", file)
    assert result.code == 3 and "Traceback" not in result.err, result


def test_the_report_names_pidonectl_as_the_cause_of_a_stop(
    pidone: Pidone, helper: str, write: Write, tmp_path: Path
) -> None:
    file = write("g.toml", f"[group]\ncontrol = '{tmp_path}/c'\ngrace = '100ms'\ntime_scale = 0.5\n"
                 + process("main", "primary", helper, "app", "main", "ignore=15"))  # fmt: skip
    with pidone.start("-c", file) as run:
        run.line("main started")
        assert ctl("stop", "--socket", f"{tmp_path}/c").returncode == 0
        result = run.end()
    assert "report: asked to stop by pidonectl, " in said(result) and "was killed by SIGKILL" in said(result), result


@pytest.fixture
def made(pidone: Pidone, helper: str, write: Write, tmp_path: Path) -> Path:
    out = tmp_path / "made.json"
    file = write(
        "g.toml", process("log", "sidecar", helper, "app", "log") + process("main", "primary", "sh", "-c", "exit 3")
    )
    assert pidone.run("-o", str(out), "-c", file).code == 3
    return out


def test_pidonectl_makes_text_picture_and_page_of_it(made: Path, tmp_path: Path) -> None:
    text = ctl("report", str(made))
    assert text.returncode == 0 and text.stderr == "", text
    assert "main (pid " in text.stdout and "the group stops" in text.stdout and "exit code 3" in text.stdout
    rows = [line.split() for line in text.stdout.splitlines()]
    assert any(row[:2] == ["log", "sidecar"] for row in rows) and any(row[:2] == ["main", "primary"] for row in rows)
    svg = xml.fromstring(ctl("report", "--svg", str(made)).stdout)
    titles = [node.text or "" for node in svg.iter("{http://www.w3.org/2000/svg}title")]
    assert any(title.startswith("main 1, pid ") for title in titles) and any("SIGTERM sent to log" in t for t in titles)
    page = tmp_path / "page.html"
    assert ctl("report", "--html", "-o", str(page), str(made)).returncode == 0
    assert (
        "http://" not in page.read_text().replace("http://www.w3.org/2000/svg", "")
        and "https://" not in page.read_text()
    )
    assert json.loads(ctl("report", "--json", str(made)).stdout) == json.loads(made.read_text())


def test_a_file_that_is_not_a_report_is_one_line(made: Path, tmp_path: Path) -> None:
    text = made.read_text()
    document = json.loads(text)
    for name, content, words in (
        ("cut", text[: len(text) // 2], "is not a complete report: line "),
        ("empty", "", "is empty: pidone has not written it yet, or ended before it could"),
        ("binary", "\udcff\udc80", "is not a complete report"),
        ("list", "[]", "is not a report of pidone: it is not a table"),
        ("other", "{}", "is not a report of pidone: it has no schema"),
        ("less", json.dumps({**document, "events": None}), "events is missing or has the wrong type"),
        (
            "odd",
            json.dumps({**document, "events": [{"at": 1, "what": "exited"}]}),
            "is not a report of pidone: KeyError",
        ),
        ("deep", "[" * 100000, "is not a complete report"),
    ):
        path = tmp_path / name
        path.write_bytes(content.encode("utf-8", "surrogateescape"))
        result = ctl("report", str(path))
        assert result.returncode == 1 and result.stderr.startswith(f"pidonectl: {path} ") and words in result.stderr, (
            result
        )
        assert result.stderr.count("\n") == 1 and result.stdout == "", result
    assert "cannot read /nope: no such file" in ctl("report", "/nope").stderr
    result = ctl("report", str(made), "--html", "-o", "/nope/page.html")
    assert (
        result.returncode == 1
        and result.stderr == "pidonectl: cannot write /nope/page.html: no such file or directory\n"
    )
