"""access_hours: when a partner may call."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, ClassVar

from msgspec import Meta, field

from policies.clause import Binding, Clause
from policies.counted import ENFORCE, enforce_words, unsaid
from policies.direction import NEITHER, Directions, Judge, narrowing, widening
from policies.gate import Call, Gate, Held
from policies.hours import (
    FOREVER_US,
    ClosingText,
    Day,
    Hours,
    OpeningText,
    Weekly,
    closing_words,
    day_numbers,
    days_words,
    minute_of,
    times,
)
from policies.reference import Enforce, Words
from policies.wording import listed, literal

_HOLIDAYS_MAX = 366


class HoursGate(Gate, frozen=True, gc=False, kw_only=True):
    """Lets a call pass by the time at which it arrives."""

    reasons: ClassVar[tuple[str, ...]] = ("outside-hours",)

    hours: Hours

    def check(self, call: Call) -> Held | None:
        time_us = call.time_us
        span = self.hours.at(time_us)
        if span.open:
            return None
        if span.until_us == FOREVER_US:
            return Held("outside-hours")
        return Held("outside-hours", -(-(span.until_us - time_us) // 1_000_000))


class AccessHours(Clause, frozen=True, forbid_unknown_fields=True, tag="access_hours", kw_only=True):
    """Calls are admitted on `days`, `from` one time `to` another, in the agreement's time zone; not on `holidays`.

    Hours that end on the next day (`to` is not later than `from`) belong to the day on which they begin; they end at
    midnight where a holiday follows. A refusal says when calls are admitted again.
    """

    judges: ClassVar[Mapping[str, Judge]] = {"days": widening, "holidays": narrowing, "enforce": ENFORCE}

    days: Annotated[tuple[Day, ...], Meta(min_length=1, max_length=7)]
    """Days of the week on which hours begin."""
    from_: OpeningText = field(name="from")
    """The time of day from which on calls are admitted, such as `"08:30"`."""
    to: ClosingText
    """The time until which they are, that minute not included; `"24:00"` is midnight. Not later than `from`: on the
    next day."""
    holidays: Annotated[tuple[date, ...], Meta(max_length=_HOLIDAYS_MAX)] = ()
    """Dates on which no calls are admitted, whatever day of the week they are."""
    enforce: Enforce = "refuse"
    """`observe`: a call at another time is admitted and recorded, not refused."""

    def judged(self, newer: Clause, name: str) -> Directions:
        if name not in ("from", "to") or not isinstance(newer, AccessHours):
            return super().judged(newer, name)
        if self.parameters()[name] == newer.parameters()[name]:
            return NEITHER
        return times((self.from_, self.to), (newer.from_, newer.to))

    def unsaid(self) -> frozenset[str]:
        return unsaid(enforce=self.enforce, holidays=self.holidays)

    def words(self) -> dict[str, Words]:
        return {
            "days": days_words(self.days),
            "from": literal(self.from_),
            "to": closing_words(self.from_, self.to),
            "holidays": listed(day.isoformat() for day in sorted(self.holidays)),
            "enforce": enforce_words(self.enforce),
        }

    def effect(self, binding: Binding) -> HoursGate:
        weekly = Weekly(
            days=day_numbers(self.days),
            from_minute=minute_of(self.from_),
            until_minute=minute_of(self.to),
            zone=binding.zone,
            holidays=frozenset(self.holidays),
        )
        return HoursGate(clause=binding.clause, enforce=self.enforce, hours=Hours(weekly))
