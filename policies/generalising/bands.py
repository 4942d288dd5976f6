"""Numbers: to bands, with the values below and above them taken together, or to the cells of a grid."""

from bisect import bisect_right
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

from msgspec import UNSET, Raw

from policies.numerals import at_step, floor_steps, is_vast, number_of, plain
from policies.technique import Disclosed, Masker

NUMERAL = r"-?[0-9]+(\.[0-9]+)?"
BAND = rf"^(< {NUMERAL}|>= {NUMERAL}|\[{NUMERAL}, {NUMERAL}\))$"
"""What comes out of bands, as a regular expression."""


def edge_labels(edges: Sequence[Decimal]) -> tuple[str, ...]:
    """The bands that ascending edges make: below the first, between each two, from the last on."""
    between = pairwise(edges)
    return (f"< {plain(edges[0])}", *(_label(low, high) for low, high in between), f">= {plain(edges[-1])}")


def edged(edges: Sequence[Decimal]) -> Masker:
    """The band between two edges that a number lies in, its lower edge included."""
    labels = edge_labels(edges)

    def generalise(value: str) -> Disclosed:
        number = number_of(value)
        return UNSET if number is None else labels[bisect_right(edges, number)]

    return generalise


def banded(width: Decimal, bottom: Decimal | None, top: Decimal | None) -> Masker:
    """The band of equal width that a number lies in, counted from `bottom`, else from 0.

    Below `bottom` and from `top` on all numbers are one band. Without them a number beyond 10**40 is withheld.
    """
    start = Decimal(0) if bottom is None else bottom

    def generalise(value: str) -> Disclosed:
        number = number_of(value)
        if number is None:
            return UNSET
        if bottom is not None and number < bottom:
            return f"< {plain(bottom)}"
        if top is not None and number >= top:
            return f">= {plain(top)}"
        if is_vast(number):
            return UNSET
        low = at_step(start, floor_steps(at_step(number, Decimal(-1), start), width), width)
        return _label(low, at_step(low, Decimal(1), width))

    return generalise


def gridded(grid: Decimal) -> Masker:
    """The lower edge of the grid's cell that a number lies in, as a JSON number with as many decimals as the grid."""

    def generalise(value: str) -> Disclosed:
        number = number_of(value)
        if number is None or is_vast(number):
            return UNSET
        return Raw(plain(at_step(Decimal(0), floor_steps(number, grid), grid)))

    return generalise


def _label(low: Decimal, high: Decimal) -> str:
    return f"[{plain(low)}, {plain(high)})"
