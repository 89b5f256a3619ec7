"""Safe paths for root (E48): a walk of one component at a time, by directory descriptors.

Theory. An app can put a link where pidone is about to write, or in a directory above. As root,
pidone would follow that link. So pidone never passes a whole path to the kernel: it opens each
component in the directory before it. It follows a link only where the link and its directory belong
to root or to pidone's own user and nobody else may write to the directory (systemd's CHASE_SAFE has
the same rule for links). So /var/run, a ConfigMap's ..data and root's own links work. pidone
refuses any other link, and the message names it. An app can rename what root keeps in the app's own
directory; that is no link, and this module does not prevent it. A pidone that is not root can do no
more than its user, so it follows every link.

E1 and so on: docs/reference/edge-cases.md.
"""

import posix
from errno import EEXIST, ELOOP, EMLINK

from pidone.init.signals import show

#: The most links that `walk` follows in one path (path_resolution(7)).
HOPS = 40

#: What readlink(2) returns for a descriptor that has no path (proc(5)). `walk` does not
#: follow such a link: it is opened as it is.
MAGIC = (b"pipe:[", b"socket:[", b"anon_inode:", b"/memfd:")

_DIRECTORY = posix.O_PATH | posix.O_DIRECTORY | posix.O_NOFOLLOW | posix.O_CLOEXEC
_KIND, _LINK, _PLAIN, _OTHERS_WRITE = 0o170000, 0o120000, 0o100000, 0o022


class UnsafePathError(OSError):
    """A component of the path cannot be trusted. str(), strerror: which one, and why."""


def is_strict() -> bool:
    return posix.geteuid() == 0


def is_ours(status: "posix.stat_result") -> bool:
    return status.st_uid in (0, posix.geteuid())


def is_own(place: bytes, uid: int) -> bool:
    """Return whether a path lies directly in a directory, not a link, of this user or of root.

    The owner of any other directory, or of a link to one, could replace what is there.
    """
    try:
        status = posix.lstat(place.rpartition(b"/")[0])
    except OSError:
        return False
    return status.st_mode & _KIND == 0o040000 and status.st_uid in (0, uid)


def nobody_else_writes(fd: int) -> bool:
    """Return whether only root and pidone's user can write to a directory.

    Either it is ours and its mode lets no other user write, or its mount is read-only (a
    ConfigMap's).
    """
    status = posix.fstat(fd)
    if is_ours(status) and not status.st_mode & _OTHERS_WRITE:
        return True
    return bool(posix.fstatvfs(fd).f_flag & posix.ST_RDONLY)


def walk(path: bytes, make: "int | None" = None) -> "tuple[int, bytes, bool]":
    """Walk a path up to its last component and check each link on the way.

    Return (descriptor of the last directory, last component, whether that is a magic link to be
    opened as it is). The last component need not exist; otherwise it is no link. The caller closes
    the descriptor.

    make: the mode with which missing directories are made; None makes none.
    Raises OSError, UnsafePathError.
    """
    todo = [part for part in path.split(b"/") if part not in (b"", b".")][::-1] or [b"."]
    fd = posix.open("/" if path[:1] == b"/" else ".", _DIRECTORY)
    seen, hops = b"", 0
    try:
        while True:
            name = todo.pop()
            try:
                status = posix.stat(name, dir_fd=fd, follow_symlinks=False)
            except FileNotFoundError:
                if not todo:
                    return fd, name, False
                if make is None:
                    raise
                posix.mkdir(name, make, dir_fd=fd)
                status = posix.stat(name, dir_fd=fd, follow_symlinks=False)
            if status.st_mode & _KIND == _LINK:
                hops += 1
                target = posix.readlink(name, dir_fd=fd)
                _check_link(fd, status, seen + b"/" + name, hops)
                if not todo and target.startswith(MAGIC):
                    return fd, name, True
                if target[:1] == b"/":
                    fd, seen = _step(fd, b"/"), b""
                todo += [part for part in target.split(b"/") if part not in (b"", b".")][::-1] or [b"."]
                continue
            if not todo:
                return fd, name, False
            fd, seen = _step(fd, name), seen + b"/" + name
    except BaseException:
        posix.close(fd)
        raise


def _step(fd: int, name: bytes) -> int:
    """Open a directory in `fd`, and close `fd`. Fails with ENOTDIR where it has become a link."""
    new = posix.open(name, _DIRECTORY, dir_fd=fd)
    posix.close(fd)
    return new


def _check_link(fd: int, status: "posix.stat_result", place: bytes, hops: int) -> None:
    if hops > HOPS:
        raise OSError(ELOOP, posix.strerror(ELOOP))
    if not is_strict():
        return
    if not is_ours(status):
        raise UnsafePathError(
            ELOOP, "%s is a link owned by uid %d; pidone does not follow it" % (show(place), status.st_uid)
        )
    if not nobody_else_writes(fd):
        text = "%s is a link in a directory that others can write to; pidone does not follow it"
        raise UnsafePathError(ELOOP, text % show(place))


def open_file(path: bytes, flags: int, mode: int = 0o600, walked: "tuple[int, bytes, bool] | None" = None) -> int:
    """Open a file as open(2) does, but follow safe links only.

    Refuse a file with a second name that another user could have given it (link(2)).

    walked: what `walk` returned for the path, where the caller keeps its descriptor.
    Raises OSError, UnsafePathError.
    """
    fd, name, magic = walked or walk(path)
    try:
        flags |= posix.O_CLOEXEC | (0 if magic else posix.O_NOFOLLOW)
        file = posix.open(name, flags, mode, dir_fd=fd)
        if is_strict():
            status = posix.fstat(file)
            if status.st_mode & _KIND == _PLAIN and status.st_nlink > 1 and not nobody_else_writes(fd):
                posix.close(file)
                raise UnsafePathError(
                    EMLINK, "%s has a second name (a hard link); pidone does not open it" % show(path)
                )
        return file
    finally:
        if walked is None:
            posix.close(fd)


def status_of(path: bytes) -> "posix.stat_result":
    """Return stat(2) of a path, but follow safe links only. Raises OSError, UnsafePathError."""
    fd, name, magic = walk(path)
    try:
        return posix.stat(name, dir_fd=fd, follow_symlinks=magic)
    finally:
        posix.close(fd)


def open_directory(path: bytes, make: "int | None" = None) -> "tuple[int, bool]":
    """Return (a descriptor for fchmod(2) and fchown(2), whether the directory is new).

    make: the mode with which missing directories are made, this one included; None makes none.
    Raises OSError, UnsafePathError.
    """
    fd, name, _ = walk(path, make)
    try:
        new = False
        if make is not None:
            try:
                posix.mkdir(name, make, dir_fd=fd)
                new = True
            except FileExistsError:
                pass
        flags = posix.O_RDONLY | posix.O_DIRECTORY | posix.O_NOFOLLOW | posix.O_CLOEXEC
        try:
            return posix.open(name, flags, dir_fd=fd), new
        except NotADirectoryError:
            raise FileExistsError(EEXIST, "it exists and is not a directory") from None
    finally:
        posix.close(fd)


def reason(error: OSError) -> str:
    """Return the text of an error. That of UnsafePathError names the component."""
    text = error.strerror or str(error)
    return text if isinstance(error, UnsafePathError) else text[:1].lower() + text[1:]


def replace_file(path: bytes, data: bytes, mode: "int | None" = None) -> None:
    """Write a file whole or not at all.

    A half-written file would mislead its reader, or be the last thing that an image runs. Use this
    only for a path that pidone's own user has named. Raises OSError.
    """
    head, slash, name = path.rpartition(b"/")
    temporary = b"%s%s.%s.%d" % (head, slash, name, posix.getpid())
    try:
        fd = posix.open(temporary, posix.O_WRONLY | posix.O_CREAT | posix.O_TRUNC | posix.O_CLOEXEC, 0o666)
        try:
            if mode is not None:
                posix.fchmod(fd, mode)
            while data:
                data = data[posix.write(fd, data) :]
        finally:
            posix.close(fd)
        posix.replace(temporary, path)
    except OSError:
        try:
            posix.unlink(temporary)
        except OSError:
            pass  # the temporary file does not exist
        raise
