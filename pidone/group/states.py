"""The words of one process's life: its states, why it is being ended, what it reports. A leaf."""

#: WAITING: for its turn, or in back-off. STARTING: forked, its exec not yet confirmed; or its daemon not yet found.
WAITING, STARTING, RUNNING, TERMINATED = range(4)

STATES = ("waiting", "starting", "running", "terminated")

#: Why pidone ends it, where it is no probe and no hook; None where it ends by itself.
STOPPING, RESTARTING_ALL, COMMANDED = "stop", "restart of all", "command"

#: Why it waits, where it is started again with another one.
TIED = "WaitsForRestart"

#: What a process reports to its host.
STARTED = "started"  # it has let the next one start
FAILED_TO_START = "failed to start"  # (exit code it stands for)
ENDED_ITSELF = "ended"
PREPARED = "prepared"  # its pre_stop is over, and the host says what follows
RESTART_DUE = "restart due"  # its back-off is over, and what it left behind is gone
CLEARED = "cleared"  # what it left behind is gone, or its message has been read
FOUND = "found"  # a daemon, or a successor, stands for it from now on
KILLED_IT = "killed"  # its grace was over

OUTCOMES = (STARTED, FAILED_TO_START, ENDED_ITSELF, PREPARED, RESTART_DUE, CLEARED, FOUND, KILLED_IT)
