"""Shares of good exchanges, slice by slice, summed exactly: no float ever stands between a count and a verdict."""

from collections.abc import Iterable, Mapping
from fractions import Fraction

from msgspec import Struct


class Shares(Struct, frozen=True):
    """What a set of slices adds up to.

    `total` and `good` count exchanges. `slices` counts slices with at least one exchange, `perfect` those of them
    with nothing but good ones. `imperfect` maps the total of each other slice to the sum of good exchanges over the
    slices with that total: enough to sum their shares exactly, and small however many slices there are.
    """

    total: int = 0
    good: int = 0
    slices: int = 0
    perfect: int = 0
    imperfect: Mapping[int, int] = {}

    def sum(self) -> Fraction:
        """The sum over slices of good/total."""
        return self.perfect + _sum([(good, total) for total, good in self.imperfect.items() if good])


def shares_of(counts: Iterable[tuple[int, int]]) -> Shares:
    """Add up slices given as (total, good)."""
    total = good = slices = perfect = 0
    imperfect: dict[int, int] = {}
    for in_slice, good_in_slice in counts:
        if not in_slice:
            continue
        total += in_slice
        good += good_in_slice
        slices += 1
        if good_in_slice == in_slice:
            perfect += 1
        else:
            imperfect[in_slice] = imperfect.get(in_slice, 0) + good_in_slice
    return Shares(total, good, slices, perfect, imperfect)


def joined(parts: Iterable[Shares]) -> Shares:
    """The shares of several sets of slices, no slice being in two of them."""
    total = good = slices = perfect = 0
    imperfect: dict[int, int] = {}
    for part in parts:
        total += part.total
        good += part.good
        slices += part.slices
        perfect += part.perfect
        for in_slice, good_in_slices in part.imperfect.items():
            imperfect[in_slice] = imperfect.get(in_slice, 0) + good_in_slices
    return Shares(total, good, slices, perfect, imperfect)


def _sum(terms: list[tuple[int, int]]) -> Fraction:
    """Pairwise, so that denominators grow together: adding one by one takes quadratic time."""
    while len(terms) > 1:
        pairs = zip(terms[::2], terms[1::2], strict=False)
        rest = terms[len(terms) & ~1 :]
        terms = [(a * d + c * b, b * d) for (a, b), (c, d) in pairs] + rest
    return Fraction(*terms[0]) if terms else Fraction(0)
