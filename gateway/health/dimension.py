"""The port of a health dimension: what it may look at (Observed), what it says (Score | Unknown), how it is named."""

from collections.abc import Mapping
from fractions import Fraction
from typing import ClassVar, TypeAlias

from msgspec import Struct

from policies.reference import Words


class Observed(Struct, frozen=True):
    """What was counted of one partner, over the last seven local days and for SLA clauses over the current month.

    `good` and `faults` count answers below 400 and from 500 on; `refusals` refused calls by clause id; `drifted`
    good answers from which values had to be withheld. `declared` is the number of calls that the agreements expect in
    the time observed, None when they declare no volume, and `observed_s` that time in seconds. `met` and `missed` are
    the SLA clauses with a verdict, by id.
    """

    good: int = 0
    faults: int = 0
    refusals: Mapping[str, int] = {}
    drifted: int = 0
    declared: Fraction | None = None
    observed_s: int = 0
    met: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()


class Score(Struct, frozen=True):
    """`share` of the dimension's points that is kept, 0 to 1, exact; `evidence` names the counts it comes from."""

    share: Fraction
    evidence: Words


class Unknown(Struct, frozen=True):
    """There is nothing to judge by, and why."""

    evidence: Words


Measure: TypeAlias = Score | Unknown


class Dimension(Struct, frozen=True):
    """One thing that makes an ecosystem healthy. `weight` is its part of 100 points while all dimensions are known.

    A dimension never raises its share when another call fails.
    """

    name: ClassVar[str]
    weight: ClassVar[int]
    title: ClassVar[Words]

    def measure(self, observed: Observed) -> Measure:
        """Judge what was counted. Pure."""
        raise NotImplementedError


def kept(bad: int, of: int, gone_at_percent: int) -> Fraction:
    """The share of points kept when `bad` `of` so many went wrong and all points are gone at `gone_at_percent`."""
    return max(Fraction(0), 1 - Fraction(bad * 100, of * gone_at_percent))
