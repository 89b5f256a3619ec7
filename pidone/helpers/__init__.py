"""The helpers: forked children that PID 1 may lose, and the modules that only they load.

table      runs one helper or probe handler, named as "room.file:function"
notify     receives what processes send by sd_notify(3)
main_pid   finds the daemon of a program that went into the background, or a successor
pump       carries the output of processes
    log_file   writes a log file, and rotates it
    tails      keeps the last bytes of each stream in shared memory
control/   answers one client of the control socket
metrics    serves Prometheus metrics and /health
leftovers  ends what a process left behind
message    reads the termination message of a process that has ended
suspects   finds the processes that could have sent SIGKILL
reporter   says why it all ended, and writes the report
snapshot   what a child of PID 1 knows of PID 1, as plain data
    document   the same as the report's document
    clock      the time of day
proc       what /proc says of a process
refusal    why a program could not be executed, in words
usage      what `pidone --help` prints; the only one that pidone itself loads

The probe handlers are in pidone/probes.
"""
