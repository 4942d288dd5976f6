"""Periods as people say them, at their edges: weeks begin on Monday, days in the zone asked for, summer time or not."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from gateway.audit.period import Period, PeriodFault, moment, named_period

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 30, 9, 30, tzinfo=BERLIN)  # a Monday, the day after clocks went forward


def us(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1_000_000)


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("today", "2026-03-30T00:00+02:00", "2026-03-31T00:00+02:00"),
        ("yesterday", "2026-03-29T00:00+01:00", "2026-03-30T00:00+02:00"),
        ("this-week", "2026-03-30T00:00+02:00", "2026-04-06T00:00+02:00"),
        ("last-week", "2026-03-23T00:00+01:00", "2026-03-30T00:00+02:00"),
        ("this-month", "2026-03-01T00:00+01:00", "2026-04-01T00:00+02:00"),
        ("last-month", "2026-02-01T00:00+01:00", "2026-03-01T00:00+01:00"),
        ("24h", "2026-03-29T08:30+01:00", "2026-03-30T09:30+02:00"),
        ("90m", "2026-03-30T08:00+02:00", "2026-03-30T09:30+02:00"),
    ],
)
def test_a_named_period_has_these_ends(name: str, start: str, end: str) -> None:
    assert named_period(name, NOW) == Period(us(start), us(end))


@pytest.mark.parametrize("name", ["", "last-year", "0d", "7", "7 d", "d7", "999999d", "Today"])
def test_what_is_no_period_is_said(name: str) -> None:
    assert isinstance(named_period(name, NOW), PeriodFault)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2026-11-16", "2026-11-16T00:00+01:00"),
        ("2026-11-16T08:30", "2026-11-16T08:30+01:00"),
        ("2026-11-16T08:30:00.000001+08:00", "2026-11-16T08:30:00.000001+08:00"),
        ("2026-11-16T08:30Z", "2026-11-16T08:30+00:00"),
    ],
)
def test_a_moment_without_an_offset_is_in_the_zone(text: str, same: str) -> None:
    assert moment(text, BERLIN) == us(same)


def test_what_is_no_moment_is_said() -> None:
    assert isinstance(moment("yesterday morning", UTC), PeriodFault)
