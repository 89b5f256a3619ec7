"""The suspects: the running processes that could have sent a process SIGKILL.

The kernel does not tell who sent the signal, so this names the processes that run and may send it.
By kill(2), these have CAP_KILL, or their real or effective user is the victim's.
"""

import posix

from pidone.helpers import proc
from pidone.init.events import SUCCESS
from pidone.init.signals import show
from pidone.kernel import read_file

CAP_KILL = 1 << 5  # linux/capability.h

#: Suspects that are named. A slot of the record holds no more.
MAX_NAMED = 3


def run(pid_of_it: int, victim: int, helpers: "list[int]") -> "tuple[int, str]":
    """Return (SUCCESS, the suspects as lines of text), the youngest first.

    The first line is the victim's pid and the number of suspects. Each further line is the pid,
    effective uid and name of one suspect, for the first MAX_NAMED.

    pid_of_it: the victim's pid.
    victim: its uid.
    helpers: the pids of pidone's own helpers.
    """
    ours = {posix.getpid(), posix.getppid(), *helpers}
    found = [(pid, fields) for pid, fields in proc.everyone().items() if pid not in ours]
    found.sort(key=lambda item: -int(item[1][19]))  # the youngest first
    lines = []
    for pid, _ in found:
        uids, capabilities, name = status(pid)
        if name and (capabilities & CAP_KILL or victim in uids[:2]):
            lines.append("%d %d %s" % (pid, uids[1], show(name)[:24]))
    return SUCCESS, "\n".join(["%d %d" % (pid_of_it, len(lines)), *lines[:MAX_NAMED]])


def status(pid: int) -> "tuple[list[int], int, bytes]":
    """Return ([real, effective, saved uid], effective capabilities, name).

    The name is empty where the process has exited.
    """
    uids, capabilities, name = [-1, -1, -1], 0, b""
    try:
        for line in read_file("/proc/%d/status" % pid).split(b"\n"):
            key, _, value = line.partition(b":\t")
            if key == b"Uid":
                uids = [int(word) for word in value.split()[:3]]
            elif key == b"CapEff":
                capabilities = int(value, 16)
            elif key == b"Name":
                name = value
    except OSError:
        return uids, 0, b""
    return uids, capabilities, name
