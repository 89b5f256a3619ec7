"""The process writes a newline to a descriptor, as in s6. PID 1 reads it and asks nothing."""

from __future__ import annotations

from pidone import readers

#: A row of docs/reference/file.md.
EXAMPLE = "fd = 3"
DOC = (
    "the process writes a newline to this descriptor, as in s6. Not for liveness; one descriptor for each process, "
    "and not together with `notify`"
)

read = readers.between(3, 1023)


def describe(argument: int) -> str:
    return f"a newline on descriptor {argument}"
