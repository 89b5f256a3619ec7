"""What should never happen: an exception in PID 1 itself (E46).

Theory. PID 1 must not end because of an error of its own: reaping and forwarding are worth more
than the step that failed. So PID 1 catches every exception, prints one line with its place, and
records it. It goes on as if the failed step had not been. But a machine that has raised can no
longer be trusted, and code that raises three times within a second goes on raising. In both cases
PID 1 stops all processes in order, by their pids only, and exits with BROKEN.

E1 and so on: docs/reference/edge-cases.md.
"""

import _signal
import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, NoReturn

    from pidone.init.loop import Loop

from pidone.init import events, reap
from pidone.init.events import SIGCONT, SIGKILL, SIGTERM, UNKNOWN
from pidone.init.plan import BROKEN, CANNOT, LAST_RESORT

#: With MAX_ERRORS exceptions within SPAN seconds PID 1 stops everything.
MAX_ERRORS, SPAN = 3, 1.0


def place(error: BaseException) -> str:
    """Return where an exception was raised, and which: "supervisor/loop.py:12: KeyError: 5"."""
    where, trace = "?", error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename.rpartition("/pidone/")[2]
        where = "%s:%d" % (name, trace.tb_lineno)
        trace = trace.tb_next
    text = "%s: %s" % (type(error).__name__, error)
    return "%s: %s" % (where, text[:120])


def seen(loop: "Loop", error: Exception) -> None:
    """Print and record an exception, and go on; stop everything where it is one too many."""
    now = loop.kernel.monotonic()
    loop.troubles = [at for at in loop.troubles if now - at < SPAN] + [now]
    text = place(error)
    loop.talk("print_line", ("internal error", text))
    try:
        loop.record.add_event("internal_error", text[:100])
    except Exception:
        pass  # the record itself may be broken
    if len(loop.troubles) >= MAX_ERRORS:
        emergency(loop, text)


def repair(loop: "Loop", action: "tuple[Any, ...]", error: Exception) -> None:
    """Repair what an action that raised has left undone.

    The machine gets the failure of an action whose result it waits for. Signals, the sweep and the
    exit are done in the plainest way.
    """
    seen(loop, error)
    kind = action[0]
    if kind == events.SPAWN and action[1] not in loop.pids:
        loop.queue.append((events.FAILED, action[1], CANNOT, "internal error: %s" % place(error)))
    elif kind == events.RUN_HELPER:
        loop.queue.append((events.HELPER_ENDED, action[1], action[2], UNKNOWN, "internal error: %s" % place(error)))
    elif kind == events.KILL and loop.pids.get(action[1]) not in (None, loop.reaped):
        send(loop.kernel, loop.pids[action[1]], action[2])
    elif kind == events.SWEEP:
        reap.sweep(loop.kernel, action[1])
    elif kind == events.TAKE_OVER:
        emergency(loop, place(error))  # half of the state may belong to another plan
    elif kind == events.EXIT:
        loop.kernel._exit(action[1])


def emergency(loop: "Loop", text: str) -> "NoReturn":
    """Stop everything, and exit with BROKEN. Trusts pids and nothing else.

    The members get SIGTERM in reverse start order, within the grace. All that is left gets SIGTERM,
    and at last SIGKILL.
    """
    try:
        loop.add_event("said", "emergency", text)
        loop.talk("print_line", ("emergency", text))
        loop.add_event("turned", -1, "stop")
    except Exception:
        pass
    reaped_pids = {loop.reaped}  # reaped pids, which foreign processes may have by now
    kernel = loop.kernel
    leave: "Callable[[int], NoReturn]" = kernel._exit
    end = kernel.monotonic() + loop.plan.grace
    places = {one.id: one.place for one in getattr(loop.machine, "members", ())}  # a reload gives new ids
    for member in sorted(loop.pids, key=lambda id: places.get(id, id), reverse=True):
        pid = loop.pids[member]
        if pid not in reaped_pids:
            send(kernel, pid, SIGTERM)
            send(kernel, pid, SIGCONT)
            await_end(kernel, reaped_pids, end, pid)
    try:
        loop.CALLS[events.SWEEP](loop, SIGTERM)
    except Exception:
        reap.sweep(loop.kernel, SIGTERM)
    reap.sweep(loop.kernel, SIGCONT)
    await_end(kernel, reaped_pids, max(end, kernel.monotonic() + loop.plan.minimum_grace))
    reap.sweep(loop.kernel, SIGKILL)
    await_end(kernel, reaped_pids, kernel.monotonic() + LAST_RESORT)
    try:
        loop.add_event("exit", BROKEN)
        kernel.load("pidone.init.report").make_report(loop, BROKEN, True)
    finally:
        leave(BROKEN)


def send(kernel: "Any", pid: int, number: int) -> None:
    try:
        kernel.kill(pid, number)
    except OSError:
        pass  # it has ended, or belongs to another user


def await_end(kernel: "Any", reaped_pids: "set[int]", end: float, pid: int = 0) -> None:
    """Reap children until this one has ended, or all have, or the time is over.

    reaped_pids: the reaped pids so far.
    end: the time at which to give up, of the monotonic clock.
    pid: the child to wait for; 0 for all.
    """
    while not pid or pid not in reaped_pids:
        try:
            ended = kernel.waitpid(-1, posix.WNOHANG)[0]
        except ChildProcessError:
            return
        if ended:
            reaped_pids.add(ended)
        elif kernel.monotonic() >= end:
            return
        else:
            kernel.sigtimedwait((_signal.SIGCHLD,), max(0.0, end - kernel.monotonic()))
