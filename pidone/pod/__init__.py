"""How a declared group lives, as a Pod: loaded by PID 1 only where there is a group.

What decides is pure: no system call, no clock, no environment; it is driven through every order of events by a test.
Read it in this order:

    group    THE machine: order of start, what begins a stop, the exit code
    stop     how a group stops, and who has how much of the grace
    order    who may start, who may be told
    life     one process's life: its start, its stop, its end, its restarts; knows nothing of order
    watch    what goes on beside it: hooks and probes
    member   what is remembered of one process
    probe    one probe: consecutive results become a verdict
    restart  is it started again, and when
    care     what a file may ask for one process, and its defaults
    status   the kubelet's words for all of it

And what carries out:

    loop     the loop of a group: what goes on beside its processes becomes events
    beside   forks that
    words    what PID 1 says of a group
"""
