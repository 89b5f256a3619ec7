"""The state machine of a group of processes, like a Kubernetes Pod.

PID 1 loads it only for a group. It is pure: no system call, no clock, no environment. So a test can
drive it through any order of events. The package `supervisor` carries out what it decides.
docs/explanation/architecture.md shows its tables. Read the files in this order:

    process      the lifetime of one process: its start, its stop, its end; it knows of no other
    probe        its probes: consecutive results become a verdict
    hooks        its post_start and pre_stop
    daemon       its main pid, if it goes into the background or replaces itself
    ending       what its end leads to: a message, leftovers, the next start
    states       its states, and the outcomes that it reports
    group        the group: the start order, what begins a stop, the exit code
    order        which processes may start, and which may be signalled in a stop
    routing      which processes get a signal
    partners     processes that restart with another one
    stop         how a group stops, and how much of the grace each process has
    restart_all  all processes are killed and start again
    reload       the file has changed, and the group follows
    commands     commands of users for one process
    services     the group's own helpers: listener, pump, metrics
    policy       what a file may ask for one process, and its defaults
    restart      whether and when a process starts again
    status       all of it in the kubelet's terms
"""
