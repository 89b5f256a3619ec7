"""The process notifies by sd_notify(3). helpers/notify.py receives this, so nothing is asked."""

from __future__ import annotations

from typing import Any

#: A row of docs/reference/file.md.
EXAMPLE = "notify = true"
DOC = (
    "the process sends by sd_notify(3): `READY=1` and `STOPPING=1` for startup and readiness; for liveness "
    "`WATCHDOG=1` within each `period`, which it finds in `$WATCHDOG_USEC`"
)


def read(value: Any) -> bool:
    if value is not True:
        raise ValueError("notify = true")
    return True


def describe(argument: bool) -> str:
    return "READY=1 on $NOTIFY_SOCKET"
