"""`pidonectl`: parse the arguments, and run the subcommand's module."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from pidone import __version__
from pidone.cli import check, commands, exec, follow, launcher, pyz, report, sandbox, status, top, wait
from pidone.cli.stderr import print_error
from pidone.control.client import NoAnswerError

#: name -> (module with add_arguments and run, one line of help). A new subcommand needs one file,
#: and one line here.
COMMANDS: dict[str, tuple[Any, str]] = {
    "check": (check, "check the group's file; show its start order, stop order and worst-case times"),
    "sandbox": (sandbox, "run a command or a group under pidone as a real PID 1, without a container engine"),
    "status": (status, "show the group's phase and the state of each process"),
    "top": (top, "show the same live, with CPU time and memory; keys act on processes"),
    "logs": (follow.Logs, "show the last lines of the output that pidone carries; -f follows it"),
    "events": (follow.Events, "show what happened; -f follows it"),
    "exec": (exec, "run a command next to a process: with its user, environment and directory, on this terminal"),
    "signal": (commands.SIGNAL, "send a process a signal"),
    "start": (commands.START, "start a process that was stopped, has exited or is in back-off"),
    "stop": (commands.STOP, "stop a sidecar until somebody starts it again; without a name, stop the group"),
    "restart": (commands.RESTART, "stop a process and start it again"),
    "reload": (commands.RELOAD, "read the group's file again; restart only the processes that changed in it"),
    "wait": (wait.Wait, "wait until a process has started, is ready or has exited"),
    "health": (wait.Health, "check that the whole group is ready, for a Docker HEALTHCHECK"),
    "report": (report, "show why it died: a file of pidone --report, as text, picture or page"),
    "launcher": (launcher, "write the fastest launcher of pidone for this interpreter"),
    "pyz": (pyz, "write all of pidone into one file, for any image with a Python 3.9 or later"),
}


def main(argv: list[str] | None = None) -> int:
    """Run a subcommand and return its exit code. Exits with 2 for wrong usage."""
    parser = argparse.ArgumentParser(prog="pidonectl", description="Tools around pidone, the PID 1 of a container.")
    parser.add_argument("--socket", metavar="PATH", default=None, help="of the control socket; after COMMAND as well")
    parser.add_argument("--version", action="version", version=f"pidonectl {__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (module, text) in COMMANDS.items():
        module.add_arguments(
            subparsers.add_parser(name, help=text, description=(module.__doc__ or "").partition("\n\n")[0])
        )
    words = sys.argv[1:] if argv is None else argv
    rest: list[str] = []
    if words[:1] == ["sandbox"]:
        own, rest = sandbox.split(words[1:])
        words = ["sandbox", *own]
    arguments = parser.parse_args(words)
    if rest:
        arguments.words = rest
    if sys.stdout is not None:
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        code = int(COMMANDS[arguments.command][0].run(arguments))
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or Python would report the broken pipe when it exits
        return 1
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        print_error(f"pidonectl: {error.filename or 'stdout'}: {(error.strerror or str(error)).lower()}")
        return 1
    except NoAnswerError as error:
        print_error(f"pidonectl: {error}")
        return error.code
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
