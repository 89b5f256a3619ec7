"""Why a process was started, and after which wait: told from what stands before it in the record.

PID 1 notes no more than it must; what came before a fork says the rest.
"""

from __future__ import annotations

from typing import Any

TURN, RESTART, ANEW, COMMAND, RELOAD = "turn", "restart", "restart of all", "command", "reload"


class Starts:
    """pending: the reason that has been given for a process's next start. ended: when its latest instance did.

    known: whose start or end has been seen. moved: of these, since the file was read again; None where it was not.
    """

    def __init__(self, whole: bool) -> None:
        """whole: does the record still go back to pidone's own start?"""
        self.whole = whole
        self.pending: dict[str, str] = {}
        self.ended: dict[str, float] = {}
        self.known: set[str] = set()
        self.moved: set[str] | None = None
        self.reloaded = 0.0

    def see(self, one: dict[str, Any]) -> None:
        """The next event. One of a start gets "why", "waited" (seconds) and "since" what; None where nobody knows."""
        kind, name = one["what"], one.get("process")
        if kind == "said" and one["line"] == "restart all":
            self.pending.update(dict.fromkeys(self.known, ANEW))
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
    """Behind "is forked: "; empty where nobody knows."""
    why = {None: "", TURN: "its turn", COMMAND: "as commanded", RELOAD: "by the reloaded file"}.get(
        one["why"], one["why"]
    )
    if one["waited"] is None:
        return str(why)
    return f"{why}, {one['waited'] * 1000:,.0f} ms after {one['since']}".lstrip(", ")


def explain(events: list[dict[str, Any]]) -> None:
    """Adds these to every start."""
    starts = Starts(bool(events) and events[0]["n"] == 0)
    for one in events:
        starts.see(one)
