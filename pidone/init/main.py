"""`pidone`: arguments -> plan -> machine -> loop."""

import posix
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from pidone.init.arguments import Arguments
    from pidone.init.slots import Plan
    from pidone.init.terminal import Terminal

from pidone import kernel
from pidone.init import arguments, plan
from pidone.init.inherited import Inherited
from pidone.init.loop import Loop
from pidone.init.signals import show
from pidone.init.single import Single


def main() -> "NoReturn":
    """Run pidone, and end the process. Never returns, never raises. The launchers call it."""
    try:
        begin(Inherited())
    except Exception as error:
        from pidone.init import trouble

        fail("internal error: %s" % trouble.place(error), plan.BROKEN)


def begin(inherited: "Inherited") -> "NoReturn":
    if sys.argv[0].rpartition("/")[2] in arguments.INITS or sys.argv[1:2] in (["--as"], ["--pause"], ["--detach"]):
        from pidone.compat.main import main as in_their_place

        in_their_place(inherited)
    try:
        wanted = arguments.read(sys.argv[1:])
    except arguments.UsageError as error:
        fail(str(error), plan.WRONG)
    if wanted.help or wanted.version:
        from pidone.helpers.usage import print_and_exit

        print_and_exit(wanted)
    if posix.getpid() != 1:
        become_subreaper()
    group, early = make_plan(wanted, inherited)
    make_loop(group, inherited, wanted).run(early)


def make_loop(group: "Plan", inherited: "Inherited", wanted: "Arguments") -> "Loop":
    """Make the machine for a plan, and the loop that carries out its actions."""
    terminal = find_terminal()
    if wanted.config is None:
        return Loop(Single(group, terminal is not None), inherited, terminal, wanted, kernel)
    from pidone.group.group import Group
    from pidone.supervisor.loop import GroupLoop

    return GroupLoop(Group(group, terminal is not None), inherited, terminal, wanted, kernel)


def make_plan(wanted: "Arguments", inherited: "Inherited") -> "tuple[Plan, list[int]]":
    """Return the plan, and the signals that came while the file was read.

    Where there is no plan, pidone exits.
    """
    early: "list[int]" = []
    if wanted.config is None:
        group = plan.single(wanted.command)
    else:
        from pidone.supervisor import planner

        try:
            made, code, early = planner.ask(kernel, wanted.config, wanted.command, inherited, wanted.rewrites)
        except (OSError, ImportError) as error:
            why = getattr(error, "strerror", None) or str(error)
            fail("cannot read %s: %s" % (show(wanted.config), why[:1].lower() + why[1:]), plan.CANNOT)
        if made is None:
            posix._exit(code)
        group = made
    plan.take(group, wanted)
    return group, early


def find_terminal() -> "Terminal | None":
    if not (posix.isatty(0) or posix.isatty(2) or posix.isatty(1)):
        return None
    from pidone.init import terminal

    return terminal.find()


def become_subreaper() -> None:
    """Become a subreaper where pidone is not PID 1, and print one line about it.

    From there on pidone works as PID 1 does, as far as the kernel lets it.
    """
    from pidone.init import messages, others

    refused = others.become_subreaper()
    text = ", and no subreaper: %s: orphans will escape" % refused if refused else ": adopting orphans as a subreaper"
    messages.say("not pid 1 (but %d)%s" % (posix.getpid(), text))


def fail(text: str, code: int) -> "NoReturn":
    from pidone.init import messages

    messages.say(text)
    posix._exit(code)
