"""A process that holds a group together and does nothing: `pause = true`, and what a Pod's infra container is.

It is a program of its own: the group starts, stops and names it as any other process. It ends at once, with 0, when it
is told to by SIGTERM or SIGINT, and all other signals leave it as it is.
"""

import _signal


def main() -> None:
    """The rest is blocked: nothing is woken, and nothing is lost but what nobody waits for."""
    _signal.pthread_sigmask(_signal.SIG_SETMASK, _signal.valid_signals())
    _signal.sigwait((_signal.SIGTERM, _signal.SIGINT))


if __name__ == "__main__":
    main()
