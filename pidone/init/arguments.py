"""The command line of `pidone`, parsed by hand from one table."""

import posix
import sys

#: The group's file, where neither the command line nor PIDONE_CONFIG names one.
DEFAULT_FILE = b"/etc/pidone.toml"

#: A link to pidone with one of these names takes the place of that init. The first three are one
#: init.
INITS = ("tini", "tini-static", "docker-init", "dumb-init", "catatonit")


class UsageError(Exception):
    """The command line makes no sense. str(): what is wrong, and what would be right."""


class Arguments:
    """The command line, read.

    command: the program and its arguments; empty where the file has the whole group.
    config: the path of the file; None for a single command.
    """

    __slots__ = (
        "command",
        "config",
        "process_group",
        "rewrites",
        "grace",
        "remap",
        "report",
        "verbose",
        "help",
        "version",
    )

    def __init__(self) -> None:
        self.command: "list[bytes]" = []
        self.config: "bytes | None" = None
        self.process_group = False
        self.rewrites: "dict[int, int]" = {}
        self.grace: "float | None" = None
        self.remap: "list[int]" = []
        self.report: "bytes | None" = None
        self.verbose = False
        self.help = False
        self.version = False


def read(argv: "list[str]") -> Arguments:
    """Read the command line. Raises UsageError."""
    arguments = Arguments()
    words = list(argv)
    while words and words[0][:1] == "-" and words[0] != "-":
        word = words.pop(0)
        if word == "--":
            break
        if word[:2] == "--":
            option, equals, value = word.partition("=")
            _take(arguments, option, value if equals else None, words)
            continue
        while len(word) > 1:  # a cluster of short options: -gv, -cFILE
            option, word = word[:2], "-" + word[2:]
            if option in OPTIONS and OPTIONS[option][1] and len(word) > 1:
                _take(arguments, option, word[1:], words)
                break
            _take(arguments, option, None, words)
    arguments.command = [word.encode(sys.getfilesystemencoding(), "surrogateescape") for word in words]
    if not words and arguments.config is None:
        arguments.config = posix.environ.get(b"PIDONE_CONFIG") or DEFAULT_FILE
    return arguments


def _take(arguments: Arguments, option: str, value: "str | None", words: "list[str]") -> None:
    if option not in OPTIONS:
        raise UsageError("unknown option %s%s" % (option, _nearest(option)))
    name, wants_value = OPTIONS[option]
    if not wants_value:
        if value is not None:
            raise UsageError("%s takes no value" % option)
        setattr(arguments, name, True)
        return
    if value is None:
        if not words:
            raise UsageError("%s expects a value" % option)
        value = words.pop(0)
    VALUES[name](arguments, option, value)


def _nearest(option: str) -> str:
    for length in range(len(option), 3, -1):
        for known in OPTIONS:
            if known.startswith(option[:length]):
                return "; is it %s?" % known
    return "; options come before the command; pidone --help lists them"


def _path(arguments: Arguments, option: str, value: str) -> None:
    setattr(arguments, OPTIONS[option][0], value.encode(sys.getfilesystemencoding(), "surrogateescape"))


def _rewrite(arguments: Arguments, option: str, value: str) -> None:
    from pidone.init import signals

    before, colon, after = value.partition(":")
    if not colon:
        raise UsageError("%s expects FROM:TO, such as TERM:QUIT, not '%s'" % (option, value))
    try:
        source, target = signals.number(before), 0 if after == "0" else signals.number(after)
    except ValueError as error:
        raise UsageError("%s %s: %s" % (option, value, error)) from None
    if source not in signals.ALL:
        raise UsageError("%s %s: %s cannot be caught, so it cannot be rewritten" % (option, value, before))
    arguments.rewrites[source] = target


def duration(text: str) -> float:
    """Return the seconds of "500ms", "8s", "5m", "1h" or a bare number. Raises ValueError."""
    for unit, factor in (("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0), ("", 1.0)):
        if text.endswith(unit):
            number = text[: len(text) - len(unit)] if unit else text
            if number.replace(".", "", 1).isdigit() and number.isascii() and len(number) < 12:
                return float(number) * factor
            break
    raise ValueError("'%s' is not a duration such as 500ms, 8s or 5m" % text)


def _grace(arguments: Arguments, option: str, value: str) -> None:
    try:
        arguments.grace = duration(value)
    except ValueError as error:
        raise UsageError("%s: %s" % (option, error)) from None


def _remap(arguments: Arguments, option: str, value: str) -> None:
    if not (value.isdigit() and value.isascii() and int(value) < 256):
        raise UsageError("%s expects an exit code from 0 to 255, not '%s'" % (option, value))
    arguments.remap.append(int(value))


#: (short, long, field of Arguments, whether it takes a value)
TABLE = (
    ("-c", "--config", "config", True),
    ("-g", "--group", "process_group", False),
    ("-r", "--rewrite", "rewrites", True),
    ("-t", "--grace", "grace", True),
    ("-e", "--remap", "remap", True),
    ("-o", "--report", "report", True),
    ("-v", "--verbose", "verbose", False),
    ("-h", "--help", "help", False),
    ("--version", "--version", "version", False),
)
OPTIONS = {option: row[2:] for row in TABLE for option in row[:2]}
VALUES = {"config": _path, "report": _path, "rewrites": _rewrite, "grace": _grace, "remap": _remap}
