"""S54-S67: restart policy, rules and back-off.

Also what a Pod has no field for: limits, replicas, after, essential, daemons.

S1 and so on: docs/reference/pod.md.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from pidone.config.values import backoff
from pidone.group.policy import BACKOFF
from pidone.helpers import main_pid
from tests.support.pid1 import HELD, PYTHON
from tests.support.pod import Pod, gaps, in_order, stamps

QUICK = '{ initial = "100ms", max = "400ms" }'


def failing_until(pod: Pod, tmp_path: Path, starts: int, name: str = "main", code: int = 3) -> tuple[str, ...]:
    """Return a command that stamps each start and ends with `code`, at the last start with 0.

    starts: the number of starts, with the last one.
    """
    file = tmp_path / name
    script = f"{pod.helper} stamp {name}; echo x >>{file}; test $(wc -l <{file}) = {starts} || exit {code}"
    return "sh", "-c", script


@pytest.mark.parametrize(
    ("policy", "code", "starts"),
    [("never", 0, 1), ("never", 3, 1), ("on-failure", 0, 1), ("on-failure", 3, 3), ("always", 0, 3), ("always", 3, 3)],
)
def test_s54_policies(pod: Pod, policy: str, code: int, starts: int) -> None:
    keys = {"restart": f'"{policy}"', **({} if policy == "never" else {"backoff": '{ initial = "200ms" }'})}
    main = pod.entry("main", "primary", pod.helper, "stamp", "main", str(code), **keys)
    with pod.start(main) as run:
        if starts > 1:
            run.line("main is waiting(CrashLoopBackOff)", count=2)
            run.kill(signal.SIGTERM)
        result = run.end()
    assert len(stamps(result, "main")) == starts and result.code == code, result


def test_s54_the_default_for_a_primary_is_never_for_a_sidecar_always(pod: Pod) -> None:
    side = pod.entry("side", "sidecar", "sh", "-c", f"{pod.helper} stamp side")
    with pod.start(side, pod.entry("main", "primary", pod.helper, "app", "main", "code=3"), wrap=HELD) as run:
        run.line("started side", count=2)
        os.kill(run.child("main"), signal.SIGTERM)
        result = run.end()
    assert result.code == 3 and result.text.count("started main") == 1, result


def test_s55_rule_before_the_process_s_policy_before_the_group_s(pod: Pod, tmp_path: Path) -> None:
    keys = {"restart": '"never"', "restart_rules": "[{ in = [42] }]", "backoff": QUICK}
    main = pod.entry("main", "primary", *failing_until(pod, tmp_path, 2, code=42), **keys)
    result = pod.run(main, restart='"always"')
    assert result.code == 0 and len(stamps(result, "main")) == 2, result  # 42: the rule; 0: the "never" of the process


@pytest.mark.parametrize(("code", "starts"), [(42, 2), (43, 1)])
def test_s56_a_rule_restarts_for_its_codes_only(pod: Pod, tmp_path: Path, code: int, starts: int) -> None:
    keys = {"restart": '"never"', "restart_rules": "[{ in = [42, 44] }]"}
    result = pod.run(pod.entry("main", "primary", *failing_until(pod, tmp_path, 2, code=code), **keys))
    assert len(stamps(result, "main")) == starts and result.code == (0 if starts == 2 else code), result


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ("[{ in = [1] }]", "restart_rules without restart"),
        (f"[{', '.join(['{ in = [1] }'] * 21)}]", "at most 20 rules"),
        (f"[{{ in = {list(range(256))} }}]", "1 to 255 exit codes in each rule"),
        ("[{ in = [1], not_in = [2] }]", "rules such as"),
        ("[{ in = [256] }]", "a whole number from 0 to 255"),
        ('[{ in = [1], action = "again" }]', 'action = "restart" or "restart-all"'),
    ],
)
def test_s56_wrong_rules_are_refused(pod: Pod, rules: str, said: str) -> None:
    keys = {} if "without" in said else {"restart": '"never"'}
    assert said in pod.refused(pod.primary(restart_rules=rules, **keys))


def test_s57_a_restart_by_rule_backs_off_and_counts(pod: Pod, tmp_path: Path) -> None:
    keys = {"restart": '"never"', "restart_rules": "[{ in = [42] }]", "backoff": '{ initial = "300ms" }'}
    result = pod.run(pod.entry("main", "primary", *failing_until(pod, tmp_path, 3, code=42), **keys))
    assert gaps(result, "main")[1] >= 0.3, result
    in_order(result, "restart 1 now", "restart 2 in 0.3 s")


def test_s58_after_a_probe_s_kill_the_policy_decides_not_the_code(pod: Pod) -> None:
    main = pod.primary(liveness='{ exec = ["false"], period = "100ms", failure_threshold = 1 }', restart='"on-failure"')
    with pod.start(main, wrap=HELD) as run:
        run.line("main started", count=2)
        run.kill(signal.SIGTERM)
        result = run.end()
    in_order(result, "liveness failed", "main (pid", "ended with exit code 0", "started main")


def test_s59_the_first_restart_is_at_once_then_the_wait_doubles(pod: Pod) -> None:
    side = pod.entry("side", "sidecar", pod.helper, "stamp", "side", "1", backoff=QUICK)
    with pod.start(side, pod.primary()) as run:
        run.line("; restart 7 in")
        run.kill(signal.SIGTERM)
        result = run.end()
    for gap, least in zip(gaps(result, "side"), (0, 0.1, 0.2, 0.4, 0.4, 0.4)):
        assert gap >= least, result
    in_order(result, "restart 1 now", "restart 2 in 0.1 s", "restart 3 in 0.2 s", "restart 4 in 0.4 s", "5 in 0.4 s")


def test_s60_the_wait_counts_from_the_last_end(pod: Pod) -> None:
    """The back-off counts from the end: 0.3 s pass after a run of 0.5 s, too (see decisions.md)."""
    side = pod.entry(
        "side", "sidecar", pod.helper, "stamp", "side", "1", "500", backoff='{ initial = "300ms", max = "300ms" }'
    )
    with pod.start(side, pod.primary()) as run:
        run.line("; restart 3 in")
        run.kill(signal.SIGTERM)
        found = gaps(run.end(), "side")
    assert found[0] >= 0.5 and found[1] >= 0.8, found


def test_s61_clean_ends_back_off_like_crashes(pod: Pod) -> None:
    side = pod.entry("side", "sidecar", pod.helper, "stamp", "side", "0", backoff='{ initial = "200ms" }')
    with pod.start(side, pod.primary()) as run:
        run.line("; restart 3 in")
        run.kill(signal.SIGTERM)
        assert gaps(run.end(), "side")[1] >= 0.2


def test_s62_a_long_run_clears_the_count(pod: Pod) -> None:
    side = pod.entry(
        "side", "sidecar", pod.helper, "stamp", "side", "1", "300", backoff='{ initial = "60s", reset = "200ms" }'
    )
    with pod.start(side, pod.primary()) as run:
        run.line("started side", count=4)
        run.kill(signal.SIGTERM)
        result = run.end()
    assert result.text.count("; restart ") == result.text.count(" now"), result


def test_s63_the_curve_is_an_option(pod: Pod) -> None:
    assert backoff({"initial": "10s", "max": "300s"}) == {"initial": 10, "max": 300}
    assert BACKOFF == (1.0, 60.0, 600.0)
    side = pod.entry(
        "side", "sidecar", "false", backoff='{ initial = "60s", max = "200ms" }'
    )  # initial = min(initial, max)
    with pod.start(side, pod.primary()) as run:
        run.line("restart 3 in 0.2 s")
        run.kill(signal.SIGTERM)
        run.end()


def test_s64_each_process_has_its_own_back_off(pod: Pod) -> None:
    slow = pod.entry("slow", "sidecar", "false", backoff='{ initial = "60s" }')
    quick = pod.entry("quick", "sidecar", "false", backoff='{ initial = "50ms", max = "50ms" }')
    with pod.start(slow, quick, pod.primary()) as run:
        run.line("started quick", count=6)
        run.kill(signal.SIGTERM)
        assert run.end().text.count("started slow") == 2


def test_s65_while_waiting_it_says_so(pod: Pod) -> None:
    with pod.start(
        pod.entry("side", "sidecar", "sh", "-c", "exit 5", backoff='{ initial = "60s" }'), pod.primary()
    ) as run:
        run.line("side is waiting(CrashLoopBackOff)")
        run.kill(signal.SIGTERM)
        result = run.end()
    in_order(result, "sidecar side (pid", "ended with exit code 5; restart 2 in 60 s", "waiting(CrashLoopBackOff)")


def test_s66_a_stop_cancels_a_waiting_restart(pod: Pod) -> None:
    main = pod.entry("main", "primary", "sh", "-c", "exit 5", restart='"always"', backoff='{ initial = "60s" }')
    with pod.start(main) as run:
        run.line("main is waiting(CrashLoopBackOff)")
        run.line("leftovers of main: success")  # from now on, no process is left whose end could wake PID 1
        began = time.monotonic()
        run.kill(signal.SIGTERM)
        result = run.end()
    assert time.monotonic() - began < 6 and result.code == 5, result  # its last code (S95)


def test_s67_restart_all_kills_all_and_starts_with_the_first_process(pod: Pod, tmp_path: Path) -> None:
    keys = {"restart": '"always"', "restart_rules": '[{ in = [88], action = "restart-all" }]'}
    script = f"sleep 0.3; test -e {tmp_path}/x || {{ touch {tmp_path}/x; exit 88; }}; exec sleep 60"
    side = pod.entry("side", "sidecar", "sh", "-c", script, **keys)
    log = pod.sidecar("log", pre_stop='{ exec = ["sleep", "5"] }')
    with pod.start(pod.init("step", "true"), log, side, pod.primary()) as run:
        run.line("main started", count=2)
        before = run.seen.decode()
        run.kill(signal.SIGUSR1)
        run.line("main got 10")
        run.process.kill()
    assert before.count("started step") == before.count("started side") == before.count("started log") == 2, before
    assert "got 15" not in before and "pre_stop" not in before, before
    assert "its restart_rules restart the whole group" in before


# -- keys that a Pod does not have


def test_a_restart_limit_ends_the_group_with_the_culprit_s_code(pod: Pod) -> None:
    side = pod.entry("side", "sidecar", "sh", "-c", "exit 7", max_restarts="2", backoff=QUICK)
    result = pod.run(side, pod.primary(), wrap=HELD)
    assert result.code == 7 and result.text.count("started side") == 3, result
    assert "side has had 2 restarts, its max_restarts: the group stops (exit 7)" in result.text, result
    in_order(result, "its max_restarts", "main got 15", "main ends")


def test_an_essential_process_s_end_is_the_group_s(pod: Pod) -> None:
    result = pod.run(
        pod.entry("side", "sidecar", "sh", "-c", "sleep 0.2; exit 6", essential="true"), pod.primary(), wrap=HELD
    )
    assert result.code == 6, result
    in_order(result, "ended with exit code 6: the group stops (exit 6)", "main got 15")
    assert "pidone: essential side (pid" in result.text, result
    result = pod.run(
        pod.entry("side", "sidecar", "sleep", "0.2", essential="true"), pod.primary("main", "code=4"), wrap=HELD
    )
    assert result.code == 4, result


def test_an_essential_end_with_0_keeps_the_primary_s_last_code(pod: Pod) -> None:
    essential = pod.sidecar("side", essential="true")
    main = pod.entry("main", "primary", "sh", "-c", "exit 3", restart='"always"', backoff='{ initial = "60s" }')
    with pod.start(essential, main, wrap=HELD) as run:
        run.line("main is waiting(CrashLoopBackOff)")
        os.kill(run.child("side"), signal.SIGTERM)
        assert run.end().code == 3


def test_essential_and_always_contradict_each_other(pod: Pod) -> None:
    assert "it would never end" in pod.refused(pod.sidecar("a", essential="true", restart='"always"'), pod.primary())


def test_replicas_are_processes_with_an_index_each(pod: Pod) -> None:
    side = pod.entry(
        "w", "sidecar", "sh", "-c", f"exec {pod.helper} app w$PIDONE_REPLICA", replicas="3", stop_signal='"SIGTERM"'
    )
    with pod.start(side, pod.primary(), "[signals]\nSIGHUP = ['w']\n") as run:
        run.line("main started")
        for index in range(3):
            run.line(f"w{index} started")
        run.kill(signal.SIGHUP)
        for index in range(3):
            run.line(f"w{index} got 1")
        run.kill(signal.SIGTERM)
        result = run.end()
    assert "started w-0 (pid" in result.text and result.code == 0, result
    in_order(result, "main ends", "got 15")


def test_after_waits_only_for_the_named_ones_and_stops_before_them(pod: Pod, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    probe = f'{{ file = "{ready}", period = "50ms", failure_threshold = 1000 }}'
    entries = [
        pod.sidecar("slow", startup=probe), pod.sidecar("quick", after="[]"), pod.sidecar("user", after="['quick']"),
        pod.primary(),
    ]  # fmt: skip
    with pod.start(*entries) as run:
        run.line("quick started")
        run.line("user started")
        run.line("slow started")
        assert "slow is running(started" not in run.seen.decode() and "main started" not in run.seen.decode()
        ready.touch()
        run.line("main started")
        run.kill(signal.SIGTERM)
        result = run.end()
    in_order(result, "started quick", "started user", "startup of slow: success", "started main")
    in_order(result, "main ends", "user got 15", "user ends", "quick got 15")
    assert result.code == 0


@pytest.mark.parametrize(
    ("after", "said"),
    [
        ("['b']", "they wait for each other: a waits for b waits for a"),
        ("['a']", "they wait for each other: a waits for a"),
        ("['x']", "no process 'x'"),
    ],
)
def test_a_cycle_is_an_error_with_its_line(pod: Pod, after: str, said: str) -> None:
    text = pod.refused(pod.sidecar("a", after=after), pod.sidecar("b"), pod.primary())
    assert said in text and "pod.toml:7: process 'a'" in text, text


def test_a_process_s_own_grace_is_shorter_than_the_group_s(pod: Pod) -> None:
    side = pod.sidecar("side", "ignore=15", grace='"1s"')
    with pod.start(pod.sidecar("log"), side, pod.primary(), grace='"100s"', time_scale="0.1") as run:
        run.line("log started")
        run.line("side started")
        run.line("main started")
        began = time.monotonic()
        run.kill(signal.SIGTERM)
        result = run.end()
    assert time.monotonic() - began < 5 and result.code == 0, result
    in_order(result, "the grace of 0.1 s is over: SIGKILL to side", "log got 15", "log ends")


# -- leftovers


def test_leftovers_are_ended_before_it_starts_again(pod: Pod, tmp_path: Path) -> None:
    script = f"sh -c 'trap \"echo left ends; exit\" TERM; echo $$ >{tmp_path}/left; while :; do sleep 0.01; done' & " \
             f"until [ -s {tmp_path}/left ]; do sleep 0.01; done; rm {tmp_path}/left; sleep 0.2; exit 1"  # fmt: skip
    with pod.start(pod.entry("side", "sidecar", "sh", "-c", script), pod.primary()) as run:
        run.line("started side", count=2)
        run.kill(signal.SIGTERM)
        result = run.end()
    in_order(result, "ended with exit code 1", "left ends", "leftovers of side: success", "started side")


def test_leftovers_that_ignore_it_are_killed(pod: Pod) -> None:
    script = f"{pod.helper} app left ignore=15 & sleep 0.2; exit 1"
    with pod.start(pod.entry("side", "sidecar", "sh", "-c", script), pod.primary(), time_scale="0.1") as run:
        run.line("left got 15")
        run.line("started side", count=2)
        assert run.seen.decode().count("left started") <= 2
        run.kill(signal.SIGTERM)
        run.end()


def test_leftovers_are_kept_where_the_file_says_so(pod: Pod) -> None:
    script = f"{pod.helper} app left & sleep 0.2; exit 1"
    with pod.start(pod.entry("side", "sidecar", "sh", "-c", script, leftovers='"keep"'), pod.primary()) as run:
        run.line("left started", count=2)
        assert "left got" not in run.seen.decode()
        run.kill(signal.SIGTERM)
        result = run.end()
    assert result.text.count("left got 15") >= 2, result  # by the sweep


# -- daemons

DAEMON = """
import os, sys, time
if os.fork():
    {launcher}
    os._exit(0)
os.setsid()
if os.fork():
    os._exit(0)
{daemon}
import signal
signal.signal(signal.SIGTERM, lambda *_: (os.write(1, b"daemon got 15\\n"), os._exit(9)))  # print may be interrupted
print("daemon", os.getpid(), flush=True)
open("{pid_file}.new", "w").write(str(os.getpid()) + "\\n")
os.rename("{pid_file}.new", "{pid_file}")
while True:
    time.sleep(60)
"""


def daemon(pod: Pod, tmp_path: Path, role: str = "sidecar", launcher: str = "", body: str = "", **keys: str) -> str:
    script = pod.write("daemon.py", DAEMON.format(launcher=launcher, daemon=body, pid_file=tmp_path / "d.pid"))
    keys = {"daemonizes": "true", "pid_file": f'"{tmp_path}/d.pid"', **keys}
    return pod.entry("d", role, "/usr/bin/python3", script, **keys)


def test_a_daemon_is_followed_restarted_and_stopped_as_the_process(pod: Pod, tmp_path: Path) -> None:
    with pod.start(daemon(pod, tmp_path), pod.primary()) as run:
        run.line("main started")
        run.line("d is running(started, ready)")
        first = int((tmp_path / "d.pid").read_text())
        os.kill(run.child(str(tmp_path / "daemon.py")), signal.SIGKILL)
        run.line("d is running(started, ready)", count=2)
        assert int((tmp_path / "d.pid").read_text()) != first
        run.kill(signal.SIGTERM)
        result = run.end()
    in_order(result, "was killed by SIGKILL; restart 1 now", "main ends", "daemon got 15")
    assert result.code == 0, result


def test_a_program_of_python_daemon_is_followed(pod: Pod, tmp_path: Path) -> None:
    """A real python-daemon, with its own pid file and its own handling of SIGTERM.

    With PID 1 as its parent, python-daemon would stay in the foreground: it takes that parent for
    an init that wants it there.
    """
    script = pod.write(
        "program.py",
        f"""
import daemon, daemon.pidfile, sys, time
lock = daemon.pidfile.PIDLockFile("{tmp_path}/d.pid")
context = daemon.DaemonContext(pidfile=lock, stdout=sys.stdout)
with context:
    print("daemon at work", flush=True)
    while True:
        time.sleep(60)
""",
    )
    d = pod.entry("d", "sidecar", PYTHON, script, daemonizes="true", pid_file=f'"{tmp_path}/d.pid"')
    with pod.start(d, pod.primary()) as run:
        run.line("main started")
        run.line("daemon at work")
        run.kill(signal.SIGTERM)
        result = run.end()
    in_order(result, "main_pid of d: success", "started main", "main ends", "d is terminated(")
    assert result.code == 0 and not (tmp_path / "d.pid").exists(), result  # signalled in time to remove it


def test_a_daemon_as_the_primary_gives_the_exit_code(pod: Pod, tmp_path: Path) -> None:
    with pod.start(daemon(pod, tmp_path, "primary")) as run:
        run.line("phase Running")
        run.kill(signal.SIGTERM)
        assert run.end().code == 9


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "it is empty"),
        ("1\n", "it names pidone itself"),
        ("999999\n", "does not exist"),
        ("x\n", "does not contain a pid"),
    ],
)
def test_a_wrong_pid_file_is_not_trusted(pod: Pod, tmp_path: Path, content: str, said: str) -> None:
    """A stale file of the instance before: the pid that the daemon writes a little later counts."""
    (tmp_path / "d.pid").write_text(content)
    with pod.start(daemon(pod, tmp_path, body="time.sleep(0.3)"), pod.primary()) as run:
        run.line("main started")
        run.kill(signal.SIGTERM)
        result = run.end()
    assert "daemon got 15" in result.text and result.code == 0, result
    (tmp_path / "w.pid").write_text(content.replace("1\n", f"{os.getppid()}\n") if content == "1\n" else content)
    assert said in main_pid.read_pid_file(str(tmp_path / "w.pid").encode(), 1.0)[1]


def test_a_pid_file_that_names_a_foreign_process_fails_the_start(pod: Pod, tmp_path: Path) -> None:
    stranger = pod.entry("other", "sidecar", "sh", "-c", f"echo $$ >{tmp_path}/other; exec sleep 60")
    script = pod.write("d.sh", f"#!/bin/sh\nuntil [ -s {tmp_path}/other ]; do sleep 0.01; done\nexit 0\n")
    d = pod.entry("d", "sidecar", script, daemonizes="true", pid_file=f'"{tmp_path}/other"')
    result = pod.run(stranger, d, pod.primary())
    assert result.code == 1 and "main started" not in result.text, result
    assert "cannot start d: " in result.text and "its pid_file" in result.text, result


def test_a_pid_file_that_names_a_helper_of_pidone_is_not_trusted(pod: Pod, tmp_path: Path) -> None:
    """In a new container the pids are the same each time.

    So an old pid file can name the helper that reads it.
    """
    script = f"echo $(($$ + 1)) >{tmp_path}/pid"  # the pid of the next process that pidone forks
    d = pod.entry("d", "sidecar", "sh", "-c", script, daemonizes="true", pid_file=f'"{tmp_path}/pid"')
    result = pod.run(d, pod.primary(), time_scale="0.05")
    assert result.code == 1 and "main started" not in result.text, result
    assert "it names a helper of pidone" in result.text, result


def test_a_launcher_that_fails_is_a_failed_start(pod: Pod, tmp_path: Path) -> None:
    d = pod.entry("d", "sidecar", "sh", "-c", "exit 3", daemonizes="true", pid_file='"/nope"', restart='"never"')
    result = pod.run(d, pod.primary())
    assert result.code == 3 and "before it had started" in result.text, result


def test_a_launcher_that_stays_in_the_foreground_is_named_and_ended(pod: Pod) -> None:
    d = pod.sidecar("d", daemonizes="true", pid_file='"/nope"', restart='"never"')
    result = pod.run(d, pod.primary(), time_scale="0.04")
    assert "d (pid 3) did not go into the background within 2.4 s; stopping it" in result.text and result.code == 1, (
        result
    )


def test_two_processes_cannot_share_a_pid_file_or_a_message_file(pod: Pod) -> None:
    keys = {"daemonizes": "true", "pid_file": '"/run/x.pid"', "termination_message": '"/run/x"'}
    said = pod.refused(pod.sidecar("a", **keys), pod.sidecar("b", **keys), pod.primary())
    assert "pid_file /run/x.pid belongs to process 'a' already; give each a file of its own" in said
    assert "termination_message /run/x belongs to process 'a' already" in said


def test_a_daemon_s_workers_are_ended_before_it_starts_again(pod: Pod, tmp_path: Path) -> None:
    """The daemon has forked twice, so the number of its session is not its pid."""
    worker = f"""
if os.fork() == 0:
    os.execv("{pod.helper}", ["helper", "app", "worker"])"""
    with pod.start(daemon(pod, tmp_path, body=worker), pod.primary()) as run:
        run.line("main started")
        run.line("worker started")
        os.kill(run.child(str(tmp_path / "daemon.py")), signal.SIGKILL)
        run.line("worker started", count=2)
        run.kill(signal.SIGTERM)
        result = run.end()
    in_order(result, "was killed by SIGKILL", "worker got 15", "leftovers of d: success", "started d")
    in_order(result, "was killed by SIGKILL; restart 1 now", "leftovers of d: success", "started d")
