"""`pidonectl sandbox [-q] [OPTIONS] [-c FILE] [--] [COMMAND]`: run pidone as a real PID 1.

It needs no container engine. All but -q is pidone's own command line. unshare(1) makes fresh PID
and mount namespaces with their own /proc; for any user but root a user namespace as well. Unlike in
a container, files, network, users, memory limits and the clock are this machine's own.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

from pidone.cli.stderr import print_error

#: Settings by which the kernel refuses namespaces: (file, the value that forbids, the remedy).
SETTINGS = (
    ("/proc/sys/user/max_user_namespaces", "0", "sysctl user.max_user_namespaces=10000"),
    ("/proc/sys/user/max_pid_namespaces", "0", "sysctl user.max_pid_namespaces=10000"),
    ("/proc/sys/kernel/unprivileged_userns_clone", "0", "sysctl kernel.unprivileged_userns_clone=1"),
    (
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "sysctl kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor profile for unshare",
    ),
)

#: Starts the package of this pidonectl. The interpreter is isolated, as with the launchers.
BOOT = "import sys; sys.path.append(sys.argv.pop(1)); from pidone.init.main import main; main()"

PASSED = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)

#: A command that exits with 0. It fails only if the namespaces before it are refused.
TRIAL = ["true"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "pidonectl sandbox [-h] [-q] [OPTIONS] [-c FILE] [--] [COMMAND]"
    parser.epilog = "The rest is pidone's own command line: see pidone --help."
    parser.add_argument("-q", "--quiet", action="store_true", help="do not say how this differs from a container")
    parser.set_defaults(words=[])


def split(words: list[str]) -> tuple[list[str], list[str]]:
    """Split into (own options, pidone's command line).

    argparse cannot leave the options of another program alone.
    """
    own = 0
    while own < len(words) and words[own] in ("-q", "--quiet", "-h", "--help"):
        own += 1
    return words[:own], words[own:]


def run(arguments: argparse.Namespace) -> int:
    """Return the exit code of pidone, or 125 if no sandbox can be made (as docker run does)."""
    unshare = shutil.which("unshare")
    if unshare is None:
        return refuse("there is no unshare command; install util-linux")
    namespaces = [unshare, "--pid", "--fork", "--mount-proc", "--kill-child"]
    if os.geteuid() != 0:
        namespaces += ["--user", "--map-root-user"]
    setpriv = shutil.which("setpriv")
    if setpriv:
        namespaces = [setpriv, "--pdeathsig", "KILL", *namespaces]  # even our SIGKILL ends the sandbox
    trial = subprocess.run([*namespaces, *TRIAL], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if trial.returncode:
        return refuse(why(trial.stderr.strip()))
    if not arguments.quiet:
        print_error(
            "pidonectl: a sandbox has its own PID 1 and /proc; it shares files, network, users and limits"
            " with this machine"
        )
    root = str(Path(__file__).resolve().parent.parent.parent)
    return supervise([*namespaces, sys.executable, "-I", "-S", "-c", BOOT, root, *arguments.words])


def refuse(text: str) -> int:
    print_error(f"pidonectl: no sandbox: {text}")
    return 125


def why(words: str) -> str:
    """Return what unshare said, and the setting that is the reason, or the likely reasons."""
    for path, forbids, cure in SETTINGS:
        try:
            value = Path(path).read_text().strip()
        except OSError:
            continue
        if value == forbids:
            return f"{words}: {path} is {value}: {cure}"
    return (
        f"{words}: the kernel refuses namespaces: because of seccomp (inside a container: docker run --security-opt "
        "seccomp=unconfined), of a security module, or because CAP_SYS_ADMIN is missing"
    )


def supervise(command: list[str]) -> int:
    """Run a command, pass signals on to the PID 1 inside, and take the terminal back at the end.

    Returns its exit code, or 128+n if signal n killed it.
    """
    inside: list[int] = []
    early: list[int] = []

    def pass_on(number: int, frame: FrameType | None) -> None:
        if not inside:
            early.append(number)
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(inside[0], number)

    for number in PASSED:
        signal.signal(number, pass_on)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # or tcsetpgrp below would suspend us in the background
    child = subprocess.Popen(command, close_fds=False, preexec_fn=default_signals)
    while child.poll() is None and not inside:
        inside += pid_one(child.pid)
        time.sleep(0.001)  # the fork of another process raises no event, so poll
    while early and inside:
        pass_on(early.pop(0), None)
    code = child.wait()
    with contextlib.suppress(OSError):  # stdin is no terminal, or not ours
        if os.tcgetpgrp(0) not in (os.getpgrp(), os.getsid(0)):
            os.tcsetpgrp(0, os.getpgrp())
    return code if code >= 0 else 128 - code


def default_signals() -> None:
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)


def pid_one(unshare: int) -> list[int]:
    """Return [the outer pid of the PID 1 that unshare forked] once it takes signals, and [] before.

    The kernel drops signals to a PID 1 that has not blocked them (pid_namespaces(7)). pidone blocks
    them before it forks anything, so its first child is the sign. Its signal mask is no sign:
    unshare blocks some signals as well, and a process in sigtimedwait(2) has none blocked.
    """
    try:
        return [pid for pid in children(unshare)[:1] if children(pid)]
    except OSError:
        return []


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
