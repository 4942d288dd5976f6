"""A declared bulk read is no scraping: on its days, within its minutes, up to its records."""

from msgspec.structs import replace

from bench.traces import HOUR_US, ZONE, at
from gateway.scraping.declared import Declared, span_day
from policies.clause import Bulk
from policies.reference import ClauseRef

BULK = Bulk(ClauseRef("a", "1", "8.1", "bulk_sync", {}), frozenset({0, 4}), 22 * 60, 3 * 60, 1_000, ZONE)
MONDAY, TUESDAY, FRIDAY, SATURDAY = 0, 1, 4, 5


def covers(declared: Declared, day: int, hour: float, records: int) -> bool:
    return declared.covers("a", (BULK,), at(day, hour), records)


def test_a_span_past_midnight_belongs_to_the_day_on_which_it_begins() -> None:
    assert span_day(BULK, at(MONDAY, 23)) == span_day(BULK, at(TUESDAY, 2.9))
    assert span_day(BULK, at(TUESDAY, 23)) is None
    assert span_day(BULK, at(FRIDAY, 22)) == span_day(BULK, at(SATURDAY, 0))
    assert span_day(BULK, at(MONDAY, 2)) is None, "Sunday is none of its days"


def test_the_first_minute_is_in_the_span_and_the_last_is_not() -> None:
    assert span_day(BULK, at(MONDAY, 22)) is not None
    assert span_day(BULK, at(MONDAY, 22) - 1) is None
    assert span_day(BULK, at(TUESDAY, 3) - 1) is not None
    assert span_day(BULK, at(TUESDAY, 3)) is None


def test_a_span_within_a_day_ends_on_it() -> None:
    morning = replace(BULK, from_minute=120, until_minute=240)
    assert span_day(morning, at(MONDAY, 3.99)) is not None
    assert span_day(morning, at(MONDAY, 4)) is None
    assert span_day(morning, at(TUESDAY, 3)) is None


def test_up_to_the_declared_records_it_covers_and_beyond_nothing() -> None:
    declared = Declared()
    assert covers(declared, MONDAY, 22, 600)
    assert covers(declared, TUESDAY, 1, 400)
    assert not covers(declared, TUESDAY, 1.1, 1)
    assert not covers(declared, TUESDAY, 1.2, 0)


def test_each_span_has_its_own_records_and_so_has_each_agreement() -> None:
    declared = Declared()
    assert covers(declared, MONDAY, 22, 1_000)
    assert not covers(declared, MONDAY, 22.1, 1_000)
    assert covers(declared, FRIDAY, 22, 1_000)
    assert declared.covers("b", (BULK,), at(FRIDAY, 22.1), 1_000)


def test_an_answer_without_records_counts_as_one() -> None:
    declared = Declared()
    assert sum(covers(declared, MONDAY, 22, 0) for _ in range(1_100)) == 1_000


def test_outside_of_it_nothing_is_covered_nor_counted() -> None:
    declared = Declared()
    assert not covers(declared, MONDAY, 21, 500)
    assert covers(declared, MONDAY, 22, 1_000)


def test_spans_follow_the_clocks_of_the_zone() -> None:
    berlin = replace(BULK, days=frozenset(range(7)), from_minute=120, until_minute=240, zone="Europe/Berlin")
    one_utc_us = 1_774_746_000_000_000  # 2026-03-29 01:00 UTC, when clocks there go from 2 to 3
    assert span_day(berlin, one_utc_us) is not None
    assert span_day(berlin, one_utc_us + HOUR_US) is None
