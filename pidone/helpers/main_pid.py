"""Finds the daemon of a program that went into the background, or the successor of one that has ended, by its pid file.

A file is believed only if it names a process that can be the daemon: a child of pidone's, by adoption, and not older
than the launch. An empty file, an old one, or one that names PID 1 or a stranger, may still be written; it is looked at
until the time is up. A successor (a gunicorn's after USR2, an nginx's) was forked by the one that has ended, so where
no other child of pidone's is left that it could be, nothing is waited for.
"""

import posix
from time import monotonic, sleep

from pidone import paths
from pidone.helpers import proc
from pidone.init import others
from pidone.init.events import FAILURE, SUCCESS
from pidone.init.signals import show


def run(path: bytes, age: float, patience: float, known: "list[int] | None") -> "tuple[int, str]":
    """age: seconds since the launcher was forked. patience: seconds. known: for a successor, the children of pidone's
    that it is not. The words are the pid and its session's number.
    """
    began = monotonic()
    while True:
        if known is not None and not may_come(known):
            return FAILURE, "it has no successor"
        pid, text = read_pid_file(path, age + monotonic() - began)
        if pid:
            return SUCCESS, text
        if monotonic() - began > patience:
            return FAILURE, "its pid_file %s: %s" % (show(path), text)
        sleep(0.01)


def may_come(known: "list[int]") -> bool:
    """Is there a child of pidone's that is neither declared nor a helper?"""
    init = posix.getppid()
    for pid, fields in proc.everyone().items():
        if proc.parent(fields) == init and pid not in known and pid != posix.getpid() and not others.is_helper(pid):
            return True
    return False


def read_pid_file(path: bytes, age: float) -> "tuple[int, str]":
    """(pid, "pid session") of the daemon, or (0, what is wrong with the file)."""
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
