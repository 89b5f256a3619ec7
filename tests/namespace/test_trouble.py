"""What should never happen (E46): exceptions in each handler and action of PID 1. Storms (E47).

E1 and so on: docs/reference/edge-cases.md.
"""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.files import process
from tests.support.pid1 import PYTHON, ROOT, Pidone, Running, Write, until

#: Start pidone as its launchers do, with a planted exception: `plant.py WHERE TIMES WORDS...`.
#: WHERE is a class and its attribute, or a function of a table. It raises the first TIMES times
#: while a file `now` exists.
PLANT = """
import posix, sys
sys.path.append({root!r})
where, times = sys.argv[1], int(sys.argv[2])
del sys.argv[1:3]
from pidone.supervisor import control_server as control, counters, loop, record
from pidone.init import reap
from pidone.init.loop import Loop
from pidone.init.single import Single
from pidone.group import group
things = {{"GroupLoop": loop.GroupLoop, "Loop": Loop, "Record": record.Record, "Group": group.Group, "Single": Single,
          "Control": control.Control, "Counters": counters.Counters, "reap": reap}}
left = [times]
def planted(before):
    def function(*arguments, **named):
        if left[0] and posix.access("now", posix.F_OK) and posix.getpid() == 1:
            left[0] -= 1
            raise ZeroDivisionError("planted")
        return before(*arguments, **named)
    return function
thing, name = where.split(".")
if "[" in name:
    name, place = name.rstrip("]").split("[")
    table = dict(getattr(things[thing], name))
    table[int(place)] = planted(table[int(place)])
    setattr(things[thing], name, table)
else:
    setattr(things[thing], name, planted(getattr(things[thing], name)))
here = posix.getcwd()
from pidone.init.main import main
posix_access = posix.access
posix.access = lambda path, mode, **rest: posix_access(here + "/now" if path == "now" else path, mode, **rest)
main()
"""


@pytest.fixture
def plant(write: Write, tmp_path: Path) -> Pidone:
    """pidone by a script that plants an exception, which is raised once tmp_path/now exists."""
    return Pidone(PYTHON, "-I", "-S", write("plant.py", PLANT.format(root=str(ROOT))))


def group(write: Write, helper: str, **more: str) -> str:
    text = "".join(
        process(name, role, helper, "app", name, more=more.get(name, ""))
        for name, role in (("log", "sidecar"), ("api", "sidecar"), ("main", "primary"))
    )
    return write("g.toml", f"[group]\ngrace = '5s'\ncontrol = false\n{text}")


def started(run: Running) -> None:
    for name in ("log", "api", "main"):
        run.line(f"{name} started")


#: Handlers of the group's machine, by their keys in ON_EVENT: those that an event of this test
#: reaches.
DECIDING = {"Group.ON_EVENT[5]": "a signal", "Group.ON_EVENT[3]": "an end", "Group.ON_EVENT[6]": "a time"}


@pytest.mark.parametrize("where", DECIDING)
def test_a_fatal_internal_error_stops_all_in_order_and_exits_with_70(
    plant: Pidone, helper: str, write: Write, tmp_path: Path, where: str
) -> None:  # E46
    probe = "liveness = { exec = ['true'], period = '100ms' }" if "[6]" in where else ""
    report = tmp_path / "report.json"
    with plant.start(where, "1", "-o", str(report), "-c", group(write, helper, log=probe), cwd=tmp_path) as run:
        started(run)
        (tmp_path / "now").touch()
        if "[5]" in where:
            run.kill(signal.SIGUSR1)
        elif "[3]" in where:
            os.kill(run.child("api"), signal.SIGKILL)
        result = run.end()
    assert result.code == 70, result
    ends = [line for line in result.lines if "got 15" in line]
    assert ends == [f"{name} got 15" for name in ("main", "api", "log") if name != "api" or "[3]" not in where], result
    said = (
        r"pidone: internal error, stopping everything: test_\S+|pidone: internal error, stopping everything: \S+:\d+: "
    )
    assert re.search(said, result.err) and "ZeroDivisionError: planted" in result.err, result
    assert "Traceback" not in result.err and "exit code 70" in result.err.splitlines()[-1], result
    assert json.loads(report.read_text())["exit_code"] == 70


def test_an_emergency_stop_kills_the_rest_when_the_grace_is_over(
    plant: Pidone, helper: str, write: Write, tmp_path: Path
) -> None:
    file = write(
        "g.toml",
        "[group]\ngrace = '500ms'\ncontrol = false\n"
        + process("log", "sidecar", helper, "app", "log", "ignore=15")
        + process("main", "primary", helper, "app", "main", "ignore=15"),
    )
    with plant.start("Group.ON_EVENT[5]", "1", "-c", file, cwd=tmp_path) as run:
        run.line("main started")
        run.line("log started")
        (tmp_path / "now").touch()
        run.kill(signal.SIGUSR1)
        result = run.end()
    assert result.code == 70 and "main got 15" in result.lines, result


#: {what may fail once without harm: what that is}.
GOING_ON = {
    "Record.add_event": "a note", "Record.may_record": "what may be noted", "GroupLoop.read_descriptors": "a message",
    "Counters.probe_ended": "a probe's answer", "Control.accept": "a session", "Counters.woken": "a figure",
    "GroupLoop.CALLS[4]": "a line for people", "GroupLoop.CALLS[7]": "a helper that is dropped",
    "GroupLoop.CALLS[8]": "a turn", "GroupLoop.CALLS[6]": "a helper's start", "GroupLoop.undeclared": "an orphan",
    "GroupLoop.CALLS[1]": "a signal that is sent",
}  # fmt: skip


@pytest.mark.parametrize("where", GOING_ON)
def test_any_other_exception_is_reported_and_pid_1_continues(
    plant: Pidone, helper: str, write: Write, tmp_path: Path, where: str
) -> None:  # E46
    socket = tmp_path / "c.sock"
    flapping = f"readiness = {{ file = '{tmp_path}/ready', stale = true, period = '50ms', timeout = '1s' }}"
    flapping += "\nliveness = { exec = ['sh', '-c', 'sleep 0.06'], period = '100ms', timeout = '50ms', "
    flapping += "failure_threshold = 100 }"
    (tmp_path / "ready").touch()
    text = "".join(
        process(name, role, helper, "app", name, more=flapping if name == "log" else "")
        for name, role in (("log", "sidecar"), ("main", "primary"))
    )
    file = write("g.toml", f"[group]\ngrace = '5s'\ncontrol = '{socket}'\n{text}")
    with plant.start(where, "1", "-c", file, cwd=tmp_path) as run:
        run.line("log started")
        run.line("main started")
        (tmp_path / "now").touch()
        (tmp_path / "ready").unlink()  # makes PID 1 print a line, and record that the process is not ready
        command = [PYTHON, "-m", "pidone.cli.main", "status", "--socket", str(socket)]
        if where == "Control.accept":
            subprocess.run(command, cwd=ROOT, capture_output=True)
        if where == "GroupLoop.undeclared":
            subprocess.run(["nsenter", "-t", str(run.pid), "-p", "-m", helper, "orphans", "3"], capture_output=True)
        if where == "GroupLoop.CALLS[1]":
            run.kill(signal.SIGUSR1)
            run.line("main got 10")  # PID 1 sends it all the same
        run.said("pidone: internal error, continuing: ")
        assert subprocess.run(command, cwd=ROOT, capture_output=True).returncode == 0
        run.kill(signal.SIGUSR2)
        run.line("main got 12")
        os.kill(run.child("main"), signal.SIGTERM)
        result = run.end()
    assert result.code == 0 and "log got 15" in result.lines, result
    assert result.err.count("internal error, continuing") == 1 and "Traceback" not in result.err, result


def test_a_start_that_raises_is_a_failed_start_and_is_tried_again(
    plant: Pidone, helper: str, write: Write, tmp_path: Path
) -> None:
    with plant.start("GroupLoop.CALLS[0]", "1", "-c", group(write, helper), cwd=tmp_path) as run:
        started(run)
        (tmp_path / "now").touch()
        os.kill(run.child("api"), signal.SIGKILL)
        run.said("cannot start api: internal error: ")
        run.line("api started", count=2)
        run.kill(signal.SIGTERM)
        assert run.end().code == 0


def test_the_exit_code_is_kept_although_the_exit_action_raises(plant: Pidone, write: Write, tmp_path: Path) -> None:
    (tmp_path / "now").touch()
    file = write("g.toml", process("main", "primary", "sh", "-c", "exit 7"))
    assert plant.run("GroupLoop.CALLS[5]", "1", "-c", file, cwd=tmp_path).code == 7


def test_three_exceptions_within_a_second_stop_everything(
    plant: Pidone, helper: str, write: Write, tmp_path: Path
) -> None:  # E46
    with plant.start("GroupLoop.read_descriptors", "1000", "-c", group(write, helper), cwd=tmp_path) as run:
        started(run)
        (tmp_path / "now").touch()
        for number in range(3):  # PID 1 sees each one in a separate turn
            run.kill(signal.SIGUSR1)
            run.said("continuing", count=number + 1)
        result = run.end()
    assert result.code == 70 and result.err.count("continuing") == 3, result
    assert [line for line in result.lines if "got 15" in line] == ["main got 15", "api got 15", "log got 15"], result


def test_a_fatal_internal_error_stops_a_single_command_too(plant: Pidone, helper: str, tmp_path: Path) -> None:
    with plant.start("Single.ON_EVENT[5]", "1", "-t", "5s", "--", helper, "app", "main", cwd=tmp_path) as run:
        run.line("main started")
        (tmp_path / "now").touch()
        run.kill(signal.SIGUSR1)
        result = run.end()
    assert result.code == 70 and "main got 15" in result.lines and "main got 10" not in result.text, result


# -- storms


def resident(run: Running) -> int:
    """Return the private memory of PID 1 in kB (proc(5), smaps_rollup)."""
    lines = Path(f"/proc/{run.pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Clean:", "Private_Dirty:")))


#: Suspend and continue a process so many times. Wait for each state in /proc.
SUSPENSIONS = """
import os, signal, sys
pid, many = int(sys.argv[1]), int(sys.argv[2])
stat = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
def state(wanted):
    while os.pread(stat, 512, 0).rpartition(b")")[2][1:2] not in wanted: pass
for _ in range(many):
    os.kill(pid, signal.SIGSTOP); state(b"Tt")
    os.kill(pid, signal.SIGCONT); state(b"SR")
"""

#: The number of events of each kind. `./do storms` uses a hundred thousand.
MANY = int(os.environ.get("PIDONE_STORM", "4000"))


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", ["stops", "signals", "orphans"])
@pytest.mark.parametrize("how", ["single", "group"])
def test_a_storm_of_events_costs_no_memory_and_hides_no_death(
    pidone: Pidone, helper: str, write: Write, tmp_path: Path, kind: str, how: str
) -> None:  # E47
    report = tmp_path / "report.json"
    file = group(write, helper, api="restart = 'never'")
    words = ("--", helper, "app", "main") if how == "single" else ("-c", file)
    with pidone.start("-o", str(report), *words, stdout=(tmp_path / "out").open("wb")) as run:
        out = tmp_path / "out"
        until(lambda: "main started" in out.read_text(), "it has started")
        if how == "group":
            os.kill(run.child("api"), signal.SIGKILL)
            run.said("sidecar api")
        storm(run, helper, kind, MANY // 4)
        before = resident(run)
        storm(run, helper, kind, MANY)
        after = resident(run)
        os.kill(run.child("main"), signal.SIGKILL)
        result = run.end()
    print(f"{how}, {MANY:,} {kind}: PID 1 has {before} kB before and {after} kB after")
    assert after <= before + 128, (before, after)  # the ring of the crowd, once, and nothing for each event
    document = json.loads(report.read_text())
    ends = [event["process"] for event in document["events"] if event["what"] == "exited"]
    assert ends[:2] == (["api", "main"] if how == "group" else ["helper"]), result


def storm(run: Running, helper: str, kind: str, many: int) -> None:
    """Send events, and let PID 1 see each one."""
    main = run.child("main")
    if kind == "stops":
        subprocess.run([PYTHON, "-c", SUSPENSIONS, str(main), str(many)], check=True)
    elif kind == "orphans":
        enter = ["nsenter", "-t", str(run.pid), "-p", "-m", helper, "orphans", str(many)]
        subprocess.run(enter, check=True, stdout=subprocess.DEVNULL)
        until(lambda: len(run.children()) < 6, "all are reaped")
    else:
        pid = run.pid
        for number in range(many):
            os.kill(pid, (signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP)[number % 3])
            if number % 16 == 0:
                until(lambda: pending(pid) == 0, "they have been taken")


def pending(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return sum(int(line.split()[1], 16) for line in lines if line.startswith(("SigPnd:", "ShdPnd:")))


# -- messages of pidone


@pytest.mark.parametrize("way", ["by /proc", "without /proc"])
def test_a_terminal_without_a_reader_costs_a_line_and_no_wait(
    pidone: Pidone, helper: str, write: Write, way: str
) -> None:  # E32
    """poll(2) reports that there is room, and a write of a whole line would block."""
    ours, theirs = pty.openpty()
    loop = process("loop", "sidecar", "false", more="backoff = { initial = '1ms', max = '1ms' }")
    file = write("g.toml", "[group]\ncontrol = false\n" + loop + process("main", "primary", helper, "app", "main"))
    hide = ["sh", "-c", 'mount -t tmpfs none /proc; exec "$@"', "sh"] if way == "without /proc" else []
    with pidone.start("-v", "-c", file, wrap=hide, stderr=theirs) as run:
        run.line("main started")
        os.close(theirs)
        host = run.process.pid
        until(lambda: full(ours), "the terminal is full")
        began = time.monotonic()
        pid = int(Path(f"/proc/{host}/task/{host}/children").read_text().split()[0])
        for _ in range(20):
            os.kill(pid, signal.SIGUSR1)
            run.line("main got 10", count=run.seen.decode().count("main got 10") + 1)
        os.kill(pid, signal.SIGTERM)
        run.line("main ends")
        result = run.end()
    os.close(ours)
    assert result.code == 0 and time.monotonic() - began < 10, result


def full(master: int) -> bool:
    """Return whether a terminal that gets output all the time takes none for a while."""
    import fcntl
    import termios

    def waiting() -> int:
        return int.from_bytes(fcntl.ioctl(master, termios.FIONREAD, b"\0" * 4), "little")

    before = waiting()
    time.sleep(0.3)  # only time shows that it stands still
    return before > 3000 and waiting() == before
