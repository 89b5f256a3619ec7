"""Which process ended: late answers, daemons, successors, restarts with another (E45, E62).

E1 and so on: docs/reference/edge-cases.md.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.files import process
from tests.support.pid1 import PYTHON, Pidone, Running, Write, compile_c, until

#: A program that goes into the background: `daemon.py PIDFILE [ignore]`. It prints "daemon PID"
#: when it is up, and serves until SIGTERM.
DAEMON = """
import os, signal, sys, time
if os.fork(): os._exit(0)
os.setsid()
if sys.argv[2:] == ["ignore"]: signal.signal(signal.SIGTERM, signal.SIG_IGN)
with open(sys.argv[1] + ".new", "w") as file: file.write(str(os.getpid()))
os.rename(sys.argv[1] + ".new", sys.argv[1])
print("daemon", os.getpid(), flush=True)
while True: time.sleep(10)
"""


def daemon(write: Write, tmp_path: Path, role: str = "sidecar", more: str = "", *arguments: str) -> str:
    pid_file = tmp_path / "d.pid"
    words = [PYTHON, "-IS", write("daemon.py", DAEMON), str(pid_file), *arguments]
    return process("d", role, *words, more=f"daemonizes = true\npid_file = '{pid_file}'\n{more}")


def report(run: Running, path: Path) -> tuple[Any, str]:
    """Return (the report, its cause as one line)."""
    result = run.end()
    document = json.loads(path.read_text())
    assert document["exit_code"] == result.code, result
    return document, "; ".join(document["cause"]["lines"])


def instance(document: Any, number: int = -1) -> Any:
    return next(one for one in document["processes"] if one["name"] == "d")["instances"][number]


def outside(run: Running, pid: int) -> int:
    """Return the outer pid of the process with this pid in the namespace."""
    space = os.stat(f"/proc/{run.pid}/ns/pid").st_ino
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "ns/pid").stat().st_ino == space:
                lines = (entry / "status").read_text().splitlines()
                if next(line for line in lines if line.startswith("NSpid:")).split()[-1] == str(pid):
                    return int(entry.name)
        except OSError:
            continue
    raise AssertionError(f"no pid {pid} there")


def test_a_late_answer_of_an_ended_instance_is_dropped(
    pidone: Pidone, helper: str, write: Write, tmp_path: Path
) -> None:  # E45
    """The test kills the intermediate process while its child searches a long PATH."""
    here = tmp_path / "bin"
    here.mkdir()
    program = here / "served"
    program.write_text(f"#!/bin/sh\nexec {PYTHON} -IS {write('daemon.py', DAEMON)} {tmp_path}/d.pid\n")
    program.chmod(0o755)
    long = "/n:" * 35000 + f"{here}:/usr/bin:/bin"
    more = f"daemonizes = true\npid_file = '{tmp_path}/d.pid'\nleftovers = 'keep'\nenv = {{ PATH = '{long}' }}\n"
    more += "backoff = { initial = '1ms', max = '1ms' }"
    file = write("g.toml", process("d", "sidecar", "served", more=more) + process("m", "primary", helper, "app", "m"))
    with pidone.start("-v", "-c", file) as run:
        run.line("m started")
        daemon_pid = int(run.line("daemon ").split()[1])
        program.unlink()  # from now on, no search finds it
        os.kill(outside(run, daemon_pid), signal.SIGKILL)
        killed = 0
        end = time.monotonic() + 30
        while killed < 12 and time.monotonic() < end:
            for name, pid in run.children().items():
                if name == "pidone" and has_children(pid):  # the intermediate process; its child still searches
                    killed += 1
                    os.kill(pid, signal.SIGKILL)
        assert killed == 12, run.end(kill=True)
        run.kill(signal.SIGUSR1)
        run.line("m got 10")
        run.kill(signal.SIGTERM)
        result = run.end()
    assert result.code == 0 and "(pid 0)" not in result.err and "internal error" not in result.err, result


def has_children(pid: int) -> bool:
    try:
        return bool(Path(f"/proc/{pid}/task/{pid}/children").read_text().strip())
    except OSError:
        return False


@pytest.mark.parametrize(("role", "more"), [("primary", ""), ("sidecar", "essential = true"), ("sidecar", "")])
def test_the_report_has_the_end_of_the_daemon_not_of_its_launcher(
    pidone: Pidone, helper: str, write: Write, tmp_path: Path, role: str, more: str
) -> None:
    policy = "restart = 'never'" if role == "sidecar" and not more else ""
    mains = "" if role == "primary" else process("main", "primary", helper, "app", "main", "code=3")
    file = write("g.toml", daemon(write, tmp_path, role, more or policy) + mains)
    path = tmp_path / "report.json"
    with pidone.start("-v", "-o", str(path), "-c", file) as run:
        pid = int(run.line("daemon ").split()[1])
        if mains:
            run.line("main started")
        run.said("d is running(started")
        os.kill(outside(run, pid), signal.SIGSEGV)
        if policy:
            run.said("sidecar d (pid")
            run.kill(signal.SIGTERM)
        document, line = report(run, path)
    one = instance(document)
    assert (one["pid"], one["signal"], one["code"]) == (pid, "SIGSEGV", 0), one
    assert one["ready"][0][1] == one["ended"] > one["ready"][0][0], one
    if not policy:
        assert f"d (pid {pid}) was killed by SIGSEGV" in line, line


def test_the_report_shows_a_daemon_that_is_killed_after_the_grace(pidone: Pidone, write: Write, tmp_path: Path) -> None:
    file = write("g.toml", "[group]\ngrace = '300ms'\n" + daemon(write, tmp_path, "primary", "", "ignore"))
    path = tmp_path / "report.json"
    with pidone.start("-v", "-o", str(path), "-c", file) as run:
        pid = int(run.line("daemon ").split()[1])
        run.said("d is running(started")
        run.kill(signal.SIGTERM)
        document, line = report(run, path)
    assert f"d (pid {pid}) was killed by SIGKILL" in line, line
    assert "pidone ended it: it did not exit within its grace of 0.3 s" in line and "nobody knows" not in line
    assert instance(document)["signal"] == "SIGKILL"


def test_after_a_restart_the_report_shows_each_daemon(
    pidone: Pidone, helper: str, write: Write, tmp_path: Path
) -> None:
    file = write("g.toml", daemon(write, tmp_path) + process("main", "primary", helper, "app", "main"))
    path = tmp_path / "report.json"
    with pidone.start("-o", str(path), "-c", file) as run:
        run.line("main started")
        first = int(run.line("daemon ").split()[1])
        os.kill(outside(run, first), signal.SIGKILL)
        second = int(run.line("daemon ", count=2).split()[1])
        run.said("sidecar d")
        until(lambda: "1 now" in run.told.decode(), "it is said")
        time.sleep(0.1)  # time for PID 1 to follow it: without -v, no line says so
        run.kill(signal.SIGTERM)
        document, _ = report(run, path)
    ends = [
        (one["pid"], one["signal"]) for one in next(p for p in document["processes"] if p["name"] == "d")["instances"]
    ]
    assert ends == [(first, "SIGKILL"), (second, "SIGTERM")], document


def test_a_daemon_that_is_not_found_is_reported_with_the_reason(pidone: Pidone, write: Write, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    more = f"daemonizes = true\npid_file = '{tmp_path}/none.pid'"
    file = write("g.toml", "[group]\ntime_scale = 0.05\n" + process("d", "primary", "true", more=more))
    with pidone.start("-o", str(path), "-c", file) as run:
        document, line = report(run, path)
    assert "cannot start d: its pid_file" in line and instance(document)["failed"], line


#: Become root for good, print it, and wait.
SETUID = """
#define _GNU_SOURCE
#include <stdio.h>
#include <unistd.h>
int main(void)
{
    if (setresuid(0, 0, 0))
        return 9;
    puts("as root");
    fflush(stdout);
    for (;;)
        pause();
}
"""


def test_the_intermediate_process_survives_a_forbidden_kill(
    pidone: Pidone, write: Write, public: Path, tmp_path: Path
) -> None:
    """pidone changes to a user, and that user's program is set-uid (kill(2), EPERM)."""
    source = tmp_path / "setuid.c"
    source.write_text(SETUID)
    program = public / f"setuid-{os.getpid()}"
    compile_c(source, program)
    program.chmod(0o4755)
    more = f"daemonizes = true\npid_file = '{tmp_path}/none'\nuser = '4321:4321'"
    file = write("g.toml", "[group]\ngrace = '400ms'\n" + process("d", "primary", str(program), more=more))
    with pidone.start("-c", file) as run:
        run.line("as root")
        run.kill(signal.SIGTERM)
        result = run.end()
    assert result.code == 137 and "not permitted" not in result.err, result


# -- a master that replaces itself

#: As gunicorn on USR2: fork a new master, which takes over the pid file when the old one has ended.
MASTER = """
import os, signal, sys, time
path, code = sys.argv[1], int(sys.argv[2])
def take():
    with open(path + ".new", "w") as file: file.write(str(os.getpid()))
    os.rename(path + ".new", path)
def upgrade(*_):
    if not os.fork(): os.execv(sys.executable, [sys.executable, "-IS", __file__, path, "5", str(os.getppid())])
def say(what): os.write(1, f"master {os.getpid()} {what}\\n".encode())  # print may be what a handler interrupts
def term(*_):
    say("ends")
    os._exit(code)
signal.signal(signal.SIGUSR2, upgrade)
signal.signal(signal.SIGTERM, term)
signal.signal(signal.SIGUSR1, lambda *_: say("got 10"))
if sys.argv[3:]:
    print("second", os.getpid(), flush=True)
    parent = int(sys.argv[3])  # who may have ended by now
    while os.getppid() == parent: time.sleep(0.02)
    time.sleep(0.3)
else: print("first", os.getpid(), flush=True)
take()
while True: time.sleep(10)
"""


#: The 2 s of a Pod become 10 s, because the machine may be busy.
SLOW = "[group]\ntime_scale = 5\n"


def master(write: Write, tmp_path: Path, role: str = "primary", more: str = "", code: int = 0) -> str:
    words = [PYTHON, "-IS", write("master.py", MASTER), str(tmp_path / "m.pid"), str(code)]
    return process("m", role, *words, more=f"pid_file = '{tmp_path}/m.pid'\n{more}")


def test_a_master_that_replaces_itself_goes_on_as_the_process(
    pidone: Pidone, write: Write, tmp_path: Path
) -> None:  # E62
    path = tmp_path / "report.json"
    with pidone.start("-v", "-o", str(path), "-c", write("g.toml", SLOW + master(write, tmp_path))) as run:
        first = int(run.line("first ").split()[1])
        until((tmp_path / "m.pid").exists, "it has its pid file")
        run.said("m is running(started")
        run.kill(signal.SIGUSR2)
        second = int(run.line("second ").split()[1])
        os.kill(outside(run, first), signal.SIGTERM)
        run.said(f"the former m ended with exit code 0; pid {second} from its pid_file replaces it")
        run.kill(signal.SIGUSR1)
        run.line(f"master {second} got 10")
        os.kill(outside(run, second), signal.SIGTERM)
        result = run.end()
    assert result.code == 5, result  # the code of the second master
    instances = json.loads(path.read_text())["processes"][0]["instances"]
    assert [(one["pid"], one["successor"]) for one in instances] == [(first, False), (second, True)], instances
    assert json.loads(path.read_text())["processes"][0]["restarts"] == 0


def test_a_stop_while_a_master_is_being_replaced_reaches_both(pidone: Pidone, write: Write, tmp_path: Path) -> None:
    with pidone.start("-c", write("g.toml", SLOW + master(write, tmp_path))) as run:
        first = int(run.line("first ").split()[1])
        until((tmp_path / "m.pid").exists, "it has its pid file")
        time.sleep(0.1)
        run.kill(signal.SIGUSR2)
        second = int(run.line("second ").split()[1])
        run.kill(signal.SIGTERM)
        result = run.end()
    assert result.lines[-2:] == [f"master {first} ends", f"master {second} ends"] and result.code == 5, result


def test_an_end_without_a_successor_counts_at_once(pidone: Pidone, write: Write, tmp_path: Path) -> None:
    """No process is left that could be a successor, so pidone does not wait."""
    with pidone.start("-v", "-c", write("g.toml", SLOW + master(write, tmp_path, code=4))) as run:
        first = int(run.line("first ").split()[1])
        run.said("m is running(started")
        until((tmp_path / "m.pid").exists, "it waits")
        began = time.monotonic()
        os.kill(outside(run, first), signal.SIGTERM)
        result = run.end()
    assert result.code == 4 and time.monotonic() - began < 8, result  # a wait for a successor takes 10 s


def test_a_pid_file_that_names_a_foreign_process_gives_no_successor(
    pidone: Pidone, helper: str, write: Write, tmp_path: Path
) -> None:
    """The file may be from an earlier lifetime or an app, and name PID 1 or another process."""
    file = write(
        "g.toml",
        process("log", "sidecar", helper, "app", "log")
        + process("m", "sidecar", "sh", "-c", "sleep 0.2; exit 3", more=f"pid_file = '{tmp_path}/x'\nrestart = 'never'")
        + process("main", "primary", helper, "app", "main"),
    )
    for number in ("1", "2", "99999"):
        (tmp_path / "x").write_text(number)
        with pidone.start("-c", file) as run:
            run.said("sidecar m (pid")
            run.kill(signal.SIGTERM)
            assert "takes its place" not in run.end().err


# -- restart_with


def tied(write: Write, helper: str, more: str = "") -> str:
    return write(
        "g.toml",
        "[group]\ncontrol = false\n"
        + process("db", "sidecar", helper, "app", "db", more="startup = { exec = ['true'], period = '50ms' }" + more)
        + process("pool", "sidecar", helper, "app", "pool", more="restart_with = ['db']")
        + process("main", "primary", helper, "app", "main"),
    )


def test_a_process_tied_by_restart_with_stops_and_starts_after_it(pidone: Pidone, helper: str, write: Write) -> None:
    with pidone.start("-c", tied(write, helper)) as run:
        run.line("main started")
        run.line("pool started")
        os.kill(run.child("db"), signal.SIGKILL)
        run.said(", to restart it with db")
        run.line("pool started", count=2)
        run.kill(signal.SIGTERM)
        result = run.end()
    lines = [line for line in result.lines if "main" not in line]
    # pidone signals the pool when db has ended. The pool starts when db has started again.
    assert lines[2:4] == ["pool got 15", "pool ends"] or lines[2:5] == ["db started", "pool got 15", "pool ends"], (
        result
    )
    assert result.lines.count("main started") == 1 and lines.index("pool started", 3) > lines.index("db started", 1)


def test_a_tied_process_waits_for_its_partner_s_back_off(pidone: Pidone, helper: str, write: Write) -> None:
    with pidone.start("-c", tied(write, helper, "\nbackoff = { initial = '600ms' }")) as run:
        run.line("pool started")
        for number in (2, 3):
            os.kill(run.child("db"), signal.SIGKILL)
            run.line("db started", count=number)
            run.line("pool started", count=number)
        run.kill(signal.SIGTERM)
        result = run.end()
    assert result.code == 0 and result.err.count("to restart it with db") == 2, result


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        (("a", "['b']"), "restart_with: no process 'b'"),
        (("a", "['main']"), "restart_with: 'main' starts after 'a'; it must start before"),
        (("a", "['a']"), "restart_with: it names the process itself"),
        (("a", "['step']"), "restart_with: 'step' is an init step"),
        (("a", "[]"), "restart_with = []: expected a list of at least one process"),
    ],
)
def test_a_partner_must_exist_and_start_before(
    pidone: Pidone, write: Write, entries: tuple[str, str], said: str
) -> None:
    name, partners = entries
    file = write(
        "g.toml",
        process("step", "init", "true")
        + process(name, "sidecar", "sleep", "9", more=f"restart_with = {partners}")
        + process("main", "primary", "true"),
    )
    result = pidone.run("-c", file)
    assert result.code == 2 and said in result.err and result.err.count("\n") == 1, result


def test_a_partner_that_is_not_waited_for_is_an_error(pidone: Pidone, write: Write) -> None:
    file = write(
        "g.toml",
        process("db", "sidecar", "sleep", "9")
        + process("pool", "sidecar", "sleep", "9", more="after = []\nrestart_with = ['db']")
        + process("main", "primary", "true"),
    )
    result = pidone.run("-c", file)
    assert result.code == 2 and "it does not wait for 'db'; put 'db' into its after, too" in result.err, result


def test_the_reload_of_a_partner_restarts_the_tied_process(
    pidone: Pidone, helper: str, write: Write, tmp_path: Path
) -> None:
    file = tied(write, helper).strip()
    text = Path(file).read_text().replace("control = false", f"control = '{tmp_path}/c'")
    Path(file).write_text(text)
    with pidone.start("-c", file) as run:
        run.line("pool started")
        run.line("main started")
        Path(file).write_text(text.replace("'app', 'db'", "'app', 'db', 'delay=1'"))
        command = [PYTHON, "-m", "pidone.cli.main", "--socket", f"{tmp_path}/c", "reload"]
        done = subprocess.run(command, cwd=Path(__file__).parent.parent.parent, capture_output=True, text=True)
        assert done.returncode == 0, done
        run.line("pool started", count=2)
        run.kill(signal.SIGTERM)
        assert run.end().lines.count("main started") == 1
