"""Settled: what a clause makes of the facts of a period."""

from datetime import date
from decimal import Decimal
from typing import Literal, TypeAlias

from msgspec import Struct

from policies.reference import Words

Verdict: TypeAlias = Literal["met", "missed", "unknown"]


class Figure(Struct, frozen=True):
    """A counted figure as a statement names it: a stable name, its value as text, and what it is in words."""

    name: str
    value: str
    words: Words


class Settled(Struct, frozen=True, kw_only=True):
    """One clause over one window.

    `measured` is the figure that the promise is about, as decimal text rounded so that a miss never reads as a hit;
    None when there was nothing to judge (then `verdict` is unknown). `percent` is what the schedule credits, in percent
    of the fee, `credit` the amount after minimum, caps and rounding; `capped_by` names the parameter that made it
    smaller, "" when none did. `explanation` says each step in order.
    """

    measured: str | None
    unit: str
    """Of `measured`: percent, s, count."""
    verdict: Verdict
    percent: Decimal
    credit: Decimal
    currency: str
    capped_by: str
    explanation: Words
    figures: tuple[Figure, ...] = ()
    claim_by: date | None = None
    """The last day, in the zone of the facts, on which the credit can be claimed; None without credit or deadline."""
