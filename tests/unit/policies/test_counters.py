"""Limits are exact: never exceeded in any window, never charged for a refusal, decided together."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from policies.clause import ClauseRef, Limit
from policies.counters import Counters

SECOND_NS = 1_000_000_000


class Clock:
    """A monotonic clock that moves when told."""

    def __init__(self) -> None:
        self.now_ns = 5 * SECOND_NS

    def __call__(self) -> int:
        return self.now_ns


def limit(count: int, window_s: int = 60, burst: int | None = None, clause: str = "4.1") -> Limit:
    ref = ClauseRef("a", "1.0.0", clause, "rate_limit", {"zh": "", "en": ""})
    return Limit(ref, clause, "partner", count, window_s * SECOND_NS, burst or count, "refuse")


def test_a_burst_is_admitted_and_the_next_call_is_told_how_long_to_wait() -> None:
    clock = Clock()
    counters = Counters(clock)
    held = limit(600, 60, burst=60)
    decisions = [counters.decide([("k", held)]) for _ in range(61)]
    assert [decision.bound for decision in decisions] == [None] * 60 + [held]
    assert decisions[-1].wait_ns == SECOND_NS // 10
    clock.now_ns += decisions[-1].wait_ns
    assert counters.decide([("k", held)]).bound is None


def test_the_whole_limit_can_be_used_in_a_window_and_not_one_call_more() -> None:
    clock = Clock()
    counters = Counters(clock)
    held = limit(600, 60, burst=60)
    admitted = 0
    for _ in range(6000):  # a call every 10 ms for a minute
        admitted += counters.decide([("k", held)]).bound is None
        clock.now_ns += SECOND_NS // 100
    assert admitted == 600


def test_a_refused_call_is_not_charged() -> None:
    clock = Clock()
    counters = Counters(clock)
    held = limit(2, 10)
    for _ in range(2):
        counters.decide([("k", held)])
    for _ in range(1000):
        assert counters.decide([("k", held)]).bound is held
    clock.now_ns += 10 * SECOND_NS
    assert counters.decide([("k", held)]).bound is None


def test_a_call_that_one_limit_refuses_is_charged_to_none() -> None:
    counters = Counters(Clock())
    wide, narrow = limit(10, clause="wide"), limit(1, clause="narrow")
    assert counters.decide([("wide", wide), ("narrow", narrow)]).bound is None
    for _ in range(5):
        assert counters.decide([("wide", wide), ("narrow", narrow)]).bound is narrow
    assert counters.used("wide", wide) == 1


def test_the_limit_with_the_longest_wait_is_the_one_that_binds() -> None:
    counters = Counters(Clock())
    minute, hour = limit(1, 60, clause="minute"), limit(1, 3600, clause="hour")
    charges = [("minute", minute), ("hour", hour)]
    counters.decide(charges)
    decision = counters.decide(charges)
    assert decision.bound is hour
    assert decision.wait_ns == 3600 * SECOND_NS


def test_counters_of_different_keys_do_not_know_each_other() -> None:
    counters = Counters(Clock())
    held = limit(1)
    assert counters.decide([("a", held)]).bound is None
    assert counters.decide([("b", held)]).bound is None


def test_a_reload_that_changes_the_limit_keeps_what_is_used() -> None:
    clock = Clock()
    counters = Counters(clock)
    for _ in range(50):
        counters.decide([("k", limit(100))])
    assert counters.decide([("k", limit(50))]).bound is not None
    decision = counters.decide([("k", limit(60))])
    assert decision.bound is None
    assert decision.standings[0].remaining == 9
    clock.now_ns += 60 * SECOND_NS
    assert counters.used("k", limit(60)) == 0


schedules = st.lists(st.integers(0, 3 * SECOND_NS), min_size=1, max_size=200)


@settings(max_examples=300, deadline=None)
@given(schedules, st.integers(1, 20), st.integers(1, 5), st.data())
def test_no_window_ever_holds_more_than_the_limit_nor_an_instant_more_than_the_burst(
    gaps_ns: list[int], count: int, window_s: int, data: st.DataObject
) -> None:
    burst = data.draw(st.integers(1, count))
    clock = Clock()
    counters = Counters(clock)
    held = limit(count, window_s, burst)
    admitted_ns: list[int] = []
    for gap_ns in gaps_ns:
        clock.now_ns += gap_ns
        decision = counters.decide([("k", held)])
        if decision.bound is None:
            admitted_ns.append(clock.now_ns)
        else:
            assert decision.wait_ns > 0
    assert all(later >= earlier for earlier, later in pairwise(admitted_ns))
    for index, first_ns in enumerate(admitted_ns):
        within = [at for at in admitted_ns[index:] if at < first_ns + window_s * SECOND_NS]
        assert len(within) <= count
        assert admitted_ns.count(first_ns) <= burst


@settings(max_examples=200, deadline=None)
@given(schedules, st.integers(1, 20), st.integers(1, 5))
def test_whoever_waits_as_told_is_admitted(gaps_ns: list[int], count: int, window_s: int) -> None:
    clock = Clock()
    counters = Counters(clock)
    held = limit(count, window_s, burst=max(1, count // 2))
    for gap_ns in gaps_ns:
        clock.now_ns += gap_ns
        decision = counters.decide([("k", held)])
        if decision.bound is not None:
            clock.now_ns += decision.wait_ns - 1
            assert counters.decide([("k", held)]).bound is not None
            clock.now_ns += 1
            assert counters.decide([("k", held)]).bound is None
