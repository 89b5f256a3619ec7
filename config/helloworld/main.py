"""The primary: asks the api, prints the answer, and ends. Then the whole group ends."""

import sys

from line import ask, log

log("started")
print(f"main: the api says: {ask('api', sys.argv[1])}", flush=True)
log("done: now the others are stopped")
