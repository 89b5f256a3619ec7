"""The lines that PID 1 prints about a group, for problems and --verbose. Loaded for that only.

S1 and so on: docs/reference/pod.md.
"""

from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pidone.group.group import Group
    from pidone.init.loop import Loop

    Pids = dict[int, int]
    End = tuple[int, int, str]

from pidone.group import status
from pidone.group.states import STARTING
from pidone.init import events, messages
from pidone.init.messages import how, say, who
from pidone.init.plan import TIMED_OUT

#: What a message calls a process of each role.
KINDS = ("init step", "sidecar", "primary")


def print_line(loop: "Loop", pids: "Pids", details: "tuple[Any, ...]") -> None:
    """Print the line of the group's SAY action."""
    if details[0] not in TEXTS:
        messages.print_line(loop, pids, details)
        return
    text = TEXTS[details[0]](loop, pids, *details[1:])
    if text:
        say(text)


def ended(loop: "Loop", pids: "Pids", member: int, code: int, number: int, reason: str) -> str:
    """Return how a process ended: "log (pid 7) ended with exit code 3"."""
    if reason == "StartError":
        return "%s could not be started" % loop.declared(member).name
    oom = ": out of memory" if reason == "OOMKilled" else ""
    return "%s %s%s" % (who(loop, pids, member), how(code, number), oom)


def _init_failed(loop: "Loop", pids: "Pids", member: int, code: int, number: int, reason: str, exit: int) -> str:
    end = ended(loop, pids, member, code, number, reason)
    return "init step %s: the group stops (exit %d)" % (end, exit)


def _sidecar_ended(loop: "Loop", pids: "Pids", member: int, *end: "Any") -> str:
    return "sidecar %s; the group goes on without it" % ended(loop, pids, member, *end)


def _essential_ended(loop: "Loop", pids: "Pids", member: int, code: int, number: int, reason: str, exit: int) -> str:
    with_code = " (exit %d)" % exit if exit else ""
    return "essential %s: the group stops%s" % (ended(loop, pids, member, code, number, reason), with_code)


def _not_started(loop: "Loop", pids: "Pids", member: int, code: int, number: int, reason: str, exit: int) -> str:
    end = ended(loop, pids, member, code, number, reason)
    return "%s %s before it had started: the group stops (exit %d)" % (KINDS[loop.declared(member).role], end, exit)


def _restart(
    loop: "Loop", pids: "Pids", member: int, code: int, number: int, reason: str, why: "str | None", wait: float, n: int
) -> str:
    end = "%s %s" % (KINDS[loop.declared(member).role], ended(loop, pids, member, code, number, reason))
    because = " (%s)" % why if why else ""
    return "%s%s; restart %d %s" % (end, because, n, "in %g s" % round(wait, 3) if wait else "now")


def _restart_limit(loop: "Loop", pids: "Pids", member: int, limit: int, exit: int) -> str:
    name = loop.declared(member).name
    times = "1 restart" if limit == 1 else "%d restarts" % limit
    return "%s has had %s, its max_restarts: the group stops (exit %d)" % (name, times, exit)


def _restart_all(loop: "Loop", pids: "Pids", member: int, *end: "Any") -> str:
    return "%s: its restart_rules restart the whole group" % ended(loop, pids, member, *end)


def _probe_failed(loop: "Loop", pids: "Pids", member: int, what: str, times: int, text: str) -> str:
    how_often = "%d times" % times if times > 1 else "once"
    return "%s: %s failed %s: %s; stopping it" % (who(loop, pids, member), what, how_often, text or "no reason given")


def _readiness(loop: "Loop", pids: "Pids", member: int, ready: bool, text: str) -> str:
    """Say nothing when a process is ready for the first time, nor each time that one flaps."""
    if ready and member not in _unready:
        return ""
    if not ready:
        if monotonic() - _unready_at.get(member, -FLAP) < FLAP:
            return ""
        _unready_at[member] = monotonic()
    (_unready.discard if ready else _unready.add)(member)
    if ready:
        return "%s is ready again" % who(loop, pids, member)
    return "%s is not ready: %s" % (who(loop, pids, member), text or "no reason given")


def _no_daemon(loop: "Loop", pids: "Pids", member: int, seconds: float) -> str:
    name = who(loop, pids, member)
    return (
        "%s did not go into the background within %g s; stopping it; remove daemonizes if it stays in the foreground"
        % (name, seconds)
    )


def _probe_warns(loop: "Loop", pids: "Pids", member: int, what: str, text: str) -> str:
    return "%s: %s: %s (said once)" % (who(loop, pids, member), what, text)


def _hook_failed(loop: "Loop", pids: "Pids", member: int, what: str, text: str) -> str:
    then = "the stop continues" if what == "pre_stop" else "stopping it"
    return "%s: %s failed: %s; %s" % (who(loop, pids, member), what, text, then)


def _message(loop: "Loop", pids: "Pids", member: int, text: str) -> str:
    return "%s left the message: %s" % (loop.declared(member).name, text)


def _foreign_sender(loop: "Loop", pids: "Pids", member: int, pid: int) -> str:
    name = loop.declared(member).name
    return "ignored a notification for %s from pid %d, which is not one of its processes (said once)" % (name, pid)


def _successor(loop: "Loop", pids: "Pids", member: int, code: int, number: int, oom: bool) -> str:
    name = loop.declared(member).name
    return "the former %s %s; pid %d from its pid_file replaces it" % (name, how(code, number), pids.get(member, 0))


def _restart_with(loop: "Loop", pids: "Pids", member: int, partner: int) -> str:
    return "stopping %s, to restart it with %s" % (who(loop, pids, member), loop.declared(partner).name)


def _bound(what: str) -> "Any":
    return lambda loop, pids: "%s: the group stops (exit %d)" % (what, TIMED_OUT)


_unready: "set[int]" = set()
_unready_at: "dict[int, float]" = {}

#: At least so many seconds lie between two lines that say that a process is not ready.
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
    "foreign sender": _foreign_sender,
    "successor": _successor,
    "restart with": _restart_with,
    "start timeout": _bound("not everything started within the group's start_timeout"),
    "deadline": _bound("DeadlineExceeded: the group reached its deadline"),
    "hurry": lambda loop, pids: "three stop requests: ending the grace now",
    "listener": lambda loop, pids, text, listening: (
        "the listener for sd_notify exited: %s%s"
        % (text or "killed", "; starting another" if listening else ": the group stops (exit 126)")
    ),
}

TEXTS["metrics"] = lambda loop, pids, text, again: (
    "no metrics: %s%s" % (text or "the server was killed", "; trying again in 5 s" if again else "")
)
TEXTS["line"] = lambda loop, pids, text: text
TEXTS["pump"] = lambda loop, pids, text: "the output pump exited: %s; starting another" % (text or "killed")

_said: "dict[int, str]" = {}


def forget(loop: "Loop", pids: "Pids", details: "tuple[Any, ...]") -> None:
    """Forget the removed processes: another plan has taken over."""
    for member in details[0]:
        _unready_at.pop(member, None)
        _said.pop(member, None)
        _unready.discard(member)


def trace(loop: "Loop", pids: "Pids", details: "tuple[Any, ...]") -> None:
    """Print a line for `--verbose`: the event that the group gets."""
    rest = details[1:]
    if details[0] == "event" and rest[0] == events.HELPER_ENDED:
        _, member, what, verdict, text = rest
        if member >= 0:
            name = loop.declared(member).name
            say("%s of %s: %s%s" % (what, name, events.VERDICTS[verdict], ": %s" % text if text else ""))
    elif details[0] == "event" and rest[0] == events.NOTIFIED:
        if rest[1] >= 0:
            say("%s says: %s" % (who(loop, pids, rest[1]), events.NOTIFICATIONS[rest[2]]))
    else:
        messages.trace(loop, pids, details)


def states(loop: "Loop", pids: "Pids", details: "tuple[Any, ...]") -> None:
    """Print a line for `--verbose` for each new state, in the kubelet's words (S98)."""
    group: "Group" = details[0]
    for place, member in enumerate(group.members):
        if member.state == STARTING:
            continue  # this state lasts less than a moment
        text = status.show(status.state(group, place))
        if _said.get(member.id, "waiting(%s)" % status.first_reason(group)) != text:
            _said[member.id] = text
            say("%s is %s" % (member.declared.name, text))
    text = status.pod_phase(group)
    if _said.get(-1, "Pending") != text:
        _said[-1] = text
        say("phase %s" % text)
