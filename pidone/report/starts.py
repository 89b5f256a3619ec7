"""Find out why each process was started, and after which wait.

PID 1 does not record the reason for a start. It follows from the events before the fork.
"""

from __future__ import annotations

from typing import Any

TURN, RESTART, RESTART_ALL, COMMAND, RELOAD = "turn", "restart", "restart of all", "command", "reload"


class Starts:
    """Read the events in order, and explain each start.

    whole: whether the record still goes back to pidone's own start.
    pending: {process: the reason for its next start}.
    ended: {process: when its latest instance ended, in seconds}.
    known: the processes whose start or end has been seen.
    moved: those of them since the last reload, or None before the first reload.
    reloaded: when the last reload happened, in seconds.
    """

    def __init__(self, whole: bool) -> None:
        """Begin with nothing known but whether the record is whole."""
        self.whole = whole
        self.pending: dict[str, str] = {}
        self.ended: dict[str, float] = {}
        self.known: set[str] = set()
        self.moved: set[str] | None = None
        self.reloaded = 0.0

    def take(self, one: dict[str, Any]) -> None:
        """Take in the next event.

        A start gets "why", "waited" (seconds) and "since" (from what). Each is None where it is
        unknown.
        """
        kind, name = one["what"], one.get("process")
        if kind == "said" and one["line"] == "restart all":
            self.pending.update(dict.fromkeys(self.known, RESTART_ALL))
        elif kind == "turned" and one["to"] == "reloaded":
            self.pending, self.moved, self.reloaded = {}, set(), one["at"]
        if not name:
            return
        if kind == "said" and one["line"] == "restart":
            self.pending[name] = RESTART
        elif kind == "command" and one["verb"] in ("start", "restart"):
            self.pending[name] = COMMAND
        elif kind == "forked":
            self.start(name, one)
        if kind in ("exited", "failed"):
            self.ended[name] = one["at"]
        if kind in ("forked", "exited", "failed"):
            self.known.add(name)
            if self.moved is not None:
                self.moved.add(name)

    def start(self, name: str, one: dict[str, Any]) -> None:
        first, by_file = name not in self.known, self.moved is not None and name not in self.moved
        guess = RELOAD if by_file else RESTART if not first else TURN if self.whole else None
        one["why"] = self.pending.pop(name, guess)
        ended = self.ended.pop(name, None)
        one["waited"] = one["since"] = None
        if ended is not None:
            one["waited"], one["since"] = round(one["at"] - ended, 6), "its end"
        elif one["why"] == TURN:
            one["waited"], one["since"] = one["at"], "pidone began"
        elif one["why"] == RELOAD:
            one["waited"], one["since"] = round(one["at"] - self.reloaded, 6), "that"


def reason_text(one: dict[str, Any]) -> str:
    """Return the text after "is forked: ", or "" if the reason is unknown."""
    why = {None: "", TURN: "its turn", COMMAND: "as commanded", RELOAD: "by the reloaded file"}.get(
        one["why"], one["why"]
    )
    if one["waited"] is None:
        return str(why)
    return f"{why}, {one['waited'] * 1000:,.0f} ms after {one['since']}".lstrip(", ")


def explain(events: list[dict[str, Any]]) -> None:
    """Add "why", "waited" and "since" to every start among the events."""
    starts = Starts(bool(events) and events[0]["n"] == 0)
    for one in events:
        starts.take(one)
