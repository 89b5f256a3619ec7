"""A log file: one writer for all that share it. It is rotated, and opened again after a move.

Theory. Two writers that rotate one file lose each other's lines (E54). So the pump has one LogFile
for a file, whatever paths lead to it. Another program may move the file (logrotate) or remove it
(E52). So before a write, at most once in CHECK_INTERVAL seconds, and before each rotation, the
LogFile checks whether the path still leads to the open file. The file may be in a directory of the
app's, and the app must not lead pidone elsewhere. So the LogFile walks to the directory (paths.py),
and holds it by a descriptor.

E1 and so on: docs/reference/edge-cases.md.
"""

from __future__ import annotations

import os
import stat
import time

from pidone import paths
from pidone.init.messages import say
from pidone.init.signals import show

#: Seconds between two checks whether the path still leads to the open file.
CHECK_INTERVAL = 0.5


#: (bytes, mask of the first byte, its bits under the mask) of each multi-byte character (RFC 3629).
CHARACTERS = ((2, 0xE0, 0xC0), (3, 0xF0, 0xE0), (4, 0xF8, 0xF0))


def whole_characters(data: bytes, end: int) -> int:
    """Return where to cut, at or before `end`, without splitting a character of UTF-8.

    Bytes that are not UTF-8 may be cut anywhere.
    """
    for back in range(1, min(4, end) + 1):
        byte = data[end - back]
        if byte & 0xC0 == 0x80:
            continue  # inside a character
        size = next((n for n, mask, lead in CHARACTERS if byte & mask == lead), 1)
        return end - back if size > back else end
    return end


class LogFiles:
    """The log files of one pump, by directory and name."""

    def __init__(self) -> None:
        self.files: dict[tuple[int, int, bytes], LogFile] = {}

    def get(self, path: bytes, size: int, kept: int) -> LogFile:
        """Return the LogFile of this path, or of another name of the same file."""
        file = LogFile(path, size, kept)
        key = file.key()
        same = [one for one in self.files.values() if file.is_same(one)]
        found = self.files.setdefault(key, same[0] if same else file)
        if found is not file:
            file.close()
        return found


class LogFile:
    """A file of at most `size` bytes. A full one becomes FILE.1, that FILE.2 ... up to `kept`.

    path: as declared.
    fd: the open file, or -1.
    directory: (descriptor, name, magic?) of where it stands, as `walk` returns it, or None.
    used: bytes in the file.
    names: the processes that write to it, or did.
    writers: the streams that still write to it.
    checked_at: when the path was last compared with the open file (monotonic).
    lost: bytes lost since the last successful write.
    whys: why they were lost.
    """

    def __init__(self, path: bytes, size: int, kept: int) -> None:
        self.path, self.size, self.kept = path, size, kept
        self.fd = -1
        self.directory: tuple[int, bytes, bool] | None = None
        self.used = self.lost = self.writers = 0
        self.checked_at = 0.0
        self.whys: set[str] = set()
        self.names: list[str] = []

    def key(self) -> tuple[int, int, bytes]:
        """Return (device, inode, name) of the directory and the file, equal for every path to it.

        Where the directory cannot be opened, which a write reports, the key holds the path itself.
        """
        self.open()
        if self.directory is None:
            return 0, 0, os.path.normpath(self.path)
        status = os.fstat(self.directory[0])
        return status.st_dev, status.st_ino, self.directory[1]

    def is_same(self, other: LogFile) -> bool:
        """Return whether both are the same file by different names, such as hard links."""
        return self.fd >= 0 and other.fd >= 0 and os.path.sameopenfile(self.fd, other.fd)

    def join(self, name: str) -> None:
        self.writers += 1
        if name not in self.names:
            self.names.append(name)

    def leave(self) -> None:
        self.writers -= 1
        if not self.writers:
            self.close()

    def is_shared(self) -> bool:
        return len(self.names) > 1

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
        if self.directory is not None:
            os.close(self.directory[0])
        self.fd, self.directory = -1, None

    def open(self) -> str:
        """Open the file unless it is open. Return why it cannot be opened, or ""."""
        if self.fd >= 0:
            return ""
        fd = -1
        try:
            if self.directory is None:
                self.directory = paths.walk(self.path)
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK
            fd = paths.open_file(self.path, flags, 0o644, self.directory)
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode) and not stat.S_ISCHR(status.st_mode):
                raise OSError(0, "not a regular file")
        except OSError as error:
            self.fd = fd
            self.close()
            return paths.reason(error)
        self.fd, self.used, self.checked_at = fd, status.st_size, time.monotonic()
        return ""

    def is_there(self) -> bool:
        """Return whether the path still leads to the open file."""
        self.checked_at = time.monotonic()
        try:
            return os.path.samestat(paths.status_of(self.path), os.fstat(self.fd))
        except OSError:
            return False

    def check(self) -> None:
        """Close the file if somebody has moved or removed it.

        The next write then goes to where the path leads now.
        """
        if self.fd >= 0 and time.monotonic() - self.checked_at >= CHECK_INTERVAL and not self.is_there():
            self.close()

    def write(self, data: bytes) -> None:
        self.check()
        while data:
            why = self.open()
            if why:
                self.lose(len(data), why)
                return
            room = self.size - self.used
            if len(data) <= room:
                self.store(data)
                return
            cut = data.rfind(b"\n", 0, max(0, room)) + 1  # at the end of a line, if one fits
            if cut or not self.used:
                cut = cut or self.cut_of(data, room)
                self.store(data[:cut])
                data = data[cut:]
            self.rotate()

    @staticmethod
    def cut_of(data: bytes, room: int) -> int:
        return whole_characters(data, room) or room

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
        elif self.lost:
            say(f"the output of {self.of()} goes to {show(self.path)} again; {self.lost} bytes were lost")
            self.lost = 0
            self.whys.clear()

    def of(self) -> str:
        return ", ".join(self.names[:8])

    def lose(self, number: int, why: str) -> None:
        """Report each reason once, and count the bytes.

        A file that cannot be written must not stop its process.
        """
        if why not in self.whys:
            say(
                f"the output of {self.of()} cannot be written to {show(self.path)}: {why}; dropping it until that works"
            )
        self.whys.add(why)
        self.lost += number

    def rotate(self) -> None:
        place = self.directory
        if self.fd < 0 or place is None or not self.is_there():
            self.close()  # somebody has moved it: the next write opens the file at the path, which may have room
            return
        os.close(self.fd)
        self.fd = -1
        try:
            for number in range(self.kept - 1, 0, -1):
                if self.has(place[0], self.older(place[1], number)):
                    self.rename(place[0], self.older(place[1], number), self.older(place[1], number + 1))
            if self.kept:
                self.rename(place[0], place[1], self.older(place[1], 1))
            else:
                os.unlink(place[1], dir_fd=place[0])
        except OSError as error:
            say(f"{show(self.path)} cannot be rotated: {(error.strerror or '').lower()}; truncating it")
            if not self.open():
                os.ftruncate(self.fd, 0)
                self.used = 0

    @staticmethod
    def older(name: bytes, number: int) -> bytes:
        return b"%s.%d" % (name, number)

    @staticmethod
    def has(directory: int, name: bytes) -> bool:
        try:
            os.stat(name, dir_fd=directory, follow_symlinks=False)
            return True
        except OSError:
            return False

    @staticmethod
    def rename(directory: int, before: bytes, after: bytes) -> None:
        os.replace(before, after, src_dir_fd=directory, dst_dir_fd=directory)
