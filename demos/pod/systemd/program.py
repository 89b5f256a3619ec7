"""Says when it starts and when it is told to end; SIGUSR1 is the mistake it makes: it exits with 3.

Its words go to a file, wherever its init sends what it prints.
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
