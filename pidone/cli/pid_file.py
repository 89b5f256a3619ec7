"""A pid file, and whether the process in it still runs.

Each process that reads or writes the file holds a lock on it (flock(2)). If two start at the same
time, the second sees the pid of the first. A pid in the file counts if the process runs and is not
younger than the file. A younger process has reused a free pid.
"""

from __future__ import annotations

import fcntl
import os
import stat
import time
from pathlib import Path

#: Seconds by which a process may seem younger than its own file, because of clock ticks and of the
#: file system's clock.
TOLERANCE = 1.0


class PidFile:
    """A pid file, open and locked. As a context for python-daemon it writes this process's pid."""

    def __init__(self, path: Path) -> None:
        """Open and lock the file.

        Raises OSError. Raises ValueError for a file that is no pid file: it stays untouched.
        """
        self.path = path
        self.made = not path.exists()
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
        while True:
            self.fd = os.open(path, flags, 0o644)
            fcntl.flock(self.fd, fcntl.LOCK_EX)
            if self.is_there():
                self.check()
                return
            os.close(self.fd)  # the process that held the lock before has removed the file

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
        """Return the pid in the file if that process runs, else 0."""
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
        """Do nothing. The file stays, and does not count after the daemon's end."""

    def give_up(self) -> None:
        """Close the file, and remove it if this object made it."""
        if self.made:
            self.path.unlink(missing_ok=True)
        os.close(self.fd)


def age_of(pid: int) -> float | None:
    """Return the seconds since a process's start, or None if it does not exist or is a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        up = float(Path("/proc/uptime").read_text().split()[0])
    except OSError:
        return None
    return None if fields[0] in "ZX" else up - int(fields[19]) / os.sysconf("SC_CLK_TCK")
