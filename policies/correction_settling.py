"""How a clause of kind correction is settled: deadlines that passed in the window, and delays that went on in it."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from msgspec import Struct

from policies.correcting import NEVER_US, Periods, Window, moment_of, span_us, us
from policies.reference import Words
from policies.settling.checks import facts_fault
from policies.settling.credit import Credit
from policies.settling.facts import Correction as Report
from policies.settling.facts import FactFault, Facts
from policies.settling.saying import lasting, moment, plain, said, some, told
from policies.settling.schedule import Raised, price, started_periods, together
from policies.settling.settled import Figure, Settled

if TYPE_CHECKING:
    from policies.kinds.correction import Correction, Part

_SAID_MAX = 50
"""So many missed deadlines are said one by one; the figures count all."""
_LENGTH_S_MAX = 10**10
"""Three centuries."""
_PARTS: tuple["Part", ...] = ("acknowledge", "fix")
_DONE: dict["Part", Words] = {
    "acknowledge": {"zh": "确认", "en": "acknowledged"},
    "fix": {"zh": "更正", "en": "corrected"},
}


class _Miss(Struct, frozen=True):
    """A deadline that was missed: whether in this window, and the periods of its delay that belong to it."""

    severity: str
    part: "Part"
    breach: bool
    periods: Fraction
    step: Words


class _Judged(Struct, frozen=True):
    """What the deadlines of a window came to: how many passed, and those that were missed."""

    due: int
    misses: tuple[_Miss, ...]
    figures: tuple[Figure, ...]


def settle(clause: "Correction", facts: Facts) -> Settled | FactFault:
    """What is owed for the window of `facts`: from the reports themselves, or from known times of correcting."""
    if fault := facts_fault(facts):
        return fault
    if facts.durations_s is not None:
        judged = _from_durations(clause, facts, facts.durations_s)
    elif facts.corrections is None:
        return FactFault("corrections", "the clause is about reported data errors, and they are not among the facts")
    else:
        judged = _from_reports(clause, facts, facts.corrections)
    if isinstance(judged, FactFault):
        return judged
    raised = together(_raised(clause, miss) for miss in judged.misses)
    priced = price(clause.credit, raised, facts)
    if isinstance(priced, FactFault):
        return priced
    breaches = sum(miss.breach for miss in judged.misses)
    total = said(
        f"本期届满的期限共 {judged.due} 项，违约 {breaches} 项。",
        f"{some(judged.due, 'deadline')} passed, {breaches} missed.",
    )
    return Settled(
        measured=str(breaches),
        unit="count",
        verdict="missed" if breaches or raised.percent or raised.amount else "met",
        percent=priced.percent,
        credit=priced.credit,
        currency=facts.currency,
        capped_by=priced.capped_by,
        claim_by=priced.claim_by,
        explanation=told((total, *_told(clause, judged.misses), *priced.steps)),
        figures=(*judged.figures, *_figures(judged, breaches)),
    )


def _from_reports(clause: "Correction", facts: Facts, reports: tuple[Report, ...]) -> _Judged | FactFault:
    if fault := _fault(clause, facts, reports):
        return fault
    window = _window(facts)
    due, misses = 0, []
    for report in reports:
        for part in _PARTS:
            course = clause.course(report, part, facts.zone)
            if course is None:
                continue
            due_us = course.due_us
            here = window.holds(due_us)
            due += here
            if due_us == NEVER_US or due_us >= window.to_us or not course.late(due_us):
                continue
            counted = _periods(clause)
            periods = Fraction(here) if counted is None else course.delay_in(window, counted)
            if here or periods:
                step = _missed(report, part, moment_of(due_us), course.done_us, facts)
                misses.append(_Miss(report.severity, part, here, periods, step))
    reported = sum(window.holds(us(report.reported)) for report in reports)
    still = sum(report.fixed is None or us(report.fixed) >= window.to_us for report in reports)
    figures = (
        Figure("reported", str(reported), said("本期报告的差错", "errors reported in the window")),
        Figure("open", str(still), said("期末尚未更正的差错", "errors not corrected at its end")),
    )
    return _Judged(due, tuple(misses), figures)


def _window(facts: Facts) -> Window:
    """Whose deadlines are settled: what passes while the agreement, or this version of it, is in force."""
    begin_us, end_us = us(facts.from_), us(facts.to)
    if facts.deployed is None:
        return Window(begin_us, end_us)
    return Window(max(begin_us, us(facts.deployed.from_)), min(end_us, us(facts.deployed.to)))


def _from_durations(clause: "Correction", facts: Facts, durations: tuple[Decimal, ...]) -> _Judged | FactFault:
    """Each is how much time on the clock it took to correct one error, of the only severity there is."""
    if facts.corrections is not None:
        return FactFault("durations_s", "give either durations_s or corrections, not both")
    if len(clause.severities) != 1:
        return FactFault("durations_s", "the clause has several severities: give corrections, which name theirs")
    (name,) = clause.severities
    limit = timedelta(microseconds=clause.limit_us(name, "fix") or 0)
    misses = []
    for index, length in enumerate(durations):
        late = _beyond(length, limit)
        if late is None:
            return FactFault(f"durations_s[{index}]", "a duration is a number of seconds from 0 on, to the microsecond")
        if late > timedelta(0):
            counted = _periods(clause)
            unit = None if counted is None else timedelta(microseconds=counted.unit_us)
            whole = timedelta(microseconds=counted.period_us) if counted else timedelta(1)
            periods = Fraction(1) if counted is None else started_periods(late, whole, unit)
            misses.append(_Miss(name, "fix", True, periods, _took(index, late)))
    return _Judged(len(durations), tuple(misses), ())


def _beyond(length: Decimal, limit: timedelta) -> timedelta | None:
    """How much longer than the limit it took; None where the length is no length of time."""
    if not length.is_finite() or not 0 <= length <= _LENGTH_S_MAX:
        return None
    taken_us = Fraction(length) * 1_000_000
    return timedelta(microseconds=int(taken_us)) - limit if taken_us.denominator == 1 else None


def _periods(clause: "Correction") -> Periods | None:
    """How delays are counted; None: each breach counts once, however long."""
    credit = clause.credit
    if credit is None or credit.per_started is None:
        return None
    unit = credit.per_started if credit.started_unit is None else credit.started_unit
    return Periods(span_us(clause.counting(credit.per_started)), span_us(clause.counting(unit)))


def _raised(clause: "Correction", miss: _Miss) -> Raised:
    """What one of them is worth, before caps."""
    credit = clause.credit
    if credit is None or not miss.periods:
        return Raised()
    exact = Fraction(_each(clause, credit, miss)) * miss.periods
    return Raised(percent=exact) if credit.percent is not None else Raised(amount=exact)


def _each(clause: "Correction", credit: Credit, miss: _Miss) -> str:
    """What each time, or each period, is worth: in percent where the schedule is, else an amount."""
    worth = clause.severities[miss.severity].worth(miss.part)
    return worth if worth is not None else str(credit.percent if credit.percent is not None else credit.amount or "0")


def _fault(clause: "Correction", facts: Facts, reports: tuple[Report, ...]) -> FactFault | None:
    """The first thing that is wrong with the reports."""
    seen: set[str] = set()
    for index, report in enumerate(reports):
        at = f"corrections[{index}]"
        if report.severity not in clause.severities:
            known = ", ".join(clause.severities)
            return FactFault(f"{at}.severity", f"the clause has no such severity; it has: {known}")
        if report.id and report.id in seen:
            return FactFault(f"{at}.id", "this error is among the facts twice")
        seen.add(report.id)
        if fault := _times_fault(at, report, facts):
            return fault
    return None


def _times_fault(at: str, report: Report, facts: Facts) -> FactFault | None:
    moments: list[tuple[str, datetime | None]] = [
        ("reported", report.reported),
        ("acknowledged", report.acknowledged),
        ("fixed", report.fixed),
    ]
    for index, span in enumerate(report.paused):
        moments += [(f"paused[{index}].from", span.from_), (f"paused[{index}].to", span.to)]
    for name, value in moments:
        if value is not None and value.tzinfo is None:
            return FactFault(f"{at}.{name}", "a time is given with its offset from UTC, or Z")
        if value is not None and value < report.reported:
            return FactFault(f"{at}.{name}", "it is before the error was reported")
    if report.reported >= facts.to:
        return FactFault(f"{at}.reported", "it is not before the end of the period")
    end = report.reported
    for index, span in enumerate(report.paused):
        if span.from_ < end or span.to <= span.from_:
            return FactFault(f"{at}.paused[{index}]", "spans are in order, and each ends after it began")
        end = span.to
    return None


def _missed(report: Report, part: "Part", due: datetime, done_us: int | None, facts: Facts) -> Words:
    zone = ZoneInfo(facts.zone)
    reported = moment(report.reported, zone)
    name = said(report.id, report.id) if report.id else said(f"{reported} 报告的错误", f"The error of {reported}")
    deadline, did = moment(due, zone), _DONE[part]
    if done_us is None or moment_of(done_us) >= facts.to:
        return said(
            f"{name['zh']} 应于 {deadline} 前{did['zh']}，期末尚未{did['zh']}。",
            f"{name['en']} was to be {did['en']} by {deadline} and was not by the end of the period.",
        )
    when = moment(moment_of(done_us), zone)
    return said(
        f"{name['zh']} 应于 {deadline} 前{did['zh']}，实际于 {when} {did['zh']}。",
        f"{name['en']} was to be {did['en']} by {deadline} and was at {when}.",
    )


def _took(index: int, late: timedelta) -> Words:
    long = lasting(late)
    return said(f"第 {index + 1} 项更正迟延 {long['zh']}。", f"Correction {index + 1} was {long['en']} late.")


def _told(clause: "Correction", misses: tuple[_Miss, ...]) -> Iterable[Words]:
    for miss in misses[:_SAID_MAX]:
        yield miss.step
        if clause.credit is not None:
            yield _worth(clause, clause.credit, miss)
    if len(misses) > _SAID_MAX:
        more = len(misses) - _SAID_MAX
        yield said(f"另有 {more} 项，不逐一列出。", f"And {more} more that are not listed one by one.")


def _worth(clause: "Correction", credit: Credit, miss: _Miss) -> Words:
    each = _each(clause, credit, miss) + ("%" if credit.percent is not None else "")
    if credit.per_started is None:
        return said(f"为此应抵扣 {each}。", f"For that {each} is credited.")
    return said(
        f"本期计迟延 {plain(miss.periods)} 期，每期 {each}。",
        f"{some(miss.periods, 'period of that delay counts', 'periods of that delay count')} here, {each} for each.",
    )


def _figures(judged: _Judged, breaches: int) -> tuple[Figure, ...]:
    periods = sum((miss.periods for miss in judged.misses), Fraction(0))
    return (
        Figure("due", str(judged.due), said("本期届满的期限", "deadlines that passed in the window")),
        Figure("breaches", str(breaches), said("其中违约", "of these missed")),
        Figure("counted", plain(periods), said("计入抵扣的违约或迟延期数", "breaches or periods of delay credited")),
    )
