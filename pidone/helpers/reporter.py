"""Says why it all ended: on stderr, in the report's file, and in the Pod's termination message.

stderr gets one line, the file gets the whole report as JSON, and the message gets the line and the
last output. PID 1 forks this helper as its last work, and waits for it a moment.

S1 and so on: docs/reference/pod.md.
"""

from __future__ import annotations

import json
import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pidone.init.loop import Loop

from pidone import paths
from pidone.helpers import snapshot
from pidone.helpers.document import make
from pidone.helpers.message import MAX_MESSAGE, OUTER
from pidone.init.messages import say
from pidone.init.record import SingleRecord
from pidone.init.signals import show


def run(loop: Loop, code: int, troubled: bool, answer: int) -> tuple[int, str]:
    if not isinstance(loop.record, SingleRecord):
        loop.record.flush()  # a session must not do this, because PID 1 still writes to the memory
    known = snapshot.of(loop)
    document = make(known, code)
    if troubled:
        cause = document["cause"]
        text = "; ".join(cause["lines"])
        if (
            cause["trigger"] not in ("failed", "cannot start") or cause["then"]
        ):  # otherwise the line before has said it all
            say(f"report: {text}")
        output = document["output"].get(cause["process"], []) if cause["process"] else []
        to_message(text.encode(), "\n".join(output).encode()[-TAIL:])
    if known.report is not None:
        to_file(known.report, document, known.inherited.cwd)
    return 0, ""


def to_file(path: bytes, document: dict[str, Any], cwd: bytes | None) -> None:
    """Write the report. A regular file gets the whole of it or nothing.

    A half-written report, as on a full disk, would only mislead.
    """
    path = os.path.join(cwd or b"/", path)
    directory, temporary = -1, b""
    try:
        walked = paths.walk(path)
        directory, name, magic = walked
        if magic or is_special(directory, name):  # /dev/stdout, a pipe
            fd = paths.open_file(
                path, os.O_WRONLY | os.O_NONBLOCK, 0, walked
            )  # O_NONBLOCK: do not wait for a pipe that nobody reads
            os.set_blocking(fd, True)
            with open(fd, "w") as file:
                file.write(json.dumps(document) + "\n")
            return
        temporary = b"%s.%d" % (name, os.getpid())
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644, dir_fd=directory)
        with open(fd, "w") as file:
            file.write(json.dumps(document, indent=1) + "\n")
        os.replace(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
    except OSError as error:
        say(f"cannot write the report {show(path)}: {paths.reason(error)}")
        try:
            if temporary:
                os.unlink(temporary, dir_fd=directory)
        except OSError:
            pass


def is_special(directory: int, name: bytes) -> bool:
    """Return whether something exists there that is not a regular file."""
    try:
        return not stat.S_ISREG(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False


#: Bytes of the culprit's last output that go into the message (S97).
TAIL = 2048


def to_message(text: bytes, output: bytes) -> None:
    """Write the message that a Pod shows of an ended container (S96).

    A message that the primary wrote itself stays. The text is followed by the culprit's last
    output, where pidone carries it (S97).
    """
    try:
        if paths.status_of(OUTER.encode()).st_size == 0:
            with open(paths.open_file(OUTER.encode(), os.O_WRONLY), "wb") as file:
                file.write(text[: MAX_MESSAGE - len(output) - 1] + b"\n" + output)
    except OSError:
        pass  # not in a Pod
