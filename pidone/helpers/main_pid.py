"""Finds a main pid by its pid file.

It is the daemon of a program that went into the background, or the successor of one that has ended.
A file is believed only if it names a process that can be the daemon: a child of pidone, by
adoption, that is not older than the launch. A file that is empty or old, or names PID 1 or a
foreign process, may still be rewritten, so the helper reads it again until the time is up.

A process forks its successor before it ends (gunicorn after USR2, nginx). So where pidone has no
other child that could be the successor, the helper does not wait.
"""

import posix
from time import monotonic, sleep

from pidone import paths
from pidone.helpers import proc
from pidone.init import others
from pidone.init.events import FAILURE, SUCCESS
from pidone.init.signals import show


def run(path: bytes, age: float, patience: float, known: "list[int] | None") -> "tuple[int, str]":
    """Return (SUCCESS, "pid session"), or (FAILURE, why there is none).

    age: seconds since the launcher was forked.
    patience: seconds until the search is given up.
    known: for a successor, the children of pidone that it cannot be; None for a daemon.
    """
    began = monotonic()
    while True:
        if known is not None and not may_have_successor(known):
            return FAILURE, "it has no successor"
        pid, text = read_pid_file(path, age + monotonic() - began)
        if pid:
            return SUCCESS, text
        if monotonic() - began > patience:
            return FAILURE, "its pid_file %s: %s" % (show(path), text)
        sleep(0.01)


def may_have_successor(known: "list[int]") -> bool:
    """Return whether pidone has a child that is neither in `known` nor a helper."""
    init = posix.getppid()
    for pid, fields in proc.everyone().items():
        if proc.parent(fields) == init and pid not in known and pid != posix.getpid() and not others.is_helper(pid):
            return True
    return False


def read_pid_file(path: bytes, age: float) -> "tuple[int, str]":
    """Return (pid, "pid session") of the daemon, or (0, what is wrong with the file)."""
    try:
        fd = paths.open_file(path, posix.O_RDONLY | posix.O_NONBLOCK)
        try:
            if posix.fstat(fd).st_mode & 0o170000 != 0o100000:
                return 0, "not a regular file"
            text = posix.read(fd, 64).split()
        finally:
            posix.close(fd)
    except OSError as error:
        return 0, paths.reason(error)
    if not text:
        return 0, "it is empty"
    if not text[0].isdigit() or len(text[0]) > 9:
        return 0, "it does not contain a pid"
    pid = int(text[0])
    fields = proc.stat(pid)
    if pid == posix.getpid():
        return 0, "it names a helper of pidone (pid %d), which reuses that pid" % pid
    if pid == posix.getppid():
        return 0, "it names pidone itself (pid %d)" % pid
    if not fields:
        return 0, "it names pid %d, which does not exist" % pid
    if proc.parent(fields) != posix.getppid():
        return 0, "it names pid %d, which is not a child of pidone and so not this program's daemon" % pid
    if proc.age(fields) > age + 0.05:
        return 0, "it names pid %d, which is older than this launch" % pid
    return pid, "%d %d" % (pid, proc.session(fields))
