"""What PID 1 does differently in the place of one of the three, from the fork on."""

import fcntl
import posix
import termios
from errno import EACCES, ENODEV, ENOENT, ENOEXEC, ENOTDIR, ENOTTY, ENXIO, ESTALE, ETIMEDOUT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from pidone.compat.options import Options
    from pidone.compat.table import Profile
    from pidone.init.arguments import Arguments
    from pidone.init.inherited import Inherited
    from pidone.init.machine import Machine
    from pidone.init.slots import Process

from pidone import kernel
from pidone.compat.options import scan
from pidone.compat.table import OWN_GROUP, OWN_SESSION, SIGSTOP
from pidone.init import spawn
from pidone.init.loop import Loop
from pidone.init.signals import show

#: After these execvp(3) goes on to the next element of PATH.
PASSED_OVER = (EACCES, ENOENT, ENOTDIR, ESTALE, ENODEV, ETIMEDOUT)


class Stand:
    """Where the process is put; in the place of a Terminal, whether there is one or not. As they do, it asks stdin.

    first: the terminal that is tried before stdin, or None.
    """

    __slots__ = ("where", "first", "app", "suspended")

    def __init__(self, where: str, first: "str | None" = None) -> None:
        self.where, self.first = where, first
        self.app = 0
        self.suspended = False

    def before_fork(self) -> None:
        """dumb-init gives the terminal up; the SIGHUP and SIGCONT of that come in our own name, and are dropped."""
        if self.where == OWN_SESSION:
            try:
                fcntl.ioctl(0, termios.TIOCNOTTY)
            except OSError:
                pass  # none, or not ours

    def in_child(self) -> None:
        if self.where == OWN_GROUP:
            posix.setpgid(0, 0)
            try:
                posix.tcsetpgrp(self.terminal(), posix.getpgrp())  # SIGTTOU is blocked here (E23)
            except OSError as error:
                if error.errno not in (ENOTTY, ENXIO):
                    raise
        elif self.where == OWN_SESSION:
            posix.setsid()
            try:
                fcntl.ioctl(0, termios.TIOCSCTTY, 0)
            except OSError:
                pass

    def terminal(self) -> int:
        if self.first is not None:
            try:
                return posix.open(self.first, posix.O_RDWR | posix.O_CLOEXEC)
            except OSError:
                pass  # none, or no /dev/tty
        return 0

    def suspend(self) -> None:
        """dumb-init stops with its program, so that a shell above gets its prompt back; PID 1 cannot be stopped."""
        posix.kill(posix.getpid(), SIGSTOP)

    def resume(self) -> bool:
        return False

    def give_back(self) -> None:
        pass  # none of them does


class Exec:
    """In the place of what a group's process gets beyond a single command: exec by the profile's rules."""

    __slots__ = ("process", "inherited", "profile")

    def __init__(self, process: "Process", inherited: "Inherited", profile: "Profile") -> None:
        self.process, self.inherited, self.profile = process, inherited, profile

    def in_parent(self, kernel: "Any") -> None:
        pass

    def in_child(self, answer: int) -> "NoReturn":
        """Does not return: execs, or answers and ends."""
        if self.profile.activated is not None:
            activate(self.profile.activated)
        self.inherited.restore_signals()
        number = execvp(self.process)
        code = self.profile.failures.get(number, self.profile.failures[0])
        text = "%s: %s" % (show(self.process.argv[0]), posix.strerror(number).lower())
        posix.write(answer, bytes((code,)) + text.encode("utf-8", "backslashreplace"))
        posix._exit(code)


def activate(variable: bytes) -> None:
    """Socket activation that was meant for the init is its program's (sd_listen_fds(3))."""
    value = posix.environ.get(variable)
    if value is not None and scan(value.decode("ascii", "replace"))[0] == posix.getppid():
        posix.putenv(variable, b"%d" % posix.getpid())


def execvp(process: "Process") -> int:
    """execvp(3), with its way of taking what has no format for a shell script. Returns the errno."""
    seen, refused = ENOENT, False
    for path in spawn.candidates(process):
        try:
            posix.execv(path, process.argv)
        except OSError as error:
            number = error.errno or ENOENT
        if number == ENOEXEC:
            try:
                posix.execv(b"/bin/sh", [b"/bin/sh", path, *process.argv[1:]])
            except OSError:
                pass
            return ENOEXEC
        if number not in PASSED_OVER:
            return number
        seen, refused = number, refused or number == EACCES
    return EACCES if refused else seen


class CompatLoop(Loop):
    """reaped: say when an orphan is (tini -w)."""

    __slots__ = ("reaped", "profile")

    def __init__(
        self, machine: "Machine", inherited: "Inherited", stand: Stand, wanted: "Arguments", profile: "Profile",
        options: "Options",
    ) -> None:  # fmt: skip
        Loop.__init__(self, machine, inherited, stand, wanted, kernel)  # type: ignore[arg-type]
        self.reaped, self.profile = options.reaped, profile

    def reap_storm(self) -> bool:
        return False  # dumb-init signals the group of its program once that has ended; tini -w says each

    def undeclared(self, pid: int, code: int, number: int, core: bool, noted: bool) -> None:
        Loop.undeclared(self, pid, code, number, core, noted)
        if self.reaped and not self.verbose:
            self.talk("trace", ("reaped", pid, code, number))

    def extras(self, member: int) -> "Any":
        return Exec(self.plan.processes[member], self.inherited, self.profile)
