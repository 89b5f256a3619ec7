"""What the fields of a request may hold.

A client can send anything, so the error names the field that is wrong.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

from pidone.helpers.control.session import RequestError


def text(value: Any) -> str:
    if not isinstance(value, str) or "\0" in value or len(value) > 4096:
        raise ValueError("a string")
    return value


def truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 31:
        raise ValueError("a whole number from 0")
    return value


def place(value: Any) -> int:
    """Return the number of an event; -1 comes before all events."""
    return -1 if value == -1 and not isinstance(value, bool) else count(value)


#: More seconds than any group lives. NaN and numbers too large for a float are not below it.
MAX_SECONDS = 1e9


def seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < MAX_SECONDS:
        raise ValueError("a number of seconds from 0")
    return float(value)


def number_or_text(value: Any) -> str:
    return str(count(value)) if isinstance(value, int) else text(value)


def argv(value: Any) -> list[str]:
    if (
        not isinstance(value, list)
        or not value
        or not all(isinstance(word, str) and "\0" not in word for word in value)
    ):
        raise ValueError("a list of strings, the program first")
    if not value[0]:
        raise ValueError("a list of strings, the first one a program")
    return value


READERS: dict[str, Callable[[Any], Any]] = {
    "do": text, "name": text, "until": text, "signal": number_or_text, "term": text, "timeout": seconds,
    "since": place, "lines": count, "follow": truth, "tty": truth, "wait": truth, "argv": argv,
}  # fmt: skip


def read(request: dict[str, Any]) -> Fields:
    """Return the fields of a request. Raises RequestError.

    Null counts as a missing field. Unknown fields are left out.
    """
    found = Fields()
    for key, reader in READERS.items():
        if request.get(key) is not None:
            try:
                found[key] = reader(request[key])
            except ValueError as error:
                raise RequestError(f"{key} = {repr(request[key])[:40]}: expected {error}") from None
    return found


class Fields(dict):  # type: ignore[type-arg]
    """The fields of a request. The lookup of a missing one raises RequestError."""

    def __missing__(self, key: str) -> Any:
        raise RequestError(f"the request has no {key}")
