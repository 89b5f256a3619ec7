"""fork, exec, and everything between the two, in the order in which it must happen.

Theory. The child answers through a close-on-exec pipe. Right before its exec it writes
EXEC_IS_NEXT. The end of the pipe after this mark says that the exec has worked. Other bytes say
what has failed: an exit code and a text (E5). PID 1 never waits for the answer. Where something
else waits for it, `O_ASYNC` on the pipe makes it a SIGIO. For a single command nothing waits: PID 1
reads the pipe when the child has ended.

E1 and so on: docs/reference/edge-cases.md.
"""

import errno
import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, NoReturn

    from pidone.init.inherited import Inherited
    from pidone.init.slots import Process
    from pidone.init.terminal import Terminal

from pidone import kernel as posix_kernel
from pidone.init.plan import CANNOT, NOT_FOUND, PRIMARY
from pidone.init.signals import show

MISSING = (errno.ENOENT, errno.ENOTDIR)

#: The child writes this mark when only its extras and its exec are left. Where the pipe ends
#: without the mark, the child has died before its exec.
EXEC_IS_NEXT = b"\xff"


def answer_pipe(awaited: bool, kernel: "Any" = posix_kernel) -> "tuple[int, int]":
    """Make a close-on-exec pipe. An awaited one sends PID 1 a SIGIO when there is data, or its end.

    Raises OSError, ImportError.
    """
    if awaited:
        kernel.load("fcntl")  # first: where there is no descriptor for its file, there must be no pipe
    reading, writing = kernel.pipe2(posix.O_CLOEXEC)
    kernel.set_blocking(reading, False)
    if awaited:
        kernel.enable_sigio(reading)
    return reading, writing


def fork_with_pipe(awaited: bool, kernel: "Any" = posix_kernel) -> "tuple[int, int, int]":
    """Fork, and return (pid, reading end, writing end) of an answer pipe; pid 0 in the child.

    Raises OSError, and then leaves no pipe.
    """
    reading, writing = answer_pipe(awaited, kernel)
    try:
        return kernel.fork(), reading, writing
    except OSError:
        kernel.close(reading)
        kernel.close(writing)
        raise


class Answers:
    """The pipes of children between fork and exec.

    pipes: {descriptor: (pid, what the child has written so far)}.
    """

    __slots__ = ("kernel", "pipes")

    def __init__(self, kernel: "Any") -> None:
        self.kernel = kernel
        self.pipes: "dict[int, tuple[int, bytes]]" = {}

    def read(self) -> "Iterator[tuple[int, bool, bytes]]":
        """Read the pipes that are ready.

        Yield (pid, True, what the child has looked up), or (pid, False, its answer) at the end of a
        pipe. The answer is EXEC_IS_NEXT where the exec has worked, and empty where the child died
        before. Otherwise it says what has failed.

        The caller may close other pipes meanwhile, and give their descriptors to new ones.
        """
        for fd, (pid, answer) in list(self.pipes.items()):
            if self.pipes.get(fd, (0,))[0] != pid:
                continue
            ended = False
            try:
                while part := self.kernel.read(fd, 4096):
                    answer += part
                ended = True
            except BlockingIOError:
                pass
            size = 5 + int.from_bytes(answer[1:5], "big")
            if answer[:1] == b"\0" and len(answer) >= max(size, 5):
                yield pid, True, answer[5:size]
                answer = answer[size:]
            if self.pipes.get(fd, (0,))[0] == pid:
                self.pipes[fd] = pid, answer
                if ended:
                    self.close(fd)
                    yield pid, False, answer

    def close(self, fd: int) -> None:
        del self.pipes[fd]
        self.kernel.close(fd)

    def forget(self, pid: int) -> None:
        for fd in [fd for fd, (whose, _) in self.pipes.items() if whose == pid]:
            self.close(fd)


def spawn(
    process: "Process", inherited: "Inherited", terminal: "Terminal | None", awaited: bool, extras: "Any", kernel: "Any"
) -> "tuple[int, int]":
    """Fork and exec, and return (pid, descriptor of the answer).

    Raises OSError where there is no pipe or no fork.
    """
    pid, reading, writing = fork_with_pipe(awaited, kernel)
    if pid == 0:
        become(process, inherited, terminal if process.role == PRIMARY else None, writing, extras)
    kernel.close(writing)
    return pid, reading


def become(
    process: "Process", inherited: "Inherited", terminal: "Terminal | None", answer: int, extras: "Any"
) -> "NoReturn":
    """Do all of the child's work until its exec.

    Never returns, whatever happens: a second PID 1 loop would be worse.
    """
    code = CANNOT
    try:
        try:
            if process.to_look_up is not None or process.probe_files:
                from pidone.config import lookup

                lookup.send_to_pid_1(process, answer)
            prepare(process, inherited, terminal)
            posix.write(answer, EXEC_IS_NEXT)
            if extras is not None:
                answer = extras.in_child(answer)
            code, text = execute(process, inherited)
        except Exception as error:
            text = getattr(error, "refusal", None) or "%s: %s" % (type(error).__name__, error)
        posix.write(answer, (bytes((code,)) + text.encode("utf-8", "backslashreplace"))[:4096])
    finally:
        posix._exit(code)


class SetupError(Exception):
    """A step before exec has failed. text, refusal: which step, and why."""

    __slots__ = ("refusal", "text")

    def __init__(self, what: str, error: "OSError | None" = None) -> None:
        self.text = self.refusal = (
            what if error is None else "%s: %s" % (what, posix.strerror(error.errno or 0).lower())
        )


def prepare(process: "Process", inherited: "Inherited", terminal: "Terminal | None") -> None:
    """Do everything but extras and exec.

    Steps that need privileges come before the child drops them. `cwd` comes after: the user must be
    able to enter it.
    """
    what = "session"
    try:
        if terminal is not None:
            what = "terminal"
            terminal.in_child()
        else:
            posix.setsid()
        what = "stdin"
        if process.role != PRIMARY:
            stdin_from_null()
        if process.oom_score_adj is not None:
            what = "oom_score_adj = %d" % process.oom_score_adj
            write_file("/proc/self/oom_score_adj", b"%d" % process.oom_score_adj)
        if process.rlimits:
            what = "rlimits"
            set_limits(process.rlimits)
        if process.nice is not None:
            what = "nice = %d" % process.nice
            posix.setpriority(posix.PRIO_PROCESS, 0, process.nice)
        if process.umask is not None:
            posix.umask(process.umask)
        if inherited.cwd is not None:
            what = "working directory %s" % show(inherited.cwd)
            posix.chdir(inherited.cwd)
        if process.user is not None:
            what = "user %d:%d" % process.user[:2]
            set_user(*process.user)
        if process.cwd is not None:
            what = "cwd %s" % show(process.cwd)
            posix.chdir(process.cwd)
    except OSError as error:
        raise SetupError(what, error) from None
    for name, value in process.env:
        posix.putenv(name, value)
    for fd in inherited.closed:
        if fd or process.role == PRIMARY:
            posix.close(fd)


def stdin_from_null() -> None:
    """Make /dev/null the stdin of a process other than the primary.

    Two readers of one terminal or pipe would each get half (docs/explanation/decisions.md).
    """
    fd = posix.open("/dev/null", posix.O_RDONLY)
    if fd == 0:
        posix.set_inheritable(0, True)
    else:
        posix.dup2(fd, 0)


def set_limits(limits: "tuple[tuple[int, int, int], ...]") -> None:
    """Call setrlimit(2) for each (number, soft, hard). The child loads `resource`, not PID 1."""
    import resource

    for number, soft, hard in limits:
        try:
            resource.setrlimit(number, (soft, hard))
        except ValueError as error:  # the module raises this for EINVAL and EPERM
            raise OSError(errno.EPERM, str(error)) from None


def set_user(uid: int, gid: int, groups: "tuple[int, ...]") -> None:
    """Set groups, gid, uid: in any other order the kernel refuses the later calls (E12)."""
    if (uid, gid) == (posix.getuid(), posix.getgid()) and uid != 0:
        return  # already so, as under `USER`; the kernel would refuse setgroups
    posix.setgroups(groups)
    posix.setresgid(gid, gid, gid)
    posix.setresuid(uid, uid, uid)


def execute(process: "Process", inherited: "Inherited") -> "tuple[int, str]":
    """Exec as execvp(3) does, in the declared environment (E6).

    Returns only on failure: (exit code, text).
    """
    program = process.argv[0]
    paths = candidates(process)
    refused = None  # the first file that exists and cannot be executed
    inherited.restore_signals()
    for path in paths:
        try:
            posix.execv(path, process.argv)
        except OSError as error:
            if error.errno in MISSING and not posix.access(path, posix.F_OK):
                continue
            refused = refused or (path, error)
            if error.errno not in (errno.EACCES, *MISSING):
                break
    try:
        from pidone.helpers import refusal
    except (OSError, ImportError):  # the process's own limits may forbid one more open file
        number = (refused[1].errno if refused else 0) or errno.ENOENT
        return CANNOT if refused else NOT_FOUND, "%s: %s" % (show(program), posix.strerror(number).lower())
    return refusal.explain(program, paths, refused)


def candidates(process: "Process") -> "list[bytes]":
    """Return the paths at which a process's program may be.

    They come from PATH, unless the program has a slash. An empty program has none.
    """
    program = process.argv[0]
    if b"/" in program or not program:
        return [program] if program else []
    path = posix.environ.get(b"PATH")
    for name, value in process.env:
        if name == b"PATH":
            path = value
    if path is None:
        path = (posix.confstr("CS_PATH") or "/bin:/usr/bin").encode()
    return [directory + b"/" + program if directory else program for directory in path.split(b":")]


def write_file(path: str, data: bytes) -> None:
    fd = posix.open(path, posix.O_WRONLY)
    try:
        posix.write(fd, data)
    finally:
        posix.close(fd)
