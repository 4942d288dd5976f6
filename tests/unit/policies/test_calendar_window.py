"""Calendar periods begin and end when they do on the wall, whatever the clocks are doing."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.calendar_window import Calendar, window_of
from policies.limit import Period

PERIODS: tuple[Period, ...] = ("hour", "day", "week", "month", "quarter", "year")
ZONES = (
    "Asia/Shanghai",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "America/Sao_Paulo",
    "Pacific/Apia",
    "Australia/Lord_Howe",
    "Asia/Beirut",
    "UTC",
)
NAMES: Mapping[Period, Callable[[datetime], object]] = {
    "day": lambda at: at.date(),
    "week": lambda at: at.isocalendar()[:2],
    "month": lambda at: (at.year, at.month),
    "quarter": lambda at: (at.year, (at.month + 2) // 3),
    "year": lambda at: at.year,
}


def window(period: Period, zone: str, local: str) -> tuple[str, str]:
    """The window of a local time, as local times with their offsets."""
    at = datetime.fromisoformat(local)
    at = at if at.tzinfo else at.replace(tzinfo=ZoneInfo(zone))
    start, end = (
        datetime.fromtimestamp(time_s, ZoneInfo(zone)).isoformat()
        for time_s in window_of(period, zone, int(at.timestamp() * 1_000_000))
    )
    return start, end


@pytest.mark.parametrize(
    ("period", "zone", "local", "start", "end"),
    [
        ("day", "Asia/Shanghai", "2026-03-31T23:59:59", "2026-03-31T00:00:00+08:00", "2026-04-01T00:00:00+08:00"),
        ("day", "Asia/Shanghai", "2026-04-01T00:00:00", "2026-04-01T00:00:00+08:00", "2026-04-02T00:00:00+08:00"),
        ("week", "Asia/Shanghai", "2026-11-29T12:00:00", "2026-11-23T00:00:00+08:00", "2026-11-30T00:00:00+08:00"),
        ("week", "Asia/Shanghai", "2027-01-01T12:00:00", "2026-12-28T00:00:00+08:00", "2027-01-04T00:00:00+08:00"),
        ("month", "Asia/Shanghai", "2026-12-31T23:00:00", "2026-12-01T00:00:00+08:00", "2027-01-01T00:00:00+08:00"),
        ("quarter", "Asia/Shanghai", "2026-11-28T09:00:00", "2026-10-01T00:00:00+08:00", "2027-01-01T00:00:00+08:00"),
        ("year", "Asia/Shanghai", "2026-11-28T09:00:00", "2026-01-01T00:00:00+08:00", "2027-01-01T00:00:00+08:00"),
        ("hour", "Asia/Kolkata", "2026-11-28T09:30:00", "2026-11-28T09:00:00+05:30", "2026-11-28T10:00:00+05:30"),
        # 23 and 25 hours
        ("day", "Europe/Berlin", "2026-03-29T12:00:00", "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"),
        ("day", "Europe/Berlin", "2026-10-25T12:00:00", "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00"),
        # a midnight that is skipped, and one that comes twice
        ("day", "America/Sao_Paulo", "2018-11-04T12:00:00", "2018-11-04T01:00:00-02:00", "2018-11-05T00:00:00-02:00"),
        ("day", "Asia/Beirut", "2026-10-25T12:00:00", "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+02:00"),
        ("day", "Atlantic/Azores", "2026-10-25T12:00:00", "2026-10-25T00:00:00+00:00", "2026-10-26T00:00:00-01:00"),
        # a day that was left out altogether
        ("day", "Pacific/Apia", "2011-12-31T12:00:00", "2011-12-31T00:00:00+14:00", "2012-01-01T00:00:00+14:00"),
        # an hour that is lived through twice is two
        (
            "hour",
            "Europe/Berlin",
            "2026-10-25T02:30:00+02:00",
            "2026-10-25T02:00:00+02:00",
            "2026-10-25T02:00:00+01:00",
        ),
        (
            "hour",
            "Europe/Berlin",
            "2026-10-25T02:30:00+01:00",
            "2026-10-25T02:00:00+01:00",
            "2026-10-25T03:00:00+01:00",
        ),
    ],
)
def test_a_period_is_what_the_wall_says(period: Period, zone: str, local: str, start: str, end: str) -> None:
    assert window(period, zone, local) == (start, end)


moments = st.integers(
    int(datetime(2009, 1, 1, tzinfo=UTC).timestamp()), int(datetime(2039, 1, 1, tzinfo=UTC).timestamp())
)


@settings(max_examples=400, deadline=None)
@given(moments, st.sampled_from(sorted(NAMES)), st.sampled_from(ZONES))
def test_a_day_or_more_is_all_the_seconds_that_have_its_name_and_no_others(
    time_s: int, period: Period, zone: str
) -> None:
    start_s, end_s = window_of(period, zone, time_s * 1_000_000)
    assert start_s <= time_s < end_s

    def name(at_s: int) -> object:
        return NAMES[period](datetime.fromtimestamp(at_s, ZoneInfo(zone)))

    span_s = end_s - start_s
    inside = [start_s, end_s - 1, *(start_s + span_s * step // 50 for step in range(50))]
    assert {name(at_s) for at_s in inside} == {name(time_s)}
    assert name(time_s) not in (name(start_s - 1), name(end_s))


@settings(max_examples=300, deadline=None)
@given(moments, st.sampled_from([zone for zone in ZONES if zone != "Australia/Lord_Howe"]))
def test_hours_follow_one_another_and_begin_with_the_hour_on_the_wall(time_s: int, zone: str) -> None:
    start_s, end_s = window_of("hour", zone, time_s * 1_000_000)
    assert start_s <= time_s < end_s == start_s + 3600
    assert datetime.fromtimestamp(start_s, ZoneInfo(zone)).minute == 0
    assert window_of("hour", zone, end_s * 1_000_000)[0] == end_s


@settings(max_examples=100, deadline=None)
@given(st.lists(moments, min_size=2, max_size=10), st.sampled_from(PERIODS), st.sampled_from(ZONES))
def test_the_window_that_is_kept_is_no_other_than_a_new_one(times_s: list[int], period: Period, zone: str) -> None:
    kept = Calendar(period, zone)
    for time_s in times_s:
        for time_us in (time_s * 1_000_000, time_s * 1_000_000 + 999_999):
            assert kept.window_us(time_us) == Calendar(period, zone).window_us(time_us)


def test_the_last_microsecond_of_a_period_is_in_it() -> None:
    midnight = datetime(2026, 6, 30, 16, tzinfo=UTC)
    end_us = int(midnight.timestamp()) * 1_000_000
    assert window_of("month", "Asia/Shanghai", end_us - 1)[1] == window_of("month", "Asia/Shanghai", end_us)[0]
    assert window_of("month", "Asia/Shanghai", end_us - 1)[1] == int(midnight.timestamp())
    assert timedelta(seconds=window_of("month", "Asia/Shanghai", end_us)[1] - int(midnight.timestamp())).days == 31
