"""Percentiles for display are as close to the exact ones as is said, and the same whether counted live or later."""

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.sla.latencies import (
    LATENCY_MAX_US,
    RELATIVE_ERROR,
    count_latency,
    no_latencies,
    pack_latencies,
    sketch_of,
    unpack_latencies,
)
from gateway.sla.tally import Tally
from tests.unit.sla.hub import NOON_S, contract_of, exchange, plan_of, plans_of

SHARES = (0.5, 0.95, 0.99)
latencies = st.lists(st.one_of(st.integers(0, 200), st.integers(0, LATENCY_MAX_US)), min_size=1, max_size=200)


def exact(found: list[int], share: float) -> int:
    """The latency of the rank that a sketch gives for a share."""
    return sorted(found)[int(share * (len(found) - 1))]


@settings(max_examples=50, deadline=None)
@given(latencies)
def test_no_percentile_is_further_from_the_exact_one_than_is_said(found: list[int]) -> None:
    buckets = [no_latencies(), no_latencies()]
    for number, latency_us in enumerate(found):
        count_latency(buckets[number % 2], latency_us)
    sketch = sketch_of(buckets)
    assert sketch.count == len(found)
    for share in SHARES:
        right, shown = exact(found, share), sketch.get_quantile_value(share)
        assert shown is not None
        assert abs(shown - right) <= right * float(RELATIVE_ERROR) + 1e-6


def test_what_takes_longer_than_can_be_told_apart_counts_as_the_longest() -> None:
    buckets = no_latencies()
    count_latency(buckets, LATENCY_MAX_US + 1)
    count_latency(buckets, 1 << 60)
    assert buckets[-1] == 2


def test_what_a_wrong_clock_measured_counts_as_the_shortest() -> None:
    buckets = no_latencies()
    for latency_us in (-1, -(10**12), 0):
        count_latency(buckets, latency_us)
    assert (buckets[0], sum(buckets)) == (3, 3)


def test_packed_latencies_are_the_same() -> None:
    buckets = no_latencies()
    for latency_us in (0, 63, 64, 80_000, LATENCY_MAX_US):
        count_latency(buckets, latency_us)
    assert unpack_latencies(pack_latencies(buckets)) == buckets


def test_good_answers_of_a_day_are_counted_also_when_they_come_after_it_was_packed() -> None:
    plans = plans_of()
    tally, plan, day_s = Tally(plans), plan_of(plans), 86_400
    for days_ago in (5, 4, 2, 1, 0, 4):
        tally.add(exchange(plan, NOON_S - days_ago * day_s, latency_us=1_000))
        tally.add(exchange(plan, NOON_S - days_ago * day_s, latency_us=9_000, status=502))
    account = tally.of(contract_of(plans))
    assert account is not None
    today = account.local_day(NOON_S * 1_000_000).ordinal
    assert [sum(sum(day) for day in account.took(today - ago, today - ago, writes=0)) for ago in range(6)] == [
        *(1, 1, 1, 0, 2, 1),
    ]
    assert account.took(today - 5, today, writes=1) == []
