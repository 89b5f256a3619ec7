"""The owner of the controlling terminal. pidone loads this module only where there is a terminal.

Theory. As the terminal's session leader (`docker run -t`) PID 1 gives the terminal to the app. The
app leads a session of its own, and the terminal is its controlling terminal, as it would be without
an init. So job control, hang-up and window size come to the app from the kernel, not from pidone.

Anywhere else (a laptop's shell, a sandbox) the session belongs to the shell. The app gets a process
group of its own in the foreground (E24). When Ctrl-Z suspends the app, pidone suspends its own
process group too, so that the shell's prompt comes back (E26). As PID 1 of a sandbox pidone itself
cannot be suspended. But the members of its process group outside the sandbox can, and they are the
shell's job.

E1 and so on: docs/reference/edge-cases.md.
"""

import _signal
import fcntl
import posix
import termios


class Terminal:
    """The controlling terminal.

    fd: its descriptor.
    leads: whether pidone is its session leader.
    foreground: whether pidone's process group was in the foreground at the start; after a
        `suspend`, whether it or the app was.
    app: the pid of the app, or 0.
    suspended: whether pidone has suspended its process group with the app, and waits for SIGCONT.
    """

    __slots__ = ("fd", "leads", "foreground", "app", "suspended")

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.leads = posix.getsid(0) == posix.getpid()
        self.foreground = posix.tcgetpgrp(fd) == posix.getpgrp()
        self.app = 0
        self.suspended = False

    def before_fork(self) -> None:
        """Give up the session's terminal.

        The kernel sends SIGHUP and SIGCONT for this, which the loop drops (E25).
        """
        if self.leads:
            fcntl.ioctl(self.fd, termios.TIOCNOTTY)

    def in_child(self) -> None:
        """Give the terminal to the app, in the child before exec.

        SIGTTOU is blocked here, so the terminal does not suspend the child for this (E23).
        """
        if self.leads:
            posix.setsid()
            fcntl.ioctl(self.fd, termios.TIOCSCTTY, 0)
            return
        posix.setpgid(0, 0)
        if self.foreground:
            posix.tcsetpgrp(self.fd, posix.getpid())

    def suspend(self) -> None:
        """Suspend pidone's own process group, after the terminal has suspended the app.

        SIGCONT wakes pidone and its process group.
        """
        if self.leads:
            return
        self.foreground = self._give(posix.getpgrp())
        self.suspended = True
        posix.kill(0, _signal.SIGSTOP)

    def resume(self) -> bool:
        """Continue the app after SIGCONT. Return whether the SIGCONT was for pidone."""
        if not self.suspended:
            return False
        self.suspended = False
        try:
            if posix.tcgetpgrp(self.fd) == posix.getpgrp():  # `fg`; after `bg` the terminal stays the shell's
                self._give(self.app)
        except OSError:
            pass  # the terminal no longer exists
        posix.killpg(self.app, _signal.SIGCONT)
        return True

    def give_back(self) -> None:
        """Put pidone's process group back into the foreground, at the end.

        Otherwise the next read would suspend the shell above pidone.
        """
        if not self.leads:
            self._give(posix.getpgrp())

    def _give(self, process_group: int) -> bool:
        """Put a process group into the foreground if the app or pidone is there; return whether."""
        try:
            if posix.tcgetpgrp(self.fd) not in (self.app, posix.getpgrp()):
                return False
            posix.tcsetpgrp(self.fd, process_group)
        except OSError:
            return False
        return True


def find() -> "Terminal | None":
    """Return the controlling terminal on one of the descriptors 0-2, or None."""
    for fd in (0, 2, 1):
        try:
            posix.tcgetpgrp(fd)  # ENOTTY unless it is the terminal of our session
        except OSError:
            continue
        return Terminal(fd)
    return None
