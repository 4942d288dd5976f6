"""Percentiles by nearest rank, exactly, from single durations or from counts at thresholds.

Of n answers in order of their time the percentile p is the one of rank ceil(p / 100 * n). An answer that is no good
took for ever. Counts at thresholds do not say which time that is, but they say which thresholds it is within: that is
all a schedule asks.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from math import ceil

import msgspec

from policies.settling.credit import seconds
from policies.settling.facts import FactFault

_RESOLUTION_S = Fraction(1, 1_000_000)


def nearest_rank(percentile: str, count: int) -> int:
    """The rank of a percentile among so many, from 1."""
    return ceil(Fraction(percentile) * count / 100)


def of_durations(percentile: str, durations_s: Sequence[Decimal], count: int) -> Fraction | None:
    """The percentile of so many answers, of which those with a time are given; None: the answer took for ever."""
    rank = nearest_rank(percentile, count)
    ordered = sorted(durations_s)
    return Fraction(ordered[rank - 1]) if rank <= len(ordered) else None


def of_thresholds(
    percentile: str, within: Mapping[str, int], thresholds: Sequence[timedelta], count: int
) -> Fraction | FactFault | None:
    """The shortest threshold that the percentile is within, in seconds; None when it is beyond all of them."""
    known = thresholds_counted(within, count)
    if isinstance(known, FactFault):
        return known
    rank = nearest_rank(percentile, count)
    for threshold in sorted(thresholds):
        if threshold not in known:
            return FactFault("within", f"does not say how many answers took at most {seconds(threshold):f} seconds")
        if known[threshold] >= rank:
            return Fraction(seconds(threshold))
    return None


def beyond_all(thresholds: Sequence[timedelta]) -> Fraction:
    """The least time, in seconds, that is beyond every threshold: times are whole microseconds."""
    return Fraction(seconds(max(thresholds))) + _RESOLUTION_S


def thresholds_counted(within: Mapping[str, int], count: int) -> dict[timedelta, int] | FactFault:
    """Counts by threshold; the first that is no duration, more than all, or fewer than at a shorter time is a fault."""
    found: dict[timedelta, int] = {}
    for text, number in within.items():
        try:
            threshold = msgspec.convert(text, timedelta)
        except msgspec.ValidationError:
            return FactFault(f"within.{text}", "is no duration such as PT0.5S")
        if threshold in found:
            return FactFault(f"within.{text}", "is there twice")
        if number > count:
            return FactFault(f"within.{text}", f"{number} are more than the {count} that count")
        found[threshold] = number
    ordered = sorted(found.items())
    for (_, fewer), (_, more) in pairwise(ordered):
        if more < fewer:
            return FactFault("within", "fewer answers took at most a longer time")
    return found
