"""How a declared group lives, as a Pod: what decides. Loaded by PID 1 only where there is a group.

Pure: no system call, no clock, no environment; it is driven through orders of events by a test. What carries out is the
room `supervisor`. docs/explanation/architecture.md shows the tables by which it goes. Read it in this order:

    process      one process's life, a machine of its own: its start, its stop, its end; knows of no other
    probe        its probes: consecutive results become a verdict
    hooks        its post_start and pre_stop
    daemon       who stands for a program that goes into the background, or a master that is replaced
    ending       what its end leads to: a message, leftovers, the next start
    states       the words of that life, and what a process reports
    group        THE machine: order of start, what begins a stop, the exit code
    order        who may start, who may be told
    routing      to whom a signal goes
    partners     who is restarted with whom
    stop         how a group stops, and who has how much of the grace
    restart_all  everything is killed, and begins anew
    reload       the file has been read again
    commands     what people command of one process
    services     the group's own helpers: listener, pump, metrics
    policy       what a file may ask for one process, and its defaults
    restart      is a process started again, and when
    status       the kubelet's words for all of it
"""
