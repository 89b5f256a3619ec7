"""What PID 1 forks and may lose, and what only its children load.

table      the table of all below: handler -> module
probes/    asked from outside of the process: http, tcp, grpc, file
command    a probe's or a hook's command
notify     receives what processes say by sd_notify(3)
follow     finds the daemon of a program that went into the background
pump       carries the output of processes; log_file is how a file is written
control/   answers one client of the control socket
metrics    serves Prometheus metrics and /health
leftovers  ends what a process left behind
message    reads the termination message of a process that has ended
suspects   finds who could have sent a process SIGKILL
reporter   says why it all ended, and writes the report
snapshot   what a child of PID 1 knows of it, as plain data
    document   the same as the report's document
    clock      the time of day
proc       what /proc says of a process
refusal    why a program could not be executed, in words
usage      what `pidone --help` says
"""
