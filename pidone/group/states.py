"""The states, reasons and outcomes in the lifetime of a process. This file imports nothing.

S1 and so on: docs/reference/pod.md.
"""

#: WAITING: for its turn or for a partner, or in back-off. STARTING: forked, but its exec is not yet
#: confirmed or its daemon is not yet found.
WAITING, STARTING, RUNNING, TERMINATED = range(4)

STATES = ("waiting", "starting", "running", "terminated")

#: Values of `ending`. Others are the name of a probe, "post_start" and "launch". It is None where
#: the process ends by itself.
STOPPING, RESTARTING_ALL, COMMANDED = "stop", "restart of all", "command"

#: The reason of a process that waits until the process that it restarts with has started.
TIED = "WaitsForRestart"

#: The outcomes that a process reports to its host.
STARTED = "started"  # it has started (S16), so those that wait for it may start
FAILED_TO_START = "failed to start"  # detail: the exit code for it
ENDED = "ended"
PREPARED = "prepared"  # its pre_stop is over or its main pid is found, in a stop of the group or a restart of all
RESTART_DUE = "restart due"  # its back-off is over, its leftovers have ended, and its message is read
CLEARED = "cleared"  # its leftovers have ended, or its message is read
FOUND = "found"  # it has a new main pid: a daemon or a successor
GRACE_OVER = "killed"  # its grace is over, so it gets SIGKILL

OUTCOMES = (STARTED, FAILED_TO_START, ENDED, PREPARED, RESTART_DUE, CLEARED, FOUND, GRACE_OVER)
