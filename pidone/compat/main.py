"""pidone, called by a link that is named after one of the three, by `pidone --as NAME`, `--pause` or `--detach`."""

import posix
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from pidone.compat.options import Options
    from pidone.compat.table import Guise
    from pidone.init.inherited import Inherited

from pidone.compat import options as reader
from pidone.compat import show
from pidone.compat.loop import GuisedLoop, Stand
from pidone.compat.machine import Guised
from pidone.compat.pause import Pause
from pidone.compat.table import CATATONIT, GUISES, NOWHERE
from pidone.init import messages
from pidone.init.arguments import Arguments
from pidone.init.plan import WRONG, single, take

PR_SET_PDEATHSIG = 1  # linux/prctl.h

#: What wrong usage of any of them ends with.
MISUSE = 1


def main(inherited: "Inherited") -> "NoReturn":
    """Never returns and never raises."""
    if sys.argv[0].rpartition("/")[2] not in GUISES and sys.argv[1] == "--detach":
        detach(inherited)
    guise, arguments = who(sys.argv)
    try:
        options = reader.read(guise, arguments, posix.environ)
    except reader.UsageError as misuse:
        show.put(2, "pidone: %s: %s\n%s" % (guise.name, misuse, show.usage(guise)))
        posix._exit(MISUSE)
    if options.instead is not None:
        fd = 2 if options.instead in guise.on_stderr else 1
        posix._exit(0 if show.put(fd, show.instead(guise, options.instead)) else MISUSE)
    if options.parent:
        die_with_parent(options.parent)
    if posix.getpid() != 1:
        adopt(guise, options)
    make_loop(guise, options, inherited).run([])


def who(argv: "list[str]") -> "tuple[Guise, list[str]]":
    """(whose place it takes, that one's arguments)."""
    name = argv[0].rpartition("/")[2]
    if name in GUISES:
        return GUISES[name], argv[1:]
    if argv[1] == "--pause":
        if argv[2:]:
            fail("--pause runs no program, and takes no argument")
        return CATATONIT, ["-P"]
    if len(argv) < 3 or argv[2] not in GUISES:
        there = ", ".join(sorted(GUISES))
        fail("--as wants one of: %s%s" % (there, "; not '%s'" % argv[2] if argv[2:] else ""))
    return GUISES[argv[2]], argv[3:]


def detach(inherited: "Inherited") -> "NoReturn":
    """With all that a Python has: this process is not the one that will be pidone."""
    try:
        if inherited.cwd is not None:
            posix.chdir(inherited.cwd)
    except OSError:
        pass  # what needs it says so
    inherited.restore_signals()
    import site

    site.main()
    from pidone.cli.detach import main as start

    start(sys.argv[0], sys.argv[2:])


def fail(text: str) -> "NoReturn":
    messages.say(text)
    posix._exit(WRONG)


def make_loop(guise: "Guise", options: "Options", inherited: "Inherited") -> GuisedLoop:
    wanted = Arguments()
    wanted.verbose = options.verbosity > 1
    if options.pause:
        return GuisedLoop(Pause(), inherited, Stand(NOWHERE), wanted, guise, options)
    plan = single(options.command)
    wanted.rewrites, wanted.remap = options.rewrites, options.remapped
    wanted.group = options.group or (bool(guise.farewell) and not options.alone)
    take(plan, wanted)
    stand = Stand(NOWHERE if options.alone else guise.stands, guise.terminal)
    return GuisedLoop(Guised(plan, guise, options), inherited, stand, wanted, guise, options)


def adopt(guise: "Guise", options: "Options") -> None:
    """Not PID 1: a subreaper, where the one in whose place it stands would be."""
    if guise.subreaper == "always" or (guise.subreaper == "asked" and options.subreaper):
        from pidone.init import others

        refused = others.become_subreaper()
        if refused:
            messages.say("no subreaper: %s: orphans will escape" % refused)
    elif guise.subreaper == "asked" and options.verbosity > 0:
        messages.say("not pid 1 (but %d), and no subreaper: orphans will escape; -s would adopt them" % posix.getpid())


def die_with_parent(number: int) -> None:
    """Where it cannot be had that is said, and worth no refusal."""
    from pidone.init import others

    parent = posix.getppid()
    refused = others.prctl(PR_SET_PDEATHSIG, number)
    if refused:
        messages.say("no signal %d when the parent dies: %s" % (number, refused))
    elif posix.getppid() != parent:
        posix.kill(posix.getpid(), number)  # it has died before it was asked for (E27)
