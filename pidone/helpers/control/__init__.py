"""One client of the control socket, answered in a child that PID 1 has forked for it.

answer        who asks, what for, the answer, and a deadline
session       the connection, and what is known of the group
fields        what a request may hold
access        who may ask for what
queries       what it tells
commands      what it commands
exec_session  runs somebody's command beside a process
"""
