"""A terminal whose other end the test holds."""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pexpect
import pexpect.fdpexpect

from tests.support.pid1 import NAMESPACE, PATIENCE

#: The app of these tests. It prints the signals that it gets and the size of the terminal.
APP = r"""
import os, select, signal, sys
woken, wake = os.pipe()  # a signal that comes right before a read(2) would not end it
os.set_blocking(wake, False)
signal.set_wakeup_fd(wake)
def said(number, frame):
    size = os.get_terminal_size(0)
    os.write(1, f"got {number} {size.columns} {size.lines}\n".encode())  # print may be what it interrupts
for number in (signal.SIGINT, signal.SIGWINCH, signal.SIGHUP, signal.SIGCONT, signal.SIGQUIT):
    signal.signal(number, said)
print("up", os.tcgetpgrp(0) == os.getpgrp(), flush=True)
while True:
    ready = select.select([0, woken], [], [])[0]
    if woken in ready:
        os.read(woken, 100)
    if 0 not in ready:
        continue
    line = os.read(0, 4096).decode()
    if not line or line == "end\n":
        sys.exit(7)
    print("read", line, end="", flush=True)
"""


class Tty:
    """A command on a new terminal, and what the user in front of it does."""

    def __init__(self, *command: str, cwd: Path | None = None) -> None:
        self.master, slave = os.openpty()
        self.name = os.ttyname(slave)
        self.resize(24, 80)
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, cwd=cwd)
        os.close(slave)
        self.screen = pexpect.fdpexpect.fdspawn(self.master, timeout=PATIENCE, encoding="utf-8", codec_errors="replace")
        self.screen.logfile_read = sys.stdout  # pytest shows it where the test fails

    def __enter__(self) -> Tty:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.master >= 0:
            os.close(self.master)

    def see(self, *patterns: str) -> int:
        """Wait for one of these patterns, and return its index."""
        return int(self.screen.expect(list(patterns)))

    def type(self, line: str) -> None:
        self.screen.sendline(line)

    def press(self, key: str) -> None:
        """Press Ctrl and this key."""
        self.screen.send(chr(ord(key.upper()) & 0x1F))

    def own_prompt(self) -> None:
        """Set a unique prompt, and turn the echo off."""
        self.type("stty -echo; PS1='<''> '")
        self.see("<> ")

    def reads(self, words: str) -> None:
        """Type words, which a cat in the foreground reads and prints."""
        self.type(words)
        self.see(words)

    def try_job_control(self) -> None:
        """Try the job control of a bash, which ends with 5."""
        self.see(r"bash-[\d.]+# ")
        assert "job control" not in self.screen.before, self.screen.before
        self.own_prompt()
        self.type("cat")
        self.reads("is read")
        self.press("z")
        self.see(r"\[1\]\+ +Stopped")
        self.see("<> ")
        self.type("fg")
        self.reads("is read again")
        self.press("c")
        self.see("<> ")
        self.type("exit 5")
        assert self.code() == 5

    def resize(self, lines: int, columns: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def resize_until(self, lines: int, columns: int, pattern: str) -> None:
        """Resize the terminal until the pattern comes.

        docker's client reads the size before it listens for changes, so it may miss one.
        """
        for patience in (3, 3, 3, PATIENCE):
            self.resize(lines, columns)
            if self.screen.expect([pattern, pexpect.TIMEOUT], timeout=patience) == 0:
                return
            self.resize(lines, columns - 1)
        raise AssertionError(f"nobody has heard of {lines} lines of {columns}")

    def foreground(self) -> str:
        """Return the name of the leader of the terminal's foreground process group."""
        try:
            return Path(f"/proc/{os.tcgetpgrp(self.master)}/comm").read_text().strip()
        except OSError:
            return ""

    def code(self) -> int:
        self.see(pexpect.EOF)
        return self.process.wait(PATIENCE)

    def hang_up(self) -> None:
        os.close(self.master)
        self.master = -1


#: PID 1 of a namespace leads the terminal's session, as with an engine's -t.
ENGINE = [*NAMESPACE, "--ctty"]
