"""No program at all: PID 1 of a Pod's namespaces, which reaps orphans and ends by a signal.

`catatonit -P` and `pidone --pause`. Kubernetes and podman call such a container the infra
container; it runs just this.
"""

from pidone.init.events import BEGIN, SIGNAL, SIGTERM
from pidone.init.machine import RUN, Machine
from pidone.init.slots import Plan

SIGINT = 2


class Pause(Machine):
    """A machine that ends with 0 at SIGINT and SIGTERM, and at nothing else."""

    __slots__ = ()

    def __init__(self) -> None:
        Machine.__init__(self, Plan([]), False)

    def begin(self, now: float) -> None:
        self.phase = RUN

    def signal(self, now: float, number: int) -> None:
        if number in (SIGINT, SIGTERM):
            self.exit()

    def set_deadline(self) -> None:
        """Set none: nothing waits for a time to pass."""

    ON_EVENT = {BEGIN: begin, SIGNAL: signal}  # it has no process that could end or send a notification
