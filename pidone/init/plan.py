"""What is to run, once it is plain data: no name left to resolve, nothing left to check.

A plan travels from the child that made it to PID 1, and from `pidonectl check --compile` to a later start, as
marshalled tuples: no class, no code, nothing to parse.
"""

import marshal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pidone.init.arguments import Arguments

from pidone.init.signals import show
from pidone.init.slots import Plan, Process

INIT, SIDECAR, PRIMARY = 0, 1, 2
ROLES = ("init", "sidecar", "primary")

#: Exit codes of ours: wrong usage or file; and, as every shell has them (POSIX, sh, "Exit Status"), what cannot be
#: executed, and what is not there; a mistake of our own (sysexits(3)); and where a bound is over (timeout(1)).
WRONG, BROKEN, CANNOT, NOT_FOUND, TIMED_OUT = 2, 70, 126, 127, 124

#: Seconds. A stop with it ends within nine (`stop_bound`), below Docker's ten (E37, E55).
GRACE = 6.0

#: Seconds that whoever is told last still has (S80, minimumGracePeriodInSeconds).
MINIMUM_GRACE = 2.0

#: Seconds that the kernel has for a SIGKILL, and that the report has at least after that.
LAST_RESORT, REPORT = 0.5, 0.5


def stop_bound(grace: float, minimum_grace: float = MINIMUM_GRACE) -> float:
    """Seconds after which a stop is over, whatever happens: the grace, who is told last, SIGKILL, and the report."""
    return grace + minimum_grace + LAST_RESORT + REPORT


def take(plan: Plan, wanted: "Arguments") -> None:
    """What the command line says besides."""
    plan.rewrites, plan.group_wide, plan.remapped = wanted.rewrites, wanted.group, tuple(wanted.remap)
    if wanted.grace is not None:
        plan.grace = wanted.grace


def single(argv: "list[bytes]") -> Plan:
    """The plan of `pidone -- COMMAND`: one primary, named after its program."""
    return Plan([Process(show(argv[0].rsplit(b"/", 1)[-1] or b"primary"), PRIMARY, argv)])


def pack(plan: Plan) -> bytes:
    """The plan as bytes. What the command line adds (rewrites, -g, -e) is its default again."""
    rows = [tuple(getattr(p, slot) for slot in Process.__slots__) for p in plan.processes]
    return marshal.dumps((rows, *(getattr(plan, slot) for slot in Plan.__slots__[1:])))


def unpack(data: bytes) -> Plan:
    """The plan that `pack` made. Raises ValueError, EOFError or TypeError for anything else."""
    rows, *rest = marshal.loads(data)
    return Plan([Process(*row) for row in rows], *rest)
