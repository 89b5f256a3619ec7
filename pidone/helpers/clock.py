"""The time of day, for people. PID 1 itself uses only the monotonic clock."""

from __future__ import annotations

import time


def moment(at: float) -> str:
    """Return seconds since 1970 as ISO 8601, in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{int(at % 1 * 1000):03d}Z"
