"""The supervisor of a group: carries out what `group` has decided, keeps the record, hears and answers.

Loaded by PID 1 for a group only; whatever can be slow or wrong is forked from here into `helpers`. Read it in this
order:

    loop            the loop of a group: what goes on beside its processes becomes events
    helpers         forks that: what each kind runs with, and what its end leads to
    extras          what a process of a group gets that a single command does not
    output          the pipes of processes whose output is carried
    notifications   what processes say of themselves
    control_server  the control socket: its socket, sessions and commands
    planner         forks the child that reads the file
    record          what has happened, in rings of fixed size
    counters        counts of ends and probes, for those who measure
    oom             whom the kernel has killed because memory ran out
    words           what PID 1 says of a group
"""
