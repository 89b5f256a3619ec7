"""What a probe or a hook asks: one file for each handler, and a word in HANDLERS or HOOKS.

A handler's file has

    read(value)         a TOML value -> the argument: a list of plain data, or one value where nobody is asked.
                        Raises ValueError with what would be right
    describe(argument)  the argument in a few words, for `pidonectl check`
    EXAMPLE, DOC        its row in docs/reference/file.md
    run(*argument)      asks, in a forked child: (YES, NO or UNKNOWN; words). Not where nobody is asked:
                        notify, fd, sleep

and, where it needs them,

    OPTIONS             {key: (reader, its place in the list)}: keys that only its probes have. None has to be
                        given: `read` puts the default in its place
    PORT                the place in the argument of a port, which may be a name (S52)
    pack(argument)      the argument as `run` takes it; without it a list as a tuple
    hook(*argument)     asks for a hook, where `run` would not do; HOOK_DOC is its row then
    missing()           why nothing can be asked on this machine, or ""

A child is forked for each question, so at its top a file imports only what `run` needs; `read` imports its own. PID 1
itself loads none of them. It knows five by name: `exec`, which runs as the process does; `file`, whose state at the
process's start it keeps; `sleep`, for which it sets a timer; `notify` and `fd`, where the process speaks.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: In the order in which messages list them.
HANDLERS = ("exec", "http", "tcp", "grpc", "file", "notify", "fd")
HOOKS = ("exec", "http", "sleep")

#: An empty host is the Pod's own address there (S49); here all share one loopback.
HERE = "127.0.0.1"


def handler(name: str) -> "Any":
    """The file of a handler."""
    return __import__("pidone.probes." + name, fromlist=["read"])


def pack(name: str, argument: "Any") -> "Any":
    """The argument as PID 1 keeps it, and `run` takes it."""
    found = handler(name)
    if hasattr(found, "pack"):
        return found.pack(argument)
    return tuple(argument) if isinstance(argument, list) else argument
