"""Rates are exact: never exceeded in any window, never charged for a refusal, and kept through a reload."""

import tracemalloc
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from policies.limit import Charge, Moment
from tests.unit.policies.limits import SECOND_NS, Desk, call, rate


def test_a_burst_is_admitted_and_the_next_call_is_told_how_long_to_wait() -> None:
    desk = Desk()
    held = rate(600, 60, burst=60)
    decisions = [desk.decide(call(held)) for _ in range(61)]
    assert [decision.bound for decision in decisions] == [None] * 60 + [held]
    assert decisions[-1].wait_ns == SECOND_NS // 10
    desk.wait(decisions[-1].wait_ns)
    assert desk.admits(held)


def test_the_whole_limit_can_be_used_in_a_window_and_not_one_call_more() -> None:
    desk = Desk()
    held = rate(600, 60, burst=60)
    admitted = 0
    for _ in range(6000):  # a call every 10 ms for a minute
        admitted += desk.admits(held)
        desk.wait(SECOND_NS // 100)
    assert admitted == 600


def test_a_refused_call_is_not_charged() -> None:
    desk = Desk()
    held = rate(2, 10)
    assert [desk.admits(held) for _ in range(1000)] == [True, True] + [False] * 998
    desk.wait(10 * SECOND_NS)
    assert desk.admits(held)


def test_a_call_that_one_limit_refuses_is_charged_to_none() -> None:
    desk = Desk()
    wide, narrow = rate(10, clause="wide"), rate(1, clause="narrow")
    assert desk.admits(wide, narrow)
    for _ in range(5):
        decision = desk.decide(call(wide, narrow))
        assert decision.bound is narrow
        assert [standing.remaining for standing in decision.standings] == [9, 0]
    assert desk.left(wide) == 9


def test_the_limit_with_the_longest_wait_is_the_one_that_binds() -> None:
    desk = Desk()
    minute, hour = rate(1, 60, clause="minute"), rate(1, 3600, clause="hour")
    desk.admits(minute, hour)
    for order in ((minute, hour), (hour, minute)):
        decision = desk.decide(call(*order))
        assert (decision.bound, decision.wait_ns) == (hour, 3600 * SECOND_NS)


def test_a_call_that_weighs_more_waits_until_so_much_has_left_the_window() -> None:
    desk = Desk()
    held = rate(10, 60)
    for cost in (2, 3, 5):
        assert desk.decide([Charge(held.key, held, cost)]).bound is None
        desk.wait(SECOND_NS)
    waits = [desk.decide([Charge(held.key, held, cost)]).wait_ns // SECOND_NS for cost in (1, 2, 3, 5, 6, 10)]
    # GCRA asks for 6 seconds a unit, less the 3 that have passed; the window for the calls at 0, 1 and 2 seconds
    assert waits == [57, 57, 58, 58, 59, 59]


def test_a_call_that_weighs_more_than_may_ever_be_charged_is_refused_at_any_time() -> None:
    desk = Desk()
    for held in (rate(3, 60), rate(10, 60, burst=3)):
        decision = desk.decide([Charge(held.key, held, 4)])
        assert (decision.bound, decision.wait_ns) == (held, 60 * SECOND_NS)


def test_a_limit_that_only_watches_lets_pass_counts_what_fits_and_says_what_did_not() -> None:
    desk = Desk()
    watching, other = rate(2, clause="watching", enforce="observe"), rate(10, clause="other")
    decisions = [desk.decide(call(watching, other)) for _ in range(5)]
    assert [decision.bound for decision in decisions] == [None] * 5
    assert [decision.observed for decision in decisions] == [(), (), (watching,), (watching,), (watching,)]
    assert [standing.remaining for standing in decisions[-1].standings] == [0, 5]
    desk.wait(60 * SECOND_NS)
    assert desk.decide(call(watching, other)).observed == ()


def test_a_refusal_names_also_those_that_watch_and_charges_neither() -> None:
    desk = Desk()
    watching, refusing = rate(1, clause="watching", enforce="observe"), rate(1, clause="refusing")
    desk.admits(watching, refusing)
    decision = desk.decide(call(watching, refusing))
    assert (decision.bound, decision.observed) == (refusing, (watching,))


def test_counters_of_different_keys_do_not_know_each_other() -> None:
    desk = Desk()
    assert desk.admits(rate(1, key="a"))
    assert desk.admits(rate(1, key="b"))
    assert not desk.admits(rate(1, key="a"))


def test_a_reload_that_changes_the_limit_keeps_what_is_used() -> None:
    desk = Desk()
    for _ in range(50):
        assert desk.admits(rate(100))
    assert not desk.admits(rate(50))
    decision = desk.decide(call(rate(60)))
    assert decision.bound is None
    assert decision.standings[0].remaining == 9
    desk.wait(60 * SECOND_NS)
    assert desk.left(rate(60)) == 60


def test_a_reload_that_changes_window_and_burst_keeps_what_is_used() -> None:
    desk = Desk()
    for _ in range(5):
        desk.admits(rate(10, 60))
    desk.wait(10 * SECOND_NS)
    assert not desk.admits(rate(10, 60, burst=1))
    assert desk.left(rate(10, 5)) == 10  # only asked: the minute's calls stay
    assert [desk.admits(rate(6, 60)) for _ in range(2)] == [True, False]
    desk.wait(45 * SECOND_NS)
    assert desk.left(rate(6, 60)) == 0
    assert desk.admits(rate(10, 5))
    assert desk.left(rate(6, 60)) == 5  # decided by: what has left the shorter window is not remembered


def test_who_was_refused_before_a_reload_is_told_the_new_wait_after_it() -> None:
    desk = Desk()
    for _ in range(2):
        assert desk.admits(rate(2, 60))
    waits = [desk.decide(call(held)).wait_ns // SECOND_NS for held in (rate(2, 60), rate(2, 120), rate(2, 90))]
    assert waits == [60, 120, 90]


def test_asking_how_limits_stand_charges_nothing_and_needs_no_counter() -> None:
    desk = Desk()
    held = rate(2)
    assert [desk.left(held) for _ in range(5)] == [2] * 5
    desk.admits(held)
    assert [(standing.remaining, standing.reset_ns) for standing in desk.stands(held)] == [(1, 60 * SECOND_NS)]


async def test_the_engine_answers_as_a_limiter_does() -> None:
    desk = Desk()
    held = rate(2)
    decision = await desk.counters.decide(call(held), desk.moment)
    assert (decision.bound, decision.wait_ns, decision.standings[0].remaining) == (None, 0, 1)
    assert await desk.counters.standings(call(held), desk.moment) == desk.stands(held)


def test_a_monotonic_clock_that_goes_back_all_the_same_gives_nothing_away() -> None:
    desk = Desk()
    held = rate(2, 10)
    desk.admits(held)
    desk.now_ns -= 4 * SECOND_NS
    assert desk.admits(held)
    assert not desk.admits(held)
    desk.now_ns += 10 * SECOND_NS  # the second call counts from the time that was reached before it
    assert not desk.admits(held)


def test_the_charges_of_a_plan_may_be_the_same_tuple_each_time_or_others_that_say_the_same() -> None:
    desk = Desk()
    held = rate(4)
    kept = call(held)
    assert [desk.decide(charges).bound for charges in (kept, call(held), kept, list(kept), kept)] == [None] * 4 + [held]


def test_counters_of_clients_that_are_gone_are_dropped() -> None:
    desk = Desk()
    for number in range(20_000):
        desk.admits(rate(10, 1, key=f"client-{number}"))
        desk.wait(SECOND_NS // 10)
    assert desk.counters.size < 500


def test_a_counter_that_is_in_use_is_never_dropped_whoever_comes_and_goes() -> None:
    desk = Desk()
    held = rate(5, 3600, key="stays")
    kept = call(held)
    admitted = 0
    for number in range(3000):
        desk.admits(rate(10, 1, key=f"client-{number}"))
        admitted += desk.decide(kept).bound is None
        desk.wait(SECOND_NS)
    assert admitted == 5


def test_a_counter_that_was_dropped_is_the_same_for_all_when_its_client_comes_back() -> None:
    desk = Desk()
    held = rate(2, 1, key="comes-back")
    kept = call(held)
    desk.decide(kept)
    for number in range(500):
        desk.wait(SECOND_NS)
        desk.admits(rate(10, 1, key=f"client-{number}"))
    assert [desk.decide(charges).bound for charges in (kept, list(kept), kept)] == [None, None, held]


def test_a_flood_of_refused_calls_takes_no_memory() -> None:
    desk = Desk()
    held = rate(10)
    kept = call(held)
    for _ in range(20):
        desk.decide(kept)
    tracemalloc.start()
    try:
        for _ in range(10_000):
            desk.decide(kept)
        current, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert current < 10_000


def test_past_calls_are_charged_whether_they_fitted_or_not_in_any_order() -> None:
    desk = Desk()
    held = rate(3, 10)
    for ago_s in (2, 8, 5, 1):
        moment = Moment(desk.time_us - ago_s * 1_000_000, desk.now_ns - ago_s * SECOND_NS)
        desk.counters.charge_past(call(held), moment)
    decision = desk.decide(call(held))
    assert (decision.bound, decision.wait_ns) == (held, 5 * SECOND_NS)  # until the one of 5 s ago has left, too


schedules = st.lists(st.tuples(st.integers(0, 3 * SECOND_NS), st.integers(1, 4)), min_size=1, max_size=120)


@settings(max_examples=200, deadline=None)
@given(schedules, st.integers(1, 20), st.integers(1, 5), st.data())
def test_no_window_ever_holds_more_than_the_limit_nor_an_instant_more_than_the_burst(
    calls: list[tuple[int, int]], count: int, window_s: int, data: st.DataObject
) -> None:
    burst = data.draw(st.integers(1, count))
    desk = Desk()
    held = rate(count, window_s, burst)
    admitted: list[tuple[int, int]] = []
    for gap_ns, cost in calls:
        desk.wait(gap_ns)
        decision = desk.decide([Charge(held.key, held, cost)])
        if decision.bound is None:
            admitted.append((desk.now_ns, cost))
        else:
            assert decision.wait_ns > 0
    assert all(later >= earlier for (earlier, _), (later, _) in pairwise(admitted))
    for index, (first_ns, _) in enumerate(admitted):
        within = [cost for at_ns, cost in admitted[index:] if at_ns < first_ns + window_s * SECOND_NS]
        assert sum(within) <= count
        assert sum(cost for at_ns, cost in admitted if at_ns == first_ns) <= burst


@settings(max_examples=200, deadline=None)
@given(schedules, st.integers(4, 20), st.integers(1, 5))
def test_whoever_waits_as_told_is_admitted_and_nobody_sooner(
    calls: list[tuple[int, int]], count: int, window_s: int
) -> None:
    desk = Desk()
    held = rate(count, window_s, burst=max(4, count // 2))
    for gap_ns, cost in calls:
        desk.wait(gap_ns)
        charges = [Charge(held.key, held, cost)]
        decision = desk.decide(charges)
        if decision.bound is not None:
            desk.wait(decision.wait_ns - 1)
            assert desk.decide(charges).bound is held
            desk.wait(1)
            assert desk.decide(charges).bound is None
