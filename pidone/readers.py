"""TOML values -> plain data: the kinds of values that the file may have, whatever their key.

A reader takes a value and returns plain data. It raises ValueError with what would be right. It
knows no other key. The readers for a Pod's behaviour are in config/values.py, those for a probe's
handler in the file of that handler.

S1 and so on: docs/reference/pod.md.
"""

from __future__ import annotations

import re
import resource
from typing import Any, Callable

from pidone.init import arguments, plan, signals

Reader = Callable[[Any], Any]


class ValuesError(ValueError):
    """All errors inside a table. parts: (key, value, what would be right) of each."""

    def __init__(self, parts: list[tuple[str, Any, str]]) -> None:
        super().__init__("; ".join(text for _, _, text in parts))
        self.parts = parts


NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def name(value: Any) -> str:
    """Read a DNS-1123 label, so that the group can become a Pod one day."""
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise ValueError("lower-case letters, digits and '-' between them, at most 63 characters")
    return value


def text(value: Any) -> str:
    if not isinstance(value, str) or "\0" in value or not value:
        raise ValueError("a string that is not empty")
    return value


def absolute(value: Any) -> str:
    if not text(value).startswith("/"):
        raise ValueError("a path that starts with '/'")
    return str(value)


def command(by_shell: Callable[[str], str]) -> Reader:
    """Return the reader of a command. by_shell: returns how the file passes a line to the shell."""

    def read(value: Any) -> list[str]:
        if isinstance(value, str):
            raise ValueError(f"a list, such as {quoted(value.split())}; a line for the shell is {by_shell(value)}")
        if not isinstance(value, list) or not value or not all(isinstance(word, str) for word in value):
            raise ValueError('a list of strings, such as ["nginx", "-g", "daemon off;"]')
        if not value[0]:
            raise ValueError("a program as the first word, not an empty one")
        if any("\0" in word for word in value):
            raise ValueError("words without a NUL character")
        return value

    return read


#: [HOST:]PORT, where a port may be a name.
PLACE = re.compile(r"(?:(\[[0-9a-fA-F:.]+\]|[^:/\[\]\s]*):)?([a-z0-9-]+)")


def port(text: str) -> int | str:
    """Return a number, or the name of one of the process's ports (S52). Raises ValueError."""
    if not text.isdigit():
        return text
    if not 1 <= int(text) <= 65535:
        raise ValueError("a port from 1 to 65535")
    return int(text)


def quoted(value: Any) -> str:
    """Return a string, or a list of strings, as TOML writes it. For plain words only."""
    return repr(value).replace("'", '"')


def shell(value: Any) -> list[str]:
    return ["/bin/sh", "-c", text(value)]


def pause(value: Any) -> bool:
    if value is not True:
        raise ValueError("true, or a command instead of pause")
    return True


def truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def environment(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
        raise ValueError('a table of strings, such as { PORT = "8080" }; numbers in quotes')
    for key, item in value.items():
        if not key or "=" in key or "\0" in key + item:
            raise ValueError(f"names that are not empty and have no '=', and values without NUL, unlike {key!r}")
    return value


def role(value: Any) -> int:
    if value not in plan.ROLES:
        raise ValueError('"init", "sidecar" or "primary"')
    return plan.ROLES.index(value)


def duration(value: Any) -> float:
    if not isinstance(value, str):
        raise ValueError('a string with a unit: "500ms", "8s", "5m"')
    try:
        return arguments.duration(value)
    except ValueError:
        raise ValueError('a duration: "500ms", "8s", "5m"') from None


def signal(value: Any) -> int:
    try:
        return signals.number(text(value))
    except ValueError:
        raise ValueError('a signal, such as "SIGTERM", "SIGRTMIN+3" or "15"') from None


def signal_list(value: Any) -> list[int]:
    if not isinstance(value, list) or not value:
        raise ValueError('a list of signals, such as ["SIGTERM", "SIGQUIT"]')
    numbers = [signal(item) for item in value]
    if not signals.ALL.issuperset(numbers):
        raise ValueError("signals that can be caught: not SIGKILL, not SIGSTOP")
    return numbers


def user(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return in_range(str(value))
    if not isinstance(value, str) or not re.fullmatch(r"[^\s\0:]+(:[^\s\0:]+)?", value):
        raise ValueError('"name", "name:group" or "1000:1000"')
    return in_range(value)


def in_range(value: str) -> str:
    """Return a user, and perhaps a group, whose numbers are in range.

    setresuid(2) takes the largest number, -1, as "leave it as it is": root would stay root.
    """
    for part in value.split(":"):
        if part.isdigit() and (not part.isascii() or len(part) > 10 or int(part) >= 2**32 - 1):
            raise ValueError("numbers below 4294967295, in ASCII digits")
    return value


def groups(value: Any) -> list[str]:
    if not isinstance(value, list):
        raise ValueError('a list of groups, such as ["adm", "100"]')
    if len(value) > 65536:
        raise ValueError("at most 65536 groups (NGROUPS_MAX)")
    return [user(item) for item in value]


def octal(example: str) -> Reader:
    def read(value: Any) -> int:
        if not isinstance(value, str) or not re.fullmatch(r"(0o?)?[0-7]{3,4}", value):
            raise ValueError(f'an octal number in quotes, such as "{example}"')
        return int(value.replace("o", ""), 8)

    return read


def between(low: int, high: int) -> Reader:
    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return value

    return read


LIMITS = {key[7:].lower(): getattr(resource, key) for key in dir(resource) if key.startswith("RLIMIT_")}


def rlimits(value: Any) -> list[tuple[int, int, int]]:
    """Read a table of limits into [(number, soft, hard)]."""
    if not isinstance(value, dict):
        raise ValueError('a table, such as { nofile = 1024, core = "0:unlimited" }')
    found = []
    for key, limit in value.items():
        if key not in LIMITS:
            raise ValueError(f"limits known here ({', '.join(sorted(LIMITS))}), not {key!r}")
        parts = str(limit).split(":")
        if (
            isinstance(limit, bool)
            or len(parts) > 2
            or not all(re.fullmatch(r"[0-9]{1,19}|unlimited", part) for part in parts)
        ):
            raise ValueError(f'for {key} a number, "unlimited" or "soft:hard"')
        numbers = [resource.RLIM_INFINITY if part == "unlimited" else int(part) for part in parts]
        if max(numbers) >= 2**63:
            raise ValueError(f'for {key} a number below 2**63, or "unlimited"')
        if numbers[-1] != resource.RLIM_INFINITY and (numbers[0] < 0 or numbers[0] > numbers[-1]):
            raise ValueError(f"for {key} a soft limit that is not above the hard one")
        found.append((LIMITS[key], numbers[0], numbers[-1]))
    return found


UNITS = {"": 1, "B": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
UNITS.update({f"{u}B": UNITS[u] for u in "KMGT"})
UNITS.update({f"{u}i{b}": 1024 ** (n + 1) for n, u in enumerate("KMGT") for b in ("", "B")})


def memory(value: Any) -> int:
    """Read an amount of memory in bytes: "1.5GiB", "512Mi", "500M", 1048576."""
    match = (
        re.fullmatch(r"([0-9]{1,18}(?:\.[0-9]{1,18})?)\s*([A-Za-z]*)", str(value))
        if isinstance(value, (str, int))
        else None
    )
    unit = match[2][:1].upper() + match[2][1:].replace("b", "B") if match else "?"
    if match is None or isinstance(value, bool) or unit not in UNITS:
        raise ValueError('an amount of memory, such as "512MiB" or "1.5GiB"')
    return int(float(match[1]) * UNITS[unit])


def requests(value: Any) -> int:
    if not isinstance(value, dict) or set(value) != {"memory"}:
        raise ValueError('{ memory = "512MiB" }')
    return memory(value["memory"])
