"""An HTTP GET as the kubelet's probes make it (S44-S49): the final status decides, and nothing of the body.

Of our own, though the standard library has a client: `http.client` takes 21 ms of CPU to import, a probe's child is new
each time, and the bar for a probe is 1 ms. What is needed of the protocol is small: one request, the head of one
answer, `Location`.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Headers = tuple[tuple[str, str], ...]

from pidone import __version__
from pidone.init.events import FAILURE, SUCCESS
from pidone.probes import HERE, tcp

#: Bytes that are read of an answer at most (S48).
MAX_ANSWER = 10240

#: Redirects that are followed (net/http's own limit; S45).
HOPS = 10

DEFAULTS = {"https": 443, "http": 80}


#: A row of docs/reference/file.md.
EXAMPLE = 'http = "http://127.0.0.1:8080/health"'
DOC = 'it answers with 200 to 399; `headers = { Host = "example.org" }` besides. `https` is not verified'
HOOK_DOC = "any answer will do"

PORT = 2


def read(value: "Any") -> "list[Any]":
    """[scheme, host, port, path, headers]"""
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
    """str(): why there was no answer."""


def run(scheme: str, host: str, port: int, path: str, headers: "Headers") -> "tuple[int, str]":
    """A probe: success is a final status of 200 to 399; the words are a warning then, or say what is wrong."""
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
    """A hook: any answer will do; HTTPS that is none falls back to HTTP (S73)."""
    for attempt in (scheme, "http") if scheme == "https" else (scheme,):
        try:
            get(attempt, host, port, path, headers)
            return SUCCESS, ""
        except (ProbeError, LookupError) as error:
            text = str(error)
    return FAILURE, text


def get(scheme: str, host: str, port: int, path: str, headers: "Headers") -> "tuple[int, str]":
    """(status, Location or nothing). Raises Failed, and LookupError for a name without an address."""
    try:
        socket: "Any" = tcp.connect(host, port)
        if scheme == "https":
            import ssl

            context = ssl._create_unverified_context()  # S47: what is asked is whether it serves, not who it is
            socket = context.wrap_socket(_wrapped(socket), server_hostname=host)
        socket.sendall(request(scheme, host, port, path, headers))
        return answer(socket)
    except OSError as error:
        raise ProbeError(tcp.why(host, port, error)) from None


def _wrapped(socket: "Any") -> "Any":
    from socket import socket as Socket

    return Socket(socket.family, socket.type, socket.proto, socket.detach())


def request(scheme: str, host: str, port: int, path: str, headers: "Headers") -> bytes:
    """Headers of the file come over ours, whatever their case; an empty value takes one away (S47)."""
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
    """Read the head, and of the body what belongs to the first MOST bytes: a longer one does no harm (S48)."""
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
    """(lines of the head, is it whole?, body so far), of the answer that comes after a 100 Continue and the like."""
    while True:
        text, end, rest = data.partition(b"\r\n\r\n")
        words = text.split(b" ")
        if not (end and words[0][:5] == b"HTTP/" and len(words) > 1 and words[1][:1] == b"1"):
            return text.split(b"\r\n"), bool(end), rest
        data = rest


def whole(data: bytes) -> bool:
    """Has all of the answer come, although the connection stays open (RFC 9112, 6.3)?"""
    head, ended, body = final(data)
    if not b"HTTP/".startswith(head[0][:5]):
        return True  # and no HTTP
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
    """The last value of a header; empty where there is none."""
    found = b""
    for line in head[1:]:
        key, _, value = line.partition(b":")
        if key.strip().lower() == name:
            found = value.strip()
    return found


def follow(scheme: str, host: str, port: int, path: str, location: str) -> "tuple[str, str, int, str]":
    """Where a Location leads, seen from where it was given (RFC 9110, 10.2.2)."""
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
