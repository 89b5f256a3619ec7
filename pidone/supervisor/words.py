"""What PID 1 says of a group: on trouble one line each, and with --verbose each turn. Loaded for that only."""

from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pidone.group.group import Group
    from pidone.init.plan import Plan

    Pids = dict[int, int]
    End = tuple[int, int, str]

from pidone.group import status
from pidone.group.member import STARTING
from pidone.init import events, words
from pidone.init.plan import ROLES
from pidone.init.words import how, say, who


def tell(plan: "Plan", pids: "Pids", details: "tuple[Any, ...]") -> None:
    """The group's SAY action as a line."""
    if details[0] not in TEXTS:
        words.tell(plan, pids, details)
        return
    text = TEXTS[details[0]](plan, pids, *details[1:])
    if text:
        say(text)


def ended(plan: "Plan", pids: "Pids", member: int, code: int, number: int, reason: str) -> str:
    """ "sidecar log (pid 7) ended with exit code 3"."""
    if reason == "StartError":
        return "%s could not be started" % plan.processes[member].name
    oom = ": out of memory" if reason == "OOMKilled" else ""
    return "%s %s%s" % (who(plan, pids, member), how(code, number), oom)


def _init_failed(plan: "Plan", pids: "Pids", member: int, code: int, number: int, reason: str, exit: int) -> str:
    end = ended(plan, pids, member, code, number, reason)
    return "init step %s: nothing more is started, the group stops (exit %d)" % (end, exit)


def _sidecar_ended(plan: "Plan", pids: "Pids", member: int, *end: "Any") -> str:
    return "sidecar %s; the group goes on without it" % ended(plan, pids, member, *end)


def _essential_ended(plan: "Plan", pids: "Pids", member: int, code: int, number: int, reason: str, exit: int) -> str:
    with_code = " (exit %d)" % exit if exit else ""
    return "essential %s: the group stops%s" % (ended(plan, pids, member, code, number, reason), with_code)


def _not_started(plan: "Plan", pids: "Pids", member: int, code: int, number: int, reason: str, exit: int) -> str:
    end = ended(plan, pids, member, code, number, reason)
    return "%s %s before it had started: the group stops (exit %d)" % (ROLES[plan.processes[member].role], end, exit)


def _restart(
    plan: "Plan", pids: "Pids", member: int, code: int, number: int, reason: str, why: "str | None", wait: float, n: int
) -> str:
    end = "%s %s" % (ROLES[plan.processes[member].role], ended(plan, pids, member, code, number, reason))
    because = " (%s)" % why if why else ""
    return "%s%s; restart %d %s" % (end, because, n, "in %g s" % round(wait, 3) if wait else "now")


def _restart_limit(plan: "Plan", pids: "Pids", member: int, limit: int, exit: int) -> str:
    name = plan.processes[member].name
    return "%s has been restarted %d times, its max_restarts: the group stops (exit %d)" % (name, limit, exit)


def _restart_all(plan: "Plan", pids: "Pids", member: int, *end: "Any") -> str:
    return "%s: by its restart_rules all of the group is killed and started anew" % ended(plan, pids, member, *end)


def _probe_failed(plan: "Plan", pids: "Pids", member: int, what: str, times: int, text: str) -> str:
    how_often = "%d times" % times if times > 1 else "once"
    return "%s: %s failed %s: %s: it is stopped" % (who(plan, pids, member), what, how_often, text or "no reason given")


def _readiness(plan: "Plan", pids: "Pids", member: int, ready: bool, text: str) -> str:
    """Becoming ready for the first time is no news, nor is each turn of one that flaps."""
    if ready and member not in _unready:
        return ""
    if not ready:
        if monotonic() - _unready_at.get(member, -FLAP) < FLAP:
            return ""
        _unready_at[member] = monotonic()
    (_unready.discard if ready else _unready.add)(member)
    if ready:
        return "%s is ready again" % who(plan, pids, member)
    return "%s is not ready: %s" % (who(plan, pids, member), text or "no reason given")


def _no_daemon(plan: "Plan", pids: "Pids", member: int, seconds: float) -> str:
    name = who(plan, pids, member)
    return "%s has not gone into the background in %g s: it is stopped; does it want daemonizes?" % (name, seconds)


def _probe_warns(plan: "Plan", pids: "Pids", member: int, what: str, text: str) -> str:
    return "%s: %s: %s (said once)" % (who(plan, pids, member), what, text)


def _hook_failed(plan: "Plan", pids: "Pids", member: int, what: str, text: str) -> str:
    then = "the stop goes on" if what == "pre_stop" else "it is stopped"
    return "%s: %s failed: %s: %s" % (who(plan, pids, member), what, text, then)


def _message(plan: "Plan", pids: "Pids", member: int, text: str) -> str:
    return "%s left the message: %s" % (plan.processes[member].name, text)


def _stranger(plan: "Plan", pids: "Pids", member: int, pid: int) -> str:
    name = plan.processes[member].name
    return "what process %d says in the name of %s does not count: it is none of it (said once)" % (pid, name)


def _successor(plan: "Plan", pids: "Pids", member: int, code: int, number: int, oom: bool) -> str:
    name = plan.processes[member].name
    return "the former %s %s; pid %d of its pid_file takes its place" % (name, how(code, number), pids.get(member, 0))


def _restart_with(plan: "Plan", pids: "Pids", member: int, partner: int) -> str:
    return "%s is stopped, to be started again with %s" % (who(plan, pids, member), plan.processes[partner].name)


def _bound(what: str) -> "Any":
    return lambda plan, pids: "%s: the group stops (exit 124)" % what


_unready: "set[int]" = set()
_unready_at: "dict[int, float]" = {}

#: Seconds between two lines that say that a process is not ready.
FLAP = 1.0

TEXTS: "dict[str, Any]" = {
    "init failed": _init_failed,
    "sidecar ended": _sidecar_ended,
    "essential ended": _essential_ended,
    "not started": _not_started,
    "restart": _restart,
    "restart limit": _restart_limit,
    "restart all": _restart_all,
    "probe failed": _probe_failed,
    "readiness": _readiness,
    "probe warns": _probe_warns,
    "no daemon": _no_daemon,
    "hook failed": _hook_failed,
    "message": _message,
    "stranger": _stranger,
    "successor": _successor,
    "restart with": _restart_with,
    "start timeout": _bound("not all has started within the group's start_timeout"),
    "deadline": _bound("DeadlineExceeded: the group has lived for its deadline"),
    "hurry": lambda plan, pids: "asked to stop three times: the grace is over now",
    "listener": lambda plan, pids, text, heard: (
        "the listener of sd_notify has ended: %s%s"
        % (text or "killed", "; another one follows" if heard else ": the group stops (exit 126)")
    ),
}

TEXTS["metrics"] = lambda plan, pids, text, again: (
    "no metrics: %s%s" % (text or "the server was killed", "; tried again in 5 s" if again else "")
)
TEXTS["line"] = lambda plan, pids, text: text
TEXTS["pump"] = lambda plan, pids, text: (
    "the pump of the output has ended: %s; another one follows" % (text or "killed")
)

_VERDICTS = ("yes", "no", "unknown")
_NOTES = ("listening", "READY", "not ready", "WATCHDOG", "WATCHDOG=trigger")
_said: "dict[int, str]" = {}


def renumber(plan: "Plan", pids: "Pids", details: "tuple[Any, ...]") -> None:
    """Another plan has taken over: what is remembered by a member's number is so by its new one."""
    numbers = details[0]
    for kept in (_unready_at, _said):
        before = dict(kept)
        kept.clear()
        kept.update(
            {numbers.get(index, index): value for index, value in before.items() if index < 0 or index in numbers}
        )
    gone = set(_unready)
    _unready.clear()
    _unready.update(numbers[index] for index in gone if index in numbers)


def trace(plan: "Plan", pids: "Pids", details: "tuple[Any, ...]") -> None:
    """A line for `--verbose`: what the group is told."""
    rest = details[1:]
    if details[0] == "event" and rest[0] == events.ENDED:
        _, member, what, verdict, text = rest
        if member >= 0:
            name = plan.processes[member].name
            say("%s of %s: %s%s" % (what, name, _VERDICTS[verdict], ": %s" % text if text else ""))
    elif details[0] == "event" and rest[0] == events.NOTED:
        if rest[1] >= 0:
            say("%s says: %s" % (who(plan, pids, rest[1]), _NOTES[rest[2]]))
    else:
        words.trace(plan, pids, details)


def states(plan: "Plan", pids: "Pids", details: "tuple[Any, ...]") -> None:
    """A line for `--verbose` for each state that has changed, in the kubelet's words (S98)."""
    group: "Group" = details[0]
    for index, member in enumerate(group.members):
        if member.state == STARTING:
            continue  # for less than a moment
        text = status.show(status.state(group, index))
        if _said.get(index, "waiting(%s)" % status.first_reason(group)) != text:
            _said[index] = text
            say("%s is %s" % (plan.processes[index].name, text))
    text = status.phase(group)
    if _said.get(-1, "Pending") != text:
        _said[-1] = text
        say("phase %s" % text)
