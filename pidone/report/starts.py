"""Why a process was started, and after which wait: told from what stands before it in the record.

PID 1 notes no more than it must; what came before a fork says the rest.
"""

from __future__ import annotations

from typing import Any

TURN, RESTART, ANEW, COMMAND, RELOAD = "turn", "restart", "restart of all", "command", "reload"


class Starts:
    """pending: the reason that has been given for a process's next start. ended: when its latest instance did.

    known: of whom an event has been seen. default: the reason where none was given.
    """

    def __init__(self, whole: bool) -> None:
        """whole: does the record still go back to pidone's own start?"""
        self.whole = whole
        self.pending: dict[str, str] = {}
        self.ended: dict[str, float] = {}
        self.known: set[str] = set()
        self.default = TURN

    def see(self, one: dict[str, Any]) -> None:
        """The next event. One of a start gets "why", and "waited" seconds "since" its last end, or pidone's start."""
        kind, name = one["what"], one.get("process")
        if kind == "said" and one["line"] == "restart all":
            self.pending.update(dict.fromkeys(self.known, ANEW))
        elif kind == "turned" and one["to"] == "reloaded":
            self.default = RELOAD
        if not name:
            return
        if kind == "said" and one["line"] == "restart":
            self.pending[name] = RESTART
        elif kind == "command" and one["verb"] in ("start", "restart"):
            self.pending[name] = COMMAND
        elif kind in ("exited", "failed"):
            self.ended[name] = one["at"]
        elif kind == "forked":
            since = self.ended.pop(name, None)
            first = name not in self.known
            if since is None and first and self.whole:
                since = 0.0
            one["why"] = self.pending.pop(name, self.default if first or self.default == RELOAD else RESTART)
            one["waited"] = None if since is None else round(one["at"] - since, 6)
            one["since"] = "pidone began" if first else "its end"
        self.known.add(name)


def words(one: dict[str, Any]) -> str:
    """Behind "is forked"."""
    why = {TURN: "its turn", COMMAND: "as commanded", RELOAD: "by its file, read again"}.get(one["why"], one["why"])
    if one["waited"] is None:
        return str(why)
    return f"{why}, {one['waited'] * 1000:,.0f} ms after {one['since']}"


def tell(events: list[dict[str, Any]]) -> None:
    """Adds both to every start."""
    starts = Starts(bool(events) and events[0]["n"] == 0)
    for one in events:
        starts.see(one)
