"""The promise: one hundredth of the base an hour, key after key, is found on its first day; a declared bulk is not."""

from bench.scrapers import low_and_slow
from bench.traces import HOUR_US, World, at, dealer, walk_pages
from tests.unit.scraping.stage import Stage


def test_low_and_slow_from_the_first_day_is_found_within_a_day() -> None:
    stage, world = Stage(requests_per_day=20_000), World("slow", 20_000)
    begin_us = at(0, 9)
    calls = [call for call in low_and_slow(world, begin_us) if call.time_us < begin_us + 24 * HOUR_US]
    assert 0.2 < len(calls) / len(world.owned) < 0.3
    stage.play(calls)
    assert stage.detectors() >= {"sequential-keys", "distinct-subjects"}
    assert stage.findings[0].until_us < begin_us + 2 * HOUR_US


def nights(stage: Stage, first: int, last: int) -> None:
    """A dealer's days with everything it may read copied each night."""
    world = World("nightly", 5_000)
    for day in range(last):
        calls = dealer(world, day)
        if day >= first:
            calls += walk_pages(world, at(day, 2.1), 4_000_000)
        stage.play(sorted(calls, key=lambda call: call.time_us))


def test_a_nightly_bulk_that_the_agreement_declares_is_silent() -> None:
    stage = Stage(bulk_records=6_000)
    nights(stage, 0, 4)
    assert stage.findings == []


def test_the_same_bulk_undeclared_is_found_on_its_first_night_with_or_without_history() -> None:
    for first in (0, 14):
        stage = Stage()
        nights(stage, first, first + 1)
        assert "sequential-keys" in stage.detectors()
        assert stage.findings[0].until_us < at(first, 4)


def test_a_declared_bulk_begun_after_two_weeks_is_silent_as_well() -> None:
    stage = Stage(bulk_records=6_000)
    nights(stage, 14, 16)
    assert stage.findings == []


def test_what_exceeds_the_declared_records_counts_in_full() -> None:
    stage = Stage(bulk_records=2_000)
    nights(stage, 0, 1)
    assert {"sequential-keys"} <= stage.detectors()


def test_the_same_read_outside_of_the_declared_hours_counts_in_full() -> None:
    stage, world = Stage(bulk_records=6_000), World("daily", 5_000)
    stage.play(walk_pages(world, at(0, 4), 4_000_000))
    assert "sequential-keys" in stage.detectors()
