"""Which users may look at a group, and which may steer it.

`[group] control` gives these two rights to users and to groups of users. The kernel identifies the
user that has connected (SO_PEERCRED and SO_PEERGROUPS, unix(7), socket(7)). The session's own
process looks names up, at each request. A user who may steer may also look.
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

#: An option of getsockopt(2) since Linux 4.13. Python has no name for it.
SO_PEERGROUPS = 59


def check(session: Session, right: str) -> None:
    """Raises RequestError, which names the missing right, unless the client has it."""
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
    may = "may look at this group but not steer it" if may_look else f"may not {verb}"
    raise RequestError(f"{name} (uid {uid}) {may}: {cure}")


def groups_of(connection: socket.socket) -> list[int]:
    """Return the peer's gid and its supplementary groups, as far as the kernel tells."""
    _, _, gid = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    try:
        data = connection.getsockopt(socket.SOL_SOCKET, SO_PEERGROUPS, 1024)  # the most that Python can ask for
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
            continue  # the name does not exist yet, or not any more
    return False


def name_of(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
