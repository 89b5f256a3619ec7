"""How a declared group lives, as a Pod: what decides. Loaded by PID 1 only where there is a group.

Pure: no system call, no clock, no environment; it is driven through orders of events by a test. What carries out is the
room `desk`. Read it in this order:

    group    THE machine: order of start, what begins a stop, the exit code
    renew    a restart of all
    reload   the file has been read again
    commands what people command of one process
    stop     how a group stops, and who has how much of the grace
    order    who may start, who may be told
    life     one process's life: its start, its stop, its end, its restarts; knows nothing of order
    watch    what goes on beside it: hooks and probes
    member   what is remembered of one process
    probe    one probe: consecutive results become a verdict
    restart  is it started again, and when
    care     what a file may ask for one process, and its defaults
    status   the kubelet's words for all of it
"""
