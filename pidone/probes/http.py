"""An HTTP GET as the kubelet's probes make it (S44-S49): the final status decides, not the body.

pidone has a client of its own, although the standard library has one: `http.client` takes 21 ms of
CPU to import, each probe has a new child, and the bar for a probe is 1 ms. The client needs little
of the protocol: one request, the head of one answer, `Location`.

S1 and so on: docs/reference/pod.md.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Headers = tuple[tuple[str, str], ...]

from pidone import __version__
from pidone.init.events import FAILURE, SUCCESS
from pidone.probes import HERE, tcp

#: Maximum bytes that are read of an answer (S48).
MAX_ANSWER = 10240

#: Maximum redirects that are followed (the limit of net/http; S45).
HOPS = 10

DEFAULTS = {"https": 443, "http": 80}


#: A row of docs/reference/file.md.
EXAMPLE = 'http = "http://127.0.0.1:8080/health"'
DOC = 'the server answers with 200 to 399; `headers = { Host = "example.org" }` adds headers. `https` is not verified'
HOOK_DOC = "the server gives any answer"

PORT = 2


def read(value: "Any") -> "list[Any]":
    """Return [scheme, host, port, path, headers]."""
    import re

    from pidone import readers

    url = r"(https?)://(\[[0-9a-fA-F:.]+\]|[^:/?#\[\]\s]*)(?::([a-z0-9-]+))?(/[^#\s]*|\?[^#\s]*)?"
    match = re.fullmatch(url, value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('http = "http://127.0.0.1:8080/health", with a port\'s name or number')
    scheme, host, number, path = match[1], match[2].strip("[]"), match[3], match[4] or "/"
    path = path if path.startswith("/") else "/" + path
    return [scheme, host or HERE, readers.port(number) if number else DEFAULTS[scheme], path, []]


def headers(value: "Any") -> "list[list[str]]":
    import re

    if not isinstance(value, dict) or not all(isinstance(v, str) and k for k, v in value.items()):
        raise ValueError('headers = { Host = "example.org" }, strings; an empty one removes a header')
    if any(re.search(r"[\r\n\0]|^[^!-~]*:", k + v) or ":" in k or " " in k for k, v in value.items()):
        raise ValueError("headers without line ends, and names without ':' and spaces")
    return [[key, item] for key, item in value.items()]


OPTIONS = {"headers": (headers, 4)}


def describe(argument: "list[Any]") -> str:
    return "%s://%s:%s%s" % tuple(argument[:4])


def pack(argument: "list[Any]") -> "tuple[Any, ...]":
    return (*argument[:4], tuple(tuple(header) for header in argument[4]))


class ProbeError(Exception):
    """There is no answer that counts. str() says why."""


def run(scheme: str, host: str, port: int, path: str, headers: "Headers") -> "tuple[int, str]":
    """Run a probe: success is a final status of 200 to 399.

    The message is then a warning or empty; otherwise it says what is wrong.
    """
    try:
        first = host
        for _ in range(HOPS):
            status, location = get(scheme, host, port, path, headers)
            if not (300 <= status < 400 and location):
                break
            scheme, host, port, path = follow(scheme, host, port, path, location)
            if host != first:
                return SUCCESS, "it redirects to another host, %s, which pidone does not ask" % host
        else:
            return FAILURE, "stopped after %d redirects" % HOPS
    except (ProbeError, LookupError) as error:
        return FAILURE, str(error)
    if 200 <= status < 400:
        return SUCCESS, "it answers with %d" % status if status >= 300 else ""
    return FAILURE, "it answers with %d" % status


def hook(scheme: str, host: str, port: int, path: str, headers: "Headers") -> "tuple[int, str]":
    """Run a hook: success is any answer. Where HTTPS fails, it tries HTTP (S73)."""
    for attempt in (scheme, "http") if scheme == "https" else (scheme,):
        try:
            get(attempt, host, port, path, headers)
            return SUCCESS, ""
        except (ProbeError, LookupError) as error:
            text = str(error)
    return FAILURE, text


def get(scheme: str, host: str, port: int, path: str, headers: "Headers") -> "tuple[int, str]":
    """Return (status, Location or "").

    Raises ProbeError, or LookupError for a name without an address.
    """
    try:
        socket: "Any" = tcp.connect(host, port)
        if scheme == "https":
            import ssl

            context = ssl._create_unverified_context()  # S47: a probe asks whether it serves, not who it is
            socket = context.wrap_socket(_wrapped(socket), server_hostname=host)
        socket.sendall(request(scheme, host, port, path, headers))
        return answer(socket)
    except OSError as error:
        raise ProbeError(tcp.why(host, port, error)) from None


def _wrapped(socket: "Any") -> "Any":
    from socket import socket as Socket

    return Socket(socket.family, socket.type, socket.proto, socket.detach())


def request(scheme: str, host: str, port: int, path: str, headers: "Headers") -> bytes:
    """Return the request.

    Headers of the file replace ours, whatever their case; an empty value removes one (S47).
    """
    place = "[%s]" % host if ":" in host else host
    if port != DEFAULTS[scheme]:
        place = "%s:%d" % (place, port)
    ours = [
        ("Host", place),
        ("User-Agent", "pidone-probe/%s" % __version__),
        ("Accept", "*/*"),
        ("Connection", "close"),
    ]
    given = {name.lower() for name, _ in headers}
    lines = ["GET %s HTTP/1.1" % path]
    lines += ["%s: %s" % (name, value) for name, value in ours if name.lower() not in given]
    lines += ["%s: %s" % (name, value) for name, value in headers if value]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")


def answer(socket: "Any") -> "tuple[int, str]":
    """Read the head, and the body up to MAX_ANSWER bytes in all; return (status, Location or "").

    A longer body does no harm (S48). Raises ProbeError and OSError.
    """
    data = b""
    while len(data) < MAX_ANSWER and not whole(data):
        part = socket.recv(MAX_ANSWER - len(data))
        if not part:
            break
        data += part
    head, _, _ = final(data)
    words = head[0].split(b" ")
    if words[0][:5] != b"HTTP/" or len(words) < 2 or len(words[1]) != 3 or not words[1].isdigit():
        raise ProbeError("its answer is not HTTP: %r" % head[0][:40])
    return int(words[1]), field(head, b"location").decode("latin-1")


def final(data: bytes) -> "tuple[list[bytes], bool, bytes]":
    """Return (lines of the head, whether the head is complete, body so far) of the final answer.

    A 100 Continue and the like may come before it.
    """
    while True:
        text, end, rest = data.partition(b"\r\n\r\n")
        words = text.split(b" ")
        if not (end and words[0][:5] == b"HTTP/" and len(words) > 1 and words[1][:1] == b"1"):
            return text.split(b"\r\n"), bool(end), rest
        data = rest


def whole(data: bytes) -> bool:
    """Return whether the answer is complete, even if the connection stays open (RFC 9112, 6.3)."""
    head, ended, body = final(data)
    if not b"HTTP/".startswith(head[0][:5]):
        return True  # it is not HTTP, so nothing more is needed
    if not ended:
        return False
    words = head[0].split(b" ")
    if len(words) > 1 and words[1] in (b"204", b"304"):
        return True
    if field(head, b"transfer-encoding").lower() == b"chunked":
        return body[:5] == b"0\r\n\r\n" or body[-7:] == b"\r\n0\r\n\r\n"
    length = field(head, b"content-length")
    return length.isdigit() and len(length) < 10 and len(body) >= int(length)


def field(head: "list[bytes]", name: bytes) -> bytes:
    """Return the last value of a header, or b"" where there is none."""
    found = b""
    for line in head[1:]:
        key, _, value = line.partition(b":")
        if key.strip().lower() == name:
            found = value.strip()
    return found


def follow(scheme: str, host: str, port: int, path: str, location: str) -> "tuple[str, str, int, str]":
    """Resolve a Location against the URL that answered with it (RFC 9110, 10.2.2).

    Returns (scheme, host, port, path). Raises ProbeError.
    """
    location = location.partition("#")[0]
    if location[:2] == "//":
        location = "%s:%s" % (scheme, location)
    if "://" in location:
        scheme, _, rest = location.partition("://")
        place, _, path = rest.partition("/")
        name, colon, number = place.rpartition(":")
        if not colon or "]" in number:
            name, number = place, ""
        scheme = scheme.lower()
        good = not number or (number.isdigit() and number.isascii() and len(number) < 6 and int(number) < 65536)
        if scheme not in DEFAULTS or not good:
            raise ProbeError("it redirects to %s" % tcp.shown(location))
        return scheme, name.strip("[]").lower(), int(number or DEFAULTS[scheme]), "/" + path
    if location[:1] == "?":
        return scheme, host, port, path.partition("?")[0] + location
    if location[:1] != "/":
        location = path.partition("?")[0].rpartition("/")[0] + "/" + location
    return scheme, host, port, location
