"""What the three print instead of running something: made of the table, in pidone's words."""

import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pidone.compat.table import Guise

from pidone import __version__

LICENCE = """\
pidone, in the place of %s: MIT License, copyright (c) 2026 the pidone maintainers.
You may use, copy, change and pass it on, as long as this notice stays with it. It comes without any warranty.
"""


def usage(guise: "Guise") -> str:
    flags = "".join(sorted(letter for letter, row in guise.options.items() if row[1] is None))
    valued = "".join(" [-%s %s]" % (letter, row[1]) for letter, row in guise.options.items() if row[1])
    names = {letter: long for long, letter in guise.longs.items()}
    lines = ["usage: %s [-%s]%s [--] PROGRAM [ARG...]" % (guise.name, flags, valued), ""]
    for letter, (_, value, text) in guise.options.items():
        option = "-%s%s" % (letter, ", --" + names[letter] if letter in names else "")
        lines.append("  %-24s %s" % (option + (" " + value if value else ""), text))
    if guise.name == "tini":
        lines.append("  %-24s %s" % ("--version", "the version; alone"))
    for variable, _, _, text in guise.environment:
        lines.append("  %-24s %s" % (variable, text))
    lines += ["", "This is pidone %s, called as %s." % (__version__, guise.name), ""]
    return "\n".join(lines)


def instead(guise: "Guise", what: str) -> str:
    if what == "version":
        return "%s (pidone %s)\n" % (guise.version, __version__)
    return usage(guise) if what == "help" else LICENCE % guise.name


def put(fd: int, text: str) -> bool:
    """False where it could not be written."""
    try:
        posix.write(fd, text.encode("utf-8", "backslashreplace"))
    except OSError:
        return False
    return True
