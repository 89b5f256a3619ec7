"""A probe's or a hook's command: run as its process is, and where it fails, the last line of what it has written.

Theory. The child that PID 1 forked leads a session, forks the command into it, and reads its output, which would fill a
pipe and stop it otherwise; of a success nothing is passed on (S42, S74). It keeps every signal blocked and waits as PID
1 does, for SIGCHLD and SIGIO. Where PID 1 drops it, both are killed, for they are one process group.
"""

import _signal
import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from pidone.init.inherited import Inherited

from pidone.init.events import FAILURE, SUCCESS, UNKNOWN
from pidone.init.plan import SIDECAR
from pidone.init.signals import name as signal_name
from pidone.init.slots import Process
from pidone.init.spawn import SetupError, answer_pipe, execute, prepare

#: Bytes of the output that are looked at; characters of its last line that are told.
TAIL, MAX_TEXT = 4096, 200

#: Reads between two looks at whether it has ended.
READS_PER_TURN = 64


#: A row of docs/reference/file.md.
EXAMPLE = 'exec = ["redis-cli", "ping"]'
DOC = "it ends with 0. It runs as the process does: user, environment, directory. `$(NAME)` is the declared `env`'s"

HOOK_DOC = "it ends with 0. It runs as the process does"


def read(value: "Any") -> "list[str]":
    from pidone import readers

    return readers.command(lambda line: readers.quoted(["sh", "-c", line]))(value)  # type: ignore[no-any-return]


def describe(argument: "list[str]") -> str:
    return " ".join(argument)[:40]


def pack(argument: "list[str]") -> "tuple[bytes, ...]":
    return tuple(word.encode() for word in argument)


def expand(word: bytes, env: "dict[bytes, bytes]") -> bytes:
    """$(NAME) from the declared environment; $$(NAME) is $(NAME) itself; an unknown one stays (S43).

    Of a probe's command, when it is asked: what an env_file holds is known when the process has started.
    """
    found, rest = b"", word
    while True:
        before, dollar, rest = rest.partition(b"$")
        found += before
        if not dollar:
            return found
        if rest[:1] == b"$":
            found, rest = found + b"$", rest[1:]
        elif rest[:1] == b"(" and b")" in rest:
            name, _, after = rest[1:].partition(b")")
            known = env.get(name)
            found += b"$(" + name + b")" if known is None else known
            rest = after
        else:
            found += b"$"


class SameSession:
    """Stands for a terminal in `prepare`: the session is the helper's, and stays so."""

    def in_child(self) -> None:
        pass


def run(
    process: "Process", inherited: "Inherited", argv: "list[bytes]", expanded: bool, answer: int
) -> "tuple[int, str]":
    """Run it as its process would be. expanded: $(NAME) is replaced, as the environment is at that moment (S43)."""
    words = list(argv)
    if expanded:
        words = [expand(word, dict(process.env)) for word in words]
    slots = {slot: getattr(process, slot) for slot in Process.__slots__}
    slots.update(role=SIDECAR, argv=words, policy=None, to_look_up=None, probe_files=())
    return run_command(Process(**slots), inherited)


def run_command(command: "Process", inherited: "Inherited") -> "tuple[int, str]":
    """(YES, NO, or UNKNOWN where it could not be run; why). Raises OSError where there is no pipe or no fork."""
    output, writing = answer_pipe(awaited=True)
    refusal, refusing = answer_pipe(awaited=False)
    pid = posix.fork()
    if pid == 0:
        become(command, inherited, writing, refusing)
    posix.close(writing)
    posix.close(refusing)
    tail, status, over = b"", None, False
    while status is None:
        tail, over = read_output(output, tail)
        ended, found = posix.waitpid(pid, posix.WNOHANG)
        if ended:
            status = found
        else:
            _signal.sigwaitinfo((_signal.SIGCHLD, _signal.SIGIO))
    tail, over = read_output(output, tail)
    if not over:
        go_on_reading(output)
    refused = posix.read(refusal, 4096)
    if refused:
        return UNKNOWN, refused.decode("utf-8", "replace")
    if status == 0:
        return SUCCESS, ""
    how = "exit code %d" % (status >> 8) if not status & 0x7F else "it was killed by %s" % signal_name(status & 0x7F)
    line = last_line(tail)
    return FAILURE, "%s: %s" % (how, line) if line else how


def become(command: "Process", inherited: "Inherited", output: int, refusing: int) -> "NoReturn":
    try:
        try:
            for fd in (1, 2):
                posix.dup2(output, fd)
            prepare(command, inherited, SameSession())  # type: ignore[arg-type]
            text = execute(command, inherited)[1]
        except SetupError as refused:
            text = refused.text
        except Exception as error:
            text = "%s: %s" % (type(error).__name__, error)
        posix.write(refusing, text.encode("utf-8", "backslashreplace")[:4096])
    finally:
        posix._exit(UNKNOWN)


def read_output(fd: int, tail: bytes) -> "tuple[bytes, bool]":
    """(the last bytes so far, has nobody the other end any more?)"""
    try:
        for _ in range(READS_PER_TURN):
            part = posix.read(fd, 65536)
            if not part:
                return tail, True
            tail = (tail + part)[-TAIL:]
        _signal.raise_signal(_signal.SIGIO)  # there is more
    except BlockingIOError:
        pass
    return tail, False


def go_on_reading(fd: int) -> None:
    """What it has left running may still write, and must not be killed by SIGPIPE for it."""
    if posix.fork():
        return
    try:
        _signal.pthread_sigmask(_signal.SIG_SETMASK, ())
        posix.set_blocking(fd, True)
        while posix.read(fd, 65536):
            pass
    finally:
        posix._exit(0)


def last_line(data: bytes) -> str:
    """The last one with something in it, cut, and with nothing in it that a terminal would take for a command."""
    for line in reversed(data.decode("utf-8", "replace").splitlines()):
        text = "".join(character if character.isprintable() else " " for character in line).strip()
        if text:
            return text[:MAX_TEXT]
    return ""
