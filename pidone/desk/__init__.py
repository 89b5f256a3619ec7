"""The desk of a group: carries out what `pod` has decided, keeps the record, hears and answers.

Loaded by PID 1 for a group only; whatever can be slow or wrong is forked from here into `aside`. Read it in this order:

    loop     the loop of a group: what goes on beside its processes becomes events
    steered  what people command, and another plan that takes over
    beside   forks that
    extras   what a process of a group gets that a single command does not
    output   the pipes of processes whose output is carried
    hearing  what processes say of themselves
    control  the control line: its socket, sessions and commands
    record   what has happened, in two rings of fixed size
    tally    counts of ends and probes, for those who measure
    kills    how many the kernel has killed because memory ran out
    planner  forks the child that reads the file
    words    what PID 1 says of a group
"""
