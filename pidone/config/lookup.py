"""Look up what only the start of a process can tell: its user, its groups and its env_file.

An init step may make the user (`usermod -o -u $PUID app`) or write the env_file from a secret
store. So the forked child looks both up each time before its exec, and sends them to PID 1 (E50). A
plan holds what was known when the group's file was read. A lookup may be slow or hang (NSS, LDAP);
only the child waits for it.

E1 and so on: docs/reference/edge-cases.md.
"""

from __future__ import annotations

import marshal
import posix
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pidone.init.slots import Process

    #: (user with an optional :group or None, groups or None, env_file or None, whether to set HOME,
    #: USER and LOGNAME)
    LookupRequest = tuple["str | None", "tuple[str, ...] | None", "bytes | None", bool]
    #: (uid, gid, groups)
    User = tuple[int, int, tuple[int, ...]]
    Environment = tuple[tuple[bytes, bytes], ...]

from pidone import paths
from pidone.config.read import MAX_FILE_SIZE
from pidone.group.process import LOOK_UP
from pidone.init.plan import MINIMUM_GRACE
from pidone.init.signals import show

#: Seconds that a lookup may take while the file is read: as long as at a start
#: (`group.process.LOOK_UP`).
PATIENCE = LOOK_UP * MINIMUM_GRACE


class UnknownNameError(Exception):
    """A user, a group or an env_file that could not be looked up.

    refusal: what could not be found; str() is the same.
    key: the key whose value asked for it.
    lines: the messages, one or more.
    """

    def __init__(self, key: str, *lines: str) -> None:
        self.refusal = "; ".join(lines)
        super().__init__(self.refusal)
        self.key = key
        self.lines = lines


def user(name: str, groups: tuple[str, ...] | None = None, key: str = "user") -> tuple[User, Any]:
    """Return ((uid, gid, groups) as Docker's USER has them, passwd line or None).

    A number needs no passwd line. Without one, and without a group, its gid is 0 (E12). Raises
    UnknownNameError.
    """
    import pwd

    name, _, group = name.partition(":")
    try:
        line = pwd.getpwuid(int(name)) if name.isdigit() else pwd.getpwnam(name)
    except KeyError:
        if not name.isdigit():
            raise UnknownNameError(key, f"no user '{name}' here; create it with useradd, or use its number") from None
        line = None
    uid = int(name) if line is None else line.pw_uid
    gid = group_id(group, key) if group else (line.pw_gid if line else 0)
    if groups is not None:
        others = [group_id(item, "groups") for item in groups]
    else:
        others = posix.getgrouplist(line.pw_name, gid) if line and not group else [gid]
    return (uid, gid, tuple(others)), line


def group_id(name: str, key: str) -> int:
    """Return the number of a group. Raises UnknownNameError."""
    import grp

    if name.isdigit():
        return int(name)
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise UnknownNameError(key, f"no group '{name}' here; create it with groupadd, or use its number") from None


def env_file(path: bytes) -> dict[bytes, bytes]:
    """Return the NAME=VALUE lines of a file, as docker run --env-file reads them.

    Nothing is expanded. A bare NAME leaves the container's own value. Raises UnknownNameError.
    """
    data = read(path)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnknownNameError("env_file", f"cannot read env_file {show(path)}: it is not UTF-8") from None
    found, wrong = {}, []
    for number, line in enumerate(text.split("\n"), 1):
        line = line.lstrip()
        if not line or line.startswith("#"):
            continue
        key, equals, value = line.partition("=")
        if key.split() != [key.rstrip()] or key != key.rstrip() or "\0" in line:
            wrong.append(f"{show(path)}:{number}: not NAME=VALUE: {line[:40]!r}")
        elif equals:
            found[key.encode()] = value.encode()
    if wrong:
        raise UnknownNameError("env_file", *wrong)
    return found


def read(path: bytes) -> bytes:
    """Return the bytes of an env_file. Raises UnknownNameError."""
    try:
        fd = paths.open_file(path, posix.O_RDONLY | posix.O_NONBLOCK)
        try:
            if posix.fstat(fd).st_mode & 0o170000 not in (0o100000, 0o020000):  # a pipe may never end
                raise OSError(0, "not a regular file")
            parts, size = [], 0
            while size <= MAX_FILE_SIZE and (part := posix.read(fd, 1 << 16)):
                parts.append(part)
                size += len(part)
        finally:
            posix.close(fd)
    except OSError as error:
        raise UnknownNameError("env_file", f"cannot read env_file {show(path)}: {paths.reason(error)}") from None
    if size > MAX_FILE_SIZE:
        raise UnknownNameError("env_file", f"env_file {show(path)} is larger than {MAX_FILE_SIZE >> 20} MiB")
    return b"".join(parts)


def quoted(data: bytes) -> list[int]:
    """Return the numbers of the lines whose value is in quotes, which are part of the value."""
    lines = [line.lstrip() for line in data.split(b"\n")]
    found = []
    for number, line in enumerate(lines, 1):
        value = line.partition(b"=")[2].rstrip()
        if line[:1] != b"#" and len(value) > 1 and value[:1] == value[-1:] and value[:1] in (b'"', b"'"):
            found.append(number)
    return found


def home_of(line: Any) -> dict[bytes, bytes]:
    """Return HOME, USER and LOGNAME as login(1) sets them; none without a passwd line."""
    if line is None:
        return {}
    name = line.pw_name.encode()
    return {b"HOME": line.pw_dir.encode(), b"USER": name, b"LOGNAME": name}


def of(who: LookupRequest, declared: Environment) -> tuple[User | None, Environment]:
    """Return (user or None, the whole declared environment). Raises UnknownNameError.

    A name in `env` wins over the same name in the env_file.
    """
    name, groups, file, home = who
    found, line = user(name, groups) if name is not None else (None, None)
    env = {**(home_of(line) if home else {}), **(env_file(file) if file is not None else {}), **dict(declared)}
    return found, tuple(env.items())


def stamp(path: bytes, since: int, now: int) -> tuple[int, int, int, int] | None:
    """Return what identifies a file and its latest change, or None if it was not there at the fork.

    A file that has changed since the fork counts as not there, too: on a busy machine another
    process may write it before this child looks. A change within the clock tick of the fork counts
    as from before the fork, because the times of files may be one tick behind. A change time in the
    future says nothing: the clock was set back.

    since, now: ns of the wall clock, as in the times of files; since is the fork.
    """
    try:
        status = paths.status_of(path)
    except OSError:
        return None
    if since < status.st_ctime_ns <= now:
        return None
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns


def before_exec(process: Process) -> Any:
    """Return what a forked child sends to PID 1: (user, environment, {file: stamp}).

    Raises UnknownNameError.
    """
    found, env = process.user, process.env
    if process.to_look_up is not None:
        found, env = of(process.to_look_up, process.declared_env)
    now = time.time_ns()
    since = now - int((time.monotonic() - process.forked_at) * 1e9)
    return found, env, {path: stamp(path, since, now) for path in process.probe_files}


def send_to_pid_1(process: Process, answer: int) -> None:
    """Look up user and environment, for this child's copy of the plan and for PID 1 (E50).

    The answer begins with a zero byte, which is not the exit code of a failed exec, and the length
    of what follows. Raises UnknownNameError.
    """
    process.user, process.env, stamps = before_exec(process)
    data = marshal.dumps((process.user, process.env, stamps))
    data = b"\0" + len(data).to_bytes(4, "big") + data
    while data:
        data = data[posix.write(answer, data) :]
