"""Carries the output of processes: reads their pipes, and writes whole lines with a name before them, JSON, or files.

Theory. One pump carries all of a group's, so that lines stay whole: a part of a line waits until its end has come, or
until nothing has come for QUIET seconds (a prompt). Then, and where it is longer than LONG, it is passed on in pieces,
each marked, as container engines do. Pieces end between characters, and put together again they are the line. Its
writes wait: a reader that has stopped reading stops the pump, the pipes fill, and so the writers wait, and nobody else.
It ends when every pipe has come to its end, and no signal but SIGKILL ends it before.
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

    #: (place of its tail, reading end, name, LogSpec of group/policy.py, OUT or ERR)
    Declared = tuple[int, int, str, tuple[Any, ...], int]

from pidone.helpers.clock import moment
from pidone.helpers.log_file import LogFile, LogFiles, whole_characters
from pidone.helpers.tails import held, hold, keep, tail
from pidone.init.events import FAILURE, SUCCESS
from pidone.init.messages import say
from pidone.layout import ERR, TAIL

#: Chunks of one process that are read before others have their turn; bytes of one after which there may be more.
READS_PER_TURN, MUCH = 8, 8192

#: Bytes read at once; more would have malloc(3) map and unmap pages for each. A longer line is passed on in pieces.
CHUNK = LONG = 1 << 16

#: Bytes that a pipe may hold, where the kernel lets us say so (fcntl(2), F_SETPIPE_SZ).
PIPE = 1 << 18

#: Seconds after which what has come of a line is shown without its end.
QUIET = 0.2

COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)


def run(declared: list[Declared], tails: mmap, writing: list[int]) -> tuple[int, str]:
    """writing: PID 1's own ends, which we have by its fork. Returns when there is no more to carry."""
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
    begun: dict[int, Stream] = {}  # those of which the beginning of a line waits to be shown
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
    """A descriptor that is ready when SIGHUP has come: there are other streams, and another pump is to carry them."""
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
        os.set_blocking(fd, False)  # ours alone: PID 1 does not read it
        fcntl.fcntl(fd, 1031, PIPE)  # F_SETPIPE_SZ; its name is there since Python 3.10
    except OSError:
        pass  # this user has enough of them already


class Out:
    """Writes all of what it is given, and waits as long as that takes. What nobody can read any more is dropped."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.gone = False

    def write(self, *pieces: bytes | memoryview) -> None:
        """All of them, one after the other, without a copy of any."""
        views = [memoryview(piece) for piece in pieces if len(piece)]
        while views and not self.gone:
            try:
                done = os.writev(self.fd, views)
                while views and done >= len(views[0]):
                    done -= len(views.pop(0))
                if done:
                    views[0] = views[0][done:]
            except BlockingIOError:  # somebody who shares it has set O_NONBLOCK
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

    place: of its tail. count: bytes so far. rest: the beginning of a line. came: when that did.
    """

    def __init__(self, place: int, name: str) -> None:
        self.place = place
        self.name = name
        self.count = 0
        self.rest = b""
        self.came = 0.0

    def read(self, fd: int) -> tuple[bytes, bool]:
        """Take what is there, up to some chunks: (the last bytes of it, has the pipe come to its end?)."""
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
                break  # there will hardly be more
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
        """A piece of a line, of at most so many bytes: whole characters."""
        cut = whole_characters(self.rest, size)
        if cut:
            self.part(self.rest[:cut])
        self.rest = self.rest[cut:]

    def show(self) -> None:
        """Nothing more has come for a while: what has come of a line is shown. At most a part of a character stays."""
        self.pass_part(len(self.rest))

    def lines(self, begun: bytes, data: bytes, cut: int) -> None:
        """The whole lines that end in data[:cut]; the first of them has begun earlier."""
        raise NotImplementedError

    def part(self, data: bytes) -> None:
        """A piece of a line that is too long to wait for."""
        raise NotImplementedError

    def end(self) -> None:
        if self.rest:
            self.lines(self.rest, b"\n", 1)

    def hand_over(self) -> int:
        """What has come of a line is passed on as a piece. How many of the last bytes are left to the next pump."""
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
        """One copy of the data is made, by `replace`: some 60 ns a line, which is most of what it costs."""
        prefix = self.make(": ") if self.timed else self.prefix
        made = memoryview(data.replace(b"\n", b"\n" + prefix))
        self.out.write(prefix, begun, made[: len(made) - (len(data) - cut) - len(prefix)])

    def part(self, data: bytes) -> None:
        self.out.write((self.make("+ ") if self.timed else self.more) + data + b"\n")


#: Bytes that stand in a JSON string as they are.
PLAIN = bytes(byte for byte in range(0x20, 0x7F) if byte not in b'"\\')


class Json(Stream):
    """Fields of the Elastic Common Schema, one object a line; a piece of a line has "partial".

    stream: "stdout" or "stderr", where they are told apart; else empty, and there is no such field.
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
        if special.count(b"\n") == len(special):  # nothing has to be escaped
            self.out.write(head + data[:-1].replace(b"\n", b'"}\n' + head) + b'"}\n')
        else:
            self.out.write(b"".join(head + escaped(line) + b'"}\n' for line in data[:-1].split(b"\n")))

    def part(self, data: bytes) -> None:
        self.out.write(self.head(True) + escaped(data) + b'"}\n')


def escaped(line: bytes) -> bytes:
    """The inside of a JSON string; bytes that are no UTF-8 as \\xNN."""
    if not line.translate(None, PLAIN):
        return line
    from json import dumps

    return dumps(line.decode("utf-8", "backslashreplace"), ensure_ascii=False)[1:-1].encode("utf-8", "replace")


class File(Stream):
    """Every byte as it came, in a file that others may write to as well: then in whole lines."""

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
        pass  # it waits for its end: another one's line may come in between

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
    """which: OUT or ERR; a stderr of its own goes to pidone's."""
    if spec[0] == "file":
        return File(files.get(*spec[1:]), place, name)
    out = outs[1] if which == ERR else outs[0]
    if spec[0] == "prefix":
        return Prefix(out, place, name, spec[1])
    return Json(out, place, name, ("stdout", "stderr")[which] if spec[-1] else "")
