"""What a probe or a hook asks: one file for each handler, and a word in HANDLERS or HOOKS.

A handler's file has

    read(value)         a TOML value -> the argument: plain data. Raises ValueError with what would be right
    describe(argument)  the argument in a few words, for `pidonectl check`
    EXAMPLE, DOC        its row in docs/reference/file.md
    run(*argument)      asks, in a forked child: (YES, NO or UNKNOWN; words). Not where the process speaks by itself

and, where it needs them,

    OPTIONS             {key: (reader, its place in the argument)}: keys that only its probes have
    PORT                the place in the argument of a port, which may be a name (S52)
    pack(argument)      the argument as `run` takes it; without it a tuple of its items
    hook(*argument)     as `run`, for a hook; HOOK_DOC is its row then
    missing()           why nothing can be asked on this machine, or ""

A child is forked for each question, so at its top a file imports only what `run` needs; `read` imports its own. PID 1
itself loads none of them. It knows three handlers by name: `exec`, which runs as the process does, and `notify` and
`fd`, where the process speaks.
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
    return found.pack(argument) if hasattr(found, "pack") else tuple(argument)
