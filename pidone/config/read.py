"""Reads the bytes of a file, and defines the error that says what is wrong with a file."""

from __future__ import annotations

from pidone.init.arguments import DEFAULT_FILE

DEFAULT = DEFAULT_FILE.decode()
MAX_FILE_SIZE = 1 << 20  # bytes; a file of 10 MB is not a group's file


class ConfigError(Exception):
    """The errors of a file.

    errors: [(line or 0, text), ...], as many as could be found at once.
    """

    def __init__(self, errors: list[tuple[int, str]]) -> None:
        super().__init__(errors)
        self.errors = errors


def read(path: str) -> bytes:
    """Return the file's bytes. Raises ConfigError."""
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_FILE_SIZE + 1)
    except OSError as error:
        nothing_said = isinstance(error, FileNotFoundError) and path == DEFAULT
        advice = "; name the file with -c FILE, or give a command" if nothing_said else ""
        raise ConfigError([(0, f"cannot read it: {(error.strerror or str(error)).lower()}{advice}")]) from None
    if len(data) > MAX_FILE_SIZE:
        raise ConfigError([(0, f"it is larger than {MAX_FILE_SIZE >> 20} MiB: not a group's file")])
    return data
