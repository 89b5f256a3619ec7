"""What tini, dumb-init and catatonit print instead of running a program, in pidone's words."""

import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pidone.compat.table import Profile

from pidone import __version__

LICENCE = """\
pidone, in the place of %s: MIT License, copyright (c) 2026 the pidone maintainers.
You may use, copy, change and pass it on, as long as this notice stays with it. It comes without any warranty.
"""


def usage(profile: "Profile") -> str:
    flags = "".join(sorted(letter for letter, row in profile.options.items() if row[1] is None))
    valued = "".join(" [-%s %s]" % (letter, row[1]) for letter, row in profile.options.items() if row[1])
    names = {letter: long for long, letter in profile.longs.items()}
    lines = ["usage: %s [-%s]%s [--] PROGRAM [ARG...]" % (profile.name, flags, valued), ""]
    for letter, (_, value, text) in profile.options.items():
        option = "-%s%s" % (letter, ", --" + names[letter] if letter in names else "")
        lines.append("  %-24s %s" % (option + (" " + value if value else ""), text))
    if profile.name == "tini":
        lines.append("  %-24s %s" % ("--version", "the version; alone"))
    for variable, _, _, text in profile.environment:
        lines.append("  %-24s %s" % (variable, text))
    lines += ["", "This is pidone %s, called as %s." % (__version__, profile.name), ""]
    return "\n".join(lines)


def instead(profile: "Profile", what: str) -> str:
    if what == "version":
        return "%s (pidone %s)\n" % (profile.version, __version__)
    return usage(profile) if what == "help" else LICENCE % profile.name


def put(fd: int, text: str) -> bool:
    """Write a text. Return False if that fails."""
    try:
        posix.write(fd, text.encode("utf-8", "backslashreplace"))
    except OSError:
        return False
    return True
