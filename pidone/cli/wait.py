"""`pidonectl wait` for scripts, and `pidonectl health` for a Dockerfile's HEALTHCHECK."""

from __future__ import annotations

import argparse
import json
import time

from pidone.cli.stderr import print_error
from pidone.control.client import add_socket, ask_once
from pidone.init.arguments import duration
from pidone.init.plan import TIMED_OUT


def seconds(text: str) -> float:
    try:
        return duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


class Wait:
    """Wait until a process has started, is ready or has ended. Exit code 124 on a timeout."""

    @staticmethod
    def add_arguments(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("name", metavar="NAME", help="of the process")
        parser.add_argument("--until", choices=("started", "ready", "exited"), default="ready", help="default: ready")
        parser.add_argument("--timeout", type=seconds, default=60.0, metavar="TIME", help="500ms, 8s, 5m; default 60s")
        add_socket(parser)

    @staticmethod
    def run(arguments: argparse.Namespace) -> int:
        request = {"do": "wait", "name": arguments.name, "until": arguments.until, "timeout": arguments.timeout}
        end = time.monotonic() + arguments.timeout
        answer = ask_once(arguments.socket, request)
        while answer.get("reloaded"):  # the group was reloaded meanwhile
            answer = ask_once(arguments.socket, {**request, "timeout": max(0.0, end - time.monotonic())})
        if answer["reached"]:
            return 0
        said = {"started": "did not start", "ready": "was not ready", "exited": "did not exit"}[arguments.until]
        print_error(f"pidonectl: {arguments.name} {said} within {arguments.timeout:g} s")
        return TIMED_OUT


class Health:
    """Check whether the whole group is ready (a Docker HEALTHCHECK). Exit code 0, or 1 and why."""

    @staticmethod
    def add_arguments(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
        add_socket(parser)

    @staticmethod
    def run(arguments: argparse.Namespace) -> int:
        answer = ask_once(arguments.socket, {"do": "health"})
        if arguments.json:
            print(json.dumps({"healthy": answer["healthy"], "why": answer["why"] or None}))
        else:
            print("healthy" if answer["healthy"] else f"unhealthy: {answer['why']}")
        return 0 if answer["healthy"] else 1
