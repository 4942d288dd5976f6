"""delivery: the data of one product arrive by a time, complete."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from typing import Annotated, ClassVar
from zoneinfo import ZoneInfo

from msgspec import Meta

from policies.clause import Binding, Meter
from policies.direction import Judge, ranked, rising, unordered
from policies.hours import Day, OpeningText, day_numbers, days_words, minute_of
from policies.promise import (
    OWED_BY,
    PROMISE_JUDGES,
    WINDOW,
    Credit,
    DecimalText,
    Window,
    amount,
    excluded,
    percent_faults,
)
from policies.reference import Words
from policies.settling.checks import facts_fault
from policies.settling.credit import DURATIONS
from policies.settling.facts import Delivery as Delivered
from policies.settling.facts import FactFault, Facts
from policies.settling.moments import span_of
from policies.settling.promise import Promise
from policies.settling.saying import lasting, moment, plain, rounded_down, said, some, told
from policies.settling.schedule import Raised, by_bands, by_delay, price, together
from policies.settling.settled import Figure, Settled
from policies.wording import literal, number, percent

_GOOD_BELOW_STATUS = 400
_LOOK_BACK_DAYS = 8
_NAMED_MAX = 20
"""So many late deliveries are named one by one; of the rest only their number is said."""


class Delivery(Promise, frozen=True, forbid_unknown_fields=True, tag="delivery", kw_only=True):
    """On each of `days`, `records_min` records of `product` have arrived `by` a time in the agreement's time zone.

    Counted are records that were created without a fault since the time due before. At least `share` percent of the
    window's deliveries are on time; one that is complete exactly at the time is. What is late is credited delivery by
    delivery: by `credit.per_started` or bands of durations each by how late it was, and with a percentage or an amount
    alone each the same; bands of percentages look at the share. A delivery that never became complete is as late as the
    window is long. One whose time lies in an excluded span, or in a time in which the Hub was not there, is not judged.
    """

    judges: ClassVar[Mapping[str, Judge]] = {
        **PROMISE_JUDGES,
        "owed_by": ranked("partner", "hub"),
        "days": unordered,
        "by": unordered,
        "records_min": rising,
        "share": amount(rising),
    }
    needs: ClassVar[tuple[str, ...]] = ("deliveries",)

    window: Window
    """What is measured: a calendar month in the agreement's time zone."""
    product: Annotated[str, Meta(min_length=1, max_length=128)]
    """The product whose records are to arrive, as its path names it."""
    days: Annotated[tuple[Day, ...], Meta(min_length=1, max_length=7)]
    """Days of the week on which they are due."""
    by: OpeningText
    """The time of day at which they are due, such as `"08:00"`."""
    records_min: Annotated[int, Meta(ge=1, le=10**9)] = 1
    """How many records make a delivery complete."""
    share: DecimalText = "100"
    """The percentage of deliveries that is on time."""
    credit: Credit | None = None
    """What is owed when the promise is missed."""

    def unsaid(self) -> frozenset[str]:
        silent = {"records_min": self.records_min == 1, "share": self.share == "100", "exclude": not self.exclude}
        own = frozenset(name for name, at_default in silent.items() if at_default)
        return own | (self.credit.unsaid() if self.credit else frozenset())

    def faults(self) -> list[tuple[str, str]]:
        found = percent_faults("share", self.share)
        if self.credit is not None:
            found += self.credit.faults()
            if any(band.comparison not in (*DURATIONS, "below", "at_or_below") for band in self.credit.bands):
                found.append(("credit.bands", "the bands of this clause are of shares on time, or of durations"))
        return found

    def words(self) -> dict[str, Words]:
        spoken: dict[str, Words] = {
            "owed_by": OWED_BY[self.owed_by],
            "window": WINDOW[self.window],
            "product": literal(self.product),
            "days": days_words(self.days),
            "by": literal(self.by),
            "records_min": number(self.records_min),
            "share": percent(self.share),
            "exclude": excluded(self.exclude),
        }
        return spoken | (self.credit.words() if self.credit else {})

    def effect(self, binding: Binding) -> Meter | None:
        if binding.product != self.product or binding.operation != "create":
            return None
        return Meter(
            clause=binding.clause,
            basis="requests",
            slice_s=3600,
            good_below_status=_GOOD_BELOW_STATUS,
            within_us=None,
            counts_refusals=True,
            empty_slice="ignore",
            target_percent=self.share,
        )

    def due_times(self, from_: datetime, until: datetime, zone: str) -> Iterator[datetime]:
        """When deliveries are due from one moment, inclusive, to another, exclusive; in order, in UTC.

        A time that clocks skip is due as much later as they are put forward, one that they show twice the first time.
        """
        local, days, minute = ZoneInfo(zone), day_numbers(self.days), minute_of(self.by)
        day, last = from_.astimezone(local).date() - timedelta(days=1), until.astimezone(local).date()
        while day <= last:
            due = _wall(day, minute, local)
            if day.weekday() in days and from_ <= due < until:
                yield due
            day += timedelta(days=1)

    def due_before(self, due: datetime, zone: str) -> datetime:
        """When the delivery before one was due."""
        return [*self.due_times(due - timedelta(days=_LOOK_BACK_DAYS), due, zone)][-1]

    def settle(self, facts: Facts) -> Settled | FactFault:
        fault = facts_fault(facts)
        if fault is not None:
            return fault
        found = self._judged(facts)
        if isinstance(found, FactFault):
            return found
        judged, left_out = found
        late = [(one, (one.arrived or facts.to) - one.due) for one in judged if one.arrived is None or _is_late(one)]
        share = Fraction(100 * (len(judged) - len(late)), len(judged)) if judged else None
        missed = share is not None and share < Fraction(self.share)
        steps = [_counted(len(judged), len(late), left_out), *_named(late, facts)]
        if share is not None:
            steps.append(_against(share, self.share, missed=missed))
        raised = self._raised(share, [delay for _, delay in late]) if missed and share is not None else Raised()
        priced = price(self.credit, raised, facts)
        if isinstance(priced, FactFault):
            return priced
        return Settled(
            measured=None if share is None else rounded_down(share),
            unit="percent",
            verdict="unknown" if share is None else "missed" if missed else "met",
            percent=priced.percent,
            credit=priced.credit,
            currency=facts.currency,
            capped_by=priced.capped_by,
            claim_by=priced.claim_by,
            explanation=told([*steps, *priced.steps]),
            figures=_figures(len(judged), len(late), left_out),
        )

    def _raised(self, share: Fraction, delays: list[timedelta]) -> Raised:
        credit = self.credit
        if credit is None:
            return Raised()
        if credit.bands and credit.bands[0].comparison not in DURATIONS:
            return by_bands(credit, share)
        return together(by_delay(credit, delay) for delay in delays)

    def _judged(self, facts: Facts) -> tuple[list[Delivered], int] | FactFault:
        """The deliveries that count, and how many are left out."""
        if facts.deliveries is None:
            if facts.durations_s is not None:  # how late each was: the moments themselves do not matter then
                return [Delivered(facts.from_, facts.from_ + span_of(each)) for each in facts.durations_s], 0
            return FactFault("deliveries", "is missing: when data were due, and when they arrived; or give durations_s")
        spans = [(one.from_, one.to) for one in facts.excluded if one.cause in self.exclude]
        spans += [(one.from_, one.to) for one in facts.missing]
        judged, seen = [], set[datetime]()
        for index, one in enumerate(facts.deliveries):
            if not facts.from_ <= one.due < facts.to:
                return FactFault(f"deliveries[{index}].due", "lies outside the period that the facts are of")
            if one.due in seen:
                return FactFault(f"deliveries[{index}].due", "the same delivery is there twice")
            seen.add(one.due)
            if not any(begin <= one.due < end for begin, end in spans):
                judged.append(one)
        return sorted(judged, key=lambda one: one.due), len(facts.deliveries) - len(judged)


def _is_late(one: Delivered) -> bool:
    return one.arrived is not None and one.arrived > one.due


def _wall(day: date, minute: int, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(minute // 60, minute % 60), zone).astimezone(UTC)


def _counted(judged: int, late: int, left_out: int) -> Words:
    aside = (f"，另有 {left_out} 次不予评定", f"; {left_out} more are not judged") if left_out else ("", "")
    return said(
        f"应交付 {judged} 次，其中逾期或未交付 {late} 次{aside[0]}。",
        f"{some(judged, 'delivery was', 'deliveries were')} due; {late} late or missing{aside[1]}.",
    )


def _named(late: list[tuple[Delivered, timedelta]], facts: Facts) -> Iterator[Words]:
    zone = ZoneInfo(facts.zone)
    for one, delay in late[:_NAMED_MAX]:
        due, long = moment(one.due, zone), lasting(delay)
        if facts.deliveries is None:
            yield said(f"有一次逾期 {long['zh']}。", f"One came {long['en']} late.")
        elif one.arrived is None:
            yield said(f"应于 {due} 交付的未交付。", f"What was due {due} did not come.")
        else:
            yield said(f"应于 {due} 交付的逾期 {long['zh']}。", f"What was due {due} came {long['en']} late.")


def _against(share: Fraction, target: str, *, missed: bool) -> Words:
    shown = plain(share)
    verdict = ("低于", "is below") if missed else ("不低于", "is not below")
    return said(f"按时率 {shown}%，{verdict[0]} {target}%。", f"{shown}% on time {verdict[1]} {target}%.")


def _figures(judged: int, late: int, left_out: int) -> tuple[Figure, ...]:
    return (
        Figure("due", str(judged), said("应交付次数", "deliveries due")),
        Figure("late", str(late), said("逾期或未交付次数", "late or missing")),
        Figure("left_out", str(left_out), said("不予评定次数", "not judged")),
    )
