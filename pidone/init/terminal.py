"""Who owns the controlling terminal. Loaded only where there is one.

PID 1 as the terminal's session leader (`docker run -t`) hands the whole session over: the app becomes the leader with
the terminal as its own, which is what it would have been without an init: job control, hang-up and window size come to
it from the kernel, not from us.

Anywhere else (a laptop's shell, a sandbox) the session is the shell's. The app gets a process group of its own in
the foreground (E24); when Ctrl-Z stops it, our own group stops too, so that the shell's prompt comes back (E26).
As PID 1 of a sandbox we cannot be stopped ourselves, but the members of our group outside can, and they are the job.
"""

import _signal
import fcntl
import posix
import termios


class Terminal:
    """fd: of the terminal. leads: we are its session leader. foreground: it was ours when we started."""

    __slots__ = ("fd", "leads", "foreground", "app", "suspended")

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.leads = posix.getsid(0) == posix.getpid()
        self.foreground = posix.tcgetpgrp(fd) == posix.getpgrp()
        self.app = 0
        self.suspended = False

    def before_fork(self) -> None:
        """Give the session's terminal up. The kernel's SIGHUP and SIGCONT for that are dropped in `loop` (E25)."""
        if self.leads:
            fcntl.ioctl(self.fd, termios.TIOCNOTTY)

    def in_child(self) -> None:
        """In the app, before exec. SIGTTOU is blocked here, so the terminal does not stop us for this (E23)."""
        if self.leads:
            posix.setsid()
            fcntl.ioctl(self.fd, termios.TIOCSCTTY, 0)
            return
        posix.setpgid(0, 0)
        if self.foreground:
            posix.tcsetpgrp(self.fd, posix.getpid())

    def suspend(self) -> None:
        """The app has been stopped by the terminal: stop our own process group, and wake with it on SIGCONT."""
        if self.leads:
            return
        self.foreground = self._give(posix.getpgrp())
        self.suspended = True
        posix.kill(0, _signal.SIGSTOP)

    def resume(self) -> bool:
        """SIGCONT has come. True if it was for us, and we have continued the app."""
        if not self.suspended:
            return False
        self.suspended = False
        try:
            if posix.tcgetpgrp(self.fd) == posix.getpgrp():  # `fg`; after `bg` the terminal stays the shell's
                self._give(self.app)
        except OSError:
            pass  # the terminal is gone
        posix.killpg(self.app, _signal.SIGCONT)
        return True

    def give_back(self) -> None:
        """At the end: the foreground is our group's again, or the shell above us would be stopped by its next read."""
        if not self.leads:
            self._give(posix.getpgrp())

    def _give(self, group: int) -> bool:
        """Make a group the foreground one if the terminal is in our hands. True if it was."""
        try:
            if posix.tcgetpgrp(self.fd) not in (self.app, posix.getpgrp()):
                return False
            posix.tcsetpgrp(self.fd, group)
        except OSError:
            return False
        return True


def find() -> "Terminal | None":
    """The controlling terminal on one of the descriptors 0-2, or None."""
    for fd in (0, 2, 1):
        try:
            posix.tcgetpgrp(fd)  # ENOTTY unless it is our session's own
        except OSError:
            continue
        return Terminal(fd)
    return None
