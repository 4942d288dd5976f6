"""quota: how much a partner may have in a calendar period."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from msgspec import Meta, field

from policies.clause import Binding, Clause
from policies.counted import (
    ENFORCE,
    ON_OUTAGE,
    Weights,
    counted_words,
    counter_key,
    counters,
    unsaid,
    weigh,
    weighing,
    weight_faults,
    weights_words,
)
from policies.direction import EITHER, NEITHER, Directions, Judge, rising
from policies.limit import AMOUNT_MAX, OnOutage, Per, Period, Quota, Unit
from policies.reference import Enforce, Words
from policies.wording import number

LIMIT_MAX = AMOUNT_MAX
"""Safely within the whole numbers that JSON and a store's numbers keep exactly (2^53)."""
SUBJECTS_MAX = 1_000_000
"""Who was counted is remembered until the period ends, 16 bytes a person and counter: this bounds it."""

_UNITS: Mapping[Unit, Words] = {
    "calls": {"zh": "次调用", "en": "calls"},
    "records": {"zh": "条记录", "en": "records"},
    "bytes": {"zh": "字节", "en": "bytes"},
    "subjects": {"zh": "名不同的个人信息主体", "en": "different data subjects"},
}
_PERIODS: Mapping[Period, Words] = {
    "hour": {"zh": "自然小时", "en": "calendar hour"},
    "day": {"zh": "自然日", "en": "calendar day"},
    "week": {"zh": "自然周", "en": "calendar week"},
    "month": {"zh": "自然月", "en": "calendar month"},
    "quarter": {"zh": "自然季度", "en": "calendar quarter"},
    "year": {"zh": "自然年", "en": "calendar year"},
}
_WITHIN: tuple[tuple[Period, ...], ...] = (("hour", "day", "week"), ("hour", "day", "month", "quarter", "year"))
"""Periods that lie wholly within the next one. A week may lie in two months."""


def _periods(old: Period, new: Period) -> Directions:
    """The same amount in each shorter period is more, if periods of one kind lie within those of the other."""
    for periods in _WITHIN:
        if old in periods and new in periods:
            return rising(-periods.index(old), -periods.index(new))
    return NEITHER if old == new else EITHER


class QuotaClause(Clause, frozen=True, forbid_unknown_fields=True, tag="quota", kw_only=True):
    """At most `limit` of a `unit` in each calendar `period` of the agreement's time zone.

    Records, bytes and data subjects are counted after masking, as they are given out; subjects are different people
    whose records were read, each counted once in a period. A page that would cross a quota of records is cut at it,
    and says so. A refused call is not counted.
    """

    judges: ClassVar[Mapping[str, Judge]] = {
        "per": counters,
        "limit": rising,
        "period": _periods,
        "weights": weighing,
        "on_outage": ON_OUTAGE,
        "enforce": ENFORCE,
    }

    unit: Unit
    """What is counted: calls, records, bytes of bodies, or different data subjects."""
    period: Period
    """The calendar period; a week begins on Monday."""
    per: Per
    """What has a counter of its own: the partner, each of its clients, or each operation."""
    limit: Annotated[int, Meta(ge=1, le=LIMIT_MAX)]
    """How many in a period; of subjects at most 1,000,000."""
    on_outage: OnOutage
    """What happens while a shared counter cannot be reached."""
    weights: Weights = field(default_factory=dict)
    """What one call counts, by operation; of one that is not named, 1. Only where calls are counted."""
    enforce: Enforce = "refuse"
    """`observe`: what is beyond the quota is given out and recorded, not refused."""

    def unsaid(self) -> frozenset[str]:
        return unsaid(enforce=self.enforce, weights=self.weights)

    def faults(self) -> list[tuple[str, str]]:
        found = []
        if self.unit == "subjects" and self.limit > SUBJECTS_MAX:
            message = f"each data subject is remembered until the period ends: at most {SUBJECTS_MAX} of them"
            found.append(("limit", message))
        if self.weights and self.unit != "calls":
            found.append(("weights", f"a call has a weight where calls are counted, and here {self.unit} are"))
        return found + weight_faults(self.weights, self.limit, "limit")

    def words(self) -> dict[str, Words]:
        return counted_words(self.per, self.on_outage, self.enforce) | {
            "unit": _UNITS[self.unit],
            "period": _PERIODS[self.period],
            "limit": number(self.limit),
            "weights": weights_words(self.weights),
        }

    def effect(self, binding: Binding) -> Quota:
        return Quota(
            clause=binding.clause,
            key=counter_key(binding, self.per),
            per=self.per,
            limit=self.limit,
            on_outage=self.on_outage,
            enforce=self.enforce,
            cost=weigh(self.weights, binding.operation) if self.unit == "calls" else 0,
            unit=self.unit,
            period=self.period,
            zone=binding.zone,
        )
