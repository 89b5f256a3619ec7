"""S89-S100: exit status, reasons, phase, termination message, status.

S1 and so on: docs/reference/pod.md.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from pidone.helpers import message
from pidone.init import events as e
from tests.support.pod import Pod, in_order


@pytest.mark.parametrize(("script", "code"), [("exit 9", 9), ("kill -9 $$", 137), ("kill -15 $$", 143), ("true", 0)])
def test_s89_exit_code_or_128_and_the_signal(pod: Pod, script: str, code: int) -> None:
    assert pod.run(pod.entry("main", "primary", "sh", "-c", script)).code == code


@pytest.mark.parametrize(("script", "said"), [("exit 0", "terminated(Completed, exit code 0)"),
                         ("exit 2", "terminated(Error, exit code 2)"),
                         ("kill -9 $$", "terminated(Error, signal 9)")])  # fmt: skip
def test_s90_reasons(pod: Pod, script: str, said: str) -> None:
    assert f"main is {said}" in pod.run(pod.entry("main", "primary", "sh", "-c", script)).text


@pytest.mark.parametrize(("program", "code"), [("/nope", 127), ("/etc/passwd", 126)])
def test_s91_a_program_that_cannot_start_is_a_start_error(pod: Pod, program: str, code: int) -> None:
    result = pod.run(pod.entry("main", "primary", program))
    assert "main is terminated(StartError, exit code 128)" in result.text and result.code == code, result


def test_s92_only_a_daemon_killed_before_it_is_found_is_unknown(pod: Pod) -> None:
    """One exception: the launcher has ended, and pidone kills all before it finds the daemon."""
    daemon = pod.entry("d", "sidecar", "sh", "-c", "exit 0", daemonizes="true", pid_file='"/nope"')
    with pod.start(daemon, pod.primary(), grace='"1s"', time_scale="0.1") as run:
        run.line("d (pid 3) ended with exit code 0")
        run.kill(signal.SIGTERM)
        assert "d is terminated(ContainerStatusUnknown, exit code 137)" in run.end().text


def fake_counter(pod: Pod, tmp_path: Path) -> tuple[list[str], Path]:
    """Return a wrapper that mounts a file over the cgroup's counter, and that file.

    The mount is in a mount namespace of its own.
    """
    from pidone.config import memory

    real = memory.oom_kill_counter()
    assert real is not None, "this machine counts no memory kills"
    fake = tmp_path / "counter"
    fake.write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 7\n")
    return ["sh", "-c", f'mount --bind {fake} {os.fsdecode(real)} && exec "$0" "$@"'], fake


@pytest.mark.parametrize("rises", [True, False])
def test_s93_a_sigkill_while_the_oom_counter_rises_is_out_of_memory(pod: Pod, tmp_path: Path, rises: bool) -> None:
    wrap, counter = fake_counter(pod, tmp_path)
    with pod.start(pod.primary(), wrap=wrap) as run:
        run.line("main started")
        counter.write_text(f"oom_kill {8 if rises else 7}\n")
        os.kill(run.child("main"), signal.SIGKILL)
        result = run.end()
    reason = "OOMKilled" if rises else "Error"
    assert f"main is terminated({reason}, signal 9)" in result.text and result.code == 137, result
    assert ("out of memory, according to the container's cgroup" in result.text) == rises, result


def test_s93_a_step_fails_even_with_0_if_the_oom_counter_has_risen(pod: Pod, tmp_path: Path) -> None:  # S4
    wrap, counter = fake_counter(pod, tmp_path)
    step = pod.init("step", "sh", "-c", f"echo oom_kill 8 >{counter}")
    result = pod.run(step, pod.primary(), wrap=wrap)
    assert "step is terminated(OOMKilled, exit code 0)" in result.text and result.code == 137, result
    assert "main started" not in result.text


def test_s94_a_group_prints_its_phases_in_order(pod: Pod) -> None:
    result = pod.run(pod.init("step", "true"), pod.entry("main", "primary", "true"))
    assert [line for line in result.lines if "phase" in line] == ["pidone: phase Running", "pidone: phase Succeeded"], (
        result
    )


def test_s95_a_sidecar_s_code_does_not_count(pod: Pod) -> None:
    result = pod.run(pod.sidecar("side", "code=7"), pod.entry("main", "primary", "sleep", "0.2"))
    assert result.code == 0 and result.lines[-1] == "pidone: phase Succeeded", result


def test_s96_the_last_4096_bytes_of_its_message_are_kept(pod: Pod, tmp_path: Path) -> None:
    why = tmp_path / "why"
    why.write_text("of the instance before")
    script = f'head -c 4000 /dev/zero | tr "\\\\0" a >{why}; printf "%1000s" the-end >>{why}; stat -c %a {why}; exit 3'
    result = pod.run(pod.entry("main", "primary", "sh", "-c", script, termination_message=f'"{why}"'))
    line = next(line for line in result.lines if "left the message: " in line).partition("message: ")[2]
    assert line.startswith("aaa") and result.code == 3 and "666" in result.lines, result
    data = message.last(os.fsencode(why), message.MAX_MESSAGE)
    assert len(data) == 4096 and data.startswith(b"aaa") and data.endswith(b"the-end")
    assert message.run(os.fsencode(tmp_path / "none"), True, 1, None) == (e.SUCCESS, "")
    silent = pod.run(pod.entry("main", "primary", "true", termination_message=f'"{why}"'))
    assert "left the message" not in silent.text and why.read_bytes() == b"", silent


def test_s96_a_message_is_the_process_s_own_and_never_another_s_file(pod: Pod, public: Path) -> None:
    """pidone does not follow the process's link with rights that the process does not have."""
    place, secret = public / "message", public / "secret"
    place.mkdir()
    place.chmod(0o777)
    secret.write_text("of root")
    secret.chmod(0o600)
    main = pod.entry("main", "primary", "sh", "-c", f"ln -sfn {secret} {place}/why; exit 1", user='"65534:65534"',
                     termination_message=f'"{place}/why"', restart='"always"')  # fmt: skip
    with pod.start(main) as run:
        run.line("cannot start main: termination_message")
        run.kill(signal.SIGTERM)
        result = run.end()
    assert "of root" not in result.text and secret.read_text() == "of root", result
    assert secret.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("script", "kept"), [("seq 1 900; exit 1", True), ("seq 1 900; exit 0", False)])
def test_s97_the_last_lines_of_a_failed_primary_are_its_message(
    pod: Pod, tmp_path: Path, script: str, kept: bool
) -> None:
    """pidone keeps at most 2,048 bytes of them, where the primary has failed.

    The test's own /dev has the file that a Pod has.
    """
    outer, dev = tmp_path / "outer", tmp_path / "dev"
    outer.touch()
    dev.mkdir()
    make = f"""mount -t tmpfs tmpfs {dev}; cd {dev}; touch null urandom termination-log
    mount --bind /dev/null null; mount --bind /dev/urandom urandom; mount --bind {outer} termination-log
    mount --rbind {dev} /dev; cd /; exec "$@\""""
    main = pod.entry("main", "primary", "sh", "-c", script, log='"prefix"')
    result = pod.start(main, wrap=["sh", "-c", make, "sh"], options=()).end()
    text = outer.read_text()
    if not kept:
        assert text == "", result
        return
    assert text.startswith("main (pid ") and "ended with exit code 1" in text.splitlines()[0], (text, result)
    assert text.endswith("\n899\n900") and len(text) < 2048 + len(text.splitlines()[0]) + 2, (text, result)


def test_s98_states_are_printed_in_order(pod: Pod) -> None:
    side = pod.entry("side", "sidecar", "sh", "-c", "exit 3", backoff='{ initial = "100ms" }')
    with pod.start(side, pod.primary()) as run:
        run.line("side is waiting(CrashLoopBackOff)", count=2)
        run.kill(signal.SIGTERM)
        result = run.end()
    in_order(result, "side is running(started, ready)", "side is terminated(Error, exit code 3)", "started side",
             "side is waiting(CrashLoopBackOff)", "started side")  # fmt: skip
