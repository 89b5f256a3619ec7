"""pidone, called by a link that is named after one of the three, by `pidone --as NAME`, `--pause` or `--detach`."""

import posix
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from pidone.compat.asked import Asked
    from pidone.compat.table import Guise
    from pidone.init.inherited import Inherited

from pidone.compat import asked as reader
from pidone.compat import show
from pidone.compat.loop import GuisedLoop, Stand
from pidone.compat.machine import Guised
from pidone.compat.pause import Pause
from pidone.compat.table import CATATONIT, GUISES, NOWHERE
from pidone.init import words
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
        asked = reader.read(guise, arguments, posix.environ)
    except reader.Misuse as misuse:
        show.put(2, "pidone: %s: %s\n%s" % (guise.name, misuse, show.usage(guise)))
        posix._exit(MISUSE)
    if asked.instead is not None:
        fd = 2 if asked.instead in guise.on_stderr else 1
        posix._exit(0 if show.put(fd, show.instead(guise, asked.instead)) else MISUSE)
    if asked.parent:
        die_with_parent(asked.parent)
    if posix.getpid() != 1:
        adopt(guise, asked)
    make_loop(guise, asked, inherited).run([])


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
    words.say(text)
    posix._exit(WRONG)


def make_loop(guise: "Guise", asked: "Asked", inherited: "Inherited") -> GuisedLoop:
    wanted = Arguments()
    wanted.verbose = asked.verbosity > 1
    if asked.pause:
        return GuisedLoop(Pause(), inherited, Stand(NOWHERE), wanted, guise, asked)
    plan = single(asked.command)
    wanted.rewrites, wanted.remap = asked.rewrites, asked.forgiven
    wanted.group = asked.group or (bool(guise.farewell) and not asked.alone)
    take(plan, wanted)
    stand = Stand(NOWHERE if asked.alone else guise.stands, guise.terminal)
    return GuisedLoop(Guised(plan, guise, asked), inherited, stand, wanted, guise, asked)


def adopt(guise: "Guise", asked: "Asked") -> None:
    """Not PID 1: a subreaper, where the one in whose place it stands would be."""
    if guise.subreaper == "always" or (guise.subreaper == "asked" and asked.subreaper):
        from pidone.init import others

        refused = others.become_subreaper()
        if refused:
            words.say("no subreaper: %s: orphans will escape" % refused)
    elif guise.subreaper == "asked" and asked.verbosity > 0:
        words.say("not pid 1 (but %d), and no subreaper: orphans will escape; -s would adopt them" % posix.getpid())


def die_with_parent(number: int) -> None:
    """Where it cannot be had that is said, and worth no refusal."""
    from pidone.init import others

    parent = posix.getppid()
    refused = others.prctl(PR_SET_PDEATHSIG, number)
    if refused:
        words.say("no signal %d when the parent dies: %s" % (number, refused))
    elif posix.getppid() != parent:
        posix.kill(posix.getpid(), number)  # it has died before it was asked for (E27)
