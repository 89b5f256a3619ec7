"""`pidonectl report [FILE|--live]`: show why a container died, or how the running group is.

FILE is what `pidone --report` wrote. Without FILE the report is on the group that runs here.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from pidone.cli.stderr import print_error
from pidone.config.answer import printable
from pidone.control.client import add_socket, ask_once
from pidone.paths import replace_file
from pidone.report import load, page, text, timeline


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, nargs="?", metavar="FILE", help="the file that pidone --report wrote")
    parser.add_argument("--live", action="store_true", help="the running group, so far; the default without FILE")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--svg", action="store_true", help="the timeline as a picture")
    form.add_argument("--html", action="store_true", help="one page: timeline, processes, events with search")
    form.add_argument("--json", action="store_true", help="the report itself")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write to this file, not to stdout")
    parser.add_argument(
        "-n", "--last", type=int, default=40, metavar="N", help="how many events the text shows; default 40"
    )
    add_socket(parser)


def run(arguments: argparse.Namespace) -> int:
    """Return 0; 1 if the report cannot be read or its output not be written; 2 for wrong usage."""
    if arguments.live and arguments.file is not None:
        print_error("pidonectl: FILE and --live exclude each other")
        return 2
    try:
        document = (
            load.load(arguments.file) if arguments.file else ask_once(arguments.socket, {"do": "report"})["report"]
        )
    except load.ReportError as error:
        print_error(f"pidonectl: {error}")
        return 1
    try:
        made = make(document, arguments)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        print_error(f"pidonectl: {arguments.file} is not a report of pidone: {type(error).__name__}: {error}")
        return 1
    return put(made, arguments.output)


def make(document: dict[str, object], arguments: argparse.Namespace) -> str:
    if arguments.svg:
        return timeline.draw(document) + "\n"
    if arguments.html:
        return page.make(document)
    if arguments.json:
        return json.dumps(document, indent=1) + "\n"
    return "\n".join(map(printable, text.lines(document, max(0, arguments.last)))) + "\n"


def put(made: str, output: Path | None) -> int:
    if output is None:
        sys.stdout.write(made)
        return 0
    try:
        replace_file(bytes(output), made.encode())
    except OSError as error:
        print_error(f"pidonectl: cannot write {output}: {(error.strerror or '').lower()}")
        return 1
    return 0
