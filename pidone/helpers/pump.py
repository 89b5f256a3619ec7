"""Carries the output of processes, from their pipes to whole lines with a name, JSON, or files.

Theory. One pump carries all the output of a group, so that lines stay whole. A part of a line waits
for its end, or until nothing has come for QUIET seconds (a prompt). Then, or once it is longer than
LONG, the pump passes it on in marked pieces, as container engines do. Pieces end between
characters, and joined again they are the line. The pump's writes block: where a reader stops
reading, the pump stops, the pipes fill, and the writers wait, but nobody else does. The pump ends
when every pipe has come to its end. Before that, SIGHUP makes it hand over to another pump, and
only SIGKILL ends it otherwise.
"""

from __future__ import annotations

import _signal
import errno
import os
import select
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mmap import mmap
    from typing import Any

    #: (place of the tail, reading end, process's name, LogSpec of group/policy.py, OUT or ERR)
    Declared = tuple[int, int, str, tuple[Any, ...], int]

from pidone.helpers.clock import moment
from pidone.helpers.log_file import LogFile, LogFiles, whole_characters
from pidone.helpers.tails import held, hold, keep, tail
from pidone.init.events import FAILURE, SUCCESS
from pidone.init.messages import say
from pidone.layout import ERR, TAIL

#: Chunks read from one stream before the others have their turn. A chunk of MUCH bytes suggests
#: that more are waiting.
READS_PER_TURN, MUCH = 8, 8192

#: Bytes of one read, and of a line that is passed on whole. Larger reads would make malloc(3) map
#: and unmap pages for each.
CHUNK = LONG = 1 << 16

#: Bytes that a pipe may hold, where the kernel lets us set that (fcntl(2), F_SETPIPE_SZ).
PIPE = 1 << 18

#: Seconds after which the beginning of a line is shown without its end.
QUIET = 0.2

COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)


def run(declared: list[Declared], tails: mmap, writing: list[int]) -> tuple[int, str]:
    """Carry the output. Return SUCCESS at the end of all pipes, or FAILURE after handing over.

    tails: the memory shared with PID 1.
    writing: PID 1's own writing ends, which the fork has copied.
    """
    for fd in writing:
        os.close(fd)
    outs, files = (Out(1), Out(2)), LogFiles()
    poll = select.poll()
    streams: dict[int, Stream] = {}
    for place, fd, name, spec, which in declared:
        stream = streams[fd] = make(outs, files, place, name, spec, which)
        stream.count, stream.rest = tail(tails, place)[0], held(tails, place)
        poll.register(fd, select.POLLIN)
        make_ready(fd)
    handing = hand_over_on_hangup(poll)
    begun: dict[int, Stream] = {}  # streams with the beginning of a line that waits to be shown
    while streams:
        due = [stream.came for stream in begun.values()]
        for fd, _ in poll.poll(max(0.0, min(due) + QUIET - time.monotonic()) * 1000 if due else None):
            if fd == handing:
                for stream in streams.values():
                    hold(tails, stream.place, stream.hand_over())
                return FAILURE, ""
            stream = streams[fd]
            last, ended = stream.read(fd)
            if last:
                keep(tails, stream.place, stream.count, last, time.monotonic_ns())
            begun.pop(fd, None)
            if ended:
                poll.unregister(fd)
                stream.end()
                del streams[fd]
            elif stream.rest:
                stream.came = time.monotonic()
                begun[fd] = stream
        for fd in [fd for fd in begun if time.monotonic() - begun[fd].came >= QUIET]:
            begun.pop(fd).show()
    return SUCCESS, ""


def hand_over_on_hangup(poll: select.poll) -> int:
    """Return a descriptor that becomes ready when SIGHUP arrives.

    PID 1 sends it when the streams have changed and another pump is to carry them.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    _signal.signal(_signal.SIGHUP, lambda *_: None)
    _signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    _signal.pthread_sigmask(_signal.SIG_UNBLOCK, (_signal.SIGHUP,))
    poll.register(reading, select.POLLIN)
    return reading


def make_ready(fd: int) -> None:
    import fcntl

    try:
        os.set_blocking(fd, False)  # PID 1 shares this end, but does not read it
        fcntl.fcntl(fd, 1031, PIPE)  # F_SETPIPE_SZ, which Python names since 3.10
    except OSError:
        pass  # this user's pipes have reached the kernel's limit


class Out:
    """stdout or stderr. A write blocks until all is written.

    Output that nobody can read any more is dropped.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.gone = False

    def write(self, *pieces: bytes | memoryview) -> None:
        """Write all pieces in order, without copying them."""
        views = [memoryview(piece) for piece in pieces if len(piece)]
        while views and not self.gone:
            try:
                done = os.writev(self.fd, views)
                while views and done >= len(views[0]):
                    done -= len(views.pop(0))
                if done:
                    views[0] = views[0][done:]
            except BlockingIOError:  # another process that shares it has set O_NONBLOCK
                poll = select.poll()
                poll.register(self.fd, select.POLLOUT)
                poll.poll()
            except OSError as error:
                if error.errno == errno.ENOSPC:
                    return  # /dev/full, a file on a full disk: the next line may have room again
                self.gone = True
                say(f"nobody reads the output any more: {(error.strerror or '').lower()}; dropping it")


class Stream:
    """One stream of a process.

    place: the place of its tail.
    name: the process's name.
    count: bytes so far.
    rest: the beginning of a line, without its end.
    came: when `rest` last grew (monotonic).
    """

    def __init__(self, place: int, name: str) -> None:
        self.place = place
        self.name = name
        self.count = 0
        self.rest = b""
        self.came = 0.0

    def read(self, fd: int) -> tuple[bytes, bool]:
        """Read what is there, at most READS_PER_TURN chunks.

        Return (the last bytes read, whether the pipe has come to its end).
        """
        last = b""
        for _ in range(READS_PER_TURN):
            try:
                data = os.read(fd, CHUNK)
            except BlockingIOError:
                break
            if not data:
                return last, True
            self.count += len(data)
            last = data if len(data) >= TAIL else last[-TAIL:] + data
            self.take(data)
            if len(data) < MUCH:
                break  # more is unlikely
        return last, False

    def take(self, data: bytes) -> None:
        cut = data.rfind(b"\n") + 1
        if cut:
            begun, self.rest = self.rest, data[cut:]
            self.lines(begun, data, cut)
        else:
            self.rest += data
        while len(self.rest) > LONG:
            self.pass_part(LONG)

    def pass_part(self, size: int) -> None:
        """Pass on a piece of the line: whole characters, of `size` bytes at most."""
        cut = whole_characters(self.rest, size)
        if cut:
            self.part(self.rest[:cut])
        self.rest = self.rest[cut:]

    def show(self) -> None:
        """Show the beginning of a line, because nothing more has come for a while.

        At most a part of a character stays back.
        """
        self.pass_part(len(self.rest))

    def lines(self, begun: bytes, data: bytes, cut: int) -> None:
        """Write whole lines: `begun`, the beginning of the first, and then data[:cut]."""
        raise NotImplementedError

    def part(self, data: bytes) -> None:
        """Write a piece of a line whose end the pump does not wait for."""
        raise NotImplementedError

    def end(self) -> None:
        if self.rest:
            self.lines(self.rest, b"\n", 1)

    def hand_over(self) -> int:
        """Pass on the beginning of a line as a piece.

        Return how many of the last bytes are left to the next pump.
        """
        self.pass_part(len(self.rest))
        return len(self.rest)


class Prefix(Stream):
    def __init__(self, out: Out, place: int, name: str, timed: bool) -> None:
        Stream.__init__(self, place, name)
        self.out = out
        self.timed = timed
        self.colour = os.isatty(out.fd)
        self.prefix = self.make(": ")
        self.more = self.make("+ ")

    def make(self, mark: str) -> bytes:
        text = self.name
        if self.timed:
            now = time.time()
            text = f"{moment(now)} {text}"
        if self.colour:
            return f"\x1b[{COLOURS[self.place % len(COLOURS)]}m{text}{mark}\x1b[0m".encode()
        return (text + mark).encode()

    def lines(self, begun: bytes, data: bytes, cut: int) -> None:
        """Write the lines, each with the prefix.

        `replace` makes the only copy of the data. It takes some 60 ns a line, most of the cost.
        """
        prefix = self.make(": ") if self.timed else self.prefix
        made = memoryview(data.replace(b"\n", b"\n" + prefix))
        self.out.write(prefix, begun, made[: len(made) - (len(data) - cut) - len(prefix)])

    def part(self, data: bytes) -> None:
        self.out.write((self.make("+ ") if self.timed else self.more) + data + b"\n")


#: Bytes that a JSON string holds unescaped.
PLAIN = bytes(byte for byte in range(0x20, 0x7F) if byte not in b'"\\')


class Json(Stream):
    """Writes one object a line, with fields of the Elastic Common Schema.

    A piece of a line has the field "partial". The field "stream" is "stdout" or "stderr"; it is
    missing where the two share a pipe, and the argument `stream` is empty.
    """

    def __init__(self, out: Out, place: int, name: str, stream: str) -> None:
        Stream.__init__(self, place, name)
        self.out = out
        self.fields = f'"process.name":"{name}",' + (f'"stream":"{stream}",' if stream else "")

    def head(self, partial: bool = False) -> bytes:
        more = '"partial":true,' if partial else ""
        return f'{{"@timestamp":"{moment(time.time())}",{self.fields}{more}"message":"'.encode()

    def lines(self, begun: bytes, data: bytes, cut: int) -> None:
        head, data = self.head(), begun + data[:cut]
        special = data.translate(None, PLAIN)
        if special.count(b"\n") == len(special):  # no byte needs an escape
            self.out.write(head + data[:-1].replace(b"\n", b'"}\n' + head) + b'"}\n')
        else:
            self.out.write(b"".join(head + escaped(line) + b'"}\n' for line in data[:-1].split(b"\n")))

    def part(self, data: bytes) -> None:
        self.out.write(self.head(True) + escaped(data) + b'"}\n')


def escaped(line: bytes) -> bytes:
    """Return the inside of a JSON string. Bytes that are not UTF-8 become \\xNN."""
    if not line.translate(None, PLAIN):
        return line
    from json import dumps

    return dumps(line.decode("utf-8", "backslashreplace"), ensure_ascii=False)[1:-1].encode("utf-8", "replace")


class File(Stream):
    """Writes every byte as it came to a file.

    Where other processes write to the same file, it writes whole lines.
    """

    def __init__(self, file: LogFile, place: int, name: str) -> None:
        Stream.__init__(self, place, name)
        self.file = file
        file.join(name)

    def take(self, data: bytes) -> None:
        if self.file.is_shared():
            Stream.take(self, data)
        else:
            self.file.write(data)

    def lines(self, begun: bytes, data: bytes, cut: int) -> None:
        self.file.write(begun + data[:cut])

    def part(self, data: bytes) -> None:
        self.file.write(data)

    def show(self) -> None:
        pass  # the beginning waits for its end, since another process's line could come in between

    def end(self) -> None:
        if self.rest:
            self.file.write(self.rest + b"\n" * self.file.is_shared())
        self.file.leave()

    def hand_over(self) -> int:
        if len(self.rest) > TAIL:
            self.file.write(self.rest)
            self.rest = b""
        self.file.leave()
        return len(self.rest)


def make(outs: tuple[Out, Out], files: LogFiles, place: int, name: str, spec: tuple[Any, ...], which: int) -> Stream:
    """Return the stream that the LogSpec asks for.

    which: OUT or ERR. A separate stderr goes to pidone's stderr.
    """
    if spec[0] == "file":
        return File(files.get(*spec[1:]), place, name)
    out = outs[1] if which == ERR else outs[0]
    if spec[0] == "prefix":
        return Prefix(out, place, name, spec[1])
    return Json(out, place, name, ("stdout", "stderr")[which] if spec[-1] else "")
