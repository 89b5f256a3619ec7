"""No process at all: PID 1 of a Pod's namespaces, which reaps what is left to it and ends when it is told to.

`catatonit -P` and `pidone --pause`; what Kubernetes and podman call the infra container runs just this.
"""

from pidone.init.events import BEGIN, SIGNAL, SIGTERM
from pidone.init.machine import RUN, Machine
from pidone.init.slots import Plan

SIGINT = 2


class Pause(Machine):
    """Ends with 0 at SIGINT and SIGTERM, and at nothing else."""

    __slots__ = ()

    def __init__(self) -> None:
        Machine.__init__(self, Plan([]), False)

    def begin(self, now: float) -> None:
        self.phase = RUN

    def signal(self, now: float, number: int) -> None:
        if number in (SIGINT, SIGTERM):
            self.exit()

    def set_deadline(self) -> None:
        """It waits for no time to pass."""

    ON_EVENT = {BEGIN: begin, SIGNAL: signal}  # it has no process that could have ended or said something
