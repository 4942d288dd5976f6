"""Deadlines in hours that count: how much time of a clock has passed, and when so much of it will have.

A clock runs while its weekly hours are open, or always, and never while it is paused. All in whole Unix microseconds,
so that a deadline is one moment, the same for everybody, and neither daylight saving nor a holiday leaves it in doubt.
"""

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from policies.hours import FOREVER_US, Weekly

Pause = tuple[int, int]
"""From a moment, inclusive, until another, exclusive; Unix microseconds."""

_NEVER: Final = FOREVER_US


class Clock(Struct, frozen=True):
    """Counts time from `from_us` on: that of `weekly`, or all of it where that is None, without what is paused."""

    from_us: int
    weekly: Weekly | None = None
    paused: tuple[Pause, ...] = ()

    def after(self, amount_us: int) -> int:
        """The first moment at which so much time has counted; FOREVER_US when it never will have.

        At the end of an open span a deadline is its closing, not the next opening. After nothing it is `from_us`.
        """
        left_us = amount_us
        if left_us <= 0:
            return self.from_us
        for from_us, until_us in self._running():
            if until_us - from_us >= left_us:
                return from_us + left_us
            left_us -= until_us - from_us
        return _NEVER

    def counted(self, until_us: int) -> int:
        """How much time has counted until this moment."""
        total_us = 0
        for from_us, to_us in self._running():
            if from_us >= until_us:
                break
            total_us += min(to_us, until_us) - from_us
        return total_us

    def _running(self) -> Iterator[Pause]:
        """The spans that count, in order; the last may be without end."""
        at_us = self.from_us
        while at_us < _NEVER:
            until_us, runs = self._stretch(at_us)
            if runs:
                yield at_us, until_us
            at_us = until_us

    def _stretch(self, at_us: int) -> tuple[int, bool]:
        """Until when it stays as it is at this moment, and whether the clock runs."""
        until_us, runs = _NEVER, True
        if self.weekly is not None:
            span = self.weekly.span_at(at_us)
            until_us, runs = span.until_us, span.open
        for from_us, to_us in self.paused:
            if from_us <= at_us < to_us:
                return to_us, False
            if at_us < from_us < to_us:
                until_us = min(until_us, from_us)
        return until_us, runs
