"""The supervisor of a group: carries out what `group` decides, keeps the record, serves clients.

PID 1 loads it for a group only. Work that can be slow or go wrong is forked from here into
`helpers`. Read it in this order:

    loop            the loop of a group, where processes, helpers and sessions become events
    helpers         forks helpers: what each kind runs, and what its end leads to
    extras          what a process of a group gets beyond a single command
    output          the pipes of processes whose output is carried
    notifications   what processes report of themselves
    control_server  the control socket: its sessions and their commands
    control_socket  makes that socket
    planner         forks the child that reads the file
    record          what has happened, in rings of fixed size
    counters        counts of exits and probe answers, for metrics
    oom             which processes the kernel has killed because memory ran out
    messages        the lines that PID 1 prints about a group
"""
