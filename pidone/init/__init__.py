"""The code of PID 1.

PID 1 loads pidone's own modules and the builtin modules of ALLOWED, and nothing else. A test
compares this list with what a running PID 1 has loaded. Read the modules in this order:

    main       arguments -> plan -> machine -> loop
    arguments  the command line, one table
    plan       what is to run, as plain data
    slots      the classes of a plan and of a process
    events     the events and actions between a machine and the loop
    machine    what the machines have in common: how everything ends
    single     the machine of a single command; a group's is in the package `group`
    loop       the one wait; signals and child exits become events, actions become calls
    spawn      everything between fork and exec
    fork       helpers: children that PID 1 may lose
    reap       waiting for children
    record     the record of a single command
    report     PID 1's last work, where its end is worth a report
    proc       what /proc says about a process
    inherited  what PID 1 got from the container and must pass on
    terminal   the owner of the controlling terminal
    signals    names and numbers
    messages   what PID 1 says when something is wrong
    trouble    an exception in PID 1 itself
    others     undeclared processes: their names; all of them, when pidone is not PID 1
"""

#: Builtin modules that PID 1 may load. `fcntl`, `select` and `termios` are small shared objects on
#: some builds.
#: - `termios`: only on a terminal.
#: - `select`: for a line on trouble, and for the output of a group.
#: - `mmap`, `_socket`: for a group's record and control socket.
#: - `resource`: after a SIGKILL, for the memory that the process has had.
ALLOWED = (
    "_signal", "_socket", "errno", "fcntl", "marshal", "mmap", "posix", "resource", "select", "sys", "termios", "time",
)  # fmt: skip
