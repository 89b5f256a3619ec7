"""`pidonectl exec NAME -- CMD`: run a command next to a process, on this terminal.

The command has the user, environment and directory of the process. On a terminal the command gets
a terminal of its own, and pidonectl copies all bytes between the two, as ssh does. So the command
has job control, and this terminal is restored at the end. However pidonectl ends, pidone ends the
command.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import select
import signal
import socket
import struct
import sys
import termios
import tty
from collections.abc import Iterator
from typing import Any

from pidone.control.client import CONNECTION_CLOSED, NoAnswerError, add_socket, answers, connect


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "pidonectl exec [-h] [-T] [--socket PATH] NAME [--] COMMAND [ARG...]"
    parser.add_argument("-T", "--no-tty", action="store_true", help="allocate no terminal, even on a terminal")
    parser.add_argument("name", metavar="NAME", help="of the process to run next to")
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="COMMAND", help="the command and its arguments")
    add_socket(parser)


def run(arguments: argparse.Namespace) -> int:
    """Return the command's exit code: 128+n if signal n killed it, 127 or 126 if it did not run."""
    words = arguments.words[1:] if arguments.words[:1] == ["--"] else arguments.words
    if not words:
        raise NoAnswerError("exec needs a process and a command: pidonectl exec NAME -- COMMAND", 2)
    on_terminal = not arguments.no_tty and os.isatty(0) and os.isatty(1)
    request = {"do": "exec", "name": arguments.name, "argv": words, "tty": on_terminal, "term": os.environ.get("TERM")}
    with connect(arguments.socket) as line:
        if on_terminal:
            return with_terminal(line, request)
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: sys.exit(130))  # pidone then ends the command
        send(line, request, (0, 1, 2))
        return outcome(line)


def send(line: socket.socket, request: dict[str, Any], fds: tuple[int, ...]) -> None:
    with contextlib.suppress(*CONNECTION_CLOSED):
        socket.send_fds(line, [json.dumps(request).encode() + b"\n"], list(fds))


def outcome(line: socket.socket) -> int:
    for answer in answers(line):
        if "code" in answer:
            return 128 + int(answer["signal"]) if answer["signal"] else int(answer["code"])
    return 1


class EndedError(Exception):
    """A signal that ends this client has arrived. number: the signal."""

    def __init__(self, number: int) -> None:
        self.number = number


def end(number: int, frame: object) -> None:
    for other in ENDING:
        signal.signal(other, signal.SIG_IGN)  # a second signal must not interrupt the terminal's restoration
    raise EndedError(number)


#: Signals that end this client. The terminal is restored before that.
ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)


def with_terminal(line: socket.socket, request: dict[str, Any]) -> int:
    for number in ENDING:
        signal.signal(number, end)
    try:
        return on_terminal_of_its_own(line, request)
    except EndedError as ended:
        return 128 + ended.number  # pidone then ends the command


def on_terminal_of_its_own(line: socket.socket, request: dict[str, Any]) -> int:
    ours, theirs = os.openpty()
    resize(ours)
    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.signal(signal.SIGWINCH, lambda *_: None)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    send(line, request, (theirs, theirs, theirs))
    os.close(theirs)
    with raw():
        carry(line, ours, wake)
    return outcome(line)


def resize(ours: int) -> None:
    with contextlib.suppress(OSError):
        fcntl.ioctl(ours, termios.TIOCSWINSZ, fcntl.ioctl(0, termios.TIOCGWINSZ, struct.pack("4H", 0, 0, 0, 0)))


@contextlib.contextmanager
def raw() -> Iterator[None]:
    before = termios.tcgetattr(0)
    try:
        tty.setraw(0)
        yield
    finally:
        with contextlib.suppress(termios.error, OSError):  # the terminal may have hung up
            termios.tcsetattr(0, termios.TCSANOW, before)  # not TCSADRAIN: the output may be suspended


def carry(line: socket.socket, ours: int, wake: int) -> None:
    """Copy bytes until the command has ended and its terminal is closed or silent.

    line: the connection to pidone, which sends the outcome.
    ours: this client's end of the command's terminal.
    wake: a pipe that becomes readable when a signal such as SIGWINCH arrives.
    """
    reading = {0, ours, wake, line.fileno()}
    while ours in reading:
        # The answer comes when the command has ended. Processes that it left may hold its terminal.
        if line.fileno() not in reading and not select.select([ours], [], [], 0.2)[0]:
            return
        for fd in select.select(list(reading), [], [])[0]:
            if fd == line.fileno():
                reading.discard(fd)
            elif fd == wake:
                os.read(wake, 64)
                resize(ours)
            else:
                pass_on(fd, ours, reading)


def pass_on(fd: int, ours: int, reading: set[int]) -> None:
    try:
        data = os.read(fd, 1 << 16)
    except OSError:  # EIO: the other side of the terminal is closed
        data = b""
    if not data:
        reading.discard(fd)
    while data:
        data = data[os.write(ours if fd == 0 else 1, data) :]
