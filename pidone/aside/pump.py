"""Carries the output of processes: reads their pipes, and writes whole lines with a name before them, JSON, or files.

Theory. One pump carries all of a group's, so that lines stay whole: a part of a line waits until its end has come. One
that is longer than LONG is passed on in pieces, each marked, as container engines do. Its writes wait: a reader that
has stopped reading stops the pump, the pipes fill, and so the writers wait, and nobody else. It ends when every pipe
has come to its end, and no signal but SIGKILL ends it before.
"""

from __future__ import annotations

import _signal
import errno
import os
import select
import stat
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mmap import mmap
    from typing import Any

    #: (place of its tail, reading end, name, LogSpec of pod/care.py)
    Declared = tuple[int, int, str, tuple[Any, ...]]

from pidone.desk.output import TAIL, keep, tail
from pidone.init.events import NO, YES
from pidone.init.signals import show
from pidone.init.words import say

#: Chunks of one process that are read before others have their turn; bytes of one after which there may be more.
AT_ONCE, MUCH = 8, 8192

#: Bytes read at once; more would have malloc(3) map and unmap pages for each. A longer line is passed on in pieces.
CHUNK = LONG = 1 << 16

#: Bytes that a pipe may hold, where the kernel lets us say so (fcntl(2), F_SETPIPE_SZ).
PIPE = 1 << 18

COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)


def run(declared: list[Declared], tails: mmap, writing: list[int]) -> tuple[int, str]:
    """writing: PID 1's own ends, which we have by its fork. Returns when there is no more to carry."""
    for fd in writing:
        os.close(fd)
    out = Out(1)
    poll = select.poll()
    streams: dict[int, Stream] = {}
    for place, fd, name, spec in declared:
        streams[fd] = make(out, place, name, spec)
        streams[fd].count = tail(tails, place)[0]
        poll.register(fd, select.POLLIN)
        make_ready(fd)
    handing = hand_over_on_hangup(poll)
    while streams:
        for fd, _ in poll.poll():
            if fd == handing:
                for stream in streams.values():
                    stream.hand_over()
                return NO, ""
            stream = streams[fd]
            last, ended = stream.read(fd)
            if last:
                keep(tails, stream.place, stream.count, last)
            if ended:
                poll.unregister(fd)
                stream.end()
                del streams[fd]
    return YES, ""


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
                say(f"nobody reads the output any more: {(error.strerror or '').lower()}: it is dropped")


class Stream:
    """One process's output. place: of its tail. count: bytes so far. rest: the beginning of a line."""

    def __init__(self, out: Out, place: int, name: str) -> None:
        self.out = out
        self.place = place
        self.name = name
        self.count = 0
        self.rest = b""

    def read(self, fd: int) -> tuple[bytes, bool]:
        """Take what is there, up to some chunks: (the last bytes of it, has the pipe come to its end?)."""
        last = b""
        for _ in range(AT_ONCE):
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
            self.part(self.rest[:LONG])
            self.rest = self.rest[LONG:]

    def lines(self, begun: bytes, data: bytes, cut: int) -> None:
        """The whole lines that end in data[:cut]; the first of them has begun earlier."""
        raise NotImplementedError

    def part(self, data: bytes) -> None:
        """A piece of a line that is too long to wait for."""
        raise NotImplementedError

    def end(self) -> None:
        if self.rest:
            self.lines(self.rest, b"\n", 1)

    def hand_over(self) -> None:
        """What has come of a line is passed on as a piece of it."""
        if self.rest:
            self.part(self.rest)


class Prefix(Stream):
    def __init__(self, out: Out, place: int, name: str, timed: bool) -> None:
        Stream.__init__(self, out, place, name)
        self.timed = timed
        self.colour = os.isatty(out.fd)
        self.prefix = self.make(": ")
        self.more = self.make("+ ")

    def make(self, mark: str) -> bytes:
        text = self.name
        if self.timed:
            now = time.time()
            text = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(now))}.{int(now % 1 * 1000):03d}Z {text}"
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
    """Fields of the Elastic Common Schema, one object a line; a piece of a line has "partial"."""

    def head(self, partial: bool = False) -> bytes:
        now = time.time()
        moment = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(now))}.{int(now % 1 * 1000):03d}Z"
        more = '"partial":true,' if partial else ""
        return f'{{"@timestamp":"{moment}","process.name":"{self.name}",{more}"message":"'.encode()

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
    """Every byte as it came. At most `size` bytes in the file: then it becomes FILE.1, that FILE.2 ... up to `keep`."""

    def __init__(self, out: Out, place: int, name: str, path: bytes, size: int, kept: int) -> None:
        Stream.__init__(self, out, place, name)
        self.path, self.size, self.kept = path, size, kept
        self.fd = -1
        self.used = 0
        self.lost = 0

    def take(self, data: bytes) -> None:
        self.open()
        while data:
            room = self.size - self.used
            if len(data) <= room:
                self.store(data)
                return
            cut = data.rfind(b"\n", 0, max(0, room)) + 1  # at the end of a line, if there is one
            if cut or not self.used:
                cut = cut or room
                self.store(data[:cut])
                data = data[cut:]
            self.rotate()

    def open(self) -> str:
        """Why it cannot be opened, if it is not open already."""
        if self.fd < 0:
            try:
                # it may stand in a directory of the app's, who must not lead us elsewhere, nor have us wait
                flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
                fd = os.open(self.path, flags, 0o644)
                status = os.fstat(fd)
                if not stat.S_ISREG(status.st_mode) and not stat.S_ISCHR(status.st_mode):
                    os.close(fd)
                    return "it is no plain file"
                self.fd, self.used = fd, status.st_size
            except OSError as error:
                return (error.strerror or "").lower()
        return ""

    def store(self, data: bytes) -> None:
        view = memoryview(data)
        why = self.open()
        try:
            while view and not why:
                done = os.write(self.fd, view)
                self.used += done
                view = view[done:]
        except OSError as error:
            why = (error.strerror or "").lower()
        if why:
            self.lose(len(view), why)
            return
        if self.lost:
            say(f"the output of {self.name} goes to {show(self.path)} again; {self.lost} bytes were lost")
            self.lost = 0

    def lose(self, number: int, why: str) -> None:
        """A file that cannot be written must not stop its process: that is said once, and what is lost is counted."""
        if not self.lost:
            say(f"the output of {self.name} cannot be written to {show(self.path)}: {why}: it is lost until it can")
        self.lost += number

    def rotate(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
        self.fd, self.used = -1, 0
        try:
            for number in range(self.kept - 1, 0, -1):
                if os.path.exists(self.older(number)):
                    os.replace(self.older(number), self.older(number + 1))
            if self.kept:
                os.replace(self.path, self.older(1))
            else:
                os.unlink(self.path)
        except OSError as error:
            say(f"{show(self.path)} cannot be rotated: {(error.strerror or '').lower()}: it is cut")
            if not self.open():
                os.ftruncate(self.fd, 0)
                self.used = 0

    def older(self, number: int) -> bytes:
        return b"%s.%d" % (self.path, number)

    def end(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)

    hand_over = end


def make(out: Out, place: int, name: str, spec: tuple[Any, ...]) -> Stream:
    if spec[0] == "prefix":
        return Prefix(out, place, name, spec[1])
    if spec[0] == "json":
        return Json(out, place, name)
    return File(out, place, name, *spec[1:])
