"""One session of the control socket: PID 1 forks a child, which answers one client.

answer        checks access, reads the request and answers it, with a deadline
session       the connection, and what is known of the group
fields        what a request may hold
access        which users may look at the group, and which may steer it
queries       answers what only reads
commands      answers what commands PID 1
exec_session  runs the client's command next to a process
"""
