"""PID 1's last work, where its end is worth a report: a child makes it within a moment.

E1 and so on: docs/reference/edge-cases.md.
"""

import _signal
import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pidone.init.loop import Loop

from pidone.init.fork import fork_into
from pidone.init.plan import REPORT, stop_bound

#: Seconds that a report may take. In a stop that has used up its time, a report has REPORT seconds.
PATIENCE = 2.0


def make_report(loop: "Loop", code: int, troubled: bool) -> None:
    try:
        # no pipe: there may be no descriptor left
        pid, _ = fork_into(
            loop.kernel, "pidone.helpers.reporter:run", (loop, code, troubled), loop.inherited, None, answers=False
        )
    except OSError:
        return
    monotonic = loop.kernel.monotonic
    now = monotonic()
    end, began = now + PATIENCE, loop.machine.stop_began_at
    if began is not None:  # within the bound of a stop (E55)
        end = max(now + REPORT, min(end, began + stop_bound(loop.plan.grace, loop.plan.minimum_grace)))
    while loop.kernel.waitpid(pid, posix.WNOHANG)[0] == 0 and monotonic() < end:
        loop.kernel.sigtimedwait((_signal.SIGCHLD,), max(0.0, end - monotonic()))
