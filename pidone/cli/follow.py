"""`pidonectl events` and `pidonectl logs`: events and output so far, and with -f new ones, too."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from pidone.control.client import add_socket, ask
from pidone.report.events import sentence


class Events:
    """Show the record's events: one line for each, or JSON lines."""

    @staticmethod
    def add_arguments(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("-f", "--follow", action="store_true", help="follow new events, as JSON lines")
        parser.add_argument("--json", action="store_true", help="JSON lines")
        add_socket(parser)

    @staticmethod
    def run(arguments: argparse.Namespace) -> int:
        since = -1
        while True:
            for answer in ask(arguments.socket, {"do": "events", "follow": arguments.follow, "since": since}):
                if "event" in answer:
                    since = answer["event"]["n"]
                    Events.show(arguments, answer["event"])
            if not answer.get("reloaded"):
                return 0

    @staticmethod
    def show(arguments: argparse.Namespace, event: dict[str, Any]) -> None:
        if arguments.json or arguments.follow:
            print(json.dumps(event), flush=arguments.follow)
        else:
            print(f"{event['at']:12.3f}  {event['what']:9}  {sentence(event)}")


class Logs:
    """Show the last lines of output that pidone carries (log = "prefix", "json" or a file)."""

    @staticmethod
    def add_arguments(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("name", nargs="?", metavar="NAME", help="of the process; default: of all")
        parser.add_argument("-f", "--follow", action="store_true", help="follow new output")
        parser.add_argument(
            "-n",
            "--lines",
            type=int,
            default=20,
            metavar="N",
            help="how many lines, of all processes together; default 20",
        )
        parser.add_argument("--json", action="store_true", help="JSON lines: the process and a piece of its output")
        add_socket(parser)

    @staticmethod
    def run(arguments: argparse.Namespace) -> int:
        request = {"do": "logs", "name": arguments.name, "lines": max(0, arguments.lines), "follow": arguments.follow}
        while True:
            for answer in ask(arguments.socket, request):
                if "data" in answer:
                    Logs.show(arguments, answer)
            if not answer.get("reloaded"):
                return 0
            request["lines"] = 0  # the group has been reloaded; the lines before that have been shown

    @staticmethod
    def show(arguments: argparse.Namespace, answer: dict[str, Any]) -> None:
        if arguments.json:
            print(json.dumps(answer), flush=True)
            return
        for line in answer["data"].splitlines():
            sys.stdout.write(f"{line}\n" if arguments.name else f"{answer['name']}: {line}\n")
        sys.stdout.flush()
