"""What PID 1 does differently in the place of tini, dumb-init or catatonit, from the fork on.

E1 and so on: docs/reference/edge-cases.md.
"""

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

#: Errors after which execvp(3) goes on to the next element of PATH.
PASSED_OVER = (EACCES, ENOENT, ENOTDIR, ESTALE, ENODEV, ETIMEDOUT)


class Placement:
    """Where the process is put. It replaces a Terminal, whether there is a terminal or not.

    As the three do, it uses stdin as the terminal.

    where: OWN_GROUP, OWN_SESSION or NOWHERE.
    first: the path of a terminal to try before stdin, or None.
    """

    __slots__ = ("where", "first", "app", "suspended")

    def __init__(self, where: str, first: "str | None" = None) -> None:
        self.where, self.first = where, first
        self.app = 0
        self.suspended = False

    def before_fork(self) -> None:
        """Give the terminal up, as dumb-init does.

        The SIGHUP and SIGCONT that follow come from the kernel in our own name, and are dropped.
        """
        if self.where == OWN_SESSION:
            try:
                fcntl.ioctl(0, termios.TIOCNOTTY)
            except OSError:
                pass  # no terminal, or not ours

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
                pass  # no terminal, or no /dev/tty
        return 0

    def suspend(self) -> None:
        """Suspend ourselves with the program, as dumb-init does: a shell gets its prompt back.

        PID 1 cannot be suspended.
        """
        posix.kill(posix.getpid(), SIGSTOP)

    def resume(self) -> bool:
        return False

    def give_back(self) -> None:
        pass  # none of the three does this


class Exec:
    """The exec by a profile's rules. It takes the place of the Extras of a group's process."""

    __slots__ = ("process", "inherited", "profile")

    def __init__(self, process: "Process", inherited: "Inherited", profile: "Profile") -> None:
        self.process, self.inherited, self.profile = process, inherited, profile

    def in_parent(self, kernel: "Any") -> None:
        pass

    def in_child(self, answer: int) -> "NoReturn":
        """Execute the program, or answer and end. Never returns."""
        if self.profile.activated is not None:
            activate(self.profile.activated)
        self.inherited.restore_signals()
        number = execvp(self.process)
        code = self.profile.failures.get(number, self.profile.failures[0])
        text = "%s: %s" % (show(self.process.argv[0]), posix.strerror(number).lower())
        posix.write(answer, bytes((code,)) + text.encode("utf-8", "backslashreplace"))
        posix._exit(code)


def activate(variable: bytes) -> None:
    """Hand socket activation that was meant for the init on to its program (sd_listen_fds(3))."""
    value = posix.environ.get(variable)
    if value is not None and scan(value.decode("ascii", "replace"))[0] == posix.getppid():
        posix.putenv(variable, b"%d" % posix.getpid())


def execvp(process: "Process") -> int:
    """Do what execvp(3) does, which runs a file of unknown format by /bin/sh. Return the errno."""
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
    """The loop in the place of one of the three.

    says_reaped: say when an orphan is reaped (tini -w).
    """

    __slots__ = ("says_reaped", "profile")

    def __init__(
        self, machine: "Machine", inherited: "Inherited", placement: Placement, wanted: "Arguments", profile: "Profile",
        options: "Options",
    ) -> None:  # fmt: skip
        Loop.__init__(self, machine, inherited, placement, wanted, kernel)  # type: ignore[arg-type]
        self.says_reaped, self.profile = options.reaped, profile

    def reap_storm(self) -> bool:
        return False  # dumb-init signals its program's process group after its end; tini -w reports each orphan

    def undeclared(self, pid: int, code: int, number: int, core: bool, recorded: bool) -> None:
        Loop.undeclared(self, pid, code, number, core, recorded)
        if self.says_reaped and not self.verbose:
            self.talk("trace", ("reaped", pid, code, number))

    def extras(self, member: int) -> "Any":
        return Exec(self.plan.processes[member], self.inherited, self.profile)
