"""Connects. A completed connection is success, even if the peer closes it at once (S50).

S1 and so on: docs/reference/pod.md.
"""

import _socket
import posix

from pidone.init.events import FAILURE, SUCCESS
from pidone.probes import HERE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: A row of docs/reference/file.md.
EXAMPLE = 'tcp = "127.0.0.1:514"'
DOC = "the port accepts a connection"

PORT = 1


def read(value: "Any") -> "list[Any]":
    """Return [host, port]."""
    from pidone import readers

    good = isinstance(value, (str, int)) and not isinstance(value, bool)
    match = readers.PLACE.fullmatch(str(value)) if good else None
    if match is None:
        raise ValueError('tcp = "127.0.0.1:514", or only the port')
    return [(match[1] or "").strip("[]") or HERE, readers.port(match[2])]


def describe(argument: "list[Any]") -> str:
    return "tcp %s:%s" % tuple(argument)


def connect(host: str, port: int) -> "_socket.socket":
    """Connect to the first address that accepts.

    Raises OSError, or LookupError where the name has no address.
    """
    try:
        # as bytes: for a string Python loads its IDNA codec, 8 ms of CPU at each probe
        found = _socket.getaddrinfo(host.encode(), port, 0, _socket.SOCK_STREAM)
    except OSError as error:  # a gaierror's number is not an errno
        raise LookupError("%s: %s" % (host, str(error.args[-1]).lower())) from None
    refused: "OSError | None" = None
    for family, kind, protocol, _, address in found:
        socket = _socket.socket(family, kind, protocol)
        try:
            socket.connect(address)
            return socket
        except OSError as error:
            refused = error
            socket.close()
    raise refused or LookupError("%s has no address" % host)


def why(host: str, port: int, error: OSError) -> str:
    reason = getattr(error, "reason", None)  # of an SSLError, whose errno is not one of errno(3)
    text = posix.strerror(error.errno).lower() if error.errno and not reason else str(reason or error).lower()
    return "%s:%d: %s" % (host, port, text)


def shown(text: str) -> str:
    """Return what a peer has sent, cut and escaped, so that it is harmless in a line."""
    return ascii(text[:80])[1:-1]


def run(host: str, port: int) -> "tuple[int, str]":
    try:
        connect(host, port).close()
    except OSError as error:
        return FAILURE, why(host, port, error)
    except LookupError as error:
        return FAILURE, str(error)
    return SUCCESS, ""
