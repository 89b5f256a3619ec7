"""What is said between the loop and a machine: events in, actions out; each a tuple that starts with its kind.

A machine (`single`, or a group's) gets events and returns actions; the loop makes the former and carries out the
latter. Both are plain numbers and words here, so that a machine can be driven by a test, a billion times.
"""

# Events: (kind, ...)
BEGIN = 0  # ()
EXECED = 1  # (member): its exec has succeeded
FAILED = 2  # (member, exit code it stands for, text): fork, or something between fork and exec, did not work
EXITED = 3  # (member, code, signal, oom): ended, not yet reaped. signal: 0 unless one killed it. oom: by its cgroup
SUSPENDED = 4  # (member): stopped by a signal, as by the terminal's Ctrl-Z
SIGNAL = 5  # (number): arrived at PID 1, and was not the kernel's own business
DEADLINE = 6  # ()
ALONE = 7  # (others): PID 1 has no child left; so many others run in the namespace (a docker exec's)
HELPER_ENDED = 8  # (member, what, verdict, text): what went on beside a member (a probe, a hook ...) is over
NOTIFIED = 9  # (member, what): a member, or the listener, said something of itself: READY, ALIVE ...
COMMAND = 10  # (verb, member, number): somebody wants it, through the control socket
NEW_PLAN = 11  # (plan): the file has been read again
RESOLVED = 12  # (member): its forked child has looked its user and its environment up

# Actions: (kind, ...)
SPAWN = 0  # (member)
KILL = 1  # (member, number, whole process group?)
SWEEP = 2  # (number): to everything that is not PID 1
SUSPEND = 3  # (): stop ourselves as our app has stopped (E26)
SAY = 4  # (what, ...): a line for people; `words` knows how it reads
EXIT = 5  # (code, is it worth a report?)
RUN_HELPER = 6  # (member, what): fork what goes on beside it
CANCEL_HELPER = 7  # (member, what, is it late?): kill that, with its process group; nobody wants its answer any more
RECORD = 8  # (member, what): into the record; it has turned started, ready, not ready; the group (-1) stop
TAKE_OVER = 9  # ({member: (name, role)}): another plan has taken over; these are gone, their numbers are not reused

#: How a helper ended, and the words for it in every line and every JSON.
SUCCESS, FAILURE, UNKNOWN = range(3)
VERDICTS = ("success", "failure", "unknown")

#: What a process, or the listener, says by sd_notify(3), and the words for it.
LISTENING, READY, UNREADY, ALIVE, DEAD = range(5)
NOTIFICATIONS = ("listening", "ready", "not ready", "watchdog", "watchdog trigger")

#: The group itself, where otherwise a process stands.
GROUP = -1

SIGHUP, SIGKILL, SIGTERM, SIGCONT = 1, 9, 15, 18
ASKING = (2, 3, SIGTERM)  # INT, QUIT, TERM: what people send to end a single command
