"""Reads a command line and an environment by a profile, as getopt(3) and getopt_long(3) do."""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pidone.compat.table import Profile

#: The last signal with a name of its own, before the real-time signals.
LAST_SIGNAL = 31

#: Names that tini's -p does not know: aliases, and three others.
UNKNOWN = ("SIGPOLL", "SIGCLD", "SIGIOT", "SIGIO", "SIGSTKFLT", "SIGPWR")

#: At most so many digits of a number are read.
LONGEST = 100

#: Options that end the reading as soon as they are met.
IMMEDIATE = ("help", "version", "licence")


class UsageError(Exception):
    """str(): what is wrong."""


class Options:
    """What the command line and the environment ask for.

    command: the program's words.
    instead: "help", "version" or "licence" to print instead of running a program, or None.
    subreaper: become a subreaper.
    parent: the signal to get when the parent dies, or 0.
    louder: how often -v was given.
    loud: the verbosity that the variable sets, or None.
    reaped: say when an orphan is reaped.
    process_group: signals go to the process group.
    remapped: exit codes of the program that become 0.
    single_child: signals go to the program alone.
    rewrites: {signal that comes: signal to send}; 0 drops it.
    pause: run no program.
    """

    __slots__ = (
        "command", "instead", "subreaper", "parent", "louder", "loud", "reaped", "process_group", "remapped",
        "single_child", "rewrites", "pause",
    )  # fmt: skip

    def __init__(self) -> None:
        self.command: "list[bytes]" = []
        self.instead: "str | None" = None
        self.subreaper = self.reaped = self.process_group = self.single_child = self.pause = False
        self.parent = self.louder = 0
        self.loud: "int | None" = None
        self.remapped: "list[int]" = []
        self.rewrites: "dict[int, int]" = {}

    @property
    def verbosity(self) -> int:
        """Return tini's verbosity: 0 is silent, from 2 on each event is printed.

        The variable overrides -v.
        """
        return 1 + self.louder if self.loud is None else self.loud


def read(profile: "Profile", words: "list[str]", environment: "dict[bytes, bytes]") -> Options:
    """Read the words and the environment. Raises UsageError."""
    options = Options()
    if profile.name == "tini" and words == ["--version"]:
        options.instead = "version"
        return options
    permutes = profile.permutes and b"POSIXLY_CORRECT" not in environment
    rest, plain = list(words), []  # type: list[str], list[str]
    while rest and options.instead is None:
        word = rest.pop(0)
        if word == "--":
            break
        if word[:1] != "-" or word == "-":
            plain.append(word)
            if not permutes:
                break
        elif word[:2] == "--" and profile.longs:
            take_long(profile, options, word[2:], rest)
        else:
            take_short(profile, options, word[1:], rest)
    if options.instead is None:
        take_environment(profile, options, environment)
        command = [word.encode(sys.getfilesystemencoding(), "surrogateescape") for word in plain + rest]
        if not command and not options.pause:
            raise UsageError("no program to run; say which, as in: %s -- sleep 10" % profile.name)
        options.command = command
    return options


def take_short(profile: "Profile", options: Options, letters: str, rest: "list[str]") -> None:
    while letters and options.instead is None:
        letter, letters = letters[0], letters[1:]
        if letter not in profile.options:
            advice = "; put PROGRAM's own options after --" if profile.permutes else ""
            raise UsageError("invalid option -- '%s'%s" % (letter, advice))
        value = None
        if profile.options[letter][1]:
            if not letters and not rest:
                raise UsageError("option requires an argument -- '%s'" % letter)
            value, letters = letters or rest.pop(0), ""
        take(profile, options, letter, value)


def take_long(profile: "Profile", options: Options, word: str, rest: "list[str]") -> None:
    """Take a long option, or a prefix of one that no other long option begins with."""
    name, equals, value = word.partition("=")
    found = [name] if name in profile.longs else [long for long in profile.longs if long.startswith(name)]
    if not found:
        raise UsageError("unrecognized option '--%s'" % name)
    if len(found) > 1:
        raise UsageError("option '--%s' may be %s" % (name, " or ".join("--" + long for long in found)))
    letter = profile.longs[found[0]]
    if not profile.options[letter][1]:
        if equals:
            raise UsageError("option '--%s' takes no argument" % found[0])
        take(profile, options, letter, None)
        return
    if not equals and not rest:
        raise UsageError("option '--%s' requires an argument" % found[0])
    take(profile, options, letter, value if equals else rest.pop(0))


def take(profile: "Profile", options: Options, letter: str, value: "str | None") -> None:
    field = profile.options[letter][0]
    if field in IMMEDIATE:
        options.instead = field
    elif value is None:
        turn_on(options, field)
    else:
        VALUES[field](options, value)


def turn_on(options: Options, field: str) -> None:
    setattr(options, field, options.louder + 1 if field == "louder" else True)


def take_parent(options: Options, value: str) -> None:
    from pidone.init import signals

    known = {name: number for name, number in signals.names().items() if number <= LAST_SIGNAL and name not in UNKNOWN}
    if value not in known:
        raise UsageError("-p %s: expected a signal's full name, such as SIGTERM" % value)
    options.parent = known[value]


def take_remapped(options: Options, value: str) -> None:
    """Read an exit code as strtol(3) does: white space, a sign, digits. tini reads "" as 0."""
    text = value.lstrip() or ("0" if not value else "?")
    digits = text[1:] if text[:1] in ("+", "-") else text
    code = int(text) if digits.isdigit() and digits.isascii() and len(digits) < LONGEST else -1
    if not 0 <= code <= 255:
        raise UsageError("-e %s: expected an exit code from 0 to 255" % value)
    options.remapped.append(code)


def take_rewrite(options: Options, value: str) -> None:
    """Read "S:R" as sscanf(3) does with "%d:%d": text after the second number is ignored."""
    source, rest = scan(value)
    target = scan(rest[1:])[0] if rest[:1] == ":" else None
    if source is None or target is None or not (1 <= source <= LAST_SIGNAL and 0 <= target <= LAST_SIGNAL):
        raise UsageError(
            "-r %s: expected S:R, numbers of signals up to %d, as in 15:3; R may be 0" % (value, LAST_SIGNAL)
        )
    options.rewrites[source] = target


def scan(text: str) -> "tuple[int | None, str]":
    """Return (the number that a text begins with or None, the rest)."""
    text = text.lstrip()
    end = 1 if text[:1] in ("+", "-") else 0
    while text[end : end + 1].isdigit() and text[end].isascii() and end < LONGEST:
        end += 1
    return (int(text[:end]), text[end:]) if text[:end].lstrip("+-") else (None, text)


VALUES = {"parent": take_parent, "remapped": take_remapped, "rewrites": take_rewrite}


def take_environment(profile: "Profile", options: Options, environment: "dict[bytes, bytes]") -> None:
    for variable, field, how, _ in profile.environment:
        value = environment.get(variable.encode())
        if value is None:
            continue
        if how == "number":  # atoi(3): anything but a number is 0. It overrides -v
            options.loud = scan(value.decode("ascii", "replace"))[0] or 0
        elif how == "there" or value == how[-1:].encode():
            turn_on(options, field)
