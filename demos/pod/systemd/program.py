"""Report the start and SIGTERM. SIGUSR1 makes the program fail: it exits with 3.

The reports go to a file, because each init sends stdout elsewhere.
"""

import os
import signal
import sys


def say(text: str) -> None:
    with open("/said", "a") as file:
        print(f"{sys.argv[1]}: {text}", file=file, flush=True)


signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGTERM])
say("started")
if signal.sigwait([signal.SIGUSR1, signal.SIGTERM]) == signal.SIGUSR1:
    say("makes a mistake: exits with 3")
    os._exit(3)
say("told to end")
