"""All limits of a call are decided together, and every decision is the one a slow clerk comes to."""

import asyncio
from threading import Thread
from typing import TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st

from policies.counters import Counters
from policies.limit import Charge, InFlight, Limit, Moment, Quota
from tests.unit.policies.limits import SECOND_NS, Desk, call, handle, in_flight, quota, rate
from tests.unit.policies.slow_limits import Clerk

LIMITS: tuple[Limit, ...] = (
    rate(6, 10, burst=4, clause="4.1"),
    rate(11, 3600, burst=7, clause="4.2"),
    rate(3, 5, clause="4.3", enforce="observe"),
    quota(9, "calls", "hour", clause="5.1"),
    quota(12, "records", "day", clause="5.2"),
    quota(5, "subjects", "month", clause="5.3"),
    quota(4, "records", "hour", clause="5.4", enforce="observe"),
    in_flight(3, clause="6.1"),
)


Step: TypeAlias = tuple[int, str, str, tuple[Charge, ...]]


@st.composite
def steps(draw: st.DrawFn) -> Step:
    """(nanoseconds that pass, exchange that begins, exchange that ends, what the call is charged)."""
    gap_ns = draw(st.sampled_from([0, 1, 700_000_000, SECOND_NS, 7 * SECOND_NS, 900 * SECOND_NS, 20_000 * SECOND_NS]))
    chosen = draw(st.lists(st.sampled_from(LIMITS), min_size=1, max_size=len(LIMITS), unique_by=lambda each: each.key))
    charges = [Charge(limit.key, limit, *draw(_amounts(limit))) for limit in chosen]
    return gap_ns, f"exchange-{draw(st.integers(0, 5))}", f"exchange-{draw(st.integers(0, 5))}", tuple(charges)


def _amounts(limit: Limit) -> st.SearchStrategy[tuple[int, frozenset[bytes]]]:
    """What one answer may be charged: of people who have a name, and of those who have none."""
    if isinstance(limit, Quota) and limit.unit == "subjects":
        people = st.frozensets(st.integers(1, 8).map(handle), max_size=3)
        return st.tuples(st.integers(0, 2), people)
    least = 0 if limit.cost == 0 else 1
    return st.tuples(st.integers(least, 1 if isinstance(limit, InFlight) else 3), st.just(frozenset()))


@settings(max_examples=120, deadline=None)
@given(st.lists(steps(), min_size=1, max_size=40))
def test_every_decision_is_the_clerks(schedule: list[Step]) -> None:
    desk, clerk = Desk(), Clerk()
    for gap_ns, begins, ends, charges in schedule:
        desk.wait(gap_ns)
        expected = clerk.decide(charges, desk.moment, begins)
        decision = desk.decide(charges, begins)
        assert (decision.bound, list(decision.observed)) == expected
        standings = [(standing.limit, standing.remaining) for standing in decision.standings]
        assert standings == [(charge.limit, clerk.left(charge.limit, desk.moment)) for charge in charges]
        for clerks in (desk, clerk):
            clerks.release(charges, ends)
        assert [desk.left(limit) for limit in LIMITS] == [clerk.left(limit, desk.moment) for limit in LIMITS]


def test_many_coroutines_of_one_loop_get_exactly_what_there_is() -> None:
    async def main() -> tuple[int, int]:
        counters, admitted, most = Counters(), 0, 0
        limits = (rate(700, 3600, clause="4.1"), quota(650, clause="5.1"), in_flight(20, clause="6.1"))
        charges, under_way = call(*limits), 0

        async def partner(number: int) -> None:
            nonlocal admitted, under_way, most
            for turn in range(40):
                hold = f"{number}-{turn}"
                decision = await counters.decide(charges, Moment(1_782_000_000_000_000, turn), hold)
                if decision.bound is None:
                    admitted, under_way = admitted + 1, under_way + 1
                    most = max(most, under_way)
                    await asyncio.sleep(0)
                    under_way -= 1
                    await counters.release(charges, hold)
                await asyncio.sleep(0)

        await asyncio.gather(*(partner(number) for number in range(50)))
        return admitted, most

    admitted, most = asyncio.run(main())
    assert (admitted, most) == (650, 20)


def test_threads_that_hand_their_calls_to_the_loop_get_exactly_what_there_is() -> None:
    loop = asyncio.new_event_loop()
    serving = Thread(target=loop.run_forever)
    serving.start()
    counters, charges = Counters(), call(rate(333, 3600))
    admitted: list[int] = []

    def partner() -> None:
        mine = 0
        for _ in range(200):
            deciding = counters.decide(charges, Moment(1_782_000_000_000_000, 0))
            mine += asyncio.run_coroutine_threadsafe(deciding, loop).result(30).bound is None
        admitted.append(mine)

    partners = [Thread(target=partner) for _ in range(4)]
    for each in partners:
        each.start()
    for each in partners:
        each.join()
    loop.call_soon_threadsafe(loop.stop)
    serving.join()
    loop.close()
    assert sum(admitted) == 333
