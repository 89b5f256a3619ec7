"""Mistakes to plant into the room `group`, so that a test can show that the explorer finds them.

Each is small: a piece of the room's own source, and its replacement. Nothing is patched: the room
is imported once more, as a package of another name, with the mistake in it.
"""

from __future__ import annotations

import importlib
import itertools
import sys
from pathlib import Path
from typing import Any

from pidone.group.policy import ALWAYS, NEVER, ON_FAILURE
from pidone.init.plan import INIT, PRIMARY, SIDECAR
from tests.support.explorer import Kind
from tests.support.pid1 import ROOT

MODULES = ROOT / "pidone" / "group"


def plain(*roles: int) -> tuple[Kind, ...]:
    return tuple((role, NEVER, "plain") for role in roles)


def alone(policy: int, what: str) -> tuple[Kind, ...]:
    return ((PRIMARY, policy, what),)


SIDECARS = plain(SIDECAR, SIDECAR, PRIMARY)
STEP = plain(INIT, PRIMARY)
WATCHED: tuple[Kind, ...] = ((SIDECAR, ALWAYS, "liveness"), (PRIMARY, ALWAYS, "plain"))
STEERED: tuple[Kind, ...] = ((SIDECAR, ALWAYS, "steered"), (PRIMARY, NEVER, "plain"))
TIED: tuple[Kind, ...] = ((SIDECAR, ALWAYS, "plain"), (SIDECAR, ALWAYS, "tied"), (PRIMARY, NEVER, "plain"))
ANEW: tuple[Kind, ...] = ((SIDECAR, ALWAYS, "all anew"), (PRIMARY, NEVER, "plain"))

#: (file, a piece of its text that occurs once, the replacement)
Change = tuple[str, str, str]

#: {mistake: (changes, the group that shows it)}. Where two places enforce a rule, both change.
MISTAKES: dict[str, tuple[list[Change], tuple[Kind, ...]]] = {
    "sidecars are told at once, in no order": (
        [("stop", "alive if group.expired else group.order.free(alive)", "alive")],
        SIDECARS,
    ),
    "the grace is over as soon as it begins": (
        [("stop", "process.kill_at = group.grace_end()", "process.kill_at = now")],
        SIDECARS,
    ),
    "what began the stop is forgotten": ([("stop", "group.blame = group.code = blame", "group.code = blame")], STEP),
    "a third stop signal kills at once": (
        [
            (
                "stop",
                'set_timer("kill", max(now, member.signalled_at + group.plan.minimum_grace))',
                'set_timer("kill", now)',
            )
        ],
        plain(PRIMARY),
    ),
    "a second stop signal ends the grace": ([("stop", "group.stop_requests > 2", "group.stop_requests > 1")], SIDECARS),
    "the end of the grace tells nobody": ([("stop", "group.expired = True", "pass")], SIDECARS),
    "a stop has more than its time": (
        [
            (
                "stop",
                "group.limit = now + group.plan.grace + group.plan.minimum_grace",
                "group.limit = now + group.plan.grace + 3 * group.plan.minimum_grace",
            )
        ],
        plain(PRIMARY),
    ),
    "SIGKILL comes with the stop signal": ([("process", "max(due, now + self.host.minimum_grace)", "due")], SIDECARS),
    "what is due outlives its process": (
        [("process", "        self.no_timers()\n        self.probes", "        self.probes")],
        WATCHED,
    ),
    "a new instance remembers the one before": ([("process", "self.reset(now)", "pass")], alone(ALWAYS, "liveness")),
    "out of memory is no failure": ([("process", "if code or number or oom else", "if code or number else")], STEP),
    "a hook begins in the stop": (
        [("hooks", "process.stop_reason is not None or process.role", "process.role")],
        alone(NEVER, "post_start"),
    ),
    "pre_stop runs before the process does": (
        [("hooks", "process.state != RUNNING or ", "")],
        alone(NEVER, "pre_stop"),
    ),
    "nobody waits for the startup probe": (
        [("probe", 'if "startup" in process.probes:', "if False:")],
        ((SIDECAR, NEVER, "startup"), (PRIMARY, NEVER, "plain")),
    ),
    "there is no back-off": (
        [("ending", 'process.set_timer("restart", now + wait)', 'process.set_timer("restart", now)')],
        alone(ALWAYS, "plain"),
    ),
    "a success is restarted on failure": (
        [("restart", "(policy.restart == ON_FAILURE and failed)", "policy.restart == ON_FAILURE")],
        alone(ON_FAILURE, "plain"),
    ),
    "what cannot start is left alone": (
        [("group", "self.stop(now, code)  # no half", "pass  # no half")],
        alone(NEVER, "plain"),
    ),
    "one restart more than allowed": (
        [("group", "process.restarts >= limit", "process.restarts > limit")],
        alone(ALWAYS, "limited"),
    ),
    "the primary's code hides the cause": (
        [("group", "if self.blame is None:", "if True:")],
        ((SIDECAR, NEVER, "essential"), (PRIMARY, NEVER, "plain")),
    ),
    "nobody waits for its partner": (
        [("partners", "not partner.started and (partner.alive or partner.again)", "False")],
        TIED,
    ),
    "a time that has come stays": ([("group", "if what not in PROBES:", "if False:")], alone(ALWAYS, "plain")),
    "the exit code is always that of the stop signal": (
        [("group", "        Machine.exit(self)", "        self.code = 143\n        Machine.exit(self)")],
        plain(PRIMARY),
    ),
    "an id is given out again": (
        [
            (
                "group",
                "self.ids += 1",
                "self.ids += len(self.members) < len(self.plan.processes) if hasattr(self, 'members') else 1",
            )
        ],
        STEERED,
    ),
    "the end of a sidecar in the stop is an error": (
        [
            (
                "stop",
                "    if process.role == PRIMARY:\n        group.primary_over(process)\n    go_on",
                "    if process.role != PRIMARY:\n        raise KeyError(process.id)\n    go_on",
            )
        ],
        SIDECARS,
    ),
    "the last is told before who waits for it": ([("order", "index >= top and ", "")], SIDECARS),
    "a gate opens one too early": (
        [("order", "policy.gate <= self.frontier", "policy.gate <= self.frontier + 1")],
        plain(SIDECAR, PRIMARY),
    ),
    "all begin anew before all are gone": (
        [
            (
                "restart_all",
                'if any(member.alive or "leftovers" in member.helpers for member in group.members):',
                "if False:",
            )
        ],
        ANEW,
    ),
    "a daemon is held to be told already": (
        [("daemon", "process.signalled_at = None", "pass")],
        alone(NEVER, "daemon"),
    ),
    "a stop does not call off a restart that is due": (
        [
            ("stop", '"post_start", "restart", "launch"', '"post_start", "launch"'),
            ("stop", "process.again = False", "pass"),
            (
                "group",
                "states.RESTART_DUE: {START: partners.restart_due,",
                "states.RESTART_DUE: {STOP: partners.restart_due,",
            ),
        ],
        WATCHED,
    ),
    "one that is being ended is ended once more": (
        [
            ("process", "if self.stop_reason is not None:\n            return", "if False:\n            return"),
            ("process", 'for what in ("post_start", *PROBES):', 'for what in ("post_start",):'),
        ],
        WATCHED,
    ),
    "the end of a launcher is an end": (
        [
            (
                "daemon",
                "if process.policy.daemonizes and not process.main_pid_found",
                "if False and not process.main_pid_found",
            )
        ],
        alone(NEVER, "daemon"),
    ),
    "a probe that is late is asked once more": (
        [("probe", "elif what in process.helpers:", "elif False:")],
        alone(NEVER, "liveness"),
    ),
    "a plan takes over while others live": (
        [
            ("reload", "if not alive and not any(member.helpers for member in to_be_removed):", "if True:"),
            (
                "reload",
                "coming is None or any(member.alive or member.helpers for member in to_be_removed)",
                "coming is None",
            ),
        ],
        STEERED,
    ),
    "a command starts something in the stop": (
        [
            ("commands", "group.phase in (START, RUN) and id", "id"),
            ("ending", "process.host.report(process, now, RESTART_DUE)", "process.start(now)"),
        ],
        STEERED,
    ),
}

_numbers = itertools.count()


def planted(changes: list[Change], directory: Path) -> Any:
    """Return the class Group of a copy of the room with these changes."""
    name = f"planted_{next(_numbers)}"
    package = directory / name
    package.mkdir()
    for path in MODULES.glob("*.py"):
        text = path.read_text()
        for file, before, after in changes:
            if path.stem == file:
                assert text.count(before) == 1, f"{file}.py has {text.count(before)} of: {before}"
                text = text.replace(before, after)
        (package / path.name).write_text(text.replace("pidone.group", name))
    sys.path.insert(0, str(directory))
    try:
        return importlib.import_module(f"{name}.group").Group
    finally:
        sys.path.remove(str(directory))
