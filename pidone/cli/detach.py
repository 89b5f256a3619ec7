"""`pidone --detach [OPTIONS] [--] ...`: pidone in the background, for a machine without containers.

python-daemon makes the process a daemon. The daemon then becomes pidone by exec, so the supervisor
has none of this code loaded. The command in the foreground waits until then. So every error still
appears on its stderr, and an exit code of 0 means that pidone runs, with its pid in the pid file.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path
from typing import Any, NoReturn

from pidone.cli.pid_file import PidFile
from pidone.cli.stderr import print_error
from pidone.config.check import check
from pidone.config.parse import parse
from pidone.config.read import ConfigError, read
from pidone.config.resolve import Resolver
from pidone.control.protocol import places
from pidone.init import arguments as command_line
from pidone.init import plan
from pidone.paths import is_own

HELP = """\
Everything after these options is pidone's own command line: a group's file, or a program.
The pid file stays at the end: the next start sees that its process no longer runs.
"""

OPTIONS = ("--pid-file", "--log", "--directory", "--umask", "--keep", "-h", "--help")

#: The exit code where pidone cannot be started. A wrong usage has a code of its own.
FAILED = 1


class DetachError(Exception):
    """pidone is not started. str() says why. code: the exit code of the command."""

    def __init__(self, text: str, code: int = FAILED) -> None:
        super().__init__(text)
        self.code = code


def main(script: str, words: list[str]) -> NoReturn:
    """Start pidone in the background, and exit. Never returns and never raises.

    script: the script that this interpreter runs.
    words: the arguments that follow --detach.
    """
    try:
        os._exit(start(program(script), words))
    except DetachError as refused:
        print_error(f"pidone: {refused}")
        os._exit(refused.code)
    except ConfigError as wrong:
        name = os.fsdecode(command_line.read(split(words)[1]).config or b"")
        for line, text in wrong.errors:
            print_error(f"pidone: {name}:{line}: {text}" if line else f"pidone: {name}: {text}")
        os._exit(plan.WRONG)
    except OSError as error:  # fork(2) failed, or the working directory no longer exists
        print_error(f"pidone: cannot go into the background: {(error.strerror or str(error)).lower()}")
        os._exit(FAILED)
    except SystemExit as end:  # argparse has printed its message
        sys.stdout.flush()
        os._exit(end.code if isinstance(end.code, int) else plan.WRONG)


def program(script: str) -> list[str]:
    """Return the command that starts this pidone again, from any directory.

    script is a launcher, pip's script, an archive or a package's __main__.py.
    """
    isolated = [sys.executable, "-I", "-S"]
    if script.endswith("/__main__.py"):
        root = str(Path(script).resolve().parent.parent)
        return [*isolated, "-c", f"import sys; sys.path.append({root!r}); from pidone.init.main import main; main()"]
    return [*isolated, os.path.abspath(script)]


def start(program: list[str], words: list[str]) -> int:
    first, own = split(words)
    wanted = parser().parse_args(first)
    if os.getpid() == 1:
        raise DetachError("--detach is for a machine without containers: this is PID 1, and the container ends with it")
    for fd in wanted.keep:
        if not Path(f"/proc/self/fd/{fd}").exists():
            raise DetachError(f"--keep {fd}: no such descriptor is open", plan.WRONG)
    own = check_own(own)
    place = Path(os.path.abspath(wanted.pid_file or default_place()))
    if not place.name:
        raise DetachError(f"--pid-file {place}: a directory", plan.WRONG)
    log = Path(os.path.abspath(wanted.log or place.with_suffix(".log")))
    if log == place:
        raise DetachError(f"{place}: the pid file and the log are the same file; choose another --log", plan.WRONG)
    pid_file = take(place)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        become_daemon(writing, wanted, pid_file, log, [*program, *own])
    os.close(writing)
    with open(reading, "rb") as answer:
        pid, _, why = answer.read().decode("utf-8", "backslashreplace").partition("\n")
    os.waitpid(child, 0)
    if why or not pid:
        pid_file.give_up()
        raise DetachError(why or "the daemon exited without saying why")
    print_error(f"pidone: runs in the background as pid {pid}; pid file {place}, log {log}")
    return 0


def take(place: Path) -> PidFile:
    """Return the pid file, locked. Raises DetachError.

    The lock ends when this process and the child have ended or become pidone by exec.
    """
    try:
        place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        pid_file = PidFile(place)
    except (OSError, ValueError) as error:
        why = (getattr(error, "strerror", None) or str(error)).lower()
        raise DetachError(f"cannot use the pid file {place}: {why}; choose another with --pid-file") from None
    pid = pid_file.running()
    if pid:
        raise DetachError(
            f"already running as pid {pid}, according to {place}; stop it first, or choose another --pid-file"
        )
    return pid_file


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(
        prog="pidone --detach", description=(__doc__ or "").partition("\n")[0], epilog=HELP, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter, usage="pidone --detach [OPTIONS] [PIDONE'S OWN ...]",
    )  # fmt: skip
    found.add_argument("--pid-file", metavar="FILE", help="default: pidone.pid next to the control socket")
    found.add_argument(
        "--log", metavar="FILE", help="file to append stdout and stderr to; default: next to the pid file"
    )
    found.add_argument("--directory", metavar="DIR", help="working directory; default: the current one")
    found.add_argument("--umask", type=octal, metavar="MODE", help="such as 022; default: the caller's")
    found.add_argument("--keep", type=int, action="append", default=[], metavar="FD", help="a descriptor to keep open")
    return found


def split(words: list[str]) -> tuple[list[str], list[str]]:
    """Split into (options of --detach, pidone's own command line).

    The options of --detach must stand first. So no option of a program is mistaken for one of them.
    """
    rest, first = list(words), []
    while rest and rest[0].partition("=")[0] in OPTIONS:
        word = rest.pop(0)
        first.append(word)
        if "=" not in word and word not in ("-h", "--help"):
            first += rest[:1]
            rest[:1] = []
    return first, rest


def octal(text: str) -> int:
    if not re.fullmatch(r"[0-7]{1,4}", text):
        raise argparse.ArgumentTypeError(f"'{text}' is not an octal mode, such as 022")
    return int(text, 8)


def default_place() -> Path:
    """Return the default pid file: next to the control socket, in the first usable directory.

    Raises DetachError where no directory is usable.
    """
    for place in places(os.getuid(), os.environb.get(b"XDG_RUNTIME_DIR")):
        directory = Path(os.fsdecode(place)).parent
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError:
            continue
        if is_own(place, os.getuid()) and os.access(directory, os.W_OK):
            return directory / "pidone.pid"
    raise DetachError("no place for a pid file here; choose one with --pid-file", plan.WRONG)


def check_own(own: list[str]) -> list[str]:
    """Check pidone's own command line, and return it with an absolute path of the group's file.

    Raises DetachError and ConfigError for what pidone itself would refuse later.
    """
    try:
        read_ = command_line.read(own)
    except command_line.UsageError as usage:
        raise DetachError(str(usage), plan.WRONG) from None
    if read_.help or read_.version or read_.config is None:
        return own
    name = os.path.abspath(os.fsdecode(read_.config))
    Resolver(check(*parse(read(name))), os.path.dirname(name)).resolve()
    options = own[: len(own) - len(read_.command)]
    if options[-1:] == ["--"]:
        options.pop()
    return [*options, "-c", name, *(["--", *map(os.fsdecode, read_.command)] if read_.command else [])]


def become_daemon(answer: int, wanted: Any, pid_file: PidFile, log: Path, command: list[str]) -> NoReturn:
    """Become a daemon, and then pidone by exec. Runs in the child.

    answer: a descriptor. It gets a line with the daemon's pid. On failure it gets a newline and the
        reason, after that line or without it.
    """
    try:
        open_daemon(answer, wanted, pid_file, log)
        os.write(answer, b"%d\n" % os.getpid())
        os.execv(command[0], command)
    except DetachError as refused:
        os.write(answer, os.fsencode(f"\n{refused}"))
    except Exception as error:  # python-daemon's own exceptions, or an OSError: one line for each
        why = f"{error.filename}: {(error.strerror or '').lower()}" if isinstance(error, OSError) else str(error)
        os.write(answer, os.fsencode(f"\ncannot go into the background: {why}"))
    os._exit(FAILED)


def open_daemon(answer: int, wanted: Any, pid_file: PidFile, log: Path) -> None:
    """Become a daemon. Raises DetachError, OSError, and the exceptions of python-daemon."""
    try:
        import daemon
    except ImportError as error:
        raise DetachError(f"--detach needs python-daemon ({error}): pip install python-daemon") from None
    directory = wanted.directory or os.getcwd()
    os.chdir(directory)  # if this fails, no log file is left behind
    log.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    output = open(log, "ab", buffering=0)  # noqa: SIM115 - open for the daemon's lifetime
    daemon.DaemonContext(
        pidfile=pid_file, stdout=output, stderr=output, files_preserve=[answer, pid_file.fd, *wanted.keep],
        signal_map={}, prevent_core=False, umask=mask() if wanted.umask is None else wanted.umask,
        working_directory=directory, detach_process=True,
    ).open()  # fmt: skip
    for fd in (0, *wanted.keep):  # stdin is close-on-exec where python-daemon opened it as descriptor 0
        os.set_inheritable(fd, True)


def mask() -> int:
    now = os.umask(0o077)
    os.umask(now)
    return now
