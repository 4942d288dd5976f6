"""What the SLA clause kinds have in common: who owes, what counts, what is excluded, and what is credited."""

from decimal import Decimal, InvalidOperation
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from policies.clause import Words
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
    percent: Annotated[int, Meta(ge=1, le=100)]


class Credit(Struct, frozen=True, forbid_unknown_fields=True):
    """What is owed when the promise is missed: bands of a fee, a minimum, a cap and the time to claim it."""

    of: Literal["monthly_fee"]
    bands: Annotated[tuple[Band, ...], Meta(min_length=1, max_length=20)]
    minimum_exclusive: DecimalText
    cap_percent: Annotated[int, Meta(ge=1, le=100)]
    claim_within: Months

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
