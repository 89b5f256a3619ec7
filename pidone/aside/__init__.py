"""What PID 1 forks and may lose, and what only its children load.

helpers    the table of all below: handler -> function
http, tcp, file       probes that are asked from outside of the process
notify     receives what processes say by sd_notify(3)
follow     finds the daemon of a program that went into the background
pump       carries the output of processes
session    answers one client of the control line
looks      what a session tells
commands   what a session commands
guest      runs somebody's command beside a process
metrics    serves Prometheus metrics and /health
leftovers  ends what a process left behind
message    reads the termination message of a process that has ended
suspects   finds who could have sent a process SIGKILL
reporter   says why it all ended, and writes the report
gather     what a child of PID 1 knows of it, as the report's document
proc       what /proc says of a process
refusal    why a program could not be executed, in words
usage      what `pidone --help` says
"""
