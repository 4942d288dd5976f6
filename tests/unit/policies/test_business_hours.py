"""A clock counts exactly the minutes that a person would count: open ones, and none that it is paused for."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from policies.business_hours import Clock
from policies.hours import FOREVER_US, Weekly

MINUTE_US = 60_000_000
ZONES = ("Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe")
# Around the changes of clocks of 2026 in both hemispheres, so that many drawn spans hold one.
STARTS = tuple(
    datetime(2026, month, day, 7, 13, tzinfo=UTC)
    for month, day in ((3, 6), (3, 27), (4, 3), (10, 2), (10, 24), (10, 31))
)


def us(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000


def local(text: str, zone: str = "Asia/Shanghai") -> int:
    return us(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)))


def weekly(from_hour: int = 9, until_hour: int = 18, zone: str = "Asia/Shanghai", *holidays: date) -> Weekly:
    return Weekly(frozenset(range(5)), from_hour * 60, until_hour * 60, zone, frozenset(holidays))


def counts(hours: Weekly | None, paused: tuple[tuple[int, int], ...], time_us: int) -> bool:
    """Whether a minute counts, as one reads it off a clock and a calendar; for hours that clocks do not change in."""
    if any(begun <= time_us < end for begun, end in paused):
        return False
    if hours is None:
        return True
    shown = datetime.fromtimestamp(time_us // 1_000_000, ZoneInfo(hours.zone))
    minute = shown.hour * 60 + shown.minute
    open_ = hours.from_minute <= minute < hours.until_minute
    return open_ and shown.weekday() in hours.days and shown.date() not in hours.holidays


def brute_force(clock: Clock, minutes: int) -> int:
    """The end of the last minute that is needed, found minute by minute."""
    at_us, left = clock.from_us, minutes
    while left:
        left -= counts(clock.weekly, clock.paused, at_us)
        at_us += MINUTE_US
    return at_us


@settings(max_examples=40)
@given(
    start=st.sampled_from(STARTS),
    later=st.integers(0, 4 * 1440),
    minutes=st.integers(1, 3 * 540),
    zone=st.sampled_from(ZONES),
    hours=st.sampled_from([(9, 18), (4, 23), (8, 12), None]),
    holiday=st.integers(0, 5),
    pauses=st.lists(st.tuples(st.integers(0, 6000), st.integers(1, 900)), max_size=3),
)
@example(STARTS[1], 0, 540, "Europe/Berlin", (9, 18), 9, [])
def test_a_deadline_is_where_counting_minute_by_minute_arrives(  # noqa: PLR0917 - what is drawn
    start: datetime,
    later: int,
    minutes: int,
    zone: str,
    hours: tuple[int, int] | None,
    holiday: int,
    pauses: list[tuple[int, int]],
) -> None:
    begin_us = us(start + timedelta(minutes=later))
    day = (start + timedelta(days=holiday)).date()
    paused = tuple((begin_us + at * MINUTE_US, begin_us + (at + long) * MINUTE_US) for at, long in pauses)
    clock = Clock(begin_us, None if hours is None else weekly(*hours, zone, day), paused)
    due_us = clock.after(minutes * MINUTE_US)
    assert due_us == brute_force(clock, minutes)
    assert clock.counted(due_us) == minutes * MINUTE_US
    assert clock.counted(due_us - 1) == minutes * MINUTE_US - 1


@pytest.mark.parametrize(
    ("reported", "hours", "due"),
    [
        ("2026-10-12T10:00", 4, "2026-10-12T14:00"),  # a Monday
        ("2026-10-12T16:00", 4, "2026-10-13T11:00"),
        ("2026-10-12T09:00", 9, "2026-10-12T18:00"),  # the closing, not the next opening
        ("2026-10-12T18:00", 1, "2026-10-13T10:00"),
        ("2026-10-12T03:00", 1, "2026-10-12T10:00"),
        ("2026-10-16T17:30", 1, "2026-10-19T09:30"),  # over a weekend
        ("2026-10-17T12:00", 9, "2026-10-19T18:00"),
        ("2026-10-08T17:00", 2, "2026-10-12T10:00"),  # over a holiday and a weekend
    ],
)
def test_deadlines_as_a_calendar_has_them(reported: str, hours: int, due: str) -> None:
    clock = Clock(local(reported), weekly(9, 18, "Asia/Shanghai", date(2026, 10, 9)))
    assert clock.after(hours * 60 * MINUTE_US) == local(due)


def test_hours_past_midnight_are_those_of_the_day_on_which_they_begin() -> None:
    night = Weekly(frozenset({4}), 22 * 60, 2 * 60, "Asia/Shanghai")  # Friday night, into Saturday
    clock = Clock(local("2026-10-16T12:00"), night)
    assert clock.after(3 * 60 * MINUTE_US) == local("2026-10-17T01:00")
    assert clock.after(5 * 60 * MINUTE_US) == local("2026-10-23T23:00")


def test_a_day_without_a_pause_that_clocks_change_in_is_as_long_as_it_is() -> None:
    everyday = Weekly(frozenset(range(7)), 0, 24 * 60, "Europe/Berlin")
    begin = local("2026-10-25T00:00", "Europe/Berlin")  # 25 hours long
    assert Clock(begin, everyday).counted(local("2026-10-26T00:00", "Europe/Berlin")) == 25 * 60 * MINUTE_US


def test_hours_that_never_come_are_no_deadline_and_no_endless_search() -> None:
    holidays = [date(2026, 10, 12) + timedelta(days=day) for day in range(366)]
    never = Weekly(frozenset({0}), 540, 600, "UTC", frozenset(holidays))
    assert Clock(local("2026-10-12T00:00", "UTC"), never).after(2 * 60 * MINUTE_US) < FOREVER_US  # a year later
    empty = Weekly(frozenset(), 540, 600, "UTC")
    assert Clock(0, empty).after(1) == FOREVER_US
    assert Clock(0, None, ((0, FOREVER_US),)).after(1) == FOREVER_US


def test_pauses_that_overlap_or_follow_each_other_count_once() -> None:
    paused = ((10, 20), (15, 30), (30, 40), (50, 50))
    clock = Clock(0, None, paused)
    assert [clock.after(amount) for amount in (0, 9, 10, 11, 25)] == [0, 9, 10, 41, 55]
    assert clock.counted(45) == 15
