"""Run the command of a probe or a hook as its process runs.

If the command fails, the answer holds the last line of its output.

Theory. PID 1 forks a child, the helper, which leads a session. The helper forks the command into
this session and reads its output; without a reader the command would fill the pipe and block. The
output of a successful command is dropped (S42, S74). The helper keeps every signal blocked and
waits as PID 1 does, for SIGCHLD and SIGIO. When PID 1 drops the helper, it kills both, because they
are one process group.

S1 and so on: docs/reference/pod.md.
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

#: Bytes of the output that the helper keeps; characters of the last line that it returns.
TAIL, MAX_TEXT = 4096, 200

#: Reads between two checks whether the command has ended.
READS_PER_TURN = 64


#: A row of docs/reference/file.md.
EXAMPLE = 'exec = ["redis-cli", "ping"]'
DOC = (
    "the command ends with 0. It runs as the process does: user, environment, directory. `$(NAME)` stands for a "
    "variable of the declared environment (`env`, `env_file`)"
)

HOOK_DOC = "the command ends with 0. It runs as the process does"


def read(value: "Any") -> "list[str]":
    from pidone import readers

    return readers.command(lambda line: readers.quoted(["sh", "-c", line]))(value)  # type: ignore[no-any-return]


def describe(argument: "list[str]") -> str:
    return " ".join(argument)[:40]


def pack(argument: "list[str]") -> "tuple[bytes, ...]":
    return tuple(word.encode() for word in argument)


def expand(word: bytes, env: "dict[bytes, bytes]") -> bytes:
    """Replace each $(NAME) by its value in the declared environment (S43).

    $$(NAME) becomes $(NAME) itself, and an unknown name stays as it is. This happens each time a
    probe's command runs, because the content of an env_file is known only when the process has
    started.
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
    """Stands for a terminal in `prepare`, so that the command stays in the helper's session."""

    def in_child(self) -> None:
        pass


def run(
    process: "Process", inherited: "Inherited", argv: "list[bytes]", expanded: bool, answer: int
) -> "tuple[int, str]":
    """Run the command as its process runs.

    expanded: whether to replace $(NAME) from the environment as it is at that moment (S43).
    """
    words = list(argv)
    if expanded:
        words = [expand(word, dict(process.env)) for word in words]
    slots = {slot: getattr(process, slot) for slot in Process.__slots__}
    slots.update(role=SIDECAR, argv=words, policy=None, to_look_up=None, probe_files=())
    return run_command(Process(**slots), inherited)


def run_command(command: "Process", inherited: "Inherited") -> "tuple[int, str]":
    """Return (SUCCESS, FAILURE, or UNKNOWN where the command could not run; why).

    Raises OSError where there is no pipe or no fork.
    """
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
    """Return (the last bytes so far, whether the other end is closed)."""
    try:
        for _ in range(READS_PER_TURN):
            part = posix.read(fd, 65536)
            if not part:
                return tail, True
            tail = (tail + part)[-TAIL:]
        _signal.raise_signal(_signal.SIGIO)  # there is more to read, so do not wait
    except BlockingIOError:
        pass
    return tail, False


def go_on_reading(fd: int) -> None:
    """Fork a child that reads on: what the command left running may still write.

    Without a reader SIGPIPE would kill it.
    """
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
    """Return the last line that is not blank, cut, without characters that control a terminal."""
    for line in reversed(data.decode("utf-8", "replace").splitlines()):
        text = "".join(character if character.isprintable() else " " for character in line).strip()
        if text:
            return text[:MAX_TEXT]
    return ""
