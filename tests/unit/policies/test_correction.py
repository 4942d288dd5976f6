"""Reported errors: exactly at a deadline is in time, a breach counts once, a delay in each month that it lasts."""

from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.correcting import Periods, Window, us
from policies.kinds.correction import Correction
from policies.library import render, text_faults
from policies.settling.facts import Correction as Report
from policies.settling.facts import FactFault, Facts, Span
from policies.settling.settled import Settled

ZONE = ZoneInfo("Asia/Shanghai")
TEXT = {
    "zh": "{owed_by}{severities}{hours}{days}{from}{to}{reopen_within}{credit.of}{credit.percent}{credit.cap_percent}",
    "en": (
        "{owed_by} {severities} {hours} {days} {from} {to} {reopen_within} {credit.of} {credit.percent} "
        "{credit.cap_percent}"
    ),
}
CORRECTION: dict[str, Any] = {
    "id": "6.1",
    "kind": "correction",
    "owed_by": "hub",
    "severities": {
        "critical": {"acknowledge": "PT4H", "fix": "P1D", "fix_worth": "10", "acknowledge_worth": "1"},
        "minor": {"fix": "P5D"},
    },
    "hours": "business",
    "days": ["mon", "tue", "wed", "thu", "fri"],
    "from": "09:00",
    "to": "18:00",
    "reopen_within": "P7D",
    "credit": {"percent": 2, "cap_percent": 20},
    "text": TEXT,
}
WALL = {name: value for name, value in CORRECTION.items() if name not in ("days", "from", "to")} | {"hours": "wall"}


def made(values: dict[str, Any] = CORRECTION, **changes: Any) -> Correction:
    return msgspec.convert(values | {name.removesuffix("_"): value for name, value in changes.items()}, Correction)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


def report(reported: str, fixed: str | None = None, acknowledged: str | None = None, **more: Any) -> Report:
    given_ = {"severity": "critical", "id": "c-1"} | more
    return Report(
        reported=at(reported),
        fixed=None if fixed is None else at(fixed),
        acknowledged=None if acknowledged is None else at(acknowledged),
        **given_,
    )


def month(*reports: Report, number: int = 10, fee: str | None = "1000", **more: Any) -> Facts:
    begin = datetime(2026, number, 1, tzinfo=ZONE)
    end = datetime(2026 + number // 12, number % 12 + 1, 1, tzinfo=ZONE)
    facts = {"zone": "Asia/Shanghai", "fee": None if fee is None else Decimal(fee), "currency": "CNY"}
    return Facts(from_=begin, to=end, **facts | {"corrections": reports} | more)


def settled(clause: Correction, facts: Facts) -> Settled:
    found = clause.settle(facts)
    assert isinstance(found, Settled), found
    return found


def figures(found: Settled) -> dict[str, str]:
    return {figure.name: figure.value for figure in found.figures}


# Monday 12 October 2026, 10:00: to be acknowledged by 14:00, corrected by Tuesday 10:00
@pytest.mark.parametrize(
    ("acknowledged", "fixed", "breaches", "credit"),
    [
        ("2026-10-12T14:00", "2026-10-13T10:00", "0", "0.00"),
        ("2026-10-12T14:00:00.000001", "2026-10-13T10:00", "1", "10.00"),
        ("2026-10-12T14:00", "2026-10-13T10:00:00.000001", "1", "100.00"),
        ("2026-10-12T15:00", "2026-10-14T10:00", "2", "110.00"),
        (None, "2026-10-12T13:00", "0", "0.00"),  # who corrects it has seen it
        (None, "2026-10-12T17:00", "1", "10.00"),
        (None, None, "2", "110.00"),
    ],
)
def test_what_is_done_exactly_by_its_deadline_is_in_time(
    acknowledged: str | None, fixed: str | None, breaches: str, credit: str
) -> None:
    found = settled(made(), month(report("2026-10-12T10:00", fixed, acknowledged)))
    assert (found.measured, found.unit, f"{found.credit:f}") == (breaches, "count", credit)
    assert found.verdict == ("met" if breaches == "0" else "missed")
    assert figures(found)["due"] == "2"


def test_a_month_without_an_error_is_one_in_which_the_promise_was_kept() -> None:
    found = settled(made(), month())
    assert (found.measured, found.verdict, found.credit) == ("0", "met", Decimal("0.00"))


def test_a_breach_belongs_to_the_month_in_which_its_deadline_passes() -> None:
    late = report("2026-10-30T17:00", "2026-11-20T10:00", "2026-10-30T17:30")  # Friday: due on Monday at 17:00
    october, november, december = (settled(made(), month(late, number=number)) for number in (10, 11, 12))
    assert [each.measured for each in (october, november, december)] == ["0", "1", "0"]
    assert [each.verdict for each in (october, november, december)] == ["met", "missed", "met"]


def test_a_deadline_at_the_very_end_of_a_month_is_one_of_the_next() -> None:
    clause = made(WALL)
    late = report("2026-10-31T00:00", None, "2026-10-31T01:00")
    assert settled(clause, month(late, number=10)).measured == "0"
    assert settled(clause, month(late, number=11)).measured == "1"


def test_a_severity_without_a_worth_of_its_own_is_credited_as_the_schedule_says() -> None:
    found = settled(made(), month(report("2026-10-05T10:00", None, severity="minor")))
    assert (found.measured, found.percent, found.credit) == ("1", Decimal(2), Decimal("20.00"))


def test_the_cap_holds_for_all_breaches_together() -> None:
    reports = [report("2026-10-12T10:00", None, id=f"c-{number}") for number in range(3)]
    found = settled(made(), month(*reports))
    assert (found.measured, found.percent, found.credit, found.capped_by) == (
        "6",
        Decimal(33),
        Decimal("200.00"),
        "cap_percent",
    )


@pytest.mark.parametrize(
    ("unit", "october", "november"),
    [(None, "30.00", "10.00"), ("PT1H", "24.17", "10.83"), ("PT0S", "24.17", "10.62")],
)
def test_each_period_of_a_delay_is_credited_in_the_month_in_which_it_begins(
    unit: str | None, october: str, november: str
) -> None:
    schedule = {"amount": "10.00", "per_started": "P1D", "started_unit": unit, "cap_amount": "500"}
    severities = {"critical": {"fix": "PT4H"}}
    clause = made(WALL, severities=severities, credit=schedule)
    # due on 29 October at 14:00: 58 hours of delay in October, 25 and a half in November
    late = report("2026-10-29T10:00", "2026-11-02T01:30")
    first, second = settled(clause, month(late, number=10)), settled(clause, month(late, number=11))
    assert [f"{each.credit:f}" for each in (first, second)] == [october, november]
    assert [each.measured for each in (first, second)] == ["1", "0"]
    assert second.verdict == "missed"


def test_a_day_of_delay_in_business_hours_is_a_business_day() -> None:
    clause = made(severities={"critical": {"fix": "P1D"}}, credit={"amount": "10.00", "per_started": "P1D"})
    # due on Tuesday the 13th at 10:00: the second day of delay begins on Wednesday at 10:00, the third on Thursday
    for fixed, credit in (("2026-10-14T10:00", "10.00"), ("2026-10-14T10:01", "20.00"), ("2026-10-17T12:00", "40.00")):
        assert f"{settled(clause, month(report('2026-10-12T10:00', fixed))).credit:f}" == credit
    # due on Monday at the closing: a day of delay is over with Tuesday, and none begins at night
    for fixed, credit in (("2026-10-13T08:00", "10.00"), ("2026-10-14T08:59", "10.00"), ("2026-10-14T09:01", "20.00")):
        assert f"{settled(clause, month(report('2026-10-12T09:00', fixed))).credit:f}" == credit


@settings(max_examples=40)
@given(
    reported=st.integers(0, 40 * 1440),
    taken=st.integers(1, 60 * 1440),
    paused=st.lists(st.tuples(st.integers(0, 50 * 1440), st.integers(1, 5000)), max_size=2),
    business=st.booleans(),
    unit=st.sampled_from([0, 60, 180, 540]),
)
def test_what_months_add_up_to_is_what_one_long_window_has(
    reported: int, taken: int, paused: list[tuple[int, int]], business: bool, unit: int
) -> None:
    minute = timedelta(minutes=1)
    begin = datetime(2026, 1, 1, tzinfo=ZONE)
    said = begin + reported * minute
    spans, end = [], said
    for after, long in paused:
        spans.append(Span(end + after * minute, end + (after + long) * minute))
        end = spans[-1].to
    late = Report(severity="critical", reported=said, fixed=said + taken * minute, paused=tuple(spans))
    clause = made(CORRECTION if business else WALL)

    course = clause.course(late, "fix", "Asia/Shanghai")
    assert course is not None
    periods = Periods(540 * 60_000_000, unit * 60_000_000)
    edges = [us(begin + timedelta(days=7 * week)) for week in range(30)]
    weeks = [course.delay_in(Window(*edge), periods) for edge in pairwise(edges)]
    assert sum(weeks, Fraction(0)) == course.delay_in(Window(edges[0], edges[-1]), periods)
    assert all(week >= 0 for week in weeks)
    due_us = course.due_us
    if not course.late(due_us):
        assert sum(weeks) == 0
    elif unit:
        # the first unit begins with the delay, each further one when the clock goes on after the one before
        starts, at_us = 0, due_us
        while at_us < us(late.fixed or begin):
            starts += 1
            at_us = msgspec.structs.replace(course.clock, from_us=at_us).after(periods.unit_us + 1) - 1
        assert sum(weeks, Fraction(0)) == starts * Fraction(unit, 540)


@pytest.mark.parametrize(("while_closed", "measured"), [("stops", "0"), ("counts", "1")])
def test_time_in_which_a_report_was_closed_counts_if_the_clause_says_so(while_closed: str, measured: str) -> None:
    clause = made(severities={"critical": {"fix": "P1D"}}, while_closed=while_closed)
    paused = (Span(at("2026-10-12T11:00"), at("2026-10-14T11:00")),)
    late = report("2026-10-12T10:00", "2026-10-15T10:00", paused=paused)  # eight hours and a day left on the 14th
    assert settled(clause, month(late)).measured == measured


@pytest.mark.parametrize(
    ("durations", "breaches"), [(["32400"], "0"), (["32400.000001", "90000", "0"], "2"), ([], "0")]
)
def test_a_calculator_takes_plain_times_of_correcting(durations: list[str], breaches: str) -> None:
    clause = made(severities={"critical": {"fix": "P1D"}})  # a business day of nine hours
    facts = month(corrections=None, durations_s=tuple(map(Decimal, durations)))
    assert settled(clause, facts).measured == breaches


BACKWARDS = Span(at("2026-10-14"), at("2026-10-13"))


@pytest.mark.parametrize(
    ("facts", "named"),
    [
        (month(corrections=None), "corrections"),
        (month(report("2026-10-12T10:00", severity="huge")), "corrections[0].severity"),
        (month(report("2026-10-12T10:00", "2026-10-12T09:00")), "corrections[0].fixed"),
        (month(report("2026-10-12T10:00", None, "2026-10-12T09:00")), "corrections[0].acknowledged"),
        (month(report("2026-11-01T00:00")), "corrections[0].reported"),
        (month(report("2026-10-12T10:00"), report("2026-10-13T10:00")), "corrections[1].id"),
        (
            month(report("2026-10-12T10:00", paused=(BACKWARDS,))),
            "corrections[0].paused[0]",
        ),
        (month(Report("critical", datetime(2026, 10, 12))), "corrections[0].reported"),  # noqa: DTZ001 - the fault
        (month(corrections=None, durations_s=(Decimal(1),)), "durations_s"),
        (month(report("2026-10-12T10:00"), fee=None), "fee"),
    ],
)
def test_a_fact_that_is_missing_or_nonsensical_is_named(facts: Facts, named: str) -> None:
    fault = made().settle(facts)
    assert isinstance(fault, FactFault)
    assert fault.fact == named


@pytest.mark.parametrize("length", ["-1", "NaN", "Infinity", "0.0000001", "1e30"])
def test_a_time_of_correcting_that_is_none_is_named(length: str) -> None:
    fault = made(severities={"critical": {"fix": "P1D"}}).settle(
        month(corrections=None, durations_s=(Decimal(length),))
    )
    assert isinstance(fault, FactFault)
    assert fault.fact == "durations_s[0]"


def test_the_sentence_says_every_deadline_and_what_a_breach_is_worth() -> None:
    clause = made()
    assert text_faults(clause) == []
    assert clause.faults() == []
    said = render(clause)
    for words in (
        "acknowledged within 4 hours of business hours (else 1%)",
        "corrected within 1 business day (else 10%)",
    ):
        assert words in said["en"]
    for words in ("严重：4 小时工作时间内确认（1%）", "1 个工作日内更正（10%）", "5 个工作日内更正"):
        assert words in said["zh"]
    assert "within 1 day" in made(WALL).words()["severities"]["en"]


@pytest.mark.parametrize(
    ("values", "changes", "parameter"),
    [
        (CORRECTION, {"from": None}, "hours"),
        (WALL, {"days": ["mon"]}, "hours"),
        (WALL, {"holidays": ["2026-10-01"]}, "hours"),
        (CORRECTION, {"severities": {"minor": {"fix": "PT36H"}}}, "severities"),
        (CORRECTION, {"severities": {"minor": {"fix": "PT0S"}}}, "severities"),
        (CORRECTION, {"severities": {"minor": {"fix": "PT4H", "acknowledge": "P1D"}}}, "severities"),
        (CORRECTION, {"credit": None}, "severities"),
        (CORRECTION, {"reopen_within": "P91D"}, "reopen_within"),
        (CORRECTION, {"exclude": ["force_majeure"]}, "exclude"),
        (CORRECTION, {"credit": {"bands": [{"below": "99", "percent": 5}]}}, "credit.bands"),
        (CORRECTION, {"credit": {"percent": 5, "amount": "1"}}, "credit.amount"),
    ],
)
def test_parameters_that_contradict_each_other_are_found(
    values: dict[str, Any], changes: dict[str, Any], parameter: str
) -> None:
    assert parameter in [name for name, _ in msgspec.convert(values | changes, Correction).faults()]


SOONER = CORRECTION["severities"] | {"minor": {"fix": "P3D"}}


@pytest.mark.parametrize(
    ("name", "changes", "direction"),
    [
        ("severities", {"severities": SOONER}, "loosens"),
        ("severities", {"severities": {"critical": CORRECTION["severities"]["critical"]}}, "tightens"),
        ("days", {"days": ["mon", "tue"]}, "tightens"),
        ("to", {"to": "20:00"}, "loosens"),
        ("holidays", {"holidays": ["2026-10-01"]}, "tightens"),
        ("while_closed", {"while_closed": "counts"}, "loosens"),
        ("reopen_within", {"reopen_within": "P14D"}, "loosens"),
    ],
)
def test_a_change_counts_for_the_side_that_the_promise_is_made_to(
    name: str, changes: dict[str, Any], direction: str
) -> None:
    other = {"loosens": "tightens", "tightens": "loosens"}[direction]
    for owed_by, expected in (("hub", direction), ("partner", other)):
        old = made(owed_by=owed_by)
        new = msgspec.convert(CORRECTION | {"owed_by": owed_by} | changes, Correction)
        assert old.judged(new, name) == {expected}
        assert new.judged(old, name) == {"loosens", "tightens"} - {expected}
