"""Is a file there? In a child, because a file system can hang."""

import posix

from pidone.init.events import NO, YES
from pidone.init.signals import show


def run(path: bytes) -> "tuple[int, str]":
    try:
        posix.stat(path)
    except OSError as error:
        return NO, "%s: %s" % (show(path), posix.strerror(error.errno or 0).lower())
    return YES, ""
