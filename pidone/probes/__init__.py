"""The handlers of probes and hooks: one file for each handler, and its name in a list below.

A handler's file has

    read(value)         turns a TOML value into the argument: a list of plain data, or one value
                        where the handler has no `run`. Raises ValueError with what would be right
    describe(argument)  returns the argument in a few words, for `pidonectl check`
    EXAMPLE, DOC        its row in docs/reference/file.md
    run(*argument)      asks, in a forked child: (SUCCESS, FAILURE or UNKNOWN; message).
                        notify, fd and sleep have none: PID 1 asks nothing there

and, where it needs them,

    OPTIONS             {key: (reader, its place in the list)}: keys that only its probes have.
                        All are optional: `read` puts the default in the place
    PORT                the place of a port in the argument; the port may be a name (S52)
    pack(argument)      returns the argument as `run` takes it; the default makes a list a tuple
    hook(*argument)     asks for a hook, where `run` does not fit
    HOOK_DOC            its row in the table of hooks, where DOC does not fit
    missing()           returns why nothing can be asked on this machine, or ""

PID 1 forks a child for each question. So a file imports at its top only what `run` needs; `read`
imports what it needs itself. PID 1 itself loads none of these files. It knows five handlers by
name: `exec`, which runs as the process does; `file`, whose state at the process's start PID 1
keeps; `sleep`, for which PID 1 sets a timer; `notify` and `fd`, where the process notifies PID 1.

S1 and so on: docs/reference/pod.md.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: The handlers of probes, and those of hooks, in the order in which messages list them.
PROBE_HANDLERS = ("exec", "http", "tcp", "grpc", "file", "notify", "fd")
HOOK_HANDLERS = ("exec", "http", "sleep")

#: The default host. In Kubernetes it is the Pod's own address (S49); here all processes share one
#: loopback.
HERE = "127.0.0.1"


def handler(name: str) -> "Any":
    """Return the module of a handler."""
    return __import__("pidone.probes." + name, fromlist=["read"])


def pack(name: str, argument: "Any") -> "Any":
    """Return the argument as PID 1 keeps it and as `run` takes it."""
    found = handler(name)
    if hasattr(found, "pack"):
        return found.pack(argument)
    return tuple(argument) if isinstance(argument, list) else argument
