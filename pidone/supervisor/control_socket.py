"""Makes the control socket, once, before PID 1's loop begins. `kernel.load` loads this module."""

import _socket
import posix
from errno import EADDRINUSE

from pidone import paths

#: Connections that the kernel queues for PID 1 (listen(2)).
QUEUE = 128


def listen(path: bytes, shared: bool) -> "tuple[_socket.socket, tuple[int, bytes]]":
    """Make the socket. Return (socket, (descriptor of its directory, its name there)).

    shared: users other than pidone's own may connect.
    Raises OSError.
    """
    import fcntl

    socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC | _socket.SOCK_NONBLOCK)
    directory, name, _ = paths.walk(path)
    before = posix.umask(0o111 if shared else 0o177)
    # bind(2) takes no descriptor of a directory, but /proc has a path for one. Without /proc the
    # plain path has to do.
    place = b"/proc/self/fd/%d/%s" % (directory, name)
    try:
        if not posix.access("/proc/self/fd/%d" % directory, posix.F_OK):
            place = path
        try:
            socket.bind(place)
        except OSError as error:
            status = posix.stat(name, dir_fd=directory, follow_symlinks=False) if error.errno == EADDRINUSE else None
            if status is not None and status.st_mode & 0o170000 != 0o140000:
                raise FileExistsError(EADDRINUSE, "it exists and is not a socket") from None
            if error.errno != EADDRINUSE:
                raise
            if is_answered(place):  # pidone never takes a socket from another process
                raise FileExistsError(EADDRINUSE, "another pidone answers there") from None
            posix.unlink(name, dir_fd=directory)  # a pidone that was killed left it
            socket.bind(place)
    except BaseException:
        posix.close(directory)
        raise
    finally:
        posix.umask(before)
    socket.listen(QUEUE)
    fcntl.fcntl(socket.fileno(), fcntl.F_SETOWN, posix.getpid())
    fcntl.fcntl(socket.fileno(), fcntl.F_SETFL, posix.O_NONBLOCK | fcntl.FASYNC)
    return socket, (directory, name)


def make_directory(place: bytes, shared: bool, uid: int) -> bool:
    """Make the directory of a socket. Return whether it is this user's, or root's.

    shared: users other than pidone's own may enter it.
    Raises OSError.
    """
    directory = place.rpartition(b"/")[0]
    try:
        posix.mkdir(directory, 0o700)
    except FileExistsError:
        pass
    if shared:
        try:
            fd, _ = paths.open_directory(directory)
        except OSError:
            return paths.is_own(place, uid)
        try:
            posix.fchmod(fd, 0o755)
        except OSError:
            pass  # the directory is another user's
        finally:
            posix.close(fd)
    return paths.is_own(place, uid)


def is_answered(path: bytes) -> bool:
    """Return whether a process listens at this path."""
    probe = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC | _socket.SOCK_NONBLOCK)
    try:
        probe.connect(path)
    except BlockingIOError:
        pass  # a process listens, and its queue is full
    except OSError:
        return False
    finally:
        probe.close()
    return True
