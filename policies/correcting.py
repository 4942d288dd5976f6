"""What became of one reported data error, held against its deadlines. Pure, in Unix microseconds.

A deadline belongs to the window in which it passes, and each period of a delay to the one in which it begins: over
windows that follow each other nothing is counted twice, and nothing is left out.
"""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Final

from msgspec import Struct

from policies.business_hours import Clock
from policies.hours import FOREVER_US

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Window(Struct, frozen=True, gc=False):
    """From a moment, inclusive, to another, exclusive."""

    from_us: int
    to_us: int

    def holds(self, time_us: int) -> bool:
        """Whether a moment is in it."""
        return self.from_us <= time_us < self.to_us


class Periods(Struct, frozen=True, gc=False):
    """How long delays are counted: in periods of so much time; a begun `unit_us` counts whole, with 0 nothing does."""

    period_us: int
    unit_us: int


class Course(Struct, frozen=True):
    """One deadline and what came of it: the clock that runs towards it, how much of it, and when it was done."""

    clock: Clock
    limit_us: int
    done_us: int | None

    @property
    def due_us(self) -> int:
        """The deadline; FOREVER_US when the clock never gets there."""
        return self.clock.after(self.limit_us)

    def late(self, due_us: int) -> bool:
        """Whether it was missed; exactly at the deadline it was not."""
        return self.done_us is None or self.done_us > due_us

    def delay_in(self, window: Window, periods: Periods) -> Fraction:
        """The periods of delay that belong to the window."""
        due_us = self.due_us
        if due_us >= window.to_us or not self.late(due_us):
            return Fraction(0)
        end_us = window.to_us if self.done_us is None else min(self.done_us, window.to_us)
        begin_us = window.from_us if self.done_us is None else min(self.done_us, window.from_us)
        delay = Clock(due_us, self.clock.weekly, self.clock.paused)
        return _begun(delay, end_us, periods) - _begun(delay, begin_us, periods)


def _begun(delay: Clock, until_us: int, periods: Periods) -> Fraction:
    """The periods that a delay has begun before a moment. The first begins with the delay itself, each further one when
    the clock goes on after the one before: while it stands still none does."""
    if until_us <= delay.from_us:
        return Fraction(0)
    passed_us = delay.counted(until_us)
    if periods.unit_us == 0:
        return Fraction(passed_us, periods.period_us)
    begun = max(-(-passed_us // periods.unit_us), 1)
    return Fraction(begun * periods.unit_us, periods.period_us)


def us(moment: datetime) -> int:
    """A moment as Unix microseconds, exactly."""
    return (moment - _EPOCH) // _MICROSECOND


def moment_of(time_us: int) -> datetime:
    """Unix microseconds as a moment in UTC."""
    return _EPOCH + timedelta(microseconds=time_us)


def span_us(span: timedelta) -> int:
    """A length of time in microseconds, exactly."""
    return span // _MICROSECOND


NEVER_US: Final = FOREVER_US
"""A deadline that never passes."""
