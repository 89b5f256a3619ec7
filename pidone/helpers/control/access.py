"""Who may look at a group, and who may steer it: two rights, of users and of groups, by `[group] control`.

The kernel tells who has connected (SO_PEERCRED and SO_PEERGROUPS, unix(7), socket(7)); names are looked up here, in the
session's own process, at each request. Who may steer may look as well.
"""

from __future__ import annotations

import os
import socket
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pidone.helpers.control.session import Session

from pidone.config import lookup
from pidone.helpers.control.session import RequestError

LOOK, STEER = "look", "steer"

#: getsockopt(2), since Linux 4.13; Python has no name for it.
SO_PEERGROUPS = 59


def check(session: Session, right: str) -> None:
    """Raises Refused, which names the right that is missing."""
    uid = session.peer[1]
    if uid in (0, os.getuid()):
        return
    look, steer = session.known.access
    groups = groups_of(session.connection)
    may_steer = is_among(uid, groups, steer)
    if may_steer or (right == LOOK and is_among(uid, groups, look)):
        return
    may_look = is_among(uid, groups, look)
    verb = "look at this group" if right == LOOK else "steer this group"
    name = name_of(uid)
    cure = f'add "{name}" to {right} in control = {{ {right} = [...] }} of [group]'
    raise RequestError(f"{name} (uid {uid}) may not {verb}{', and may look at it' if may_look else ''}: {cure}")


def groups_of(connection: socket.socket) -> list[int]:
    """The peer's gid and supplementary groups; as far as the kernel tells."""
    _, _, gid = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    try:
        data = connection.getsockopt(socket.SOL_SOCKET, SO_PEERGROUPS, 1024)  # the most that Python asks for
    except OSError:
        data = b""  # Linux before 4.13, or more than 256 groups
    return [gid, *struct.unpack(f"{len(data) // 4}I", data[: len(data) // 4 * 4])]


def is_among(uid: int, groups: list[int], names: tuple[str, ...]) -> bool:
    for name in names:
        try:
            if name[:1] == "@":
                if lookup.group_id(name[1:], "control") in groups:
                    return True
            elif lookup.user(name)[0][0] == uid:
                return True
        except lookup.UnknownNameError:
            continue  # not here yet, or no more
    return False


def name_of(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
