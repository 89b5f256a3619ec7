"""The consequences of a process's end: its message, its leftovers, its next start.

Theory. A process that starts again waits for three things: its back-off, which counts from its end
(S60); the end of its leftovers; and its message. Then it reports RESTART_DUE. The host decides
whether it waits for other processes, too.

S1 and so on: docs/reference/pod.md.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pidone.group.process import Process

from pidone.group import restart
from pidone.group.states import CLEARED, RESTART_DUE, WAITING
from pidone.init.events import SAY


def restart_later(process: "Process", now: float) -> None:
    """Start the process once more when its back-off is over."""
    process.backoff_level = restart.level_after(process.policy, process.backoff_level, now - process.started_at)
    wait = restart.delay(process.policy, process.backoff_level)
    process.backoff_level += 1
    process.again = True
    if wait:
        process.state = WAITING  # S65, S70
        process.reason = "PostStartHookError" if process.stop_reason == "post_start" else "CrashLoopBackOff"
    process.set_timer("restart", now + wait)


def restart_now(process: "Process", now: float) -> None:
    """Start the process once more at once, and reset its back-off."""
    process.backoff_level = 0
    process.again = True
    process.set_timer("restart", now)


def clear(process: "Process", now: float) -> None:
    """End what the process has left behind, unless the file keeps it (S86)."""
    if not process.policy.leftovers:
        process.run_helper("leftovers")
        process.set_timer("leftovers", now + 2 * process.host.minimum_grace)


def cleared(process: "Process", now: float, what: str, verdict: int, text: str) -> None:
    process.host.report(process, now, CLEARED)


def messaged(process: "Process", now: float, what: str, verdict: int, text: str) -> None:
    if text:
        process.host.do(SAY, "message", process.id, text)
    process.host.report(process, now, CLEARED)


def waits_to_restart(process: "Process") -> bool:
    """Return whether it is to start again but has no timer that starts it."""
    return process.again and not process.alive and "restart" not in process.timers


def restart_due(process: "Process", now: float, what: str = "restart") -> None:
    if "leftovers" not in process.helpers and "message" not in process.helpers:
        process.host.report(process, now, RESTART_DUE)
