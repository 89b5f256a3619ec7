"""`pidonectl check`: every error at once, or the orders of start and stop, and their bounds."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from tests.support.files import check, process
from tests.support.pid1 import PYTHON, ROOT, Write

GOOD = (
    '[group]\nname = "shop"\ngrace = "12s"\n'
    + process("migrate", "init", "./migrate", "--all")
    + process("api", "sidecar", "nginx", "-g", "daemon off;", more='stop_signal = "SIGQUIT"')
    + process("main", "primary", "serve", "$PORT")
)


def test_a_good_file_shows_both_orders_and_their_worst_case(write: Write) -> None:
    file = write("g.toml", GOOD)
    result = check(file)
    assert result.returncode == 0 and result.stderr == "", result
    assert (
        result.stdout
        == f"""\
{file}: group shop, 3 processes

start
  1. migrate   init     ./migrate --all
               └▶ when it exits with 0:
  2. api       sidecar  nginx -g 'daemon off;'
               └▶ when its exec succeeds:
  3. main      primary  serve '$PORT'
  takes  as long as its init steps and post_start hooks take: they have no limit (start_timeout gives one)

stop, on SIGTERM, SIGINT or the primary's end
  1. main      SIGTERM  at once
  2. api       SIGQUIT  when main has ended
  3. the rest  SIGTERM  what they have left behind
  takes  at most 15 s: the grace of 12 s, 2 s minimum grace, and 1 s for SIGKILL, the output and the report
note: {file}:3: [group]: a stop may take 15 s, and docker stop kills after 10 s: use docker stop -t 16 and \
declare it with \
stop_timeout = "16s", or make the grace shorter
note: {file}:17: process 'main': $PORT stays as it is: pidone expands nothing in command; shell = does
"""
    )


POD = (
    '[group]\nname = "shop"\nstart_timeout = "90s"\n'
    + process("db", "sidecar", "db", more="ports = { sql = 5432 }\nstartup = { tcp = 'sql', period = '1s' }")
    + process("cache", "sidecar", "cache", more="after = []\npost_start = { sleep = '2s' }")
    + process(
        "api", "sidecar", "api", more="after = ['db', 'cache']\npre_stop = { exec = ['drain'] }\nessential = true"
    )
    + process("main", "primary", "serve", more="readiness = { http = 'http://:80/' }")
)


def test_the_gates_are_a_picture_and_the_start_has_a_bound(write: Write) -> None:
    file = write("g.toml", POD)
    result = check(file)
    assert result.returncode == 0 and result.stderr == "", result
    assert (
        result.stdout
        == f"""\
{file}: group shop, 4 processes

start
  1. db        sidecar  db
               └▶ when its startup probe (tcp 127.0.0.1:5432) has succeeded, asked every 1 s:
  2. cache     sidecar  cache
               ├─ after nothing
               └▶ when its post_start (sleep 2 s) has ended:
  3. api       sidecar  api
               ├─ after db, cache
               └▶ when its exec succeeds:
  4. main      primary  serve
  takes  at most 90 s, its start_timeout

stop, on SIGTERM, SIGINT or the primary's end, or api's
  1. main      SIGTERM  at once
  2. api       SIGTERM  when main has ended, after its pre_stop (drain), which begins at once
  3. cache     SIGTERM  when api has ended
  4. db        SIGTERM  when api has ended
  5. the rest  SIGTERM  what they have left behind
  takes  at most 9 s: the grace of 6 s, 2 s minimum grace, and 1 s for SIGKILL, the output and the report
"""
    )
    without = write("h.toml", POD.replace('start_timeout = "90s"\n', ""))
    facts = json.loads(check("--json", without).stdout)
    assert facts["start_worst"] == 3.0 and [step["gate_worst"] for step in facts["start"]] == [3.0, 2.0, 0.0, 0.0]
    assert [step["after"] for step in facts["start"]] == [[], [], ["db", "cache"], ["api"]]


def test_a_large_group_is_checked_in_no_time(write: Write) -> None:
    file = write("g.toml", process("w", "sidecar", "w", more="replicas = 5000") + process("main", "primary", "true"))
    assert "5001 processes" in check(file, timeout=20).stdout


def test_json_says_the_same(write: Write) -> None:
    facts = json.loads(check("--json", write("g.toml", GOOD)).stdout)
    assert facts["ok"] and facts["errors"] == [] and facts["group"] == "shop"
    assert [(step["name"], step["role"]) for step in facts["start"]] == [
        ("migrate", "init"), ("api", "sidecar"), ("main", "primary"),
    ]  # fmt: skip
    assert [(step["name"], step["signal"]) for step in facts["stop"]] == [("main", "SIGTERM"), ("api", "SIGQUIT")]
    assert (facts["start_worst"], facts["stop_worst"], facts["notes"][-1]["line"]) == (None, 15, 17)


def test_a_bad_file_exits_with_2_and_names_every_line(write: Write) -> None:
    file = write("g.toml", "[group]\nnam = 1\n[[process]]\n")
    result = check(file)
    assert result.returncode == 2 and result.stdout == ""
    assert [line.split(":")[2] for line in result.stderr.splitlines()] == ["2", "3", "3", "3", "3"]
    facts = json.loads(check("--json", file).stdout)
    assert not facts["ok"] and facts["errors"][0] == {"line": 2, "text": "[group]: unknown key 'nam'; is it 'name'?"}


def test_a_file_for_another_machine_is_checked_without_its_users(write: Write) -> None:
    file = write("g.toml", process("m", "primary", "true", more='user = "nosuchuser"\nenv_file = "none"'))
    assert check(file).returncode == 2
    assert check("--elsewhere", file).returncode == 0


def test_the_file_is_by_default_the_one_pidone_would_read(write: Write) -> None:
    file = write("g.toml", GOOD)
    assert check(env={**os.environ, "PIDONE_CONFIG": file}).stdout.startswith(f"{file}: group shop")
    environment = {key: value for key, value in os.environ.items() if key != "PIDONE_CONFIG"}
    assert "/etc/pidone.toml: cannot read it" in check(env=environment).stderr


def test_a_compiled_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    result = check("--compile", "/proc/self/environ")
    assert result.returncode == 2
    file = tmp_path / "g.toml"
    file.write_text(GOOD)
    Path(f"{file}.plan").mkdir()
    result = check("--compile", str(file))
    assert result.returncode == 1 and result.stderr.startswith(f"pidonectl: cannot write {file}.plan: "), result
    assert not list(tmp_path.glob("*.plan.*")), "the temporary file stays behind"


def test_wrong_usage_exits_with_2() -> None:
    result = subprocess.run([PYTHON, "-m", "pidone.cli.main", "nosuch"], capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 2 and "invalid choice" in result.stderr


def test_a_reader_that_goes_away_causes_no_traceback(write: Write) -> None:
    command = f"{PYTHON} -m pidone.cli.main check {write('g.toml', GOOD)} | true"
    result = subprocess.run(["sh", "-c", command], capture_output=True, text=True, cwd=ROOT)
    assert result.stderr == "", result


def test_a_full_stdout_is_one_line(write: Write) -> None:
    file = write("g.toml", GOOD)
    command = f"{PYTHON} -m pidone.cli.main check {file} > /dev/full"
    result = subprocess.run(["sh", "-c", command], capture_output=True, text=True, cwd=ROOT)
    assert (result.returncode, result.stderr) == (1, "pidonectl: stdout: no space left on device\n"), result


def test_a_terminal_that_knows_ascii_only_sees_the_rest_escaped(write: Write) -> None:
    file = write("g.toml", process("main", "primary", "caf\u00e9\\n\\u001b[31m").replace("'", '"'))
    result = check(file, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert result.returncode == 0 and "'caf\\xe9\\n\\x1b[31m'" in result.stdout, result
