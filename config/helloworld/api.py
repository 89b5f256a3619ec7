"""The api: reads a name on a line, and answers with a greeting and a computed factor."""

import os

from line import ask, serve


def greet(name: str) -> str:
    secret = int.from_bytes(name.encode(), "big")
    return f"{os.environ['GREETING']}, {name}! {secret} is divisible by {ask('compute', str(secret))}"


serve("api", greet)
