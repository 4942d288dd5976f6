"""One score out of 100 from all dimensions, each point lost traced to the counts that took it."""

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from math import ceil

from msgspec import Struct

from gateway.health.dimension import Dimension, Observed, Score
from policies.reference import Words


class Judgement(Struct, frozen=True):
    """One dimension's part. `points` are what it can lose, `lost` what it did lose, None of both when unknown.

    Both are decimals with one place; `evidence` says from which counts, or why nothing is known.
    """

    name: str
    title: Words
    points: Decimal | None
    lost: Decimal | None
    evidence: Words


class Health(Struct, frozen=True):
    """The score, 0 to 100 with one decimal place, None when nothing is known: 100 less all that `judgements` lost."""

    score: Decimal | None
    judgements: tuple[Judgement, ...]


def score(dimensions: Iterable[Dimension], observed: Observed) -> Health:
    """Weigh what is known. Unknown dimensions are left out and the weights of the others stretched to 100 points.

    Points lost are rounded up as a whole, to tenths, so that only a flawless record shows 100; the tenths are dealt to
    the dimensions by largest remainder, so that they add up.
    """
    measured = [(dimension, dimension.measure(observed)) for dimension in dimensions]
    known = [(dimension, measure) for dimension, measure in measured if isinstance(measure, Score)]
    weights = sum(dimension.weight for dimension, _ in known)
    points_tenths = _dealt([Fraction(dimension.weight * 1000, weights) for dimension, _ in known])
    lost_tenths = _dealt([(1 - measure.share) * dimension.weight * 1000 / weights for dimension, measure in known])
    parts = {
        dimension.name: (points, lost)
        for (dimension, _), points, lost in zip(known, points_tenths, lost_tenths, strict=True)
    }
    judgements = []
    for dimension, measure in measured:
        points, lost = parts.get(dimension.name, (None, None))
        judgements.append(
            Judgement(dimension.name, dimension.title, _decimal(points), _decimal(lost), measure.evidence)
        )
    total = _decimal(1000 - sum(lost_tenths)) if known else None
    return Health(total, tuple(judgements))


def _dealt(exact: list[Fraction]) -> list[int]:
    """Whole numbers that add up to the sum, rounded up, each next to its exact value."""
    dealt = [int(value) for value in exact]
    missing = ceil(sum(exact, Fraction(0))) - sum(dealt)
    by_remainder = sorted(range(len(exact)), key=lambda index: (dealt[index] - exact[index], index))
    for index in by_remainder[:missing]:
        dealt[index] += 1
    return dealt


def _decimal(tenths: int | None) -> Decimal | None:
    return None if tenths is None else Decimal(tenths).scaleb(-1)
