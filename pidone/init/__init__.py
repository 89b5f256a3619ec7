"""What lives in PID 1.

This room imports the builtin modules of ALLOWED and itself, and nothing else, ever; a test holds the list against
what a running PID 1 has loaded. Read it in this order:

    main       arguments -> plan -> machine -> loop
    arguments  the command line, one table
    plan       what is to run, as plain data
    events     what is said between a machine and the loop
    machine    what the machines have in common: how everything ends
    single     the machine of a single command; a group's is in the room `group`
    loop       the one wait; signals and child exits become events, actions become calls
    spawn      everything between fork and exec
    fork       helpers: children that PID 1 may lose
    reap       waiting for children
    notes      the record of a single command
    report     its last work, where its end is worth a report
    proc       what /proc says of a process
    inherited  what the container handed to PID 1, and must be handed on
    terminal   who owns the controlling terminal
    signals    names and numbers
    words      what PID 1 says when something is wrong
    trouble    an exception in PID 1 itself
    others     processes nobody declared: their names; all of them, when not PID 1
"""

#: Builtin modules that PID 1 may load. `fcntl`, `select` and `termios` are small shared objects on some builds;
#: those two are loaded only on trouble and on a terminal; `mmap` and `_socket` for a group's record and control socket;
#: `resource` where a process was killed by SIGKILL, for its size.
ALLOWED = (
    "_signal", "_socket", "errno", "fcntl", "marshal", "mmap", "posix", "resource", "select", "sys", "termios", "time",
)  # fmt: skip
