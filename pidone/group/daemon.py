"""Daemons and replaced masters: the process that a pid_file names becomes the main pid.

Theory. A launcher that exits with 0 has done its work, and pidone looks for its daemon. A process
with a pid_file that ends after it has started may have replaced itself (E62), and pidone looks for
its successor. The helper `main_pid` does the search. While it searches, the process counts as
alive. The pid that it finds is the main pid from then on.

E1 and so on: docs/reference/edge-cases.md.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pidone.group.process import Process

from pidone.group.states import FOUND, RESTARTING_ALL
from pidone.init.events import SAY, SUCCESS

#: In units of the minimum grace, 2 s: the time in which a launcher must end, and then the time in
#: which its daemon must appear in its pid file.
LAUNCH, DAEMON = 30, 5

#: In the same units: the time in which a successor must appear in its pid file.
SUCCESSOR = 1


def launch_over(process: "Process", now: float, what: str) -> None:
    """Stop a launcher that has not ended in time: it stays in the foreground."""
    process.host.do(SAY, "no daemon", process.id, LAUNCH * process.host.minimum_grace)
    process.stop(now, what, process.own_grace)


def exited(process: "Process", now: float, code: int, number: int, oom: bool) -> bool:
    """Take the end of the process. Return whether the search for its main pid begins."""
    if process.policy.daemonizes and not process.main_pid_found and code == number == 0:
        process.unset_timer("launch")
        process.unset_timer("kill")
        look_for(process, now, DAEMON)
    elif process.started and process.stop_reason != RESTARTING_ALL:
        process.ended_as = code, number, oom
        process.unset_timer("kill")
        look_for(process, now, SUCCESSOR)
    else:
        return False
    return True


def look_for(process: "Process", now: float, patience: float) -> None:
    """Search for the process that its pid_file names. patience: in units of the minimum grace."""
    process.run_helper("main_pid")
    process.set_timer("main_pid", now + patience * process.host.minimum_grace)


def main_pid_found(process: "Process", now: float, what: str, verdict: int, text: str) -> None:
    """Take the result of the search: the process has a new main pid now, or the search failed."""
    ended_as, process.ended_as = process.ended_as, None
    if verdict != SUCCESS:
        if ended_as is None:
            process.could_not_start(now, 1, text)
        else:
            process.end(now, *ended_as)
        return
    process.main_pid_found = True
    process.signalled_at = None
    if ended_as is None:
        process.running(now)
    else:
        process.host.do(SAY, "successor", process.id, *ended_as)
    process.host.report(process, now, FOUND)
    if process.stop_reason is not None:
        process.prepared(now)
