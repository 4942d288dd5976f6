"""What the SLA clause kinds have in common: who owes, what counts, what is excluded, and what is credited."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta

from policies.direction import (
    EITHER,
    LOOSENS,
    NEITHER,
    TIGHTENS,
    Directions,
    Judge,
    falling,
    narrowing,
    opposite,
    rising,
    unordered,
)
from policies.reference import Words
from policies.settling.credit import FALLING, Band, Credit, DecimalText, credit_parameters

OwedBy: TypeAlias = Literal["hub", "partner"]
Exclusion: TypeAlias = Literal["announced_maintenance", "partner_fault", "force_majeure"]
Window: TypeAlias = Literal["month"]
StatusRule = Annotated[str, Meta(pattern=r"^status < [1-5][0-9][0-9]\Z")]

OWED_BY: dict[OwedBy, Words] = {
    "hub": {"zh": "甲方", "en": "the Hub"},
    "partner": {"zh": "乙方", "en": "the Partner"},
}
WINDOW: dict[Window, Words] = {"month": {"zh": "自然月", "en": "calendar month"}}
_EXCLUSIONS: dict[Exclusion, Words] = {
    "announced_maintenance": {"zh": "已公告的维护", "en": "announced maintenance"},
    "partner_fault": {"zh": "乙方自身原因", "en": "the Partner's own faults"},
    "force_majeure": {"zh": "不可抗力", "en": "force majeure"},
}


def promised(parameters: Mapping[str, Any], credit: Credit | None) -> dict[str, Any]:
    """The parameters of a promise, those of its credit schedule one by one, named `credit.…` as in texts."""
    return {**parameters, **credit_parameters(credit)}


def for_partner(directions: Directions, old: OwedBy, new: OwedBy) -> Directions:
    """What is more for the side that a promise is made to, as it counts for the partner.

    Between a promise of the hub and one of the partner no number can be compared with another.
    """
    if not directions or old != new:
        return directions and EITHER
    return directions if new == "hub" else opposite(directions)


def presence(owed_by: OwedBy) -> Directions:
    """A promise of the hub is more for the partner, one of its own is less."""
    return LOOSENS if owed_by == "hub" else TIGHTENS


def amount(judge: Judge) -> Judge:
    """A judge of decimal text, of whole numbers, or of a rule such as `status < 500`."""
    return lambda old, new: judge(_number(old), _number(new))


def optional(judge: Judge, absent: Directions) -> Judge:
    """A judge of what may be left out: `absent` is how it counts that it no longer is there."""

    def judged(old: Any, new: Any) -> Directions:
        if old is None or new is None:
            return NEITHER if old is new else absent if new is None else opposite(absent)
        return judge(old, new)

    return judged


def _number(value: str | int) -> Decimal:
    return Decimal(str(value).removeprefix("status < "))


def _bands(old: tuple[Band, ...], new: tuple[Band, ...]) -> Directions:
    """A schedule is more where it credits more just beyond any threshold of either."""
    if len({(band.comparison, band.percent is None) for band in (*old, *new)}) > 1:
        return unordered(old, new)
    found = NEITHER
    for threshold in {band.threshold for band in (*old, *new)}:
        found |= rising(_credited(old, threshold), _credited(new, threshold))
    return found


def _credited(bands: tuple[Band, ...], threshold: Decimal) -> Decimal:
    """What is credited for a figure just beyond `threshold`."""
    return max(
        (
            band.worth
            for band in bands
            if (band.threshold >= threshold if band.comparison in FALLING else band.threshold <= threshold)
        ),
        default=Decimal(0),
    )


def _claim_time(old: str, new: str) -> Directions:
    """Longer is more; months and days are not compared."""
    return rising(int(old[1:-1]), int(new[1:-1])) if old[-1] == new[-1] else EITHER


PROMISE_JUDGES: Mapping[str, Judge] = MappingProxyType(
    {
        "good": amount(falling),
        "exclude": narrowing,
        "credit": rising,
        "credit.bands": _bands,
        "credit.percent": optional(amount(rising), TIGHTENS),
        "credit.amount": optional(amount(rising), TIGHTENS),
        "credit.minimum_exclusive": optional(amount(falling), LOOSENS),
        "credit.minimum": optional(amount(falling), LOOSENS),
        "credit.cap_percent": optional(amount(rising), LOOSENS),
        "credit.cap_amount": optional(amount(rising), LOOSENS),
        "credit.cap_12_months_percent": optional(amount(rising), LOOSENS),
        "credit.cap_12_months_amount": optional(amount(rising), LOOSENS),
        "credit.claim_within": optional(_claim_time, LOOSENS),
    }
)
"""Which way the parameters that SLA clauses share count for the side that a promise is made to."""


def excluded(exclude: tuple[Exclusion, ...]) -> Words:
    """What does not count, as a list; “nothing” when everything counts."""
    if not exclude:
        return {"zh": "无", "en": "nothing"}
    return {
        "zh": "、".join(_EXCLUSIONS[name]["zh"] for name in exclude),
        "en": ", ".join(_EXCLUSIONS[name]["en"] for name in exclude),
    }


def good_status(rule: str) -> Words:
    """The rule that makes an answer good, in words."""
    bound = rule.removeprefix("status < ")
    return {"zh": f"状态码小于 {bound}", "en": f"a status below {bound}"}


def good_below(rule: str) -> int:
    """The bound of the rule: `status < 500` gives 500."""
    return int(rule.removeprefix("status < "))


def percent_faults(name: str, value: str) -> list[tuple[str, str]]:
    """A share is more than 0 and at most 100 percent."""
    try:
        amount = Decimal(value)
    except InvalidOperation:
        return [(name, f"{value} is not a decimal number")]
    return [] if 0 < amount <= 100 else [(name, f"{value} is not a share: more than 0, at most 100 percent")]


__all__ = [
    "OWED_BY",
    "PROMISE_JUDGES",
    "WINDOW",
    "Band",
    "Credit",
    "DecimalText",
    "Exclusion",
    "OwedBy",
    "StatusRule",
    "Window",
    "amount",
    "excluded",
    "for_partner",
    "good_below",
    "good_status",
    "optional",
    "percent_faults",
    "presence",
    "promised",
]
