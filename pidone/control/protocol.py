"""What PID 1, its sessions and their clients know of the control socket: commands, sizes, and where the socket is.

A request is a line of JSON, and so is each answer (helpers/control/session.py). A session sends PID 1
its commands in a fixed size: verb, process, number, and the commander's pid and uid, of 4 bytes each.
"""

COMMAND_SIZE = 20

#: Verbs that the group decides on (group/commands.py), and those that its loop carries out by itself.
STOP_ONE, START_ONE, RESTART_ONE, SIGNAL_ONE, STOP_ALL = range(5)
EXEC, RELOAD, FOLLOW = 16, 17, 18

#: Those that are no single process's.
OF_ALL = (STOP_ALL, RELOAD, FOLLOW)

#: As people read them, in the record and its report.
VERBS = {
    STOP_ONE: "stop", START_ONE: "start", RESTART_ONE: "restart", SIGNAL_ONE: "signal", STOP_ALL: "stop all",
    EXEC: "exec", RELOAD: "reload",
}  # fmt: skip

#: So many sessions answer at a time, so many clients follow, and so many commands run beside processes.
SESSIONS = 16

#: Why a file could not be read again: to clients as well.
HUNG = "cannot look up a user or a group in it: a service in /etc/nsswitch.conf hangs"

#: sockaddr_un's path, with its end (unix(7)).
LONGEST = 107


def places(uid: int, runtime: "bytes | None") -> "list[bytes]":
    """Where the socket is looked for where nobody says: the first that can be made, or where one answers."""
    found = [b"/run/pidone/control.sock"]
    if runtime:
        found.append(runtime + b"/pidone/control.sock")
    return [*found, b"/tmp/pidone-%d/control.sock" % uid, b"/dev/shm/pidone-%d/control.sock" % uid]
