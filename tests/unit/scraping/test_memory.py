"""What is remembered is bounded, and what is older than it says is forgotten."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from gateway.scraping.course import Course, spread
from gateway.scraping.remembered import GENERATION, GENERATION_DAYS, Remembered
from gateway.scraping.rolling import Days, Rolling
from gateway.scraping.seen import HOUR_US, Local, local

HOUR = 24 * 739_000


def at(hour: int) -> Local:
    return Local(hour // 24, hour % 24 * 60)


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(1, 9)), max_size=60))
def test_a_rolling_count_is_that_of_the_last_24_hours(calls: list[tuple[int, int]]) -> None:
    rolling = Rolling()
    calls.sort()
    for hour, amount in calls:
        rolling.add(hour * HOUR_US, amount)
    now = calls[-1][0] if calls else 0
    assert rolling.total(now * HOUR_US) == sum(amount for hour, amount in calls if hour > now - 24)


def test_a_rolling_count_knows_in_how_many_hours_there_was_enough() -> None:
    rolling = Rolling()
    for hour, amount in ((1, 3), (2, 2), (2, 2), (5, 1)):
        rolling.add(hour * HOUR_US, amount)
    assert rolling.hours(5 * HOUR_US, 3) == 2
    assert rolling.hours(26 * HOUR_US, 3) == 0


def test_days_that_are_over_are_what_is_usual() -> None:
    days = Days()
    for day, amount in ((10, 5), (11, 7), (14, 100)):
        days.add(day, amount)
    assert (len(days), days.usual(), days.busiest(), days.today) == (2, 6, 7, 100)


@given(st.lists(st.tuples(st.integers(0, 4_000), st.integers(0, 50)), max_size=80))
def test_the_course_of_use_keeps_nine_weeks_by_the_hour(calls: list[tuple[int, int]]) -> None:
    course = Course()
    calls.sort()
    for hour, records in calls:
        course.add(at(HOUR + hour), records)
    last = calls[-1][0] if calls else 0
    for hour in range(max(0, last - 9 * 168 + 1), last + 1):
        assert course.records(HOUR + hour) == sum(records for each, records in calls if each == hour)
        assert course.calls(HOUR + hour) == sum(each == hour for each, _ in calls)
    assert course.calls(HOUR + last - 9 * 168) == 0
    assert course.calls(HOUR + last + 1) == 0


def test_one_odd_week_moves_neither_median_nor_deviation() -> None:
    assert spread([10, 11, 9, 10, 5_000]) == (10, 1.4826)


def test_a_text_is_known_for_two_days_at_least_and_forgotten_after_four() -> None:
    remembered = Remembered()
    assert remembered.meet("SHP-1", 100)
    assert not remembered.meet("SHP-1", 101)
    assert not remembered.meet("SHP-1", 100 + GENERATION_DAYS)
    assert remembered.meet("SHP-1", 100 + 4 * GENERATION_DAYS)


def test_of_many_texts_the_last_ones_are_known_and_few_new_ones_pass_for_old() -> None:
    remembered = Remembered()
    new = sum(remembered.meet(f"SHP-{number}", 100) for number in range(4 * GENERATION))
    assert new > 0.97 * 4 * GENERATION
    assert not any(remembered.meet(f"SHP-{number}", 100) for number in range(3 * GENERATION + 1, 4 * GENERATION))


@given(st.integers(1_750_000_000, 1_800_000_000), st.sampled_from(["Asia/Shanghai", "Europe/Berlin", "Asia/Kathmandu"]))
def test_local_time_is_that_of_the_zone(second: int, name: str) -> None:
    expected = datetime.fromtimestamp(second, UTC).astimezone(ZoneInfo(name))
    found = local(second * 1_000_000, ZoneInfo(name))
    assert (found.date, found.hour, found.minute % 60) == (expected.date(), expected.hour, expected.minute)
    assert found.weekday == expected.weekday()


def test_a_call_that_is_older_than_all_that_is_kept_is_not_counted() -> None:
    course = Course()
    for hour in (HOUR, HOUR - 9 * 168, HOUR - 1):
        course.add(at(hour), 1)
    assert (course.calls(HOUR), course.calls(HOUR - 1), course.calls(HOUR - 9 * 168)) == (1, 1, 0)
