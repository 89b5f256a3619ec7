"""pidone by a link named tini, dumb-init or catatonit, or by --as NAME, --pause or --detach.

E1 and so on: docs/reference/edge-cases.md.
"""

import posix
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from pidone.compat.options import Options
    from pidone.compat.table import Profile
    from pidone.init.inherited import Inherited

from pidone.compat import options as reader
from pidone.compat import show
from pidone.compat.loop import CompatLoop, Placement
from pidone.compat.machine import CompatMachine
from pidone.compat.pause import Pause
from pidone.compat.table import CATATONIT, NOWHERE, PROFILES
from pidone.init import messages
from pidone.init.arguments import Arguments
from pidone.init.plan import WRONG, single, take

PR_SET_PDEATHSIG = 1  # linux/prctl.h

#: The exit code for wrong usage of any of them.
MISUSE = 1


def main(inherited: "Inherited") -> "NoReturn":
    """Run in the place of one of the three. Never returns and never raises."""
    if sys.argv[0].rpartition("/")[2] not in PROFILES and sys.argv[1] == "--detach":
        detach(inherited)
    profile, arguments = who(sys.argv)
    try:
        options = reader.read(profile, arguments, posix.environ)
    except reader.UsageError as misuse:
        show.put(2, "pidone: %s: %s\n%s" % (profile.name, misuse, show.usage(profile)))
        posix._exit(MISUSE)
    if options.instead is not None:
        fd = 2 if options.instead in profile.on_stderr else 1
        posix._exit(0 if show.put(fd, show.instead(profile, options.instead)) else MISUSE)
    if options.parent:
        die_with_parent(options.parent)
    if posix.getpid() != 1:
        become_subreaper(profile, options)
    make_loop(profile, options, inherited).run([])


def who(argv: "list[str]") -> "tuple[Profile, list[str]]":
    """Return (the profile, the arguments for it)."""
    name = argv[0].rpartition("/")[2]
    if name in PROFILES:
        return PROFILES[name], argv[1:]
    if argv[1] == "--pause":
        if argv[2:]:
            fail("--pause runs no program and takes no argument")
        return CATATONIT, ["-P"]
    if len(argv) < 3 or argv[2] not in PROFILES:
        there = ", ".join(sorted(PROFILES))
        fail("--as expects one of: %s%s" % (there, "; not '%s'" % argv[2] if argv[2:] else ""))
    return PROFILES[argv[2]], argv[3:]


def detach(inherited: "Inherited") -> "NoReturn":
    """Start pidone in the background, with all of Python loaded: another process becomes pidone."""
    try:
        if inherited.cwd is not None:
            posix.chdir(inherited.cwd)
    except OSError:
        pass  # a step that needs it reports that
    inherited.restore_signals()
    import site

    site.main()
    from pidone.cli.detach import main as start

    start(sys.argv[0], sys.argv[2:])


def fail(text: str) -> "NoReturn":
    messages.say(text)
    posix._exit(WRONG)


def make_loop(profile: "Profile", options: "Options", inherited: "Inherited") -> CompatLoop:
    wanted = Arguments()
    wanted.verbose = options.verbosity > 1
    if options.pause:
        return CompatLoop(Pause(), inherited, Placement(NOWHERE), wanted, profile, options)
    plan = single(options.command)
    wanted.rewrites, wanted.remap = options.rewrites, options.remapped
    wanted.process_group = options.process_group or (bool(profile.final_signal) and not options.single_child)
    take(plan, wanted)
    placement = Placement(NOWHERE if options.single_child else profile.placement, profile.terminal)
    return CompatLoop(CompatMachine(plan, profile, options), inherited, placement, wanted, profile, options)


def become_subreaper(profile: "Profile", options: "Options") -> None:
    """Become a subreaper if the profile's program would: this process is not PID 1."""
    if profile.subreaper == "always" or (profile.subreaper == "asked" and options.subreaper):
        from pidone.init import others

        refused = others.become_subreaper()
        if refused:
            messages.say("no subreaper: %s: orphans will escape" % refused)
    elif profile.subreaper == "asked" and options.verbosity > 0:
        messages.say("not pid 1 (but %d), and no subreaper: orphans will escape; -s would adopt them" % posix.getpid())


def die_with_parent(number: int) -> None:
    """Ask for this signal when the parent dies. If that fails, say so and go on."""
    from pidone.init import others

    parent = posix.getppid()
    refused = others.prctl(PR_SET_PDEATHSIG, number)
    if refused:
        messages.say("no signal %d when the parent dies: %s" % (number, refused))
    elif posix.getppid() != parent:
        posix.kill(posix.getpid(), number)  # the parent died before the request (E27)
