"""Every rule exactly at its boundary, and just beyond it: that is where two readings of a contract part."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from policies.settling.facts import Excluded, Prior, Span
from policies.settling.schedule import (
    Priced,
    Raised,
    by_bands,
    by_count,
    by_delay,
    by_points,
    claim_by,
    price,
    started_periods,
)
from tests.unit.policies.settling import (
    AVAILABILITY,
    ERRORS,
    JANUARY,
    RESPONSE,
    SLICE,
    credit,
    facts,
    promise,
    settled,
)

DAY = timedelta(days=1)


def priced(amount: str, **schedule: Any) -> Priced:
    """What is left of an amount."""
    found = price(credit(percent=1, **schedule), Raised(amount=Fraction(amount)), facts())
    assert isinstance(found, Priced)
    return found


@pytest.mark.parametrize(
    ("comparison", "at_threshold", "beyond"),
    [
        ("below", "0", "25"),
        ("at_or_below", "25", "25"),
        ("above", "0", "25"),
        ("at_or_above", "25", "25"),
    ],
)
def test_a_share_exactly_at_a_threshold(comparison: str, at_threshold: str, beyond: str) -> None:
    schedule = credit(bands=[{comparison: "99.5", "percent": 25}])
    least = Fraction(1, 10**12) * (-1 if "below" in comparison else 1)
    assert by_bands(schedule, Fraction("99.5")).percent == Fraction(at_threshold)
    assert by_bands(schedule, Fraction("99.5") + least).percent == Fraction(beyond)
    assert by_bands(schedule, Fraction("99.5") - least).percent == 0


@pytest.mark.parametrize(("comparison", "at_threshold"), [("longer_than", 0), ("at_least", 5)])
def test_a_duration_exactly_at_a_threshold(comparison: str, at_threshold: int) -> None:
    schedule = credit(bands=[{comparison: "PT4H", "percent": 5}])
    microsecond = timedelta(microseconds=1)
    assert by_delay(schedule, timedelta(hours=4)).percent == at_threshold
    assert by_delay(schedule, timedelta(hours=4) + microsecond).percent == 5
    assert by_delay(schedule, timedelta(hours=4) - microsecond).percent == 0


def test_of_several_bands_the_worst_that_is_reached_counts_alone() -> None:
    schedule = credit(bands=[{"below": "99", "percent": 10}, {"below": "95", "percent": "12.5"}])
    assert by_bands(schedule, Fraction(98)).percent == 10
    assert by_bands(schedule, Fraction(95)).percent == 10
    assert by_bands(schedule, Fraction("94.999")).percent == Fraction("12.5")


@pytest.mark.parametrize(
    ("late", "unit", "periods"),
    [
        (timedelta(0), None, "0"),
        (timedelta(microseconds=1), None, "1"),
        (14 * DAY, None, "1"),
        (14 * DAY + timedelta(microseconds=1), None, "2"),
        (8 * DAY, 7 * DAY, "1"),
        (7 * DAY, 7 * DAY, "1/2"),
        (7 * DAY, timedelta(0), "1/2"),
        (timedelta(hours=1), timedelta(0), "1/336"),
    ],
)
def test_started_periods(late: timedelta, unit: timedelta | None, periods: str) -> None:
    assert started_periods(late, 14 * DAY, unit) == Fraction(periods)


def test_what_is_on_time_costs_nothing() -> None:
    assert by_delay(credit(per_started="P1D", percent=1), timedelta(0)) == Raised()
    assert by_count(credit(amount="5"), 0) == Raised()
    assert by_points(credit(per_points="1", percent=1), Fraction(0)) == Raised()


@pytest.mark.parametrize(("short", "percent"), [("0.0001", 2), ("0.1", 2), ("0.1001", 4), ("1", 20)])
def test_a_begun_step_of_percentage_points_counts_whole(short: str, percent: int) -> None:
    assert by_points(credit(per_points="0.1", percent=2), Fraction(short)).percent == percent


@pytest.mark.parametrize(
    ("amount", "schedule", "paid"),
    [
        ("1.00", {"minimum_exclusive": "1.00"}, "0.00"),
        ("1.01", {"minimum_exclusive": "1.00"}, "1.01"),
        ("1.00", {"minimum": "1.00"}, "1.00"),
        ("0.99", {"minimum": "1.00"}, "0.00"),
        ("1.004", {"minimum_exclusive": "1.00"}, "1.00"),  # it exceeds the minimum before it is rounded
        ("0.996", {"minimum": "1.00"}, "0.00"),  # and does not reach it by being rounded
        ("2.345", {}, "2.34"),
        ("2.355", {}, "2.36"),
        ("2.3450001", {}, "2.35"),
        ("2.345", {"rounding": "half_up"}, "2.35"),
        ("2.349", {"rounding": "down"}, "2.34"),
        ("2.5", {"decimals": 0}, "2"),
        ("3.5", {"decimals": 0}, "4"),
        ("1.2345", {"decimals": 3}, "1.234"),
        ("50", {"cap_amount": "50"}, "50.00"),
        ("50.01", {"cap_amount": "50"}, "50.00"),
        ("99999999999.99", {}, "99999999999.99"),
    ],
)
def test_minimum_caps_and_rounding(amount: str, schedule: dict[str, Any], paid: str) -> None:
    assert f"{priced(amount, **schedule).credit:f}" == paid


def test_a_cap_is_named_only_when_it_made_the_credit_smaller() -> None:
    assert priced("50", cap_amount="50").capped_by == ""
    assert priced("50.000001", cap_amount="50").capped_by == "cap_amount"
    assert priced("60", cap_amount="50", cap_percent=4).capped_by == "cap_percent"  # 4 % of 1000, the smallest
    assert priced("60", cap_amount="50", cap_percent=5).capped_by == "cap_percent"  # equal: the one that came first
    assert priced("1", minimum="2").capped_by == ""


def test_the_minimum_looks_at_what_a_cap_has_left() -> None:
    assert priced("100", cap_amount="0.50", minimum_exclusive="0.50").credit == 0
    assert priced("100", cap_amount="0.51", minimum_exclusive="0.50").credit == Decimal("0.51")


def test_an_amount_is_rounded_once_and_not_at_each_step() -> None:
    """A third of a month's fee of 0.05 is 0.01666…; three of them would be 0.06 if each were rounded."""
    schedule = credit(per_started="P3D", started_unit="PT0S", percent=100)
    raised = [by_delay(schedule, DAY) for _ in range(3)]
    total = Raised(percent=sum((each.percent for each in raised), Fraction(0)))
    found = price(schedule, total, facts(fee=Decimal("0.05")))
    assert isinstance(found, Priced)
    assert found.credit == Decimal("0.05")


@pytest.mark.parametrize(
    ("month", "left"),
    [("2025-02", "8.00"), ("2025-01", "10.00"), ("2025-12", "8.00")],
)
def test_twelve_months_are_this_one_and_the_eleven_before(month: str, left: str) -> None:
    schedule = credit(percent=50, cap_12_months_amount="10")
    found = price(schedule, Raised(percent=Fraction(50)), facts(prior=(Prior(month, Decimal(0), Decimal(2)),)))
    assert isinstance(found, Priced)
    assert f"{found.credit}" == left


@pytest.mark.parametrize(
    ("within", "zone", "end", "last"),
    [
        ("P2M", "UTC", datetime(2026, 2, 1, tzinfo=UTC), date(2026, 3, 31)),
        ("P1M", "UTC", datetime(2026, 2, 1, tzinfo=UTC), date(2026, 2, 28)),
        ("P12M", "UTC", datetime(2026, 12, 1, tzinfo=UTC), date(2027, 11, 30)),
        ("P1M", "UTC", datetime(2026, 1, 31, tzinfo=UTC), date(2026, 2, 27)),
        ("P30D", "UTC", datetime(2026, 2, 1, tzinfo=UTC), date(2026, 3, 2)),
        ("P1D", "Asia/Shanghai", datetime(2026, 1, 31, 16, tzinfo=UTC), date(2026, 2, 1)),
        ("P2M", "America/New_York", datetime(2026, 2, 1, 5, tzinfo=UTC), date(2026, 3, 31)),
    ],
)
def test_the_last_day_to_claim(within: str, zone: str, end: datetime, last: date) -> None:
    assert claim_by(credit(percent=1, claim_within=within), facts(to=end, zone=zone)) == last


def test_exactly_the_target_is_met() -> None:
    assert settled(promise(AVAILABILITY), facts((0, 100, 99))).verdict == "met"
    assert settled(promise(AVAILABILITY), facts((0, 10**9, 99 * 10**7 - 1))).verdict == "missed"
    assert settled(promise(ERRORS, empty_slice="ignore"), facts((0, 100, 99))).verdict == "met"
    assert settled(promise(ERRORS, empty_slice="ignore"), facts((0, 10**9, 99 * 10**7 - 1))).verdict == "missed"


def test_what_is_measured_never_reads_as_a_hit_when_it_is_a_miss() -> None:
    missed = facts((0, 10**9, 99 * 10**7 - 1))
    assert settled(promise(AVAILABILITY), missed).measured == "98.999999"
    assert settled(promise(ERRORS, empty_slice="ignore"), missed).measured == "1.000001"


def test_with_one_call_less_than_the_least_a_window_is_not_judged() -> None:
    clause = promise(AVAILABILITY, requests_min=100)
    assert settled(clause, facts((0, 99, 0))).verdict == "unknown"
    assert settled(clause, facts((0, 100, 0))).verdict == "missed"
    excluded = facts((0, 100, 0))
    (slice_,) = excluded.slices or ()
    fewer = facts(slices=(type(slice_)(slice_.start, 101, 0, 2),))
    assert settled(clause, fewer).verdict == "unknown", "excluded calls do not count"


@pytest.mark.parametrize(("rule", "measured"), [("bad", "50.000000"), ("good", "100.000000"), ("ignore", None)])
def test_a_slice_without_calls_while_the_gateway_was_away(rule: str, measured: str | None) -> None:
    """Two slices: nobody called, and in the second the gateway was away for a single minute."""
    clause = promise(AVAILABILITY, empty_slice="good" if rule != "ignore" else "ignore", missing_slice=rule)
    minute = JANUARY + SLICE + timedelta(minutes=4)
    given = facts(to=JANUARY + 2 * SLICE, missing=(Span(minute, minute + timedelta(minutes=1)),))
    assert settled(clause, given).measured == measured


def test_an_announced_window_takes_absence_away_minute_by_minute() -> None:
    clause = promise(AVAILABILITY, empty_slice="good", exclude=["announced_maintenance"])
    away = Span(JANUARY, JANUARY + SLICE)
    whole = Excluded(JANUARY, JANUARY + SLICE, "announced_maintenance")
    short = Excluded(JANUARY, JANUARY + timedelta(minutes=4), "announced_maintenance")
    other = Excluded(JANUARY, JANUARY + SLICE, "force_majeure")
    end = JANUARY + 2 * SLICE
    assert settled(clause, facts(to=end, missing=(away,), excluded=(whole,))).measured == "100.000000"
    assert settled(clause, facts(to=end, missing=(away,), excluded=(short,))).measured == "50.000000"
    assert settled(clause, facts(to=end, missing=(away,), excluded=(other,))).measured == "50.000000"


def test_the_last_slice_of_a_window_may_be_short_and_is_a_slice() -> None:
    clause = promise(AVAILABILITY, empty_slice="good")
    assert settled(clause, facts((1, 1, 0), to=JANUARY + SLICE + timedelta(minutes=1))).measured == "50.000000"
    down = promise(AVAILABILITY, empty_slice="good", method="downtime", bad_slice="errors > 0")
    assert settled(down, facts((1, 1, 0), to=JANUARY + SLICE + timedelta(minutes=1))).measured == "83.333333"


@pytest.mark.parametrize(("bad", "verdict"), [("errors > 10", "met"), ("errors >= 10", "missed")])
@pytest.mark.parametrize("opposite", [False, True])
def test_a_slice_exactly_at_its_threshold(bad: str, verdict: str, *, opposite: bool) -> None:
    rule = {"errors > 10": "good < 90", "errors >= 10": "good <= 90"}[bad] if opposite else bad
    clause = promise(AVAILABILITY, method="downtime", bad_slice=rule)
    assert settled(clause, facts((0, 100, 90))).verdict == verdict


@pytest.mark.parametrize(("slices", "measured"), [(2, "100.000000"), (3, "99.966397")])
def test_a_run_exactly_as_long_as_the_least_is_downtime(slices: int, measured: str) -> None:
    clause = promise(AVAILABILITY, empty_slice="good", method="downtime", bad_slice="errors > 0", run_min="PT15M")
    assert settled(clause, facts(*((number, 1, 0) for number in range(slices)))).measured == measured


def test_of_all_answers_in_time_none_may_take_a_microsecond_longer() -> None:
    clause = promise(RESPONSE, share="50")
    assert settled(clause, facts(slices=None, durations_s=(Decimal("0.5"), Decimal(9)))).verdict == "met"
    assert settled(clause, facts(slices=None, durations_s=(Decimal("0.500001"), Decimal(9)))).verdict == "missed"


@pytest.mark.parametrize(
    ("percentile", "count", "seconds"),
    [("95", 20, "19.000000"), ("95", 21, "20.000000"), ("100", 20, "20.000000"), ("0.1", 20, "1.000000")],
)
def test_a_percentile_is_the_one_of_nearest_rank(percentile: str, count: int, seconds: str) -> None:
    clause = promise(RESPONSE, percentile=percentile)
    durations = tuple(Decimal(number) for number in range(count, 0, -1))
    assert settled(clause, facts(slices=None, durations_s=durations)).measured == seconds


def test_an_answer_that_is_no_good_took_for_ever() -> None:
    clause = promise(RESPONSE, percentile="50")
    half = facts((0, 4, 2), durations_s=(Decimal("0.1"), Decimal("0.2")))
    fewer = facts((0, 5, 2), durations_s=(Decimal("0.1"), Decimal("0.2")))
    assert (settled(clause, half).verdict, settled(clause, half).measured) == ("met", "0.200000")
    assert (settled(clause, fewer).verdict, settled(clause, fewer).measured) == ("missed", "0.500001")


def test_a_day_on_which_clocks_change_has_as_many_slices_as_it_lasts() -> None:
    """Hours of 29 March 2026 in Berlin: 23 of them."""
    clause = promise(AVAILABILITY, empty_slice="good", slice="PT1H")
    begin, end = datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 3, 29, 22, tzinfo=UTC)
    found = settled(clause, facts(from_=begin, to=end, zone="Europe/Berlin"))
    assert {figure.name: figure.value for figure in found.figures}["slices"] == "23"
