"""What counters know can be carried elsewhere and merged: nothing is given away, and nothing counts twice."""

from itertools import permutations

from hypothesis import given, settings
from hypothesis import strategies as st

from policies.counters import Counters
from policies.limit import Charge, Moment
from policies.seed import InFlightSeed, QuotaSeed, RateSeed, Seed, merged
from tests.unit.policies.limits import SECOND_NS, Desk, call, handle, in_flight, quota, rate, shown

RATE, QUOTA, PEOPLE, FLIGHT = rate(20, 60), quota(20), quota(9, "subjects", clause="5.2"), in_flight(5)


def moved(desk: Desk) -> Desk:
    """Another process on another machine, told by the first."""
    other = Desk()
    other.time_us, other.now_ns = desk.time_us, 77_000_000_123
    other.counters.load(desk.counters.dump(desk.moment), other.moment)
    return other


def test_another_process_goes_on_where_the_first_was() -> None:
    desk = Desk()
    for number in range(7):
        desk.admits(RATE, QUOTA, FLIGHT, hold=f"exchange-{number % 3}")
        desk.wait(SECOND_NS)
    desk.decide(shown(PEOPLE, 2, 1, 2, 3))
    other = moved(desk)
    limits = (RATE, QUOTA, PEOPLE, FLIGHT)
    assert [other.left(limit) for limit in limits] == [desk.left(limit) for limit in limits] == [13, 13, 4, 2]
    assert other.decide(shown(PEOPLE, 0, 1, 2, 3)).standings[0].remaining == 4
    assert other.admits(FLIGHT, hold="exchange-1")
    assert other.left(FLIGHT) == 2


def test_the_burst_that_was_used_is_used_elsewhere_too() -> None:
    desk = Desk()
    held = rate(60, 60, burst=3)
    assert [desk.admits(held) for _ in range(4)] == [True, True, True, False]
    other = moved(desk)
    assert not other.admits(held)
    other.now_ns += SECOND_NS + 1000  # a microsecond is what rounding may cost
    assert other.admits(held)


def test_calls_leave_the_window_elsewhere_when_they_do_here() -> None:
    desk = Desk()
    for _ in range(20):
        desk.admits(RATE)
    desk.wait(59 * SECOND_NS)
    other = moved(desk)
    other.now_ns += SECOND_NS - 1
    assert not other.admits(RATE)
    other.now_ns += 1001
    assert other.admits(RATE)


def test_what_is_told_twice_or_by_several_counts_once() -> None:
    desk = Desk()
    for _ in range(3):
        desk.admits(RATE, QUOTA, FLIGHT, hold="a")
    desk.decide(shown(PEOPLE, 1, 1, 2))
    limits = (RATE, QUOTA, PEOPLE, FLIGHT)
    before = [desk.left(limit) for limit in limits]
    other = moved(desk)
    for _ in range(3):
        desk.counters.load(other.counters.dump(other.moment), desk.moment)
        other.counters.load(desk.counters.dump(desk.moment), other.moment)
    assert [desk.left(limit) for limit in limits] == [other.left(limit) for limit in limits] == before


def test_nothing_is_said_of_counters_that_know_nothing() -> None:
    desk = Desk()
    desk.admits(RATE, QUOTA, FLIGHT, hold="a")
    assert {type(seed) for seed in desk.counters.dump(desk.moment)} == {RateSeed, QuotaSeed, InFlightSeed}
    desk.release(call(FLIGHT), "a")
    desk.wait(48 * 3600 * SECOND_NS)
    assert desk.counters.dump(desk.moment) == ()


def test_calls_that_have_left_the_window_are_not_told_of() -> None:
    desk = Desk()
    for ago_s in (90, 61, 30):
        moment = Moment(desk.time_us - ago_s * 1_000_000, desk.now_ns - ago_s * SECOND_NS)
        desk.counters.charge_past(call(RATE), moment)
    (seed,) = desk.counters.dump(desk.moment)
    assert isinstance(seed, RateSeed)
    assert seed.calls == ((desk.time_us - 30_000_000, 1),)


def test_who_knows_only_how_much_was_used_says_all_of_it_was_at_the_latest_moment() -> None:
    desk = Desk()
    for _ in range(3):
        desk.admits(RATE)
    desk.wait(10 * SECOND_NS)
    desk.counters.load([RateSeed(RATE.key, ((desk.time_us, 5),))], desk.moment)
    assert desk.left(RATE) == 15
    desk.wait(50 * SECOND_NS)
    assert desk.left(RATE) == 15
    desk.wait(10 * SECOND_NS)
    assert desk.left(RATE) == 20


def test_a_call_that_is_told_of_as_later_than_now_was_now() -> None:
    desk = Desk()
    desk.counters.load([RateSeed(RATE.key, ((desk.time_us + 3_600_000_000, 20),))], desk.moment)
    assert not desk.admits(RATE)
    desk.wait(60 * SECOND_NS)
    assert desk.admits(RATE)


def test_of_two_periods_the_later_stands_and_an_overlapping_one_is_carried_over() -> None:
    earlier, later = QuotaSeed("k", 0, 100, 9, frozenset({handle(1)})), QuotaSeed("k", 100, 200, 2)
    longer = QuotaSeed("k", 0, 300, 5, frozenset({handle(2)}))
    for order in permutations([earlier, later]):
        assert merged(order) == (later,)
    for order in permutations([earlier, longer]):
        assert merged(order) == (QuotaSeed("k", 0, 300, 9, frozenset({handle(1), handle(2)})),)


def test_people_that_one_knows_and_the_other_only_counted_are_not_counted_twice() -> None:
    one = QuotaSeed("k", 0, 100, 4, frozenset(map(handle, (1, 2))))
    other = QuotaSeed("k", 0, 100, 4, frozenset(map(handle, (3, 4, 5))))
    assert merged([one, other]) == (QuotaSeed("k", 0, 100, 5, frozenset(map(handle, (1, 2, 3, 4, 5)))),)


calls = st.lists(st.tuples(st.integers(1, 30), st.integers(1, 5)), max_size=8).map(lambda each: tuple(sorted(each)))
rates = st.builds(RateSeed, st.just("rate"), calls, st.integers(0, 50))
holds = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 9)).map(lambda each: tuple(sorted(each.items())))
flights = st.builds(InFlightSeed, st.just("flight"), holds)
members = st.frozensets(st.integers(1, 6).map(handle), max_size=4)
quotas = st.builds(
    lambda start_s, more, people: QuotaSeed("quota", start_s, start_s + 100, len(people) + more, people),
    st.sampled_from([0, 100]),
    st.integers(0, 5),
    members,
)


def since(seed: RateSeed, moment: int) -> int:
    return sum(cost for time, cost in seed.calls if time >= moment)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([rates, flights, quotas]).flatmap(lambda kind: st.lists(kind, min_size=1, max_size=4)))
def test_merging_needs_no_order_and_no_care_not_to_repeat(seeds: list[Seed]) -> None:
    (whole,) = merged(seeds)
    for order in permutations(seeds):
        assert totals(merged(order)) == totals((whole,))
    assert totals(merged([*seeds, whole, *seeds])) == totals((whole,))
    half = len(seeds) // 2
    assert totals(merged([*merged(seeds[:half]), *merged(seeds[half:])])) == totals((whole,))


def totals(seeds: tuple[Seed, ...]) -> list[object]:
    """What matters of seeds: of calls, how many there are since each moment."""
    return [
        (seed.arrival_us, [since(seed, moment) for moment in range(32)]) if isinstance(seed, RateSeed) else seed
        for seed in seeds
    ]


@settings(max_examples=200, deadline=None)
@given(st.lists(rates, min_size=1, max_size=4))
def test_since_any_moment_as_many_calls_count_as_the_one_says_that_says_most(seeds: list[RateSeed]) -> None:
    (whole,) = merged(seeds)
    assert isinstance(whole, RateSeed)
    for moment in range(32):
        assert since(whole, moment) == max(since(seed, moment) for seed in seeds)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20 * SECOND_NS), st.integers(1, 3), st.booleans()), min_size=1, max_size=60))
def test_two_processes_that_tell_each_other_all_of_it_admit_no_more_than_one(
    schedule: list[tuple[int, int, bool]],
) -> None:
    held = rate(7, 30, burst=4)
    engines, offsets_ns = (Counters(), Counters()), (0, 40_000_000_123)
    desk, admitted = Desk(), []
    for gap_ns, cost, second in schedule:
        desk.wait(gap_ns)
        moments = [Moment(desk.time_us, desk.now_ns + offset_ns) for offset_ns in offsets_ns]
        mine, other = (1, 0) if second else (0, 1)
        desk.counters = engines[mine]
        engines[mine].load(engines[other].dump(moments[other]), moments[mine])
        desk.now_ns += offsets_ns[mine]
        if desk.decide([Charge(held.key, held, cost)]).bound is None:
            admitted.append((moments[0].monotonic_ns, cost))
        desk.now_ns -= offsets_ns[mine]
    for first_ns, _ in admitted:
        assert sum(cost for at_ns, cost in admitted if first_ns <= at_ns < first_ns + 30 * SECOND_NS) <= 7
