"""The process writes a newline to a descriptor, as s6 has it; PID 1 reads it, so nobody is asked."""

from __future__ import annotations

from pidone import readers

#: A row of docs/reference/file.md.
EXAMPLE = "fd = 3"
DOC = (
    "it writes a newline to this descriptor, as s6 has it. Not for liveness; one descriptor a process, and not "
    "beside `notify`"
)

read = readers.between(3, 1023)


def describe(argument: int) -> str:
    return f"a newline on descriptor {argument}"
