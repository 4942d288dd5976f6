"""correction: a reported data error is acknowledged and corrected in time."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, ClassVar, Literal, TypeAlias

from msgspec import Meta, Struct, field

from policies.business_hours import Clock
from policies.clause import Binding, Clause
from policies.correcting import Course, span_us, us
from policies.correction_settling import settle
from policies.direction import NEITHER, Directions, Judge, falling, narrowing, ranked, rising, unordered, widening
from policies.hours import (
    ClosingText,
    Day,
    OpeningText,
    Weekly,
    closing_words,
    day_numbers,
    days_words,
    minute_of,
    span_minutes,
    times,
)
from policies.promise import OWED_BY, PROMISE_JUDGES, WINDOW, OwedBy, for_partner
from policies.promise import Window as WindowName
from policies.reference import Words
from policies.settling.credit import Credit, DecimalText
from policies.settling.facts import Correction as Report
from policies.settling.facts import FactFault, Facts
from policies.settling.promise import Promise
from policies.settling.saying import said
from policies.settling.settled import Settled
from policies.wording import duration, joined, listed, literal

SeverityName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_-]{0,31}\Z")]
HoursName: TypeAlias = Literal["business", "wall"]
WhileClosed: TypeAlias = Literal["stops", "counts"]
Part: TypeAlias = Literal["acknowledge", "fix"]

_DAY = timedelta(days=1)
_LIMIT_MAX = timedelta(days=366)
_REOPEN_MAX = timedelta(days=90)
"""What reports say in words is erased some time after that."""
_HOLIDAYS_MAX = 366
_HOURS: dict[HoursName, Words] = {
    "business": {"zh": "工作时间", "en": "business hours"},
    "wall": {"zh": "自然时间", "en": "hours of the clock"},
}
_WHILE_CLOSED: dict[WhileClosed, Words] = {
    "stops": {"zh": "不计时", "en": "does not count"},
    "counts": {"zh": "照常计时", "en": "counts"},
}
_SEVERITIES: Mapping[str, Words] = {
    "critical": {"zh": "严重", "en": "critical"},
    "major": {"zh": "重要", "en": "major"},
    "minor": {"zh": "一般", "en": "minor"},
}
_PARTS: dict[Part, Words] = {
    "acknowledge": {"zh": "确认", "en": "acknowledged"},
    "fix": {"zh": "更正", "en": "corrected"},
}


class Severity(Struct, frozen=True, forbid_unknown_fields=True):
    """How soon errors of one severity are dealt with, and what a breach is worth where it is not the same for all.

    In business hours a whole number of days means so many business days, each as long as the hours of one day.
    """

    fix: timedelta
    """How soon it is corrected, such as `P2D`."""
    acknowledge: timedelta | None = None
    """How soon it is acknowledged, such as `PT4H`; left out, it need not be."""
    fix_worth: DecimalText | None = None
    """In place of the schedule's `percent` or `amount`, for each time that it is corrected too late."""
    acknowledge_worth: DecimalText | None = None
    """In place of the schedule's `percent` or `amount`, for each time that it is acknowledged too late."""

    def limit(self, part: Part) -> timedelta | None:
        """How soon."""
        return self.fix if part == "fix" else self.acknowledge

    def worth(self, part: Part) -> str | None:
        """What a breach is worth; None: what the schedule says."""
        return self.fix_worth if part == "fix" else self.acknowledge_worth


def _parts() -> tuple[Part, ...]:
    return ("acknowledge", "fix")


def _severities_judged(old: Mapping[str, Severity], new: Mapping[str, Severity]) -> Directions:
    """Sooner and dearer is better for the side that the promise is made to; so is a severity more."""
    found = widening(tuple(old), tuple(new))
    for name in old.keys() & new.keys():
        for part in _parts():
            before, after = old[name].limit(part), new[name].limit(part)
            found |= falling(before or timedelta.max, after or timedelta.max)
            was, is_ = old[name].worth(part), new[name].worth(part)
            if (was is None) != (is_ is None):
                found |= unordered(was, is_)
            elif was is not None and is_ is not None:
                found |= rising(Decimal(was), Decimal(is_))
    return found


class Correction(Promise, frozen=True, forbid_unknown_fields=True, tag="correction", kw_only=True):
    """A reported data error is acknowledged and corrected within a time that depends on its severity.

    The clock starts with the report and runs in `hours`. A breach belongs to the month in which its deadline passes.
    `credit` gives `percent` or `amount` for each breach, or for each period of a delay (`per_started`).
    """

    needs: ClassVar[tuple[str, ...]] = ("corrections",)
    judges: ClassVar[Mapping[str, Judge]] = {
        **PROMISE_JUDGES,
        "owed_by": ranked("partner", "hub"),
        "severities": _severities_judged,
        "days": lambda old, new: unordered(old, new) if old is None or new is None else widening(old, new),
        "holidays": narrowing,
        "while_closed": ranked("stops", "counts"),
        "reopen_within": rising,
    }

    owed_by: OwedBy
    """Whose data they are, and who corrects them."""
    window: WindowName = "month"
    """What is settled: a calendar month in the agreement's time zone."""
    severities: Annotated[dict[SeverityName, Severity], Meta(min_length=1, max_length=10)]
    """The deadlines of each severity, from the worst one down."""
    hours: HoursName
    """`business`: the clock runs during `days`, `from`, `to`, not on `holidays`; `wall`: it always runs."""
    days: Annotated[tuple[Day, ...], Meta(min_length=1, max_length=7)] | None = None
    """Business days."""
    from_: OpeningText | None = field(default=None, name="from")
    """The time of day at which business hours begin, such as `"09:00"`, in the agreement's time zone."""
    to: ClosingText | None = None
    """The time at which they end; not later than `from`: on the next day."""
    holidays: Annotated[tuple[date, ...], Meta(max_length=_HOLIDAYS_MAX)] = ()
    """Dates that are no business days."""
    reopen_within: timedelta
    """How long after an error was corrected or rejected whoever reported it may say that it is still there."""
    while_closed: WhileClosed = "stops"
    """Whether time counts during which an error was corrected or rejected, where it was reopened after that."""
    products: Annotated[tuple[str, ...], Meta(max_length=100)] = ()
    """The products that it is about; left out, all of the agreement."""
    credit: Credit | None = None
    """What a breach is worth."""

    def judged(self, newer: Clause, name: str) -> Directions:
        if name not in ("from", "to") or not isinstance(newer, Correction):
            return super().judged(newer, name)
        return for_partner(self._hours_judged(newer, name), self.owed_by, newer.owed_by)

    def _hours_judged(self, newer: "Correction", name: str) -> Directions:
        if self.parameters()[name] == newer.parameters()[name]:
            return NEITHER
        before, after = (self.from_, self.to), (newer.from_, newer.to)
        if None in before or None in after:
            return unordered(before, after)
        return times((self.from_ or "", self.to or ""), (newer.from_ or "", newer.to or ""))

    def unsaid(self) -> frozenset[str]:
        silent = {
            "window": True,
            "holidays": not self.holidays,
            "products": not self.products,
            "while_closed": self.while_closed == "stops",
        }
        own = frozenset(name for name, at_default in silent.items() if at_default)
        return own | (self.credit.unsaid() if self.credit else frozenset())

    def faults(self) -> list[tuple[str, str]]:
        found = [fault for name in self.severities for fault in self._severity_faults(name)]
        given = [name for name in ("days", "from", "to") if self.parameters()[name] is not None]
        if self.hours == "business" and len(given) < 3:
            found.append(("hours", "business hours need days, from and to"))
        if self.hours == "wall" and (given or self.holidays):
            found.append(("hours", f"the clock always runs: {', '.join(given or ['holidays'])} would say nothing"))
        if not timedelta(0) <= self.reopen_within <= _REOPEN_MAX:
            found.append(("reopen_within", "it is at most P90D"))
        if self.exclude:
            found.append(("exclude", "nothing stops the clock of a reported error: business hours and holidays do"))
        return found + self._credit_faults()

    def _severity_faults(self, name: str) -> list[tuple[str, str]]:
        severity, found = self.severities[name], []
        for part in _parts():
            limit = severity.limit(part)
            if limit is None:
                continue
            if not timedelta(minutes=1) <= limit <= _LIMIT_MAX:
                found.append(("severities", f"{name}: {part} is at least PT1M and at most P366D"))
            elif self.hours == "business" and limit > _DAY and limit % _DAY:
                found.append(("severities", f"{name}: more than a day of business hours is said in whole days: {part}"))
            elif self.hours == "business" and limit == _DAY * (limit // _DAY) and self._day() is None:
                found.append(("severities", f"{name}: {part} in business days needs business hours"))
        if severity.acknowledge is not None and self.counting(severity.acknowledge) > self.counting(severity.fix):
            found.append(("severities", f"{name}: it is acknowledged before it is corrected, not after"))
        if self.credit is None and (severity.fix_worth is not None or severity.acknowledge_worth is not None):
            found.append(("severities", f"{name}: there is no credit schedule that a worth could be part of"))
        return found

    def _credit_faults(self) -> list[tuple[str, str]]:
        if self.credit is None:
            return []
        found = self.credit.faults()
        if self.credit.bands:
            found.append(("credit.bands", "each breach or each period of a delay is credited: give percent or amount"))
        return found

    def words(self) -> dict[str, Words]:
        spoken: dict[str, Words] = {
            "owed_by": OWED_BY[self.owed_by],
            "window": WINDOW[self.window],
            "severities": self._severities_words(),
            "hours": _HOURS[self.hours],
            "reopen_within": duration(self.reopen_within),
            "while_closed": _WHILE_CLOSED[self.while_closed],
            "products": listed(self.products) if self.products else said("全部产品", "all products"),
        }
        if self.days is not None:
            spoken["days"] = days_words(self.days)
        if self.from_ is not None:
            spoken["from"] = literal(self.from_)
        if self.from_ is not None and self.to is not None:
            spoken["to"] = closing_words(self.from_, self.to)
        if self.hours == "business":
            spoken["holidays"] = listed(day.isoformat() for day in sorted(self.holidays))
        return spoken | (self.credit.words() if self.credit else {})

    def _severities_words(self) -> Words:
        lines: list[Words] = []
        for name, severity in self.severities.items():
            parts: list[Words] = []
            for part in _parts():
                limit, worth = severity.limit(part), severity.worth(part)
                if limit is None:
                    continue
                within = self._within(limit)
                each = f"（{worth}{self._unit()}）" if worth else ""
                each_en = f" (else {worth}{self._unit()})" if worth else ""
                parts.append(
                    said(
                        f"{within['zh']}内{_PARTS[part]['zh']}{each}",
                        f"{_PARTS[part]['en']} within {within['en']}{each_en}",
                    )
                )
            called, told_parts = severity_words(name), joined(parts)
            lines.append(said(f"{called['zh']}：{told_parts['zh']}", f"{called['en']}: {told_parts['en']}"))
        return said("；".join(line["zh"] for line in lines), "; ".join(line["en"] for line in lines))

    def _within(self, limit: timedelta) -> Words:
        words = duration(limit)
        if self.hours == "wall":
            return words
        if limit % _DAY == timedelta(0):
            count = limit // _DAY
            return said(f"{count} 个工作日", f"{count} business day{'' if count == 1 else 's'}")
        return said(f"{words['zh']}工作时间", f"{words['en']} of business hours")

    def _unit(self) -> str:
        return "%" if self.credit is not None and self.credit.percent is not None else ""

    def effect(self, binding: Binding) -> None:
        return None

    def clock(self, report: Report, zone: str) -> Clock:
        """The clock of one report. Its deadlines are `limit_us` on it."""
        stops = self.while_closed == "stops"
        paused = tuple((us(span.from_), us(span.to)) for span in report.paused) if stops else ()
        return Clock(us(report.reported), self.weekly(zone), paused)

    def weekly(self, zone: str) -> Weekly | None:
        """Business hours in a time zone; None: the clock always runs."""
        if self.days is None or self.from_ is None or self.to is None:
            return None
        from_minute, until_minute = minute_of(self.from_), minute_of(self.to)
        return Weekly(day_numbers(self.days), from_minute, until_minute, zone, frozenset(self.holidays))

    def limit_us(self, severity: str, part: Part) -> int | None:
        """How much time on the clock there is for it; None: it need not be done."""
        limit = self.severities[severity].limit(part)
        return None if limit is None else span_us(self.counting(limit))

    def counting(self, limit: timedelta) -> timedelta:
        """How much time on the clock a length of time of this clause is: whole days are business days."""
        day = self._day()
        return day * (limit // _DAY) if day is not None and limit % _DAY == timedelta(0) else limit

    def _day(self) -> timedelta | None:
        if self.from_ is None or self.to is None:
            return None
        return timedelta(minutes=span_minutes(minute_of(self.from_), minute_of(self.to)))

    def course(self, report: Report, part: Part, zone: str) -> Course | None:
        """One of the deadlines of a report and what came of it; None where there is none."""
        limit_us = self.limit_us(report.severity, part)
        if limit_us is None:
            return None
        done = report.fixed if part == "fix" else report.acknowledged or report.fixed
        return Course(self.clock(report, zone), limit_us, None if done is None else us(done))

    def settle(self, facts: Facts) -> Settled | FactFault:
        """Every deadline that passed in the window, and every delay that went on in it."""
        return settle(self, facts)


def severity_words(name: str) -> Words:
    """A severity in words; one that is not of the common three reads as it is written."""
    return _SEVERITIES.get(name, literal(name))
