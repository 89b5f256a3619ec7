"""One probe of one instance: consecutive results become a verdict (S34)."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pidone.group.policy import ProbeSpec

#: An internal error is neither success nor failure: asked again at once, this often, then thrown away (S40).
TRIES = 3


class Probe:
    """result: the accepted verdict, None before the first. busy: one is under way. next: when the next one is due."""

    __slots__ = ("spec", "result", "last", "run", "busy", "next", "tries", "warned")

    def __init__(self, spec: "ProbeSpec") -> None:
        self.spec = spec
        self.result: "bool | None" = None
        self.last: "bool | None" = None
        self.run = 0
        self.busy = False
        self.next = 0.0
        self.tries = 0
        self.warned = False

    delay = property(lambda self: self.spec[2])
    period = property(lambda self: self.spec[3])
    timeout = property(lambda self: self.spec[4])
    grace = property(lambda self: self.spec[7])

    def count(self, good: bool) -> bool:
        """One more result. True if it completes its run: `result` is then what it says, whether new or not."""
        self.run = self.run + 1 if good == self.last else 1
        self.last = good
        self.tries = 0
        if self.run < (self.spec[5] if good else self.spec[6]):
            return False
        self.result = good
        return True

    def again(self) -> bool:
        """After an internal error: is it asked once more at once?"""
        self.tries = (self.tries + 1) % TRIES
        return self.tries > 0
