"""The plan: what to run, as plain data. PID 1 has nothing left to check.

A plan travels as marshalled tuples: from the child that made it to PID 1, and from `pidonectl check
--compile` to a later start. They hold no class and no code, and PID 1 has nothing to parse.

E1 and so on: docs/reference/edge-cases.md. S1 and so on: docs/reference/pod.md.
"""

import marshal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pidone.init.arguments import Arguments

from pidone.init.signals import show
from pidone.init.slots import Plan, Process

INIT, SIDECAR, PRIMARY = 0, 1, 2
ROLES = ("init", "sidecar", "primary")

#: pidone's own exit codes.
#: WRONG: wrong usage or file.
#: BROKEN: an error in pidone itself (sysexits(3)).
#: CANNOT, NOT_FOUND: the command cannot be executed, or does not exist, as in every shell (POSIX,
#:   sh, "Exit Status").
#: TIMED_OUT: a time limit is over (timeout(1)).
WRONG, BROKEN, CANNOT, NOT_FOUND, TIMED_OUT = 2, 70, 126, 127, 124

#: Seconds. With this grace a stop ends within nine seconds (`stop_bound`), below Docker's ten (E37,
#: E55).
GRACE = 6.0

#: Seconds that the process signalled last still has (S80, minimumGracePeriodInSeconds).
MINIMUM_GRACE = 2.0

#: LAST_RESORT: seconds that the kernel has for a SIGKILL.
#: REPORT: seconds that the report has at least after that.
LAST_RESORT, REPORT = 0.5, 0.5


def stop_bound(grace: float, minimum_grace: float = MINIMUM_GRACE) -> float:
    """Return the seconds after which a stop is over, whatever happens.

    They are the sum of the grace, the minimum grace, LAST_RESORT and REPORT.
    """
    return grace + minimum_grace + LAST_RESORT + REPORT


def take(plan: Plan, wanted: "Arguments") -> None:
    """Put what the command line says into a plan."""
    plan.rewrites, plan.signal_process_groups, plan.remapped = (
        wanted.rewrites,
        wanted.process_group,
        tuple(wanted.remap),
    )
    if wanted.grace is not None:
        plan.grace = wanted.grace


def single(argv: "list[bytes]") -> Plan:
    """Return the plan of `pidone -- COMMAND`: one primary, named after its program."""
    return Plan([Process(show(argv[0].rsplit(b"/", 1)[-1] or b"primary"), PRIMARY, argv)])


def pack(plan: Plan) -> bytes:
    """Return a plan as bytes. After `unpack`, `take` adds the command line (rewrites, -g, -e)."""
    rows = [tuple(getattr(p, slot) for slot in Process.__slots__) for p in plan.processes]
    return marshal.dumps((rows, *(getattr(plan, slot) for slot in Plan.__slots__[1:])))


def unpack(data: bytes) -> Plan:
    """Return the plan that `pack` made. Raises ValueError, EOFError, TypeError for other bytes."""
    rows, *rest = marshal.loads(data)
    return Plan([Process(*row) for row in rows], *rest)
