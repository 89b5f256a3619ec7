"""What PID 1, its sessions and clients share: commands, sizes, the places of the control socket.

A request is a line of JSON, and so is each answer (helpers/control/session.py). A session sends PID
1 its commands in a fixed size: verb, process, number, and the client's pid and uid, of 4 bytes
each.
"""

#: The schema of a report and of a session's last answer (docs/reference/*.schema.json). It counts
#: up when a key changes its name or its meaning.
SCHEMA = 2

COMMAND_SIZE = 20

#: Verbs that the group decides on (group/commands.py), and verbs that its loop carries out itself.
STOP_ONE, START_ONE, RESTART_ONE, SIGNAL_ONE, STOP_ALL = range(5)
EXEC, RELOAD, FOLLOW = 16, 17, 18

#: Verbs that do not concern a single process.
OF_ALL = (STOP_ALL, RELOAD, FOLLOW)

#: The names of verbs for people, in the record's report.
VERBS = {
    STOP_ONE: "stop", START_ONE: "start", RESTART_ONE: "restart", SIGNAL_ONE: "signal", STOP_ALL: "stop all",
    EXEC: "exec", RELOAD: "reload",
}  # fmt: skip

#: At a time at most so many sessions answer, so many clients follow, and so many exec sessions run.
SESSIONS = 16

#: Why a file could not be read, at the start or again; clients get it as well.
HUNG = "cannot look up a user or a group in it: a service in /etc/nsswitch.conf hangs"

#: Bytes of the longest path in sockaddr_un, without the NUL at its end (unix(7)).
LONGEST = 107


def places(uid: int, runtime: "bytes | None") -> "list[bytes]":
    """Return the places where the socket may be if no path is named.

    PID 1 uses the first where it can make the socket, and gives up where another pidone answers. A
    client uses the first that answers.
    """
    found = [b"/run/pidone/control.sock"]
    if runtime:
        found.append(runtime + b"/pidone/control.sock")
    return [*found, b"/tmp/pidone-%d/control.sock" % uid, b"/dev/shm/pidone-%d/control.sock" % uid]
