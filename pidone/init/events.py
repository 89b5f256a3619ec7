"""The events and actions between the loop and a machine, each a tuple that starts with its kind.

The loop makes events, a machine (`single`, or a group's) takes them and returns actions, and the
loop carries the actions out. Both are plain numbers and words, so that a test can drive a machine a
billion times.

E1 and so on: docs/reference/edge-cases.md.
"""

# Events: (kind, ...)
BEGIN = 0  # ()
EXECED = 1  # (member): its exec has succeeded
FAILED = 2  # (member, exit code, text): fork, or a step between fork and exec, has failed
EXITED = 3  # (member, code, signal, oom): ended. signal: 0 unless one killed it. oom: by the OOM killer
SUSPENDED = 4  # (member): a signal has suspended it, such as the terminal's Ctrl-Z
SIGNAL = 5  # (number): PID 1 has got it; not the kernel's own SIGCHLD, SIGIO and the like
DEADLINE = 6  # ()
ALONE = 7  # (others): PID 1 has no child left; others: how many more run in the namespace (docker exec)
HELPER_ENDED = 8  # (member, what, verdict, text): a helper of a member (a probe, a hook ...) has ended
NOTIFIED = 9  # (member, what): a member, or the listener, has sent a notification: READY, ALIVE ...
COMMAND = 10  # (verb, member, number): a client has sent a command through the control socket
NEW_PLAN = 11  # (plan): a child has read the file again
RESOLVED = 12  # (member): its forked child has looked up its user and its environment

# Actions: (kind, ...)
SPAWN = 0  # (member)
KILL = 1  # (member, number, whether to its whole process group)
SWEEP = 2  # (number): send it to all processes but PID 1
SUSPEND = 3  # (): suspend pidone, because the app is suspended (E26)
SAY = 4  # (what, ...): print a line for people; `messages` has its text
EXIT = 5  # (code, whether it is worth a report)
RUN_HELPER = 6  # (member, what): fork a helper of this member
CANCEL_HELPER = 7  # (member, what, whether it is late): kill a helper and its process group; its answer is ignored
RECORD = 8  # (member, what): record that it is started, ready, not ready; of the group (-1): stop
TAKE_OVER = 9  # ({member: (name, role)}): another plan is in force; these are removed, their ids never reused

#: The verdicts of a helper, and the words for them in every line and in all JSON.
SUCCESS, FAILURE, UNKNOWN = range(3)
VERDICTS = ("success", "failure", "unknown")

#: The notifications of a process (sd_notify(3)) or of the listener, and the words for them.
LISTENING, READY, UNREADY, ALIVE, DEAD = range(5)
NOTIFICATIONS = ("listening", "ready", "not ready", "watchdog", "watchdog trigger")

#: Stands for the group itself in place of a member.
GROUP = -1

SIGHUP, SIGKILL, SIGTERM, SIGCONT = 1, 9, 15, 18
END_SIGNALS = (2, 3, SIGTERM)  # INT, QUIT, TERM: people send these to end a single command
