"""Burn rates and error budgets: pure functions from counts, exact.

An event is a call that a clause counts. A promise of 99.9 percent allows 0.1 percent of them to be bad: that share is
its budget, and a burn rate is how many times as fast as allowed bad ones come.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Final, TypeAlias

from msgspec import Struct

from gateway.alerts.rules import Rule

MINUTE_US: Final = 60_000_000
_LOOK_BACK_US: Final = 28 * 86_400 * 1_000_000
"""So far back data are looked for that show that something is over."""


class Events(Struct, frozen=True):
    """What a clause counted in a window."""

    total: int
    good: int

    @property
    def bad(self) -> int:
        """Those that were not good."""
        return self.total - self.good


Counting: TypeAlias = Callable[[int, int], Events]
"""What was counted from a moment, inclusive, to another, exclusive (Unix microseconds, whole minutes)."""


def budget_of(target_percent: str) -> Fraction:
    """The share of events that may be bad under a promise, from 0 to 1."""
    return 1 - Fraction(target_percent) / 100


def burn_rate(events: Events, budget: Fraction) -> Fraction | None:
    """How many times as fast as allowed bad events came; None without events, and where nothing is allowed."""
    return Fraction(events.bad, events.total) / budget if events.total and budget else None


def window_events(counting: Counting, window_us: int, now_us: int) -> Events:
    """What was counted in the whole minutes up to now, the running one included."""
    until_us = now_us // MINUTE_US * MINUTE_US + MINUTE_US
    return counting(until_us - window_us, until_us)


class Burnt(Struct, frozen=True):
    """What a rule raises an alert for."""

    long: Events
    short: Events


def firing(rule: Rule, budget: Fraction, counting: Counting, now_us: int) -> Burnt | None:
    """The figures for which an alert is to be raised now; None where it is not.

    The short window is looked at first: mostly nothing in it is bad, and then no more has to be added up.
    """
    short = window_events(counting, rule.short_us, now_us)
    if not short.bad:
        return None
    long = window_events(counting, rule.long_us, now_us)
    if long.bad < rule.bad_events:
        return None
    if not _rate_decides(rule, budget, long):
        return Burnt(long, short) if rule.bad_events and _exceeds(long, budget) else None
    share = rule.burning * budget
    return Burnt(long, short) if _exceeds(long, share) and _exceeds(short, share) else None


def is_over(rule: Rule, budget: Fraction, counting: Counting, now_us: int) -> bool:
    """Whether data show that an alert is over; without data nothing is known, whatever the time.

    They do when enough events have a burn rate below the factor: those of the short window, or where they are too few,
    of the shortest twofold of it that has enough. Where no rate is judged, no more of them may be bad than promised.
    """
    if firing(rule, budget, counting, now_us) is not None:
        return False
    events, window_us = window_events(counting, rule.short_us, now_us), rule.short_us
    while events.total < rule.resolve_events:
        if window_us >= _LOOK_BACK_US:
            return False
        window_us = min(window_us * 2, _LOOK_BACK_US)
        events = window_events(counting, window_us, now_us)
    if not events.bad:
        return True
    long = window_events(counting, rule.long_us, now_us)
    threshold = rule.burning * budget if _rate_decides(rule, budget, long) else budget
    return events.bad < threshold * events.total


def _rate_decides(rule: Rule, budget: Fraction, long: Events) -> bool:
    """With few events, or where none may be bad, a rate says nothing: bad events are counted instead."""
    return budget > 0 and long.total >= rule.minimum_events


def _exceeds(events: Events, share: Fraction) -> bool:
    return events.bad > share * events.total


class Budget(Struct, frozen=True):
    """The error budget of a clause in its month, as far as it has come.

    `allowed` is the share that may be bad, `bad` the share that was, by the clause's own method, None without data.
    """

    allowed: Fraction
    bad: Fraction | None

    @property
    def consumed(self) -> Fraction | None:
        """How much of what is allowed is used up: above 1 the promise is missed as things stand. None: nothing to say,
        or nothing is allowed."""
        return self.bad / self.allowed if self.bad is not None and self.allowed else None

    @property
    def left(self) -> Fraction | None:
        """What of it is left; below 0 it is overdrawn."""
        return None if self.consumed is None else 1 - self.consumed


def month_budget(target_percent: str, achieved: Fraction | None) -> Budget:
    """From the achieved share (0 to 1) of a clause in its month."""
    return Budget(budget_of(target_percent), None if achieved is None else 1 - achieved)
