"""`pidonectl stop|start|restart|signal|reload`: one process, or the group, told what to do."""

from __future__ import annotations

import argparse

from pidone.ctl.line import add_socket, ask_once


class Verb:
    """A subcommand. name: is there one, must there be one?"""

    def __init__(self, do: str, text: str, name: str) -> None:
        self.do, self.__doc__, self.name = do, text, name

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        if self.name:
            many = "?" if self.name == "optional" else None
            parser.add_argument("name", nargs=many, metavar="NAME", help="of the process")
        if self.do == "signal":
            parser.add_argument("signal", metavar="SIGNAL", help="such as HUP, SIGUSR1, 10, RTMIN+3")
        add_socket(parser)

    def run(self, arguments: argparse.Namespace) -> int:
        request = {"do": self.do}
        for key in ("name", "signal"):
            if getattr(arguments, key, None) is not None:
                request[key] = getattr(arguments, key)
        ask_once(arguments, request)
        return 0


STOP = Verb("stop", "Stop a sidecar, which then stays down until it is started; without a name, the group.", "optional")
START = Verb("start", "Start a process that was stopped, has ended or is in back-off.", "needed")
RESTART = Verb("restart", "Stop a process and start it again; a primary's end is then not the group's.", "needed")
RELOAD = Verb("reload", "Read the group's file again; end and start what has changed in it, in order.", "")
SIGNAL = Verb("signal", "Send a process a signal.", "needed")
