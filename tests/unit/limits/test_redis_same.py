"""The engine over a shared store decides as the one in process does, call by call, whatever the schedule."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.limits.connection import connect
from gateway.limits.redis_limiter import RedisLimiter
from policies.counters import Counters
from policies.limit import Charge, Decision, InFlight, Moment, Quota, Rate
from tests.flows.valkey import Valkey
from tests.unit.limits.redis_limits import START_US, charge, in_flight, moment, person, quota, rate

DAY_US = 86_400_000_000

rates = st.builds(
    lambda count, window_s, burst, enforce: rate(
        count, window_s, max(1, min(count, burst)), clause=f"r{enforce}", enforce=enforce
    ),
    st.integers(1, 12),
    st.integers(1, 9),
    st.integers(1, 12),
    st.sampled_from(["refuse", "observe"]),
)
quotas = st.builds(
    lambda count, unit, period: quota(count, unit, period, clause=f"q{unit}"),
    st.integers(1, 12),
    st.sampled_from(["calls", "records", "subjects"]),
    st.sampled_from(["hour", "day", "week", "month"]),
)
limits = st.one_of(rates, quotas, st.builds(lambda count: in_flight(count, hold_s=10**8), st.integers(1, 3)))
steps = st.tuples(
    st.one_of(st.integers(0, 3_000_000), st.integers(0, DAY_US)),
    st.integers(0, 4),
    st.frozensets(st.integers(0, 9).map(person), max_size=5),
    st.integers(0, 3),
    st.sampled_from(["decide", "decide", "decide", "release", "change"]),
)


def run(valkey: Valkey, body: Callable[[RedisLimiter, list[int]], Awaitable[None]]) -> None:
    """With an engine whose store goes by a simulated clock."""

    async def whole() -> None:
        clock = [0]
        limiter = RedisLimiter(connect(valkey.url), now_us=lambda: START_US + clock[0], deadline_s=5)
        await limiter.start(["acme"])
        try:
            await body(limiter, clock)
        finally:
            await limiter.close()

    valkey.command("FLUSHALL")
    asyncio.run(whole())


def told(decision: Decision) -> Any:
    """All that a caller learns but how long to wait. The store counts in microseconds."""
    return (
        decision.bound,
        decision.observed,
        [(max(0, each.remaining), -(-each.reset_ns // 1000)) for each in decision.standings],
        [each.known for each in decision.standings if decision.bound is not None],
    )


def charges_of(held: list[Rate | Quota | InFlight], amount: int, members: frozenset[bytes]) -> list[Charge]:
    return [
        charge(limit, amount, members if isinstance(limit, Quota) and limit.unit == "subjects" else frozenset())
        for limit in held
    ]


@settings(max_examples=150)
@given(st.lists(limits, min_size=1, max_size=5, unique_by=lambda limit: limit.key), st.lists(steps, max_size=40))
def test_both_engines_decide_alike(server: Valkey, held: list[Rate | Quota | InFlight], schedule: list[Any]) -> None:
    async def compare(limiter: RedisLimiter, clock: list[int]) -> None:
        counters, now_held, changes = Counters(), list(held), 0
        for past_us, amount, members, exchange, what in schedule:
            clock[0] += past_us
            at = moment(clock[0])
            charges, hold = charges_of(now_held, amount, members), f"x{exchange}"
            if what == "release":
                await limiter.release(charges, hold)
                await counters.release(charges, hold)
            elif what == "change":
                changes += 1
                now_held = [
                    replace(limit, limit=limit.limit + amount - 2) if limit.limit > 2 else limit for limit in held
                ]
            else:
                ours, theirs = await limiter.decide(charges, at, hold), await counters.decide(charges, at, hold)
                assert told(ours) == told(theirs)
                # a fraction of a microsecond is rounded up whenever a limit has changed
                assert 0 <= ours.wait_ns - theirs.wait_ns <= 1000 * (1 + changes)
            assert [(each.remaining, -(-each.reset_ns // 1000)) for each in await limiter.standings(charges, at)] == [
                (each.remaining, -(-each.reset_ns // 1000)) for each in await counters.standings(charges, at)
            ]

    run(server, compare)


@given(st.lists(st.tuples(st.integers(0, 2_000_000), st.integers(1, 3)), max_size=60), st.integers(3, 8))
def test_no_window_holds_more_than_the_limit(server: Valkey, schedule: list[tuple[int, int]], count: int) -> None:
    async def hammer(limiter: RedisLimiter, clock: list[int]) -> None:
        held = rate(count, window_s=4)
        admitted: list[tuple[int, int]] = []
        for past_us, weight in schedule:
            clock[0] += past_us
            decision = await limiter.decide([charge(held, weight)], Moment(START_US + clock[0], clock[0] * 1000))
            if decision.bound is None:
                admitted.append((clock[0], weight))
        for end_us, _ in admitted:
            assert sum(weight for at_us, weight in admitted if end_us - 4_000_000 < at_us <= end_us) <= count

    run(server, hammer)
