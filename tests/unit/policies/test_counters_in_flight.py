"""What is in flight: counted from its decision until it ends, once however often it is named."""

from hypothesis import given, settings
from hypothesis import strategies as st

from policies.limit import Charge
from policies.seed import InFlightSeed
from tests.unit.policies.limits import SECOND_NS, Desk, call, in_flight, rate


def test_so_many_are_admitted_at_once_and_another_when_one_has_ended() -> None:
    desk = Desk()
    held = in_flight(2)
    assert [desk.admits(held, hold=hold) for hold in ("a", "b", "c")] == [True, True, False]
    assert desk.decide(call(held), "c").wait_ns == SECOND_NS
    desk.release(call(held), "a")
    assert [desk.admits(held, hold=hold) for hold in ("c", "d")] == [True, False]


def test_an_end_that_is_told_twice_or_of_somebody_unknown_frees_nothing_more() -> None:
    desk = Desk()
    held = in_flight(2)
    for hold in ("a", "b"):
        desk.admits(held, hold=hold)
    for hold in ("a", "a", "nobody"):
        desk.release(call(held), hold)
    assert desk.left(held) == 1


def test_who_is_under_way_already_counts_once() -> None:
    desk = Desk()
    held = in_flight(1)
    assert [desk.admits(held, hold=hold) for hold in ("a", "a", "b")] == [True, True, False]


def test_a_refused_call_holds_nothing_and_its_end_frees_nothing() -> None:
    desk = Desk()
    held, narrow = in_flight(5), rate(1)
    desk.admits(held, narrow, hold="a")
    assert not desk.admits(held, narrow, hold="b")
    assert desk.left(held) == 4
    desk.release(call(held, narrow), "b")
    assert desk.left(held) == 4


def test_an_exchange_counts_for_as_long_as_it_lasts() -> None:
    desk = Desk()
    held = in_flight(1, hold_s=10)
    desk.admits(held, hold="export")
    desk.wait(3600 * SECOND_NS)
    assert not desk.admits(held, hold="b")


def test_what_another_process_holds_counts_until_the_time_that_was_told() -> None:
    desk = Desk()
    held = in_flight(2)
    desk.counters.load([InFlightSeed(held.key, (("other", desk.time_us + 5_000_000),))], desk.moment)
    assert [desk.admits(held, hold=hold) for hold in ("a", "b")] == [True, False]
    desk.wait(5 * SECOND_NS)
    assert desk.admits(held, hold="b")
    assert not desk.admits(held, hold="c")


def test_one_that_watches_holds_what_fits() -> None:
    desk = Desk()
    held = in_flight(1, enforce="observe")
    assert [desk.decide(call(held), hold).observed for hold in ("a", "b")] == [(), (held,)]
    desk.release(call(held), "b")
    assert desk.left(held) == 0


def test_asking_whether_there_is_room_takes_none() -> None:
    desk = Desk()
    held = in_flight(1)
    asking = [Charge(held.key, held, 0)]
    assert [desk.decide(asking, "a").bound for _ in range(2)] == [None, None]
    desk.admits(held, hold="b")
    assert desk.decide(asking, "a").bound is held


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), max_size=80), st.integers(1, 5))
def test_there_are_never_more_under_way_than_the_limit_says(steps: list[tuple[bool, int]], limit: int) -> None:
    desk = Desk()
    held = in_flight(limit)
    under_way: set[str] = set()
    for begins, number in steps:
        name = f"exchange-{number}"
        if begins:
            admitted = desk.admits(held, hold=name)
            assert admitted is (name in under_way or len(under_way) < limit)
            if admitted:
                under_way.add(name)
        else:
            desk.release(call(held), name)
            under_way.discard(name)
        assert desk.left(held) == limit - len(under_way)
