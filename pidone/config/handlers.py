"""Who a probe or a hook asks, and how that is written: `exec`, `http`, `tcp`, `grpc`, `file`, `notify`, `fd`.

Like the readers in `schema`: a TOML value -> plain data, or ValueError with what would be right. A port that has a name
stays one here; the checker knows the process's `ports`.
"""

from __future__ import annotations

import difflib
import re
from typing import Any

from pidone.config import schema

URL = re.compile(r"(https?)://(\[[0-9a-fA-F:.]+\]|[^:/?#\[\]\s]*)(?::([a-z0-9-]+))?(/[^#\s]*|\?[^#\s]*)?")
PLACE = re.compile(r"(?:(\[[0-9a-fA-F:.]+\]|[^:/\[\]\s]*):)?([a-z0-9-]+)")

#: An empty host is the Pod's own address there (S49); here all share one loopback.
HERE = "127.0.0.1"


def port(text: str) -> int | str:
    """A number, or the name of one of the process's ports (S52). Raises ValueError."""
    if not text.isdigit():
        return text
    if not 1 <= int(text) <= 65535:
        raise ValueError("a port from 1 to 65535")
    return int(text)


def http(value: Any) -> list[Any]:
    """[scheme, host, port, path, headers]"""
    match = URL.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('http = "http://127.0.0.1:8080/health", with a port\'s name or number')
    scheme, host, number, path = match[1], match[2].strip("[]"), match[3], match[4] or "/"
    path = path if path.startswith("/") else "/" + path
    return [scheme, host or HERE, port(number) if number else {"http": 80, "https": 443}[scheme], path, []]


def tcp(value: Any) -> list[Any]:
    """[host, port]"""
    match = PLACE.fullmatch(str(value)) if isinstance(value, (str, int)) and not isinstance(value, bool) else None
    if match is None:
        raise ValueError('tcp = "127.0.0.1:514", or only the port')
    return [(match[1] or "").strip("[]") or HERE, port(match[2])]


def grpc(value: Any) -> list[Any]:
    """[host, port, service]; in a Pod, too, the port is a number, and the host is the Pod (S51)."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 65535:
        raise ValueError('grpc = 50051, a port\'s number; a service = "..." stands beside it')  # S51
    return [HERE, value, ""]


def service(value: Any) -> str:
    if not isinstance(value, str) or len(value.encode()) > 4096:
        raise ValueError('service = "my.package.Service", as its health service knows it')
    return value


def headers(value: Any) -> list[list[str]]:
    if not isinstance(value, dict) or not all(isinstance(v, str) and k for k, v in value.items()):
        raise ValueError('headers = { Host = "example.org" }, strings; an empty one takes a header away')
    if any(re.search(r"[\r\n\0]|^[^!-~]*:", k + v) or ":" in k or " " in k for k, v in value.items()):
        raise ValueError("headers without line ends, and names without ':' and spaces")
    return [[key, item] for key, item in value.items()]


def file(value: Any) -> list[Any]:
    """[path, does one count that was there before the process?]"""
    return [schema.absolute(value), False]


def stale(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("stale = true, where a file that was there before the process counts as well")
    return value


def notify(value: Any) -> bool:
    if value is not True:
        raise ValueError("notify = true")
    return True


HANDLERS: dict[str, schema.Reader] = {
    "exec": schema.command(lambda line: schema.quoted(["sh", "-c", line])),
    "http": http,
    "tcp": tcp,
    "grpc": grpc,
    "file": file,
    "notify": notify,
    "fd": schema.between(3, 1023),
}

#: handler -> (a key that only its probes have, its reader, which item of the argument it is)
OPTIONS: dict[str, tuple[str, schema.Reader, int]] = {
    "http": ("headers", headers, 4),
    "grpc": ("service", service, 2),
    "file": ("stale", stale, 1),
}


def one_handler(value: Any, known: Any) -> str:
    if not isinstance(value, dict):
        raise ValueError(f"a table, such as {{ {next(iter(known))} = ... }}, with one of: {', '.join(known)}")
    found = [name for name in known if name in value]
    for key in value if not found else ():
        if difflib.get_close_matches(key, list(known), 1):
            raise unknown_key(key, known)
    if len(found) != 1:
        raise ValueError(f"exactly one of {', '.join(known)}; there {'is none' if not found else 'are several'}")  # S27
    return str(found[0])


def unknown_key(key: str, known: Any) -> ValueError:
    close = difflib.get_close_matches(key, list(known), 1)
    if close:
        return ValueError(f"'{close[0]}', it seems: there is no '{key}'")
    text = f"a table of {', '.join(sorted(known))}; there is no '{key}'"
    return ValueError(f"{text}: {ELSEWHERE[key]}" if key in ELSEWHERE else text)


#: What belongs to another kind of table.
ELSEWHERE = {
    "stale": "it belongs to a startup or readiness probe of a file",
    "stderr": 'it belongs to mode = "prefix" or "json"; a file has both in one order',
}
