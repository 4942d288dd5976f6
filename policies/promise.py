"""What the SLA clause kinds have in common: who owes, what counts, what is excluded, and what is credited."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta, Struct

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
)
from policies.reference import Words
from policies.wording import literal, percent

OwedBy: TypeAlias = Literal["hub", "partner"]
Exclusion: TypeAlias = Literal["announced_maintenance", "partner_fault", "force_majeure"]
Window: TypeAlias = Literal["month"]
DecimalText = Annotated[str, Meta(pattern=r"^[0-9]{1,12}(\.[0-9]{1,6})?\Z")]
"""A decimal number as text, so that no binary fraction comes between the contract and the arithmetic."""
StatusRule = Annotated[str, Meta(pattern=r"^status < [1-5][0-9][0-9]\Z")]
Months = Annotated[str, Meta(pattern=r"^P[1-9][0-9]?M\Z")]

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
_FEES: dict[str, Words] = {"monthly_fee": {"zh": "月费", "en": "the monthly fee"}}


class Band(Struct, frozen=True, forbid_unknown_fields=True):
    """One step of a credit schedule: a measured share strictly below `below` percent earns `percent` of the fee."""

    below: DecimalText
    """The threshold in percent; exactly at it is not below it."""
    percent: Annotated[int, Meta(ge=1, le=100)]
    """What is credited below it, in percent of the fee."""


class Credit(Struct, frozen=True, forbid_unknown_fields=True):
    """What is owed when the promise is missed: bands of a fee, a minimum, a cap and the time to claim it."""

    of: Literal["monthly_fee"]
    """What the percentages are of."""
    bands: Annotated[tuple[Band, ...], Meta(min_length=1, max_length=20)]
    """Steps, from the highest threshold down."""
    minimum_exclusive: DecimalText
    """An amount that has to be exceeded to be paid."""
    cap_percent: Annotated[int, Meta(ge=1, le=100)]
    """The most that is credited, in percent of the fee."""
    claim_within: Months
    """How long the credit can be claimed, such as `P2M`."""

    def words(self) -> dict[str, Words]:
        """The parameters of the schedule, named `credit.…`."""
        months = self.claim_within[1:-1]
        bands: Words = {
            "zh": "；".join(f"低于 {band.below}% 时 {band.percent}%" for band in self.bands),
            "en": "; ".join(f"{band.percent}% when below {band.below}%" for band in self.bands),
        }
        return {
            "credit.of": _FEES[self.of],
            "credit.bands": bands,
            "credit.minimum_exclusive": literal(self.minimum_exclusive),
            "credit.cap_percent": percent(str(self.cap_percent)),
            "credit.claim_within": {
                "zh": f"{months} 个月",
                "en": f"{months} month" + ("" if months == "1" else "s"),
            },
        }

    def faults(self) -> list[tuple[str, str]]:
        """Bands must fall while credits rise: otherwise two bands would answer one question differently."""
        for earlier, later in zip(self.bands, self.bands[1:], strict=False):
            if Decimal(later.below) >= Decimal(earlier.below) or later.percent <= earlier.percent:
                return [
                    (
                        "credit.bands",
                        f"band below {later.below} must be lower and credit more than {earlier.below}",
                    )
                ]
        return [
            ("credit.bands", f"{band.below} is more than 100 percent")
            for band in self.bands
            if Decimal(band.below) > 100
        ]


def promised(parameters: Mapping[str, Any], credit: Credit | None) -> dict[str, Any]:
    """The parameters of a promise, those of its credit schedule one by one, named `credit.…` as in texts."""
    steps = {name: getattr(credit, name) for name in Credit.__struct_fields__} if credit is not None else {}
    return {**parameters, "credit": credit is not None, **{f"credit.{name}": value for name, value in steps.items()}}


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


def _number(value: str) -> Decimal:
    return Decimal(value.removeprefix("status < ").removeprefix("P").removesuffix("M"))


def amount(judge: Judge) -> Judge:
    """A judge of decimal text, of a rule such as `status < 500` or of months such as `P2M`."""
    return lambda old, new: judge(_number(old), _number(new))


def _bands(old: tuple[Band, ...], new: tuple[Band, ...]) -> Directions:
    """A schedule is more where it credits more just below any threshold of either."""
    found = NEITHER
    for threshold in {Decimal(band.below) for band in (*old, *new)}:
        found |= rising(_credited(old, threshold), _credited(new, threshold))
    return found


def _credited(bands: tuple[Band, ...], threshold: Decimal) -> int:
    """The percentage credited for a figure just below `threshold`."""
    return max((band.percent for band in bands if Decimal(band.below) >= threshold), default=0)


PROMISE_JUDGES: Mapping[str, Judge] = MappingProxyType(
    {
        "good": amount(falling),
        "exclude": narrowing,
        "credit": rising,
        "credit.bands": _bands,
        "credit.minimum_exclusive": amount(falling),
        "credit.cap_percent": rising,
        "credit.claim_within": amount(rising),
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
