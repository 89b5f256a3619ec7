"""The lines that PID 1 prints on stderr. PID 1 loads this module when it has one to print.

Each problem gets one line: what happened, to which process, why, and what to do. A line is never
worth a stop. Where stderr is full, closed or slow, PID 1 drops the line and counts it. The next
line that gets through says how many were lost (E32).

E1 and so on: docs/reference/edge-cases.md.
"""

import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pidone.init.loop import Loop

from pidone.init import events, machine, others
from pidone.init.plan import BROKEN, LAST_RESORT
from pidone.init.signals import name as signal_name
from pidone.init.signals import show

SHELLS = ("sh", "bash", "dash", "ash", "ksh", "zsh", "busybox")
ADVICE = "shells do not forward signals: start the last command with exec, or use pidone -g"
_lost = [0]


def say(text: str) -> None:
    """Print one line on stderr. Never blocks."""
    lost = " (%d lines before this one were lost)" % _lost[0] if _lost[0] else ""
    text = text if text.isprintable() else ascii(text)[1:-1]
    line = ("pidone: %s%s" % (text, lost)).encode("utf-8", "backslashreplace")[:4095] + b"\n"  # PIPE_BUF: in one piece
    try:
        _write(2, line)
        _lost[0] = 0
    except OSError:
        _lost[0] += 1


def _write(fd: int, line: bytes) -> None:
    """Write a line without waiting: write(2). Raises OSError where it cannot be written now.

    O_NONBLOCK on the open file would affect all processes that share it, so this function opens the
    file anew. Some files cannot be opened anew: a socket; a pipe or terminal of another user; any
    without /proc. For these it uses RWF_NOWAIT, which pipes support since Linux 6.4 and sockets for
    longer. Where that is not supported, it writes while poll(2) says that there is room. On a
    terminal poll promises room for one byte only, so it writes byte by byte.
    """
    kind = posix.fstat(fd).st_mode & 0o170000
    if kind == 0o100000:  # a plain file
        posix.write(fd, line)
        return
    try:
        again = posix.open(
            "/proc/self/fd/%d" % fd, posix.O_WRONLY | posix.O_NONBLOCK | posix.O_NOCTTY | posix.O_CLOEXEC
        )
    except OSError:
        again = -1
    if again >= 0:
        try:
            _write_all(again, line)
        finally:
            posix.close(again)
        return
    try:
        posix.pwritev(fd, [line], -1, posix.RWF_NOWAIT)
    except (AttributeError, BlockingIOError, OSError) as error:
        if isinstance(error, BlockingIOError) or getattr(error, "errno", None) in (9, 28, 32):  # EBADF, ENOSPC, EPIPE
            raise
        _write_polled(fd, line, 1 if posix.isatty(fd) else len(line))


def _write_all(fd: int, line: bytes) -> None:
    """Write a line of which a terminal may take only a part.

    Where it does not take the rest, the rest is dropped and the line counts as lost.
    """
    while line:
        line = line[posix.write(fd, line) :]


def _write_polled(fd: int, line: bytes, size: int) -> None:
    import select

    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    for start in range(0, len(line), size):
        if not poll.poll(0):
            raise BlockingIOError(11, "full") from None
        posix.write(fd, line[start : start + size])


def print_line(loop: "Loop", pids: "dict[int, int]", details: "tuple[Any, ...]") -> None:
    """Print the line of a SAY action, or nothing where it would not be true."""
    text = TEXTS[details[0]](loop, pids, *details[1:])
    if text:
        say(text)


def who(loop: "Loop", pids: "dict[int, int]", member: int) -> str:
    return "%s (pid %d)" % (loop.declared(member).name, pids.get(member, 0))


def how(code: int, number: int) -> str:
    return "was killed by %s" % signal_name(number) if number else "ended with exit code %d" % code


def _cannot_start(loop: "Loop", pids: "dict[int, int]", member: int, code: int, text: str) -> str:
    name = loop.declared(member).name
    if not text.startswith(name + ":"):
        text = name + ": " + text
    return "cannot start %s (exit %d)" % (text, code)


def _killed(loop: "Loop", pids: "dict[int, int]", member: int, number: int, oom: bool = False) -> str:
    text = "%s was killed by %s, which pidone did not send" % (who(loop, pids, member), signal_name(number))
    if oom:
        text += ": out of memory, according to the container's cgroup"
    elif number == 9:
        text += ": out of memory, or somebody's kill -9"
    return "%s (exit %d)" % (text, 0 if 128 + number in loop.plan.remapped else 128 + number)


def _swallowed(loop: "Loop", pids: "dict[int, int]", member: int) -> str:
    """Return the line about a shell that ignores a stop signal, or "" where it is not true.

    It is true of a running shell, and of one that died of the signal and left its children.
    """
    pid = pids.get(member, 0)
    try:
        program = posix.readlink("/proc/%d/exe" % pid).rsplit("/", 1)[-1]
        alive = True
    except OSError:
        program, alive = others.name_of(pid), False
    if program not in SHELLS and not program.endswith(".sh"):
        return ""
    if alive:
        return "%s is still running %g s after its stop signal: %s" % (who(loop, pids, member), machine.HINT, ADVICE)
    left = _names([other for other in others.adopted() if other not in pids.values()])  # no children of live members
    return "%s exited and left %s behind: %s" % (who(loop, pids, member), left, ADVICE) if left else ""


def _grace_over(loop: "Loop", pids: "dict[int, int]", member: int = -1, grace: "float | None" = None) -> str:
    left = [] if member >= 0 else others.survivors()
    theirs = [pid for pid in left if not others.is_helper(pid)]
    killed = who(loop, pids, member) if member >= 0 else _names(theirs, loop, pids)
    if left and not theirs:  # only pidone's own helpers, such as a pump that waits for its reader
        return "the grace of %g s is over: dropping output that nobody reads" % loop.plan.grace
    return "the grace of %g s is over: SIGKILL to %s" % (
        loop.plan.grace if grace is None else grace,
        killed or "what is left",
    )


def _immortal(loop: "Loop", pids: "dict[int, int]") -> str:
    left = _names(others.survivors(), loop, pids)
    return "%s still running %g s after SIGKILL; exiting anyway" % (left or "a process", LAST_RESORT)


def _names(found: "list[int]", loop: "Loop | None" = None, pids: "dict[int, int] | None" = None) -> str:
    """Return the names and pids of at most eight processes, and the number of the rest."""
    declared = {pid: loop.declared(member).name for member, pid in (pids or {}).items()} if loop else {}
    texts = ["%s (pid %d)" % (declared.get(pid) or show(others.name_of(pid).encode()), pid) for pid in found[:8]]
    if len(found) > 8:
        texts.append("%d more" % (len(found) - 8))
    return ", ".join(texts)


def _internal_error(loop: "Loop", pids: "dict[int, int]", text: str) -> str:
    return "internal error, continuing: %s (please report it)" % text


def _emergency(loop: "Loop", pids: "dict[int, int]", text: str) -> str:
    return "internal error, stopping everything: %s (please report it) (exit %d)" % (text, BROKEN)


def _others_killed(loop: "Loop", pids: "dict[int, int]") -> str:
    left = _names(others.survivors())
    return (
        "killed with the container, %g s after SIGTERM: %s (docker exec)" % (loop.plan.minimum_grace, left)
        if left
        else ""
    )


TEXTS: "dict[str, Any]" = {
    "internal error": _internal_error,
    "emergency": _emergency,
    "others killed": _others_killed,
    "cannot start": _cannot_start,
    "killed": _killed,
    "swallowed": _swallowed,
    "grace over": _grace_over,
    "immortal": _immortal,
}

_MOVES = {events.EXECED: "started", events.SUSPENDED: "suspended"}


def trace(loop: "Loop", pids: "dict[int, int]", details: "tuple[Any, ...]") -> None:
    """Print a line for `--verbose`: an event of the machine, or an orphan that PID 1 has reaped."""
    kind, *rest = details
    if kind == "reaped":
        pid, code, number = rest
        say("reaped %s (pid %s), which %s" % (others.name_of(pid), pid, how(code, number)))
        return
    event = rest[0]
    if event == events.SIGNAL:
        say("signal %s" % signal_name(rest[1]))
    elif event == events.EXITED:
        say("%s %s" % (who(loop, pids, rest[1]), how(rest[2], rest[3])))
    elif event in _MOVES:
        say("%s %s" % (_MOVES[event], who(loop, pids, rest[1])))


def states(loop: "Loop", pids: "dict[int, int]", details: "tuple[Any, ...]") -> None:
    """Print nothing: a single command has no states worth a line."""
