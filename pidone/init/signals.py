"""Signal names and numbers, without the `signal` module, which would cost PID 1 an `enum`.

E1 and so on: docs/reference/edge-cases.md.
"""

import _signal

#: All signals that pidone can block and forward. The C library keeps 32 and 33 for itself (E14).
#: KILL and STOP cannot be caught.
ALL = _signal.valid_signals() - {_signal.SIGKILL, _signal.SIGSTOP}
SIGRTMIN = int(_signal.SIGRTMIN)
SIGRTMAX = int(_signal.SIGRTMAX)


def names() -> "dict[str, int]":
    """Return all standard names with their numbers: {"SIGTERM": 15, ...}.

    They include the aliases SIGPOLL, SIGCLD and SIGIOT.
    """
    return {
        name: int(getattr(_signal, name))
        for name in dir(_signal)
        if name[:3] == "SIG" and name[3:4] != "_" and isinstance(getattr(_signal, name), int)
    }


def name(number: int) -> str:
    """Return the usual name of a signal: "SIGTERM", "SIGRTMIN+3"; "signal 32" where it has none."""
    preferred = {"SIGCLD", "SIGPOLL", "SIGIOT"}
    for text, value in names().items():
        if value == number and text not in preferred:
            return text
    if SIGRTMIN < number < SIGRTMAX:
        return "SIGRTMIN+%d" % (number - SIGRTMIN)
    return "signal %d" % number


def number(text: str) -> int:
    """Return the number of "TERM", "SIGTERM", "15", "SIGRTMIN+3" or "RTMAX-1".

    Raises ValueError for anything else.
    """
    word = text.strip().upper()
    if word.isdigit() and word.isascii():
        value = int(word)
    else:
        if word[:3] != "SIG":
            word = "SIG" + word
        base, plus, offset = word.partition("+")
        if not plus:
            base, plus, offset = word.partition("-")
        table = names()
        if base not in table or (plus and not (offset.encode().isdigit() and base in ("SIGRTMIN", "SIGRTMAX"))):
            raise ValueError("unknown signal '%s'" % text)
        value = table[base]
        if plus:
            value += int(offset) if plus == "+" else -int(offset)
    if value in (_signal.SIGKILL, _signal.SIGSTOP) or value in ALL:
        return value
    raise ValueError("unknown signal '%s'" % text)


def show(path: bytes) -> str:
    """Return a path for a one-line message, escaped where it is empty or would break the line."""
    text = path.decode("utf-8", "backslashreplace")
    return text if text.isprintable() and text else repr(text)
