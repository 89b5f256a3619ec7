"""pidone in the place of tini, dumb-init and catatonit, compared with Debian's own binaries.

Both run with the same command lines, environments, signals, terminals and children. The exit code,
what each child saw, and what was left must be the same. docs/how-to/drop-in.md names each
difference, and its reason.

E1 and so on: docs/reference/edge-cases.md.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pidone.cli import launcher
from pidone.compat.table import PROFILES
from tests.support.drop_in import ANYWHERE, NAMES, transcript
from tests.support.files import seen
from tests.support.pid1 import PATIENCE, PYTHON, ROOT, SETSID, UNSHARE, Pidone, Result, Running, Write, until
from tests.support.terminal import ENGINE, Tty

pytestmark = pytest.mark.once


class Pair:
    """The original program and pidone under the same name.

    theirs: the original.
    ours: pidone.
    """

    def __init__(self, name: str, ours: Path) -> None:
        original = shutil.which(name, path="/usr/bin:/bin")
        assert original, f"the original to compare with is missing: apt-get install {name}"
        self.name, self.theirs, self.ours = name, Pidone(original), Pidone(str(ours / name))

    def __iter__(self) -> Iterator[Pidone]:
        yield self.theirs
        yield self.ours


@pytest.fixture(scope="session")
def links(public: Path) -> Path:
    """Return a directory with pidone under its own name and under all the names of the others."""
    directory = public / "links"
    directory.mkdir()
    launcher.write(directory / "pidone")
    for name in PROFILES:
        (directory / name).symlink_to("pidone")
    return directory


@pytest.fixture(params=NAMES)
def pair(request: pytest.FixtureRequest, links: Path) -> Pair:
    return Pair(request.param, links)


# -- command lines

#: After `--`, which all three support: the command to run. Each ends in a different way.
PROGRAMS = [
    "true", "false", "sh -c exit${IFS}3", "sh -c kill${IFS}-9${IFS}$$", "sh -c kill${IFS}-15${IFS}$$",
    "sh -c kill${IFS}-11${IFS}$$", "sh -c kill${IFS}-34${IFS}$$", "/nonexistent", "nonexistent", "/etc/passwd", "/",
    "/etc/passwd/x", "echo -g --version -- x", "-",
]  # fmt: skip

#: {name: command lines}: every option of the manual, alone and with others, right and wrong.
LINES = {
    "tini": [
        "", "--", "-Z", "-Z true", "--nonsense true", "-h", "-h true", "true -h", "-l", "--version", "--version true",
        "true --version", "-v true", "-vv true", "-vvvvv true", "-w true", "-g true", "-gvw -- true", "-s true",
        "-sg true", "-p SIGKILL true", "-p SIGTERM true", "-pSIGTERM true", "-p SIGFOO true", "-p 9 true",
        "-p KILL true",
        "-p SIGRTMIN true", "-p SIGPOLL true", "-p SIGCLD true", "-p SIGPWR true", "-p SIGSYS true",
        "-e 000000000003 -- sh -c exit${IFS}3", "-e 127 nosuchprogram", "-e 126 /etc/passwd",
        "--detach -- true", "-p", "-p  true", "-e 3 -- sh -c exit${IFS}3", "-e3 -- sh -c exit${IFS}3",
        "-e 3 -e 4 -- sh -c exit${IFS}4", "-e 137 -- sh -c kill${IFS}-9${IFS}$$", "-e 0 true", "-e 255 true",
        "-e 256 true", "-e -1 true", "-e x true", "-e", "-e 0x3 true", "-e +3 -- sh -c exit${IFS}3", "-e 3x true",
        "sh -c exit${IFS}3", "echo a -g", "echo -g a", "echo a -- -g b", "-- echo a -- -g b", "echo - a", "-g",
        "-gZ true",
        "-vh", "-e 3 -h", "-h -e x", "-e x -h", "-lh", "-g -s -w -v -v -v -e 1 -p SIGHUP -- false",
    ],
    "dumb-init": [
        "", "--", "-Z", "-Z true", "--nonsense true", "-h", "--help", "--he", "-h true", "true -h", "-V", "--version",
        "--vers", "--ver true", "-V true", "-v true", "--verbose true", "--verbose=1 true", "-c true",
        "--single-child true",
        "--s true", "-vc true", "-r 15:3 true", "-r15:3 true", "--rewrite 15:3 true", "--rewrite=15:3 true",
        "--rew 15:3 true", "-r 15:0 true", "-r 31:31 true", "-r 0:3 true", "-r 32:1 true", "-r 15:32 true", "-r x true",
        "-r a:b true", "-r 15 true", "-r 15: true", "-r :3 true", "-r 15:3x true", "-r 15:-1 true", "-r TERM:QUIT true",
        "-r 15:3:4 true", "-r 00000000000015:0003 true",
        "--detach -- true", "-r +15:+3 true", "-r", "--rewrite", "-r 15:3 -r 2:0 -c -v -- false", "sh -c exit${IFS}3",
        "echo a -- -v b", "-c -- echo -c", "-h -r x", "-r x -h", "-cZ true",
    ],
    "catatonit": [
        "", "--", "-Z", "-Z true", "--nonsense true", "--help", "-h", "-h true", "true -h", "-L", "-V", "--version",
        "--ver", "--version=1", "-VL", "-gV", "-g true", "-g -- true", "-v true", "true -V", "echo a -g",
        "echo a -- -g b",
        "-- -g", "sh -c exit${IFS}3", "-g", "-gZ true", "-L -Z", "-Z -L",
    ],
}  # fmt: skip


def split(line: str) -> list[str]:
    return [word.replace("${IFS}", " ") for word in line.split(" ")] if line else []


def plain(result: Result) -> tuple[int, str]:
    """Return exit code and stdout without what differs in wording.

    That is the text of an option that prints and exits, and the lines that tini prints with -v.
    """
    if re.search(r"(?i)usage:|version|licence|license", result.text):
        return result.code, "(words)"
    return result.code, "".join(line for line in result.text.splitlines(True) if not re.match(r"\[\w+ +tini", line))


def alike(pair: Pair, words: list[str], **options: Any) -> None:
    theirs, ours = (plain(program.run(*words, **options)) for program in pair)
    assert theirs == ours, f"{pair.name} {words}: theirs {theirs}, ours {ours}"


def test_every_command_line_ends_as_under_the_original(pair: Pair) -> None:
    for line in LINES[pair.name]:
        alike(pair, split(line))


@pytest.mark.parametrize("name", ["tini-static", "docker-init"])
def test_the_other_names_of_tini_end_as_under_the_original(links: Path, name: str) -> None:
    for line in LINES["tini"]:
        alike(Pair(name, links), split(line))


def test_every_program_ends_as_under_the_original(pair: Pair) -> None:
    for line in PROGRAMS:
        alike(pair, ["--", *split(line)])
    alike(pair, ["--", ""])


def test_the_shell_runs_a_script_without_a_first_line_as_in_execvp(pair: Pair, write: Write) -> None:
    alike(pair, ["--", write("script", "echo ran with $1; exit 5\n"), "this"])
    alike(pair, ["--", write("other", "#!/nonexistent/interpreter\n")])
    alike(pair, ["--", "script"], env={"PATH": f"/nonexistent:{Path(write('script', 'exit 6')).parent}:/bin"})
    alike(pair, ["--", write("empty", "")])


def test_a_path_without_the_program_ends_as_under_the_original(pair: Pair) -> None:
    for path in ("/nonexistent", "/etc/passwd", "/nonexistent:/etc/passwd", "/etc/passwd:/nonexistent", "", ":/x"):
        alike(pair, ["--", "nosuchprogram"], env={"PATH": path})


def test_the_verbosity_variable_overrides_v(links: Path) -> None:
    """tini warns that it is not PID 1, depending on its verbosity. Each has its own wording."""
    for value in ("0", "1", "2"):
        warned = []
        for program in Pair("tini", links):
            command = [*program.program, "-v", "--", "true"]
            environment = {"PATH": "/usr/bin:/bin", "TINI_VERBOSITY": value}
            done = subprocess.run(command, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)
            warned.append((done.returncode, "PID 1" in done.stderr or "pid 1" in done.stderr))
        assert warned[0] == warned[1] == (0, value != "0"), (value, warned)


LOUDER: list[tuple[str, list[str], dict[str, str], list[str], dict[str, str]]] = [
    ("tini", [], {}, ["-v"], {}),
    ("tini", [], {"TINI_VERBOSITY": "0"}, [], {"TINI_VERBOSITY": "3"}),
    ("dumb-init", [], {}, ["-v"], {}),
    ("dumb-init", [], {"DUMB_INIT_DEBUG": "0"}, [], {"DUMB_INIT_DEBUG": "1"}),
]


@pytest.mark.parametrize(("name", "quiet", "quiet_environment", "loud", "loud_environment"), LOUDER)
def test_it_prints_more_where_the_original_prints_more(
    links: Path, name: str, quiet: list[str], quiet_environment: dict[str, str], loud: list[str],
    loud_environment: dict[str, str],
) -> None:  # fmt: skip
    for program in Pair(name, links):
        said = []
        for options, environment in ((quiet, quiet_environment), (loud, loud_environment)):
            result = program.run(*options, "--", "true", env={"PATH": "/usr/bin:/bin", **environment})
            said.append((result.text + result.err).count("\n"))
        assert said[0] < said[1], (program.program, said)


def test_tini_s_w_prints_a_line_for_each_reaped_orphan(links: Path, helper: str) -> None:
    told = []
    for program in Pair("tini", links):
        with program.start("-w", "--", "sh", "-c", f"{helper} orphans 3; exec {helper} app a") as run:
            run.line("a started")
            children = Path(f"/proc/{run.pid}/task/{run.pid}/children")
            until(lambda at=children: len(at.read_text().split()) == 1, "its only child is the app")
            run.kill(signal.SIGTERM)
            result = run.end()
        told.append(len(re.findall(r"(?i)reaped", result.text + result.err)))
    assert told == [3, 3]


def test_posixly_correct_is_respected(pair: Pair) -> None:
    alike(pair, ["echo", "a", "-g"], env={"PATH": "/usr/bin:/bin", "POSIXLY_CORRECT": "1"})


@pytest.mark.parametrize("posix", [{}, {"POSIXLY_CORRECT": "1"}])
def test_every_option_of_the_manual_is_in_the_table(pair: Pair, posix: dict[str, str]) -> None:
    """The options come from the original's help, so this test notices those of a new version."""
    result = pair.theirs.run("-h", env={"PATH": "/usr/bin:/bin", **posix})
    text = result.text + result.err
    options = set(re.findall(r"^ +-(\w)\b", text, re.M))
    longs = set(re.findall(r"(--[a-z-]+)[, ]", text)) - {"--version"}
    profile = PROFILES[pair.name]
    assert options == set(profile.options) and {f"--{long}" for long in profile.longs} >= longs, text
    said = pair.ours.run("-h")
    ours = said.text + said.err
    assert bool(said.text) == bool(result.text), "on the same descriptor"
    assert all(f"-{letter}" in ours for letter in options) and f"called as {pair.name}" in ours, ours
    for variable in re.findall(r"^ +([A-Z_]+):", text, re.M):
        assert variable in ours, ours


ENVIRONMENTS = {
    "tini": [
        {"TINI_VERBOSITY": value} for value in ("0", "1", "3", "x", "", "-1", "99999999999")
    ] + [{"TINI_SUBREAPER": ""}, {"TINI_SUBREAPER": "0"}, {"TINI_KILL_PROCESS_GROUP": ""}, {"TINI_NONSENSE": "1"}],
    "dumb-init": [
        {"DUMB_INIT_SETSID": value} for value in ("0", "1", "x", "", "00")
    ] + [{"DUMB_INIT_DEBUG": value} for value in ("0", "1", "2", "x", "")],
    "catatonit": [
        {"LISTEN_PID": value, "LISTEN_FDS": "2"}
        for value in ("1", " 1", "+1", "01", "1 ", "1x", "0x1", "", "2", "-1", "x", "4294967297", "9" * 30)
    ] + [{"CATATONIT_NONSENSE": "1"}],
}  # fmt: skip

#: Print the parent, group, session, terminal and terminal's group, with 1 for an own group or
#: session.
PLACE = "read a b c d e f g h rest </proc/$$/stat; echo $d $((e == a)) $((f == a)) $g $h"


def test_every_environment_has_the_same_effect_as_in_the_original(pair: Pair) -> None:
    for environment in ENVIRONMENTS[pair.name]:
        alike(
            pair,
            ["--", "sh", "-c", f"{PLACE}; tr '\\0' '\\n' </proc/$$/environ; exit 3"],
            env={"PATH": "/usr/bin:/bin", **environment},
        )


# -- what the child sees


def test_the_child_s_session_and_process_group_match_the_original(pair: Pair) -> None:
    for options in [[], ["-c"]] if pair.name == "dumb-init" else [[], ["-g"]]:
        alike(pair, [*options, "--", "sh", "-c", PLACE])


def test_the_child_sees_the_same_as_under_the_original(pair: Pair, helper: str) -> None:
    """The original catatonit blocks three signals of the terminal in the child: a difference."""
    theirs, ours = (seen(program.run("--", helper, "dump")) for program in pair)
    if pair.name == "catatonit":
        theirs = [line.replace("SigBlk:\t0000000000380000", "SigBlk:\t0000000000000000") for line in theirs]
        theirs = [line for line in theirs if not re.match(r"call signal 2[012]: blocked 1 pending 0", line)]
    assert theirs == ours


def test_an_odd_start_is_as_without_an_init_unlike_the_original(pair: Pair, helper: str) -> None:
    """An odd start has a closed stdin, a signal mask and ignored signals: a difference.

    The original tini refuses it, catatonit never ends, and dumb-init undoes it. The test ignores
    whether the child leads its session: it does without an init and under dumb-init.
    """
    odd = (helper, "odd")
    lines = (seen(pair.ours.run("--", helper, "dump", wrap=odd)), seen(pair.ours.bare(helper, "dump", wrap=odd)))
    ours, bare = ([line for line in part if not line.startswith("leader:")] for part in lines)
    assert ours == bare


# -- signals

FORWARDED = [number for number in range(1, 65) if number not in (9, 19, 32, 33)]


def what_comes(program: Pidone, options: list[str], helper: str) -> dict[int, list[str]]:
    """Return {signal sent to PID 1: what the app got, with "stopped" where it was suspended}."""
    found: dict[int, list[str]] = {}
    with program.start(*options, "--", helper, "app", "a", "ignore=15") as run:
        run.line("a started")
        app = run.child("ignore=15")
        for number in FORWARDED:
            before = len(run.seen)
            run.kill(number)
            until(lambda: idle(run.pid) and idle(app), f"PID 1 and the app are done with signal {number}")
            found[number] = [line for line in read_more(run)[before:].decode().splitlines()]
            if "State:\tT" in Path(f"/proc/{app}/status").read_text():
                found[number].append("stopped")
                os.kill(app, signal.SIGCONT)
                run.line("got 18", count=run.seen.decode().count("got 18") + 1)
    return found


def idle(pid: int) -> bool:
    """Return whether the process sleeps or is suspended, and has only blocked signals pending."""
    text = Path(f"/proc/{pid}/status").read_text()
    waiting = [int(mask, 16) for mask in re.findall(r"^(?:SigPnd|ShdPnd):\s+(\w+)", text, re.M)]
    ignored = int(re.findall(r"^SigBlk:\s+(\w+)", text, re.M)[0], 16) if "State:\tT" not in text else 0
    return re.search(r"^State:\s+[ST]", text, re.M) is not None and not any(mask & ~ignored for mask in waiting)


def read_more(run: Running) -> bytes:
    assert run.process.stdout is not None
    os.set_blocking(run.process.stdout.fileno(), False)
    try:
        run.seen += os.read(run.process.stdout.fileno(), 65536)
    except BlockingIOError:
        pass
    os.set_blocking(run.process.stdout.fileno(), True)
    return run.seen


@pytest.mark.parametrize("more", [[], ["more"]])
def test_every_signal_arrives_as_under_the_original(pair: Pair, helper: str, more: list[str]) -> None:
    """Each of the 60 signals: by default, and with -g, or -c for dumb-init."""
    options = (["-c"] if pair.name == "dumb-init" else ["-g"]) if more else []
    theirs, ours = (what_comes(program, options, helper) for program in pair)
    assert theirs == ours


@pytest.mark.parametrize(
    ("name", "options", "environment"),
    [
        ("tini", [], {"TINI_KILL_PROCESS_GROUP": ""}), ("dumb-init", [], {"DUMB_INIT_SETSID": "0"}),
        ("dumb-init", ["-c"], {"DUMB_INIT_SETSID": "1"}),
    ],
)  # fmt: skip
def test_a_variable_selects_group_signals_as_in_the_original(
    links: Path, helper: str, name: str, options: list[str], environment: dict[str, str]
) -> None:
    found = [group_told(program, options, helper, environment) for program in Pair(name, links)]
    assert found[0] == found[1], found
    assert bool([line for line in found[0][1] if line == "kid got 15"]) == (name == "tini")


REWRITES = ["-r 15:3", "-r 15:0", "-r 1:15 -r 15:1", "-r 20:0", "-r 20:10 -c", "-r 17:10"]


@pytest.mark.parametrize("line", REWRITES)
def test_dumb_init_s_rewrites_match_the_original(links: Path, helper: str, line: str) -> None:
    theirs, ours = (what_comes(program, line.split(), helper) for program in Pair("dumb-init", links))
    assert theirs == ours


@pytest.mark.parametrize("more", [[], ["more"]])
def test_a_process_group_is_signalled_as_by_the_original(
    pair: Pair, helper: str, write: Write, more: list[str]
) -> None:
    """Compare how often a child in the program's process group gets the signal.

    The child gets it twice where the init sends it, too.
    """
    options = (["-c"] if pair.name == "dumb-init" else ["-g"]) if more else []
    found = [group_told(program, options, helper, {}) for program in pair]
    assert found[0] == found[1], found


def group_told(program: Pidone, options: list[str], helper: str, environment: dict[str, str]) -> tuple[int, list[str]]:
    script = f"trap 'echo sh got; wait; exit 3' TERM; {helper} app kid ends=40 ignore=15 & wait"
    environment = {"PATH": "/usr/bin:/bin", **environment}
    with program.start(*options, "--", "sh", "-c", script, env=environment) as run:
        run.line("kid started")
        run.kill(signal.SIGTERM)
        run.line("sh got")
        os.kill(run.child("kid"), 40)  # a number that comes after SIGTERM's
        result = run.end()
    return result.code, sorted(line for line in result.lines if "got" in line)


# -- the end


def test_leftovers_in_a_pid_namespace_end_with_its_init(pair: Pair, helper: str) -> None:
    """The init ends at once with its program, and the kernel kills the rest.

    An init that waited would signal the rest first.
    """
    for program in pair:
        result = program.run("--", "sh", "-c", f"{helper} leave x {helper} app rest delay=2000; exit 4")
        assert result.code == 4 and "rest ends" not in result.text, result


def test_leftovers_outside_pid_1_are_signalled_as_by_the_original(pair: Pair, helper: str, tmp_path: Path) -> None:
    """Nothing kills it there. dumb-init signals its session, the others signal nothing."""
    told = []
    for which, program in enumerate(pair):
        log = tmp_path / f"log{which}"
        command = [
            *program.program,
            "--",
            "sh",
            "-c",
            f"{helper} app rest >{log} 2>/dev/null & until [ -s {log} ]; do :; done; exit 4",
        ]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE)
        assert done.returncode == 4, done
        rest = until(lambda at=log: find(f"{helper}\0app\0rest", at), "the rest is found or gone")
        if pair.name == "dumb-init":
            until(lambda at=log: "got 15" in at.read_text(), "it is told")
        else:
            time.sleep(0.2)  # no event shows that nothing is sent
        told.append("got 15" in log.read_text())
        if rest > 0 and not told[-1]:
            os.kill(rest, signal.SIGKILL)
    assert told[0] == told[1] == (pair.name == "dumb-init"), told


def find(words: str, log: Path) -> int:
    """Return the pid of the process with this command line and stdout.

    It is 0 where there is none, and -1 where the log says that the process has ended.
    """
    for entry in Path("/proc").iterdir():
        try:
            ours = entry.name.isdigit() and words in (entry / "cmdline").read_text()
            if ours and os.readlink(entry / "fd" / "1") == str(log):
                return int(entry.name)
        except OSError:
            continue
    return -1 if "ends" in log.read_text() else 0


def test_orphans_are_reaped_as_by_the_original(pair: Pair, helper: str) -> None:
    for program in pair:
        with program.start("--", "sh", "-c", f"{helper} orphans 200; exec {helper} app a") as run:
            run.line("a started")
            status = f"/proc/{run.pid}/task/{run.pid}/children"
            until(lambda path=status: len(Path(path).read_text().split()) == 1, "its only child is the app")
            run.kill(signal.SIGTERM)
            assert run.end().code == 0


@pytest.mark.parametrize(
    ("options", "environment"),
    [(["-s"], {}), ([], {}), ([], {"TINI_SUBREAPER": ""}), (["-s"], {"TINI_SUBREAPER": "0"})],
)
def test_tini_is_a_subreaper_when_it_is_asked_to_be(
    links: Path, helper: str, options: list[str], environment: dict[str, str]
) -> None:
    """Where tini is not PID 1, it adopts orphans with -s only.

    Without -s, a process above adopts them, and tini warns.
    """
    asked = bool(options or environment)
    script = f"p=$({helper} app orphan >/dev/null & echo $!); cut -d' ' -f4 /proc/$p/stat"
    found = []
    for program in Pair("tini", links):
        wrap = [UNSHARE, "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c", '"$@"; exit', "sh"]
        command = [*wrap, *program.program, *options, "--", "sh", "-c", script]
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **environment},
        )  # fmt: skip
        found.append((done.stdout.strip() != "1", bool(done.stderr)))
    assert found == [(asked, not asked)] * 2


@pytest.mark.parametrize("name", ["tini", "catatonit"])
def test_outside_a_container_a_fault_signal_kills_only_the_original(
    links: Path, helper: str, name: str, tmp_path: Path
) -> None:
    """One of the differences: the original ends, and its program runs on alone."""
    ended = []
    for program in Pair(name, links):
        command = [*program.program, "--", helper, "app", "a"]
        init = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert init.stdout is not None and init.stdout.readline() == b"a started\n"
        app = int(Path(f"/proc/{init.pid}/task/{init.pid}/children").read_text())
        init.send_signal(signal.SIGSEGV)
        init.send_signal(signal.SIGUSR1)
        if program.program[0].startswith("/usr"):
            ended.append(init.wait(PATIENCE))
        else:
            assert init.stdout.readline() == b"a got 10\n"
        os.kill(app, signal.SIGTERM)
        ended.append(init.wait(PATIENCE))
    assert ended == [-signal.SIGSEGV, -signal.SIGSEGV, 0], ended


@pytest.mark.parametrize("number", ["SIGKILL", "SIGTERM"])
def test_tini_s_p_ends_it_with_its_parent(links: Path, helper: str, number: str, tmp_path: Path) -> None:  # E27
    for which, program in enumerate(Pair("tini", links)):
        log = tmp_path / str(which)
        command = [*program.program, "-p", number, "--", helper, "app", f"orphan-of-{which}"]
        script = "import subprocess, sys, time\nsubprocess.Popen(sys.argv[2:], stdout=open(sys.argv[1], 'w'))\n"
        script += "time.sleep(60)"
        parent = subprocess.Popen([PYTHON, "-c", script, str(log), *command], stderr=subprocess.DEVNULL)
        until(lambda at=log: at.exists() and "started" in at.read_text(), "the app has started")
        parent.kill()
        parent.wait()
        if number == "SIGTERM":
            until(lambda at=log: "got 15" in at.read_text(), "the signal has been passed on")
        else:
            left = until(
                lambda at=f"{helper} app orphan-of-{which}": only_one(at), "tini itself is gone, and the app is not"
            )
            os.kill(left, signal.SIGKILL)  # it got no signal


def test_a_parent_s_death_before_the_prctl_call_is_noticed(links: Path, helper: str, tmp_path: Path) -> None:  # E27
    """The original tini does not notice it.

    The test delays the call that asks for the signal, and meanwhile the parent dies.
    """
    log, trace = tmp_path / "log", tmp_path / "trace"
    strace = ["strace", "-D", "-o", str(trace), "-e", "trace=getppid,prctl", "-e", "inject=prctl:delay_enter=4000000"]
    command = [*strace, str(links / "tini"), "-p", "SIGKILL", "--", helper, "app", "orphan"]
    script = "import subprocess, sys, time\np = subprocess.Popen(sys.argv[2:], stdout=open(sys.argv[1], 'w'))\n"
    script += "print(p.pid, flush=True)\ntime.sleep(60)"
    parent = subprocess.Popen(
        [PYTHON, "-c", script, str(log), *command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert parent.stdout is not None
    tini = int(parent.stdout.readline())
    until(lambda: trace.exists() and "getppid" in trace.read_text(), "it knows its parent")
    parent.kill()
    parent.communicate()
    until(lambda: not Path(f"/proc/{tini}").exists(), "it is gone, too")
    assert "started" not in log.read_text()


def only_one(words: str) -> int:
    """Return the pid of the one process with these words in its command line, or 0."""
    pids = subprocess.run(["pgrep", "-f", words], capture_output=True, text=True).stdout.split()
    return int(pids[0]) if len(pids) == 1 else 0


def test_pause_ends_at_int_and_term_only_and_reaps(links: Path, helper: str) -> None:
    ways = [["catatonit", *words] for words in (["-P"], ["-gP"], ["-P", "true"], ["-P", "--", "nosuchprogram"])]
    for program in (
        *(Pidone(f"/usr/bin/{name}", *words) for name, *words in ways),
        *(Pidone(str(links / name), *words) for name, *words in ways),
        Pidone(str(links / "pidone"), "--pause"),
    ):
        for number in (signal.SIGINT, signal.SIGTERM):
            with program.start() as run:
                status = Path(f"/proc/{run.pid}/status")
                until(lambda at=status: waits(at), "it waits for signals")
                for other in (signal.SIGHUP, signal.SIGUSR1, signal.SIGALRM, signal.SIGRTMIN, signal.SIGCHLD):
                    run.kill(other)
                enter = ["nsenter", "-t", str(run.pid), "-p", "-m", helper, "orphans", "50"]
                assert subprocess.run(enter, capture_output=True, timeout=PATIENCE).returncode == 0
                children = Path(f"/proc/{run.pid}/task/{run.pid}/children")
                until(lambda at=children: not at.read_text().split(), "all orphans have been reaped")
                run.kill(number)
                assert run.end().code == 0


def waits(status: Path) -> bool:
    """Return whether the program has started, and sleeps. It sleeps only to wait for signals."""
    text = status.read_text()
    return "State:\tS" in text and not re.match(r"Name:\t(unshare|setsid)", text)


# -- the terminal


@pytest.mark.parametrize("leads", [True, False])
def test_on_a_terminal_it_behaves_as_the_original(pair: Pair, write: Write, leads: bool) -> None:
    """Each leads the terminal's session as PID 1, as with docker run -t, or runs below a shell."""
    app = write("app.py", ANYWHERE)
    start = ENGINE if leads else [SETSID, "--ctty", "sh", "-c", '"$@"; exit $?', "sh"]
    theirs, ours = (transcript(*start, *program.program, "--", PYTHON, app) for program in pair)
    assert theirs == ours and theirs[-1] == "7"
    assert theirs[0] == ("up None" if pair.name == "dumb-init" and not leads else "up True")


#: Print whether the process's own group is in the foreground of the terminal on stderr.
OWNS = "import os; print('owns', os.tcgetpgrp(2) == os.getpgrp())"


@pytest.mark.parametrize("before", ['exec "$@" </dev/null', 'mount -t tmpfs none /dev && exec "$@"'])
@pytest.mark.parametrize("leads", [True, False])
def test_the_foreground_is_taken_by_the_same_means_as_the_original(pair: Pair, leads: bool, before: str) -> None:
    """tini uses only stdin, catatonit /dev/tty where it exists, dumb-init a session of its own."""
    found = []
    for program in pair:
        start = ENGINE if leads else [SETSID, "--ctty", "unshare", "--mount"]
        with Tty(*start, "sh", "-c", before, "sh", *program.program, "--", PYTHON, "-c", OWNS) as tty:
            tty.see(r"owns (\w+)", "Inappropriate ioctl")
            found.append((str(tty.screen.after), tty.code()))
    assert found[0] == found[1], found


def test_a_shell_has_job_control_as_under_the_original(pair: Pair) -> None:
    """The program is bash. Under the original catatonit, Ctrl-Z does not work: a difference."""
    for program in pair if pair.name != "catatonit" else [pair.ours]:
        with Tty(*ENGINE, *program.program, "--", "bash", "--norc", "--noprofile", "-i") as tty:
            tty.try_job_control()


@pytest.mark.parametrize("options", [[], ["-c"]])
def test_dumb_init_stops_with_its_program_on_ctrl_z(links: Path, options: list[str]) -> None:
    """With -c under a shell with job control, the prompt comes back and fg continues both."""
    for program in Pair("dumb-init", links):
        with Tty(SETSID, "--ctty", "bash", "--norc", "--noprofile", "-i") as tty:
            tty.own_prompt()
            tty.type(" ".join([*program.program, *options, "cat"]))
            tty.reads("is read")
            if options:
                tty.press("z")
                tty.see(r"\[1\]\+ +Stopped")
                tty.see("<> ")
                # The shell has seen its child stop, but not cat. A cat that still runs would read
                # the next input.
                until(lambda at=tty: stopped(at, "cat"), "cat has stopped, too")
                tty.type("fg")
            tty.reads("is read again")
            tty.press("d")
            tty.see("<> ")
            tty.type("exit 5")
            assert tty.code() == 5


def stopped(tty: Tty, name: str) -> bool:
    """Return whether a process of this name with this terminal as its stdin is suspended."""
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and os.readlink(entry / "fd" / "0") == tty.name:
                text = (entry / "status").read_text()
                if f"Name:\t{name}\n" in text and "State:\tT" in text:
                    return True
        except OSError:
            continue
    return False


def test_a_hang_up_arrives_as_under_the_original(pair: Pair, write: Write, tmp_path: Path) -> None:
    found = []
    for which, program in enumerate(pair):
        log = tmp_path / f"hang{which}"
        app = write(f"hang{which}.py", f"""
import os, signal, sys, time
got = []
for number in (signal.SIGHUP, signal.SIGCONT): signal.signal(number, lambda n, f: got.append(n))
print("up", flush=True)
end = time.monotonic() + 20
while 1 not in got and time.monotonic() < end: time.sleep(0.01)
time.sleep(0.1)
open({str(log)!r} + ".new", "w").write(" ".join(map(str, sorted(set(got)))))
os.rename({str(log)!r} + ".new", {str(log)!r})
""")  # fmt: skip
        with Tty(*ENGINE, *program.program, "--", PYTHON, app) as tty:
            tty.see("up\r\n")  # the whole line: otherwise the app's print fails
            tty.hang_up()
            until(log.exists, "the app has been told")
            found.append(log.read_text().split())
    assert found[0] == found[1] and "1" in found[0], found


# -- names and --as


@pytest.mark.parametrize("name", PROFILES)
def test_every_name_works_as_a_link_and_by_as(links: Path, name: str) -> None:
    words = ["--", "sh", "-c", "exit 3"]
    assert Pidone(str(links / name)).run(*words).code == 3
    assert Pidone(str(links / "pidone"), "--as", name).run(*words).code == 3
    version = Pidone(str(links / "pidone"), "--as", name).run("--version")
    assert version.code == 0 and (version.text + version.err).startswith(PROFILES[name].version), version


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--as"], "--as expects one of: catatonit, docker-init, dumb-init, tini, tini-static"),
        (["--as", "tiny", "true"], "; not 'tiny'"),
        (["--pause", "true"], "--pause runs no program"),
    ],
)
def test_wrong_usage_of_as_is_one_line(links: Path, words: list[str], said: str) -> None:
    result = Pidone(str(links / "pidone")).run(*words)
    assert result.code == 2 and said in result.err and result.err.count("\n") == 1, result


def test_misuse_prints_the_error_and_the_usage_of_the_called_name(pair: Pair) -> None:
    result = pair.ours.run("-Z", "true")
    assert result.code == 1 and result.err.startswith(f"pidone: {pair.name}: invalid option -- 'Z'"), result
    assert f"usage: {pair.name} [-" in result.err and result.text == "", result


@pytest.mark.parametrize(
    ("name", "words", "said"),
    [
        ("tini", "-e 256 true", "-e 256: expected an exit code from 0 to 255"),
        ("tini", "-e x true", "-e x: expected an exit code from 0 to 255"),
        ("tini", "-p SIGFOO true", "-p SIGFOO: expected a signal's full name, such as SIGTERM"),
        ("tini", "-p", "option requires an argument -- 'p'"),
        ("dumb-init", "-r x true", "-r x: expected S:R, numbers of signals up to 31, as in 15:3; R may be 0"),
        ("dumb-init", "-r 32:1 true", "-r 32:1: expected S:R"),
        ("dumb-init", "--nonsense true", "unrecognized option '--nonsense'"),
        ("dumb-init", "--verbose=1 true", "option '--verbose' takes no argument"),
        ("dumb-init", "--rewrite", "option '--rewrite' requires an argument"),
        ("catatonit", "-g", "no program to run; say which, as in: catatonit -- sleep 10"),
    ],
)
def test_misuse_says_what_would_be_right(links: Path, name: str, words: str, said: str) -> None:
    result = Pair(name, links).ours.run(*split(words))
    assert result.code == 1 and result.err.startswith(f"pidone: {name}: {said}"), result
    assert f"usage: {name} [-" in result.err and result.text == "", result


def test_ignored_signals_stay_ignored_except_those_python_sets(pair: Pair, helper: str) -> None:
    """SIGPIPE and SIGXFSZ: one of the differences."""
    for name, number in (("HUP", 1), ("PIPE", 13), ("USR2", 12), ("XFSZ", 25)):
        wrap = ("env", f"--ignore-signal={name}")
        theirs, ours = (
            f"signal {number}: ignored" in program.run("--", helper, "dump", wrap=wrap).text for program in pair
        )
        assert ours == (name in ("HUP", "USR2")) and theirs == (pair.name != "dumb-init"), (name, theirs, ours)


def test_the_differences_are_at_most_five_and_each_has_its_reason() -> None:
    text = (ROOT / "docs" / "how-to" / "drop-in.md").read_text()
    found = re.findall(r"^\d\. \*\*(.+?)\*\*(.+?)(?=^\d\. |^#|\Z)", text, re.M | re.S)
    assert 1 <= len(found) <= 5 and all("because" in reason or "for PID 1" in reason for _, reason in found), found
