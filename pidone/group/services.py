"""The group's own helpers: the listener of sd_notify, the pump of the output, the metrics server.

Theory. PID 1 may lose each of these helpers, and forks another one when it dies. Where the group
needs a listener, no process starts until it is up; if it ends before that, the group stops. While
the listener is down, no process is late with a notification.

E1 and so on: docs/reference/edge-cases.md.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from pidone.group.group import Group

from pidone.group import probe
from pidone.init.events import CANCEL_HELPER, FAILURE, GROUP, LISTENING, RUN_HELPER, SAY, SUCCESS, UNKNOWN
from pidone.init.machine import KILLED, RUN, START, STOP, SWEPT
from pidone.init.plan import CANNOT

#: Seconds from the end of the listener or the pump to the next fork.
LISTEN_AGAIN = 0.1

#: The same for the metrics server.
METRICS_AGAIN = 5.0


def begin(group: "Group", now: float) -> None:
    if any(member.policy.log is not None for member in group.members):
        pump(group, now)
    if group.plan.metrics is not None:
        serve_metrics(group, now)
    if not group.listening:
        listen(group, now)


def listen(group: "Group", now: float) -> None:
    group.do(RUN_HELPER, GROUP, "notify")


def replace_listener(group: "Group", now: float, listened: bool) -> None:
    """Replace the listener, because the sockets have changed.

    Until the new one is up, nothing starts, and no process is late with a notification.
    """
    if listened:
        group.do(CANCEL_HELPER, GROUP, "notify")
    group.timers.pop("notify", None)
    group.host.no_listener = group.awaits_listener = True
    listen(group, now)


def notified(group: "Group", now: float, what: int) -> None:
    if what != LISTENING:
        return
    group.host.no_listener = False
    for member in group.members:
        probe.listener_is_back(member, now)
    if group.awaits_listener:
        group.awaits_listener = False
        if group.phase in (START, RUN):  # nothing starts in a stop (E41), nor while all are being killed
            group.advance(now)
    if not group.listening:
        group.listening = True
        if group.phase == START:
            group.advance(now)


def listener_ended(group: "Group", now: float, verdict: int, text: str) -> None:
    if group.phase >= STOP:
        return
    if not group.host.no_listener:
        group.do(SAY, "listener", text, group.listening)
    if group.listening:
        group.host.no_listener = True
        group.timers["notify"] = now + LISTEN_AGAIN
    else:
        group.stop(now, CANNOT)


def pump(group: "Group", now: float) -> None:
    """Fork a pump, unless one runs: two would read the same pipes."""
    group.timers.pop("pump", None)
    if not group.pumping:
        group.pumping = True
        group.do(RUN_HELPER, GROUP, "pump")


def pump_ended(group: "Group", now: float, verdict: int, text: str) -> None:
    """Handle the end of a pump.

    On success no writer is left. After any other end a new pump replaces it, and no output is lost.
    """
    group.pumping = False
    if verdict == SUCCESS:
        return
    if verdict == FAILURE:  # it has handed over: the streams to carry have changed
        pump(group, now)
        return
    if group.phase != KILLED:  # in KILLED, PID 1's own SIGKILL has ended it
        group.do(SAY, "pump", text)
    if group.phase < SWEPT:
        group.timers["pump"] = now + LISTEN_AGAIN
    else:
        pump(group, now)


def serve_metrics(group: "Group", now: float) -> None:
    group.do(RUN_HELPER, GROUP, "metrics")


def metrics_ended(group: "Group", now: float, verdict: int, text: str) -> None:
    if group.phase < STOP:
        group.do(SAY, "metrics", text, verdict == UNKNOWN)
        if verdict == UNKNOWN:
            group.timers["metrics"] = now + METRICS_AGAIN


#: {helper of the group's own: the handler of its end}
ON_HELPER_END: "dict[str, Callable[[Group, float, int, str], None]]" = {
    "notify": listener_ended,
    "pump": pump_ended,
    "metrics": metrics_ended,
}
