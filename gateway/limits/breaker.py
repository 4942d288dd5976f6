"""Whether the shared store can be asked: not after a first failure, until a probe has found it back."""

from collections.abc import Callable
from typing import Final, Literal, TypeAlias

Transition: TypeAlias = Literal["counter-unreachable", "counter-reachable", "counter-rebuilt"]
"""What is recorded: the store cannot be asked; it can be again; it had lost its counters and has them back."""

PROBE_S: Final = (0.15, 0.25)
"""Between probes of a store that is away: drawn anew each time, so that workers do not come all at once."""


class Breaker:
    """Tells of every change, once. Belongs to one event loop."""

    def __init__(self, tell: Callable[[Transition], None], time_us: Callable[[], int]) -> None:
        self._tell, self._time_us = tell, time_us
        self.open = False
        self.since_us = 0
        self.outages = 0
        self.fault = ""

    def trip(self, error: BaseException) -> bool:
        """There was no answer. Whether that is new."""
        self.fault = type(error).__name__
        if self.open:
            return False
        self.open, self.since_us = True, self._time_us()
        self.outages += 1
        self._tell("counter-unreachable")
        return True

    def close(self) -> None:
        """It answers, and counts what was admitted without it."""
        if self.open:
            self.open, self.since_us, self.fault = False, 0, ""
            self._tell("counter-reachable")
