"""docs/how-to/hosts.md: on each host, a process sees what it sees without pidone, and ends."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.engine import Container, Engine, Run
from tests.support.pid1 import PATIENCE, ROOT, UNSHARE, Pidone, Result, Write, steady, until

HELPER = "/t/helper"

#: A seccomp profile without a call that a subreaper needs and PID 1 does not. runc needs it, too,
#: except with no-new-privileges.
WITHOUT_PRCTL = {
    "defaultAction": "SCMP_ACT_ALLOW",
    "syscalls": [{"names": ["prctl"], "action": "SCMP_ACT_ERRNO"}],
}

#: {row of docs/how-to/hosts.md: options of docker run}.
HOSTS: dict[str, list[str]] = {
    "a plain container": [],
    "`USER` other than root": ["--user", "daemon"],
    "an arbitrary uid": ["--user", "4711:815"],
    "`--read-only`": ["--read-only"],
    "`--cap-drop ALL`": ["--cap-drop", "ALL"],
    "`no-new-privileges`": ["--security-opt", "no-new-privileges"],
    "a seccomp profile without `prctl`": ["--security-opt", "no-new-privileges", "--security-opt", "seccomp=PROFILE"],
    "all of these": [
        "--user", "4711:815", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges",
        "--security-opt", "seccomp=PROFILE",
    ],
    "`--pid=host`": ["--pid=host"],
    "`--pid=container:X`": ["--pid=container:X"],
    "`docker run --init`": ["--init"],
}  # fmt: skip

#: Hosts where pidone is not PID 1, and says so.
BELOW = ("`--pid=host`", "`--pid=container:X`", "`docker run --init`")


def same(text: str) -> list[str]:
    """Return the dump's lines without what two containers never share.

    The line about leading a session goes, too: below another init, a process leads none.
    """
    text = re.sub(r"^environment \d+", "environment", text, flags=re.M)
    text = re.sub(r"[0-9a-f]{64}", "", steady(text))
    return sorted(line for line in text.splitlines() if not line.startswith("leader:"))


@pytest.fixture
def options(request: pytest.FixtureRequest, run: Run, write: Write) -> list[str]:
    """Return the options of the row, with the profile's path and the other container filled in."""
    found = [word.replace("PROFILE", write("profile.json", json.dumps(WITHOUT_PRCTL))) for word in HOSTS[request.param]]
    if "--pid=container:X" in found:
        found = [f"--pid=container:{run('plain', '--', 'sleep', '1000').id}"]
    return [*found, "--hostname", "same"]


@pytest.mark.parametrize("options", HOSTS, indirect=True)
def test_a_process_sees_what_it_would_have_seen_without_it(
    run: Run, options: list[str], request: pytest.FixtureRequest
) -> None:
    bare = run(*options, "--entrypoint", HELPER, "plain", "dump").end()
    ours = run(*options, "plain", "--", HELPER, "dump").end()
    assert bare.code == 0 and ours.code == 0, ours
    assert same(ours.text) == same(bare.text)
    below = any(name in request.node.name for name in BELOW)
    assert ("not pid 1" in ours.err) == below and ours.err.count("\n") == below, ours


@pytest.mark.parametrize("options", HOSTS, indirect=True)
def test_it_is_stopped_with_what_it_has_left_and_keeps_its_code(run: Run, options: list[str]) -> None:
    script = f"{HELPER} leave x {HELPER} app rest delay=100; exec {HELPER} app main code=5"
    container = run(*options, "plain", "--", "sh", "-c", script)
    container.said("main started")
    container.said("rest started")
    result, took = container.stop()
    assert result.code == 5 and took < 8, (took, result)
    assert [line for line in result.lines if "ends" in line] == ["main ends", "rest ends"], result


@pytest.mark.parametrize("options", HOSTS, indirect=True)
def test_orphans_are_reaped(run: Run, options: list[str]) -> None:
    container = run(*options, "plain", "--", "sh", "-c", f"{HELPER} orphans 50; exec {HELPER} app main")
    container.said("main started")

    main = int(container.inspect()["State"]["Pid"])  # pidone, or the init above it
    until(lambda: not zombies(main), "no zombie is left")


def zombies(top: int) -> list[int]:
    """Return the pids of the zombies below this process, as seen from outside."""
    found, rest = [], [top]
    while rest:
        pid = rest.pop()
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            rest += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        except OSError:
            continue
        found += [pid] if state == "Z" else []
    return found


def test_the_check_finds_zombies_that_pid_1_does_not_reap(run: Run) -> None:
    """The check above finds the zombies of a PID 1 that reaps nothing."""
    script = (
        f"import subprocess; subprocess.run(['{HELPER}', 'orphans', '5']); print('main started', flush=True); input()"
    )
    container = run("-i", "--entrypoint", "python3", "plain", "-c", script)
    container.said("main started")
    assert len(zombies(int(container.inspect()["State"]["Pid"]))) == 5


def test_without_the_right_to_be_a_subreaper_it_warns_and_runs(run: Run, write: Write) -> None:
    profile = write("profile.json", json.dumps(WITHOUT_PRCTL))
    careful = ["--init", "--security-opt", "no-new-privileges", "--security-opt", f"seccomp={profile}"]
    result = run(*careful, "plain", "--", "sh", "-c", "exit 6").end()
    assert result.code == 6 and "and no subreaper: operation not permitted: orphans will escape" in result.err, result


def test_the_orphan_of_a_docker_exec_is_adopted_and_stopped(run: Run) -> None:
    container = run("plain", "--", HELPER, "app", "main")
    container.said("main started")
    client = subprocess.Popen(
        ["docker", "exec", container.id, "sh", "-c", f"{HELPER} app lost delay=50 >/proc/1/fd/1 & exec sleep 0.2"],
        env=container.engine.environment, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    container.said("lost started")
    client.kill()
    client.wait()
    find = "for p in /proc/[0-9]*; do grep -q lost $p/cmdline && cut -d' ' -f4 $p/stat; done 2>/dev/null; true"
    until(lambda: "1" in container.exec("sh", "-c", find).text.split(), "it is PID 1's")
    result, _ = container.stop()
    assert result.code == 0 and "lost ends" in result.lines, result


def without_proc(*command: str) -> Result:
    """Run a command in its own namespaces, after /proc is unmounted there."""
    wrap = [
        UNSHARE,
        "--pid",
        "--mount",
        "--fork",
        "--kill-child",
        "sh",
        "-c",
        'umount -l /proc; exec setsid "$@"',
        "sh",
    ]
    done = subprocess.run([*wrap, *command], stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE)
    return Result(command, done.returncode, done.stdout, done.stderr.decode())


def test_without_a_proc_it_is_the_same(pidone: Pidone, helper: str) -> None:
    bare = without_proc(helper, "dump")
    ours = without_proc(*pidone.program, "--", helper, "dump")
    assert same(ours.text) == same(bare.text) and ours.code == bare.code and ours.err == bare.err, ours
    script = f"{helper} leave x {helper} app rest delay=100; sleep 0.2; exit 5"
    left = without_proc(*pidone.program, "--", "sh", "-c", script)
    assert left.code == 5 and "rest ends" in left.lines, left


# -- podman


class Podman:
    """A shell in which podman works, and an image with pidone. The end removes all of it."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def run(self, script: str) -> Result:
        command = [str(ROOT / "tests" / "docker" / "podman.sh"), "sh", "-euc", script]
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PODMAN_HOME": str(self.home)}
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=200, cwd=self.home
        )
        return Result(["podman.sh", script], done.returncode, done.stdout, done.stderr.decode())


@pytest.fixture(scope="module")
def podman(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Podman]:
    missing = [name for name in ("podman", "crun") if not shutil.which(name)]
    assert not missing, f"this tier needs: apt-get install {' '.join(missing)}"
    podman = Podman(tmp_path_factory.mktemp("podman"))
    with Container(engine, "plain", "--", "true") as container:
        tar = podman.home / "plain.tar"
        engine.docker("export", "-o", str(tar), container.id, timeout=100)
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    done = podman.run(f"podman import -q -c 'ENV PATH={path}' plain.tar localhost/plain:latest")
    assert done.code == 0, done
    tar.unlink()
    yield podman
    podman.run("podman pod rm -af; podman rm -af; podman rmi -af")


def test_podman_shows_the_same_and_stops_it(podman: Podman, public: Path, helper: str) -> None:
    shared = f"--network none --hostname same -v {public}:/t:ro localhost/plain:latest"
    bare = podman.run(f"podman run --rm {shared} {HELPER} dump")
    ours = podman.run(f"podman run --rm {shared} pidone -- {HELPER} dump")
    assert bare.code == ours.code == 0 and same(ours.text) == same(bare.text), ours
    script = (
        f"podman run -d --name stopped {shared} pidone -- sh -c '{HELPER} orphans 50;"
        f" {HELPER} leave x {HELPER} app rest delay=100; exec {HELPER} app main code=5' >&2\n"
        "until podman logs stopped | grep -q 'main started'; do sleep 0.1; done\n"
        "podman exec stopped sh -c 'cat /proc/[0-9]*/stat | grep -c \") Z\"' || true\n"
        "podman stop -t 8 stopped >&2; podman inspect -f '{{.State.ExitCode}}' stopped; podman logs stopped\n"
    )
    stopped = podman.run(script)
    assert stopped.lines[:2] == ["0", "5"], stopped  # no zombie, and the exit code
    assert stopped.lines[-4:] == ["main got 15", "main ends", "rest got 15", "rest ends"], stopped


def test_pidone_holds_the_namespaces_of_a_pod(podman: Podman, public: Path, helper: str) -> None:
    """In the infra container of a real Pod: its members share its network and PID namespaces."""
    script = f"""
podman pod create --name shop --share net,pid --network none --infra-image localhost/plain:latest \\
    --infra-command 'pidone --pause' >&2
podman run -d --pod shop --name member -v {public}:/t:ro localhost/plain:latest {HELPER} app member >&2
until podman logs member | grep -q 'member started'; do sleep 0.1; done
podman exec member {HELPER} orphans 50 >&2
tries=0
until [ -z "$(podman exec member sh -c 'grep -l "State:.Z" /proc/[0-9]*/status 2>/dev/null; true')" ]; do
    [ $((tries += 1)) -lt 100 ] && sleep 0.1
done
podman exec member cat /proc/1/cmdline | tr '\\0' ' '; echo
podman stop -t 8 member >&2
podman pod stop -t 8 shop >&2
podman inspect -f '{{{{.State.ExitCode}}}}' member
podman inspect -f '{{{{.State.ExitCode}}}}' "$(podman pod inspect -f '{{{{.InfraContainerID}}}}' shop)"
"""
    result = podman.run(script)
    assert result.code == 0 and result.lines[-2:] == ["0", "0"] and "pidone --pause" in result.lines[-3], result


def test_a_pod_member_sees_the_same_with_any_infra_process(podman: Podman, public: Path, helper: str) -> None:
    dumps = []
    for name, infra in (("ours", "pidone --pause"), ("none", "sleep 1000")):
        result = podman.run(f"""
podman pod create --name {name} --hostname same --share net,pid,uts --network none \\
    --infra-image localhost/plain:latest --infra-command '{infra}' >&2
podman run --rm --pod {name} -v {public}:/t:ro localhost/plain:latest {HELPER} dump
podman pod rm -t 1 -f {name} >&2
""")
        assert result.code == 0 and "umask" in result.text, result
        dumps.append(same(result.text))
    assert dumps[0] == dumps[1]


def test_every_host_has_its_row_and_every_row_its_test() -> None:
    text = (ROOT / "docs" / "how-to" / "hosts.md").read_text()
    lines = [line for line in text.splitlines() if line.startswith("|")][2:]
    rows = [(cells[1].strip(), cells[3]) for cells in (line.split("|") for line in lines)]
    assert [name for name, _ in rows[: len(HOSTS)]] == list(HOSTS), rows
    source = Path(__file__).read_text()
    for name, tests in rows[len(HOSTS) :]:
        named = re.findall(r"`(test_\w+)`", tests)
        assert named and all(f"def {test}(" in source for test in named), name
