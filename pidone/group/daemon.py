"""Programs that go into the background, and masters that are replaced: the process that a pid_file names.

Theory. A launcher that ends with 0 has done its work, and its daemon is looked for; a process with a pid_file that ends
once it had started may have replaced itself (E62), and its successor is looked for. Until the helper `follow` has found
somebody, or not, the process counts as alive. Who is found stands for it from then on.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pidone.group.process import Process

from pidone.group.states import FOUND, RESTARTING_ALL
from pidone.init.events import SAY, SUCCESS

#: In units of the minimum grace, 2 s: what a launcher has to end, and then its daemon to show up in its pid file.
LAUNCH, DAEMON = 30, 5

#: In the same: what its successor has to show up in its pid file.
SUCCESSOR = 1


def launch_over(process: "Process", now: float, what: str) -> None:
    """It stays in the foreground."""
    process.host.do(SAY, "no daemon", process.id, LAUNCH * process.host.minimum_grace)
    process.stop(now, what, process.own_grace)


def exited(process: "Process", now: float, code: int, number: int, oom: bool) -> bool:
    """It has ended. True if somebody is looked for who stands for it."""
    if process.policy.daemonizes and not process.main_pid_found and code == number == 0:
        process.unset_timer("launch")
        process.unset_timer("kill")
        look_for(process, now, DAEMON)
    elif process.started and process.ending != RESTARTING_ALL:
        process.ended_as = code, number, oom
        process.unset_timer("kill")
        look_for(process, now, SUCCESSOR)
    else:
        return False
    return True


def look_for(process: "Process", now: float, patience: float) -> None:
    """Whoever its pid_file names. patience: in units of the minimum grace."""
    process.run_helper("main_pid")
    process.set_timer("main_pid", now + patience * process.host.minimum_grace)


def main_pid_found(process: "Process", now: float, what: str, verdict: int, text: str) -> None:
    """Its daemon, or its successor, has been found and stands for the process from now on; or has not."""
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
    if process.ending is not None:
        process.prepared(now)
