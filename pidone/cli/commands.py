"""`pidonectl stop|start|restart|signal|reload`: command one process, or the group."""

from __future__ import annotations

import argparse
from typing import Any

from pidone.cli.stderr import print_error
from pidone.cli.wait import seconds
from pidone.control.client import NoAnswerError, add_socket, ask_once
from pidone.init.plan import TIMED_OUT


class Verb:
    """A subcommand that sends one command.

    do: the command. text: the description that --help shows.
    name: whether it takes a process's name: "needed", "optional" or "" for no name.
    """

    def __init__(self, do: str, text: str, name: str) -> None:
        self.do, self.__doc__, self.name = do, text, name

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        if self.name:
            many = "?" if self.name == "optional" else None
            parser.add_argument("name", nargs=many, metavar="NAME", help="of the process")
        if self.do == "signal":
            parser.add_argument("signal", metavar="SIGNAL", help="such as HUP, SIGUSR1, 10, RTMIN+3")
        if self.do in WAITING:
            parser.add_argument("--no-wait", dest="wait", action="store_false", help="do not wait until it has started")
            parser.add_argument("--timeout", type=seconds, metavar="TIME", help="how long to wait; default 60s")
        add_socket(parser)

    def run(self, arguments: argparse.Namespace) -> int:
        """Return 0, or 124 where the process has not started in time. Raises NoAnswerError."""
        request: dict[str, Any] = {"do": self.do}
        for key in ("name", "signal", "wait", "timeout"):
            if getattr(arguments, key, None) is not None:
                request[key] = getattr(arguments, key)
        answer = ask_once(arguments.socket, request)
        if answer.get("reloaded"):
            raise NoAnswerError("the file was reloaded meanwhile; pidonectl status shows the result")
        if answer.get("started") is False:
            within = f"within {60 if arguments.timeout is None else arguments.timeout:g} s"
            print_error(f"pidonectl: {arguments.name} did not start {within}; see pidonectl status")
            return TIMED_OUT
        return 0


#: Commands that wait until pidone knows whether the process has started.
WAITING = ("start", "restart")


STOP = Verb(
    "stop", "Stop a sidecar, which stays down until somebody starts it; without a name, stop the group.", "optional"
)
START = Verb("start", "Start a process that was stopped, has exited or is in back-off.", "needed")
RESTART = Verb(
    "restart", "Stop a process and start it again; this does not end the group, even for the primary.", "needed"
)
RELOAD = Verb("reload", "Read the group's file again; stop and start what changed in it, in order.", "")
SIGNAL = Verb("signal", "Send a process a signal.", "needed")
