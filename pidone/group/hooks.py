"""The hooks of a process: post_start once it runs, pre_stop before its stop signal.

Theory. A hook is a helper or a `sleep`. Until post_start has ended, the process counts as not
running (S69) and its probes have not begun. If post_start fails, pidone stops the process. A
pre_stop runs whenever pidone stops a running process (S71), but not in a restart of all, which
sends SIGKILL at once. It may take all of the grace (S80). Whatever its result, the stop goes on
(S72).

S1 and so on: docs/reference/pod.md.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pidone.group.process import Process

from pidone.group import probe
from pidone.group.states import RUNNING
from pidone.init.events import FAILURE, SAY, SUCCESS
from pidone.init.plan import INIT


def begin(process: "Process", now: float) -> None:
    """Begin the post_start of a process that runs now, or its probes if it has no post_start."""
    if process.stop_reason is not None or process.role == INIT:
        return
    hook = process.policy.post_start
    if hook is None:
        probe.begin(process, now)
    elif hook[0] == "sleep":
        process.set_timer("post_start", now + hook[1])
    else:
        process.run_helper("post_start")  # with no time limit of its own (S69)


def post_started(process: "Process", now: float, what: str, verdict: int, text: str) -> None:
    if verdict == SUCCESS:
        probe.begin(process, now)
        return
    process.host.do(SAY, "hook failed", process.id, what, text)
    process.stop(now, what, process.own_grace)


def begin_pre_stop(process: "Process", now: float, grace: float) -> None:
    """Begin the pre_stop. It may take all of the grace (S80); grace 0 means no pre_stop (S82)."""
    hook = process.policy.pre_stop
    if hook is None or grace <= 0 or process.state != RUNNING or process.kill_at is None:
        return
    if hook[0] == "sleep":
        process.set_timer("pre_stop", min(process.kill_at, now + hook[1]))
    else:
        process.set_timer("pre_stop", process.kill_at)
        process.run_helper("pre_stop")


def pre_stopped(process: "Process", now: float, what: str, verdict: int, text: str) -> None:
    if verdict != SUCCESS:
        process.host.do(SAY, "hook failed", process.id, what, text)
    process.prepared(now)


def due(process: "Process", now: float, what: str) -> None:
    """End a `sleep`, or a hook that still runs when the grace is over."""
    late = what in process.helpers
    process.cancel(what, late)
    answered = post_started if what == "post_start" else pre_stopped
    answered(process, now, what, FAILURE if late else SUCCESS, "it did not exit within the grace")
