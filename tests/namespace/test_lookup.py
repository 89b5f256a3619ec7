"""Users, groups and env_file at the start (E50), and files of an earlier lifetime (E60).

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

from pidone.config import lookup
from pidone.init.events import FAILURE, SUCCESS
from pidone.probes import file
from tests.support.control import Line
from tests.support.files import check, process
from tests.support.pid1 import PYTHON, Pidone, Write, until

#: The machine's users and groups, with a user `app` of uid 1111, for one namespace only.
OWN_USERS = [
    "unshare", "--mount", "sh", "-euc",
    "mount --make-rprivate /; d=$(mktemp -d); cp /etc/passwd /etc/group $d; "
    "echo 'app:x:1111:1111::/srv/app:/bin/sh' >>$d/passwd; echo 'app:x:1111:' >>$d/group; "
    "mount --bind $d/passwd /etc/passwd; mount --bind $d/group /etc/group; exec \"$@\"", "sh",
]  # fmt: skip

WHO = "id -u; id -g; id -G"


def test_a_process_runs_as_the_user_that_an_init_step_has_changed(pidone: Pidone, write: Write) -> None:  # E50
    """Many images for a home server run `usermod -o -u $PUID app`.

    The test uses sed instead, because the file is a mount.
    """
    file = write(
        "g.toml",
        process("puid", "init", "sh", "-c", "sed s/1111:1111/2222:3333/ /etc/passwd >/tmp/p; cat /tmp/p >/etc/passwd")
        + process("main", "primary", "sh", "-c", WHO, more="user = 'app'"),
    )
    result = pidone.run("-c", file, wrap=OWN_USERS)
    assert (result.code, result.lines) == (0, ["2222", "3333", "3333"]), result


def test_an_init_step_can_create_a_user_and_check_notes_it(pidone: Pidone, write: Write) -> None:
    step = process("make", "init", "sh", "-c", "echo new:x:4444:4444::/:/bin/sh >>/etc/passwd")
    file = write("g.toml", step + process("main", "primary", "sh", "-c", WHO, more="user = 'new'"))
    result = pidone.run("-c", file, wrap=OWN_USERS)
    assert (result.code, result.lines[0]) == (0, "4444"), result
    checked = check(file)
    assert checked.returncode == 0 and "no user 'new' here" in checked.stdout, checked
    assert "an init step may still create it: pidone looks again at the start" in checked.stdout, checked


def test_a_user_that_is_still_missing_is_a_failed_start_with_126(pidone: Pidone, helper: str, write: Write) -> None:
    file = write(
        "g.toml",
        process("step", "init", "true")
        + process("log", "sidecar", helper, "app", "log")
        + process("main", "primary", "true", more="user = 'nosuch'"),
    )
    result = pidone.run("-c", file)
    assert result.code == 126 and "pidone: cannot start main: no user 'nosuch' here" in result.err, result
    assert "log ends" in result.lines, result


def test_without_an_init_step_before_it_an_unknown_user_is_refused(pidone: Pidone, write: Write) -> None:
    file = write("g.toml", process("main", "primary", "echo", "x", more="user = 'nosuch'"))
    result = pidone.run("-c", file)
    assert result.code == 2 and result.text == "" and "no user 'nosuch' here" in result.err, result


def test_an_env_file_is_read_after_the_init_step_that_writes_it(
    pidone: Pidone, write: Write, tmp_path: Path
) -> None:  # E50
    run_env = tmp_path / "run.env"
    run_env.write_text("TOKEN=old\n")
    file = write(
        "g.toml",
        process("secrets", "init", "sh", "-c", f"echo TOKEN=new >{run_env}")
        + process("main", "primary", "sh", "-c", "echo $TOKEN", more=f"env_file = '{run_env}'"),
    )
    assert pidone.run("-c", file).lines == ["new"]
    run_env.unlink()
    assert pidone.run("-c", file).lines == ["new"]


def test_a_restart_reads_the_env_file_again(pidone: Pidone, helper: str, write: Write, tmp_path: Path) -> None:  # E50
    run_env = tmp_path / "run.env"
    run_env.write_text("TOKEN=first\n")
    more = f"env_file = '{run_env}'\nuser = 'nobody'\nrestart = 'always'"
    file = write(
        "g.toml",
        process("side", "sidecar", "sh", "-c", "echo $TOKEN; exec sleep 60", more=more)
        + process("main", "primary", helper, "app", "main"),
    )
    with pidone.start("-c", file) as run:
        run.line("first")
        run_env.write_text("TOKEN=second\n")
        os.kill(run.child("60"), signal.SIGKILL)
        run.line("second")
        run_env.unlink()
        os.kill(run.child("60"), signal.SIGKILL)
        run.said("pidone: cannot start side: cannot read env_file")
        run_env.write_text("TOKEN=third\n")
        run.line("third")
        run.kill(signal.SIGTERM)
        assert run.end().code == 0


def test_probes_hooks_and_exec_use_the_user_and_env_of_the_instance(
    pidone: Pidone, write: Write, tmp_path: Path
) -> None:
    """The file and the user have changed meanwhile."""
    run_env = tmp_path / "run.env"
    run_env.write_text("TOKEN=mine\n")
    out = tmp_path / "out"
    out.mkdir()
    out.chmod(0o777)
    line = Line(pidone, write, tmp_path / "c.sock")
    say = f'echo \\"$(id -u) $TOKEN\\" >{out}/'
    more = f"""env_file = '{run_env}'
user = 'app'
post_start = {{ exec = ["sh", "-c", "{say}hook"] }}
readiness = {{ exec = ["sh", "-c", "{say}$(TOKEN)"], period = "50ms" }}
"""
    script = f"echo TOKEN=other >{run_env}; sed s/1111:1111/2222:2222/ /etc/passwd >/tmp/p; cat /tmp/p >/etc/passwd"
    entries = process("main", "primary", "sleep", "60", more=more)
    with line.start(entries, wrap=OWN_USERS) as run:
        until(lambda: (out / "mine").exists(), "the probe has run")
        # As an init step of another lifetime would: in the namespace's own files.
        enter = ["nsenter", "-t", str(run.pid), "-m", "-p", "sh", "-c", script]
        subprocess.run(enter, check=True)
        (out / "mine").unlink()
        until(lambda: (out / "mine").exists() and (out / "mine").read_text(), "the probe has run again")
        assert (out / "mine").read_text() == (out / "hook").read_text() == "1111 mine\n"
        assert line.good("exec", "-T", "main", "--", "sh", "-c", "echo $(id -u) $TOKEN") == "1111 mine\n"
        run.kill(signal.SIGTERM)
        run.end()


#: A name service that hangs: libnss_hang.so.2 answers nothing, like an LDAP server that is down.
HANG = """
#define _GNU_SOURCE
#include <nss.h>
#include <pwd.h>
#include <unistd.h>
enum nss_status _nss_hang_getpwnam_r(const char *n, struct passwd *p, char *b, size_t s, int *e)
{
    for (;;)
        pause();
}
"""


#: Give this namespace its own copy of the directory of the C library's modules.
PRIVATE_LIBRARIES = [
    "unshare", "--mount", "sh", "-euc",
    "mount --make-rprivate /; l=/usr/lib/$(uname -m)-linux-gnu; u=$(mktemp -d /dev/shm/XXXXXX); mkdir $u/u $u/w; "
    "mount -t overlay overlay -o lowerdir=$l,upperdir=$u/u,workdir=$u/w $l 2>/dev/null || exit 77; exec \"$@\"", "sh",
]  # fmt: skip


def hanging(directory: Path) -> str:
    """Return shell commands that make each lookup of a user hang. They need PRIVATE_LIBRARIES."""
    (directory / "hang.c").write_text(HANG)
    library, switch = directory / "libnss_hang.so.2", directory / "nsswitch.conf"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(library), str(directory / "hang.c")], check=True)
    switch.write_text(re.sub("(?m)^passwd:.*", "passwd: files hang", Path("/etc/nsswitch.conf").read_text()))
    return f"cp {library} /usr/lib/$(uname -m)-linux-gnu/; mount --bind {switch} /etc/nsswitch.conf"


def test_a_resolver_that_hangs_is_killed_and_pid_1_stays_awake(
    pidone: Pidone, helper: str, write: Write, tmp_path: Path
) -> None:
    hang = hanging(tmp_path)
    file = write(
        "g.toml",
        "[group]\ntime_scale = 0.2\n"
        + process("step", "init", "sh", "-c", hang)
        + process("log", "sidecar", helper, "app", "log")
        + process("main", "primary", "true", more="user = 'somebody-else'"),
    )
    with pidone.start("-c", file, wrap=PRIVATE_LIBRARIES) as run:
        run.line("log started")
        run.kill(signal.SIGUSR1)  # for the primary, which does not run yet
        result = run.end()
    assert result.code == 126 and "within 1 s: the lookup hangs" in result.err, result
    assert "log ends" in result.lines and "Traceback" not in result.err, result


def test_a_resolver_that_hangs_at_the_start_refuses_the_start(
    pidone: Pidone, write: Write, tmp_path: Path
) -> None:  # E50
    file = write(
        "g.toml", "[group]\ntime_scale = 0.2\n" + process("main", "primary", "echo", "x", more="user = 'somebody-else'")
    )
    wrap = [*PRIVATE_LIBRARIES[:4], PRIVATE_LIBRARIES[4].replace("exec ", hanging(tmp_path) + "; exec "), "sh"]
    result = pidone.run("-c", file, wrap=wrap)
    assert result.code == 126 and result.text == "" and len(result.err.splitlines()) == 1, result
    assert f"cannot read {file}: cannot look up a user or a group in it" in result.err, result


def test_a_hanging_resolver_refuses_a_reload_and_the_next_one_works(
    pidone: Pidone, helper: str, write: Write, tmp_path: Path
) -> None:
    line = Line(pidone, write, tmp_path / "c.sock")
    main = process("main", "primary", helper, "app", "main")
    with line.start(main, group="time_scale = 0.2", wrap=PRIVATE_LIBRARIES) as run:
        run.line("main started")
        enter = ["nsenter", "-t", str(run.pid), "-m", "-p", "sh", "-euc"]
        subprocess.run([*enter, hanging(tmp_path)], check=True)
        head = f"[group]\ncontrol = '{line.path}'\ntime_scale = 0.2\n"
        new = process("new", "sidecar", helper, "app", "new")
        line.write("g.toml", head + new + "user = 'somebody-else'\n" + main)
        refused = line.ctl("reload")
        assert refused.returncode == 1 and "cannot look up a user or a group in it" in refused.stderr, refused
        line.write("g.toml", head + new + main)
        assert line.good("reload") == ""
        run.line("new started")
        run.kill(signal.SIGTERM)
        assert run.end().code == 0


@pytest.mark.parametrize("log", ["'prefix'", "'json'", "{ mode = 'prefix', stderr = 'separate' }"])
@pytest.mark.parametrize("how", ["user = 'nobody'", ""])
def test_a_process_of_any_user_can_open_its_standard_output(
    pidone: Pidone, write: Write, log: str, how: str
) -> None:  # E49
    """nginx does so with `error_log /dev/stderr`. A program may also give up its own rights."""
    script = "echo a >/dev/stdout; echo b >/dev/stderr; echo c >/proc/self/fd/1; echo d >>/dev/stdout"
    words = ["sh", "-c", script]
    if not how:
        words = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *words]
    file = write("g.toml", process("main", "primary", *words, more=f"log = {log}\n{how}"))
    result = pidone.run("-c", file)
    said = result.text + result.plain
    assert result.code == 0 and all(any(f"{word}" in line for line in said.splitlines()) for word in "abcd"), result
    assert "denied" not in said, result


# -- files of an earlier lifetime


def stale(tmp_path: Path, more: str = "") -> str:
    return f"startup = {{ file = '{tmp_path}/ready', period = '20ms', failure_threshold = 20{more} }}"


def test_a_ready_file_of_an_earlier_lifetime_does_not_count(pidone: Pidone, write: Write, tmp_path: Path) -> None:
    """`docker restart` keeps the files of the container (E60)."""
    (tmp_path / "ready").touch()
    side = process("side", "sidecar", "sleep", "60", more=stale(tmp_path) + "\nrestart = 'never'")
    result = pidone.run("-c", write("g.toml", side + process("main", "primary", "echo", "started")))
    assert result.code != 0 and result.text == "", result
    assert "it is older than this process" in result.err, result


@pytest.mark.parametrize("how", ["touch", "mv", "rm"])
def test_a_ready_file_that_is_new_or_changed_since_the_start_counts(
    pidone: Pidone, write: Write, tmp_path: Path, how: str
) -> None:
    ready = tmp_path / "ready"
    ready.touch()
    ways = {"touch": "touch ready", "mv": "touch new; mv new ready", "rm": "rm ready; >ready"}
    side = process(
        "side", "sidecar", "sh", "-c", f"sleep 0.1; cd {tmp_path}; {ways[how]}; sleep 60", more=stale(tmp_path)
    )
    result = pidone.run("-c", write("g.toml", side + process("main", "primary", "echo", "started")))
    assert (result.code, result.text) == (0, "started\n"), result


def test_a_ready_file_written_between_fork_and_check_counts(tmp_path: Path) -> None:
    """On a busy machine another process may write it before the forked child checks it."""
    ready = tmp_path / "ready"
    ready.touch()
    path, changed, day = os.fsencode(ready), ready.stat().st_ctime_ns, 86400 * 10**9
    before = lookup.stamp(path, changed, changed + day)
    assert before is not None and file.run(path, False, before)[0] == FAILURE
    assert lookup.stamp(path, changed - 1, changed) is None and file.run(path, False, None)[0] == SUCCESS
    assert lookup.stamp(path, changed - day, changed - 1) == before  # the clock was set back


def test_stale_true_accepts_an_old_ready_file(pidone: Pidone, write: Write, tmp_path: Path) -> None:
    (tmp_path / "ready").touch()
    side = process("side", "sidecar", "sleep", "60", more=stale(tmp_path, ", stale = true"))
    result = pidone.run("-c", write("g.toml", side + process("main", "primary", "echo", "started")))
    assert (result.code, result.text) == (0, "started\n"), result


def test_after_a_restart_an_old_ready_file_does_not_count(
    pidone: Pidone, helper: str, write: Write, tmp_path: Path
) -> None:
    """An instance that does not notify is not ready through the file of the one before."""
    script = f"test -e {tmp_path}/second && exec sleep 60; touch {tmp_path}/ready {tmp_path}/second; exec sleep 60"
    more = f"readiness = {{ file = '{tmp_path}/ready', period = '20ms' }}"
    side = process("side", "sidecar", "sh", "-c", script, more=more)
    with pidone.start("-v", "-c", write("g.toml", side + process("main", "primary", helper, "app", "main"))) as run:
        run.said("side is running(started, ready)")
        os.kill(run.child("60"), signal.SIGKILL)
        run.said("readiness of side: failure: ", count=2)
        run.said("it is older than this process")
        run.kill(signal.SIGTERM)
        run.end()


# -- notes of check


def test_check_notes_quotes_in_an_env_file_and_root_s_home(write: Write, tmp_path: Path) -> None:
    (tmp_path / "x.env").write_text('A=plain\n# B="comment"\nC="quoted"\nD=\'quoted\'\nE="half\n')
    file = write("g.toml", process("main", "primary", "true", more=f"env_file = '{tmp_path}/x.env'\nuser = 'nobody'"))
    notes = [line for line in check(file).stdout.splitlines() if line.startswith("note: ")]
    assert [f"x.env:{number}: the quotes are part of the value" in " ".join(notes) for number in (3, 4)] == [True] * 2
    assert len(notes) == 3 and "home = true sets HOME, USER and LOGNAME" in " ".join(notes), notes
    for more in ("home = true", "env = { HOME = '/srv' }"):
        file = write("h.toml", process("main", "primary", "true", more=f"user = 'nobody'\n{more}"))
        assert "note: " not in check(file).stdout


def test_check_notes_differences_between_the_file_and_this_machine(write: Write) -> None:
    group = '[group]\ngrace = "20s"\nstop_timeout = "10s"\ncontrol = { look = ["nosuch"], steer = ["@nogroup-here"] }\n'
    file = write("g.toml", group + process("m", "primary", "true", more="user = 54321\nhome = true"))
    result = check(file)
    assert result.returncode == 0 and result.stderr == "", result
    assert "a grace of 20 s does not fit into the stop_timeout of 10 s; cutting it to 7.5 s" in result.stdout
    assert "takes  at most 10.5 s:" in result.stdout
    assert ":4: [group]: control: no user 'nosuch' here" in result.stdout
    assert ":4: [group]: control: no group 'nogroup-here' here" in result.stdout
    assert "process 'm': user 54321 has no passwd entry here: HOME, USER and LOGNAME stay as they are" in result.stdout
    result = check("--elsewhere", file)
    assert "nosuch" not in result.stdout and "no passwd line" not in result.stdout, result


def test_check_does_not_note_a_variable_that_the_shell_expands(write: Write) -> None:
    file = write("g.toml", process("m", "primary", "sh", "-ec", "echo $HOME"))
    assert "stays as it is" not in check(file).stdout
    file = write("g.toml", process("m", "primary", "echo", "-n", "$HOME"))
    assert "$HOME stays as it is" in check(file).stdout


def test_home_comes_from_the_passwd_entry_where_home_is_true(pidone: Pidone, write: Write) -> None:
    script = "echo $HOME $USER $LOGNAME"
    more = "user = 'app'\nhome = true\n"
    for extra, said in (("", "/srv/app app app"), ("env = { HOME = '/mine' }", "/mine app app")):
        file = write("g.toml", process("main", "primary", "sh", "-c", script, more=more + extra))
        assert pidone.run("-c", file, wrap=OWN_USERS).text == said + "\n"
    file = write("g.toml", process("main", "primary", "sh", "-c", script, more="user = 54321\nhome = true"))
    assert pidone.run("-c", file, env={**os.environ, "HOME": "/root"}).code == 0


def test_check_notes_a_hard_limit_of_cpu_time(write: Write) -> None:
    file = write("g.toml", process("main", "primary", "true", more="rlimits = { cpu = 1, nofile = 64 }"))
    noted = check(file).stdout
    assert 'cpu = "1:2" leaves time to exit on SIGXCPU' in noted and noted.count("note: ") == 1, noted
    assert "note: " not in check(write("h.toml", Path(file).read_text().replace("cpu = 1,", 'cpu = "1:2",'))).stdout


# -- replicas


def test_a_replica_s_ports_and_probes_contain_its_number(pidone: Pidone, write: Write, tmp_path: Path) -> None:
    first = free_ports()
    server = f"import http.server, os; n = {first} + int(os.environ['PIDONE_REPLICA']); "
    server += "http.server.HTTPServer(('127.0.0.1', n), http.server.BaseHTTPRequestHandler).serve_forever()"
    base, last = divmod(first, 10)
    assert last == 0
    more = f"""replicas = 3
ports = {{ web = "{base}$(PIDONE_REPLICA)" }}
startup = {{ tcp = "127.0.0.1:{base}$(PIDONE_REPLICA)", period = "50ms", failure_threshold = 200 }}
liveness = {{ tcp = "web", period = "1s" }}
"""
    entry = process("web", "sidecar", PYTHON, "-c", server.replace("'", '"'), more=more)
    file = write("g.toml", entry + process("main", "primary", "echo", "all are up"))
    result = pidone.run("-c", file)
    assert (result.code, result.text) == (0, "all are up\n"), result
    facts = json.loads(check("--json", file).stdout)
    assert [step["gate"].split("(")[1].split(")")[0] for step in facts["start"][:3]] == [
        f"tcp 127.0.0.1:{first + number}" for number in range(3)
    ]


def free_ports() -> int:
    """Return a multiple of ten with free ports from there on."""
    import socket

    for base in range(20000 + os.getpid() % 1000 * 10, 60000, 10):
        try:
            for number in range(3):
                with socket.socket() as one:
                    one.bind(("127.0.0.1", base + number))
            return base
        except OSError:
            continue
    raise AssertionError("no ports are free")


def test_a_replica_number_without_replicas_is_an_error(pidone: Pidone, write: Write) -> None:
    more = "ports = { web = '808$(PIDONE_REPLICA)' }\nliveness = { http = 'http://:8$(PIDONE_REPLICA)/' }"
    result = pidone.run("-c", write("g.toml", process("main", "primary", "true", more=more)))
    assert result.code == 2 and result.err.count("but there are no replicas") == 2, result
