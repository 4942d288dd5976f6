"""A rule raises when both windows burn, is over when data say so, and says nothing without data."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from gateway.alerts.burning import Events, budget_of, burn_rate, firing, is_over, month_budget, window_events
from gateway.alerts.rules import Rule
from tests.unit.alerts.traffic import FAST, METER, NOW_US, SLOW, Traffic

BUDGET = budget_of("99.9")


def fires(traffic: Traffic, rule: Rule = FAST, budget: Fraction = BUDGET) -> bool:
    return firing(rule, budget, traffic.counting(), NOW_US) is not None


def over(traffic: Traffic, rule: Rule = FAST, budget: Fraction = BUDGET) -> bool:
    return is_over(rule, budget, traffic.counting(), NOW_US)


def test_a_target_leaves_a_budget_and_a_rate_says_how_fast_it_goes() -> None:
    assert [budget_of(target) for target in ("99.9", "100", "95.0")] == [
        Fraction(1, 1000),
        Fraction(0),
        Fraction(1, 20),
    ]
    assert burn_rate(Events(1000, 999), BUDGET) == 1
    assert burn_rate(Events(1000, 900), BUDGET) == 100
    assert burn_rate(Events(0, 0), BUDGET) is None
    assert burn_rate(Events(10, 0), Fraction(0)) is None


def test_a_rate_above_the_factor_in_both_windows_raises_and_exactly_at_it_does_not() -> None:
    # 60 minutes of 1,000 calls; 14.4 times 0.1 percent of 60,000 is 864, of 5,000 it is 72
    at_it = Traffic().add(range(5), 1000, 14).add(range(1), 0, 2).add(range(5, 60), 1000, 14).add(range(9, 10), 0, 22)
    assert at_it.window(METER, NOW_US - 59 * 60_000_000, NOW_US + 60_000_000) == (60_000, 60_000 - 864)
    assert not fires(at_it)
    assert fires(Traffic().add(range(60), 1000, 15))


def test_what_is_over_raises_nothing_however_bad_the_hour_was() -> None:
    assert not fires(Traffic().add(range(6, 60), 1000, 500).add(range(5), 1000))


def test_what_has_only_begun_raises_nothing_until_the_hour_burns() -> None:
    assert not fires(Traffic().add(range(5), 1000, 20).add(range(5, 60), 1000))


def test_the_minute_that_runs_is_in_every_window() -> None:
    assert window_events(Traffic().add(range(1), 7, 2).counting(), FAST.short_us, NOW_US + 30_000_000) == Events(7, 5)


@pytest.mark.parametrize(
    ("calls", "bad", "raised"),
    [(99, 4, False), (99, 5, True), (99, 99, True), (100, 5, True), (100, 4, False), (5, 5, True), (4, 4, False)],
)
def test_with_few_calls_bad_ones_are_counted(calls: int, bad: int, raised: bool) -> None:
    assert fires(Traffic().add(range(1, 2), calls, bad)) is raised


def test_few_calls_that_keep_the_promise_raise_nothing() -> None:
    assert not fires(Traffic().add(range(1, 2), 60, 6), budget=budget_of("90"))
    assert fires(Traffic().add(range(1, 2), 60, 7), budget=budget_of("90"))


def test_without_a_count_of_bad_ones_few_calls_raise_nothing() -> None:
    assert not fires(Traffic().add(range(1, 2), 99, 99), structs.replace(FAST, bad_events=0))


def test_a_promise_of_all_calls_has_no_rate_and_counts_bad_ones() -> None:
    assert fires(Traffic().add(range(1, 2), 100_000, 5), budget=budget_of("100"))
    assert not fires(Traffic().add(range(1, 2), 100_000, 4), budget=budget_of("100"))
    assert not over(Traffic().add(range(5), 100_000, 1), budget=budget_of("100"))
    assert over(Traffic().add(range(5), 100_000), budget=budget_of("100"))


def test_good_calls_in_the_short_window_show_that_it_is_over() -> None:
    assert over(Traffic().add(range(5, 60), 1000, 500).add(range(5), 1000))
    assert over(Traffic().add(range(5, 60), 1000, 500).add(range(5), 1000, 14))


def test_missing_data_show_nothing() -> None:
    assert not over(Traffic())
    assert not over(Traffic().add(range(5, 60), 1000, 500))
    assert not over(Traffic().add(range(5, 60), 1000, 500).add(range(5), 1))


def test_what_still_burns_is_not_over_even_if_no_rule_would_raise_it_now() -> None:
    # the hour's rate has fallen below the factor, the short window's has not
    still = Traffic().add(range(5), 1000, 20).add(range(5, 60), 1000)
    assert not fires(still)
    assert not over(still)


def test_where_little_comes_the_last_calls_show_it_however_long_that_takes() -> None:
    quiet = Traffic().add(range(600, 606), 1, 1)
    assert not over(quiet)
    for minute in range(0, 300, 30):
        assert not over(quiet)
        quiet.add(range(minute, minute + 1), 1)
    assert over(quiet)


def test_few_calls_are_over_only_when_no_more_are_bad_than_promised() -> None:
    assert not over(Traffic().add(range(1), 50, 1))
    assert over(Traffic().add(range(1), 50, 0))


def test_nothing_bad_lately_is_found_with_one_look() -> None:
    healthy = Traffic().add(range(4320), 1)
    assert not fires(healthy, SLOW)
    assert healthy.asked == 1


CALLS = st.lists(st.tuples(st.integers(0, 89), st.integers(1, 400), st.integers(0, 400)), max_size=20)


@given(CALLS)
@settings(max_examples=50)
def test_nothing_is_raised_and_over_at_once_and_without_calls_nothing_is_over(
    calls: list[tuple[int, int, int]],
) -> None:
    traffic = Traffic()
    for minute, total, bad in calls:
        traffic.add(range(minute, minute + 1), total, min(bad, total))
    assert not (fires(traffic) and over(traffic))
    if over(traffic):
        assert sum(total for total, _ in traffic.minutes.values()) >= FAST.resolve_events
    if fires(traffic):
        assert any(total > good for total, good in traffic.minutes.values())


def test_a_month_is_used_up_by_the_clauses_own_measure() -> None:
    budget = month_budget("99.9", Fraction(9995, 10_000))
    assert (budget.consumed, budget.left) == (Fraction(1, 2), Fraction(1, 2))
    overdrawn = month_budget("99.9", Fraction(99, 100))
    assert (overdrawn.consumed, overdrawn.left) == (Fraction(10), Fraction(-9))
    assert month_budget("99.9", None).consumed is None
    assert month_budget("100", Fraction(1)).left is None
