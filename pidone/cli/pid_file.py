"""A pid file: who has it, and whether that one still runs.

Whoever reads or writes it holds a lock on it (flock(2)), so that of two who start at the same time the second sees the
first one's number. A number in it counts if that process is there and is not younger than the file: one that is has
got a number that was free again.
"""

from __future__ import annotations

import fcntl
import os
import stat
import time
from pathlib import Path

#: Seconds by which a process may seem younger than what it has written: clock ticks, and a file system's own.
TOLERANCE = 1.0


class PidFile:
    """Opened and locked; for python-daemon a context that writes our pid when it is entered."""

    def __init__(self, path: Path) -> None:
        """Raises OSError, and ValueError where something else stands there: it is not ours to write over."""
        self.path = path
        self.made = not path.exists()
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
        while True:
            self.fd = os.open(path, flags, 0o644)
            fcntl.flock(self.fd, fcntl.LOCK_EX)
            if self.is_there():
                self.check()
                return
            os.close(self.fd)  # whoever had it before us has taken it away

    def is_there(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self.fd), os.stat(self.path))
        except FileNotFoundError:
            return False

    def check(self) -> None:
        if not stat.S_ISREG(os.fstat(self.fd).st_mode):
            raise ValueError("not a regular file")
        text = os.pread(self.fd, 64, 0)
        if text.strip() and not text.strip().isdigit():
            raise ValueError("it does not contain a pid")

    def running(self) -> int:
        """The pid in it, if that one runs; else 0."""
        text = os.pread(self.fd, 64, 0).strip()
        if not text.isdigit() or len(text) > 9:
            return 0
        age = age_of(int(text))
        written = time.time() - os.fstat(self.fd).st_mtime
        return int(text) if age is not None and age >= written - TOLERANCE else 0

    def __enter__(self) -> None:
        os.ftruncate(self.fd, 0)
        os.pwrite(self.fd, b"%d\n" % os.getpid(), 0)

    def __exit__(self, *_: object) -> None:
        """It is the daemon's as long as that runs, and nobody's then."""

    def give_up(self) -> None:
        """As it was before us, where there was none."""
        if self.made:
            self.path.unlink(missing_ok=True)
        os.close(self.fd)


def age_of(pid: int) -> float | None:
    """Seconds since its start; None where it is not there, or has ended and waits to be reaped."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        up = float(Path("/proc/uptime").read_text().split()[0])
    except OSError:
        return None
    return None if fields[0] in "ZX" else up - int(fields[19]) / os.sysconf("SC_CLK_TCK")
