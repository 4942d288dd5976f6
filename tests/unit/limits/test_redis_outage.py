"""The shared store is killed, paused, emptied, replaced, or cut off: what each clause says happens, in time."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from gateway.limits.connection import connect
from gateway.limits.redis_limiter import RedisLimiter
from policies.calendar_window import window_of
from policies.limit import Decision, LimiterUnavailable, OnOutage
from policies.seed import QuotaSeed
from tests.flows.valkey import Valkey, Wire
from tests.stalls import timed
from tests.unit.limits.redis_limits import charge, in_flight, now, person, quota, rate

ON_OUTAGE: tuple[OnOutage, ...] = ("refuse", "allow", "local")
SLACK_S = 0.5
"""A busy machine may keep any process waiting; a hang would be much longer."""


@asynccontextmanager
async def counting(url: str, **options: Any) -> AsyncIterator[tuple[RedisLimiter, list[str]]]:
    """An engine with the transitions that it tells of. Its client is patient: it is the engine that is in time."""
    told: list[str] = []
    limiter = RedisLimiter(connect(url, timeout_ms=60_000), events=told.append, **options)
    await limiter.start(["acme"])
    try:
        yield limiter, told
    finally:
        await limiter.close()


async def decided(limiter: RedisLimiter, *limits: Any, amount: int = 1, hold: str = "") -> Decision:
    """A decision that came in time."""
    decision, took_s = await timed(limiter.decide([charge(limit, amount) for limit in limits], now(), hold))
    assert took_s < 0.1 + SLACK_S
    return decision


async def until(condition: Callable[[], bool], within_s: float = 20) -> None:
    end_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end_s, "it never came to be"
        await asyncio.sleep(0.01)


async def used(limiter: RedisLimiter, limit: Any) -> int:
    (standing,) = await limiter.standings([charge(limit)], now())
    return int(limit.limit - standing.remaining)


async def used_unless_busy(limiter: RedisLimiter, limit: Any) -> int | None:
    """What is used, for who asks again and again: on a busy machine one answer may come too late."""
    try:
        return await used(limiter, limit)
    except LimiterUnavailable:
        return None


@pytest.mark.parametrize("how", ["kill", "pause"])
async def test_while_the_store_is_away_each_clause_does_what_it_says(how: str) -> None:
    with Valkey() as server:
        async with counting(server.url, workers=2) as (limiter, told):
            refuse, allow, local = (
                quota(100 if word == "allow" else 10, clause=word, on_outage=word) for word in ON_OUTAGE
            )
            assert (await decided(limiter, refuse, allow, local)).bound is None
            kill(server, how)
            first = await decided(limiter, refuse, allow)
            assert (first.bound, first.unavailable) == (refuse, True)
            assert told == ["counter-unreachable"]
            passed = [await decided(limiter, allow) for _ in range(20)]
            assert all(each.bound is None and each.uncounted == (allow,) for each in passed)
            shared = [await decided(limiter, local) for _ in range(9)]
            assert [each.bound is None for each in shared] == [True] * 4 + [False] * 5, "half of ten, one was used"
            assert not shared[-1].unavailable
            with pytest.raises(LimiterUnavailable):
                await limiter.standings([charge(refuse)], now())
            status = limiter.status()
            assert (status.reachable, status.outages, status.refused, status.admitted) == (False, 1, 6, 24)
            await asyncio.sleep(0.1)  # what is on its way comes too late then
            back(server, how)
            await until(lambda: limiter.status().reachable)
            assert "counter-reachable" in told
            assert ("counter-rebuilt" in told) == (how == "kill")
            assert [await used(limiter, each) for each in (refuse, allow, local)] == [1, 21, 5]


async def test_what_was_counted_survives_a_store_that_was_emptied(valkey: Valkey) -> None:
    async with counting(valkey.url) as (limiter, told):
        calls, people, spaced, held = quota(5), quota(9, "subjects", clause="p"), rate(4, clause="r"), in_flight(2)
        for number in range(3):
            assert (await decided(limiter, calls, spaced, held, hold=f"x{number % 2}")).bound is None
            decision = await limiter.decide([charge(people, 0, frozenset({person(number)}))], now())
            assert decision.bound is None
        valkey.command("FLUSHALL")
        assert (await decided(limiter, held, hold="x9")).bound is held
        assert (await decided(limiter, calls, spaced)).bound is None
        assert (await decided(limiter, calls, spaced)).bound is spaced
        known = await limiter.decide([charge(people, 0, frozenset(map(person, range(3))))], now())
        assert known.standings[0].remaining == 6
        await until(lambda: told == ["counter-rebuilt"])


async def test_a_store_whose_scripts_were_flushed_goes_on_within_the_call(valkey: Valkey) -> None:
    async with counting(valkey.url) as (limiter, told):
        calls = quota(3)
        for _ in range(3):
            valkey.command("SCRIPT", "FLUSH")
            assert (await decided(limiter, calls)).bound is None
        assert (await decided(limiter, calls)).bound is calls
        assert told == []


async def test_an_empty_store_in_its_place_lets_nobody_call_twice() -> None:
    with Valkey() as server:
        async with counting(server.url) as (limiter, told):
            calls = quota(20)
            admitted = 0

            def rebuilt(times: int) -> bool:
                return told.count("counter-rebuilt") == times

            for number in range(1, 4):
                for _ in range(8):
                    admitted += (await decided(limiter, calls)).bound is None
                await asyncio.to_thread(server.replace)
                admitted += (await decided(limiter, calls)).bound is None
                await until(partial(rebuilt, number))
                await until(lambda: limiter.status().reachable)
            assert admitted == 20
            assert (await decided(limiter, calls)).bound is calls


async def test_every_worker_puts_back_what_it_knows_before_anything_is_decided(valkey: Valkey) -> None:
    async with counting(valkey.url) as (one, _), counting(valkey.url) as (other, _), counting(valkey.url) as (third, _):
        calls, held = quota(10), in_flight(3)
        await until(lambda: all(len(each._epochs.peers) == 3 for each in (one, other, third)))
        assert (await decided(one, calls, held, hold="1")).bound is None
        for number in range(7):
            assert (await decided(other, calls, held, hold="2" if number else "3")).bound is None
        valkey.command("FLUSHALL")
        first = await decided(one, calls)
        assert first.unavailable or first.bound is None
        counted = 8 + (first.bound is None)
        await until(lambda: all(not each.status().rebuilding and each._books["acme"].open for each in (one, other)))
        assert await used(third, calls) == counted
        assert await used(third, held) == 3


async def test_a_worker_that_died_is_waited_for_three_seconds_and_no_longer(valkey: Valkey) -> None:
    async with counting(valkey.url) as (one, told):
        calls = quota(10)
        dead = RedisLimiter(connect(valkey.url))
        await dead.start(["acme"])
        await until(lambda: len(one._epochs.peers) == 2)
        assert dead._keeping is not None
        dead._keeping.cancel()
        assert (await decided(one, calls)).bound is None
        valkey.command("FLUSHALL")
        assert (await decided(one, calls)).unavailable
        await until(lambda: told.count("counter-rebuilt") == 1 and one.status().reachable)
        assert (await decided(one, calls)).bound is None
        await dead.close()


async def test_what_passed_because_of_one_bad_key_is_counted_when_that_is_gone(valkey: Valkey) -> None:
    async with counting(valkey.url) as (limiter, told):
        calls, others = quota(10, on_outage="allow"), quota(10, clause="other")
        key = "clausegate:{acme}:q:acme/4.2"
        valkey.command("SET", key, "something else")
        assert (await decided(limiter, calls)).uncounted == (calls,)
        assert (await decided(limiter, others)).uncounted == ()
        valkey.command("DEL", key)
        async with asyncio.timeout(20):
            while await used_unless_busy(limiter, calls) != 1:  # noqa: ASYNC110 - a heartbeat later
                await asyncio.sleep(0.01)
        assert told == []


async def test_what_the_log_says_was_used_is_used_of_an_empty_store(valkey: Valkey) -> None:
    calls = quota(10)
    start_s, end_s = window_of(calls.period, calls.zone, now().time_us)
    async with counting(valkey.url, seeds=[QuotaSeed(calls.key, start_s, end_s, 8)]) as (limiter, _):
        assert [(await decided(limiter, calls)).bound is None for _ in range(4)] == [True, True, False, False]


async def test_a_wire_that_carries_nothing_is_an_outage_and_nothing_refused_is_charged_later() -> None:
    with Valkey() as server:
        wire = Wire(server.port)
        async with counting(await wire.open()) as (limiter, told):
            calls = quota(50)
            assert (await decided(limiter, calls)).bound is None
            wire.cut()
            refused = await asyncio.gather(*(decided(limiter, calls) for _ in range(20)))
            assert all(each.unavailable for each in refused)
            await asyncio.sleep(0.2)  # longer than the deadline, so that what is on the wire comes too late
            wire.mend()
            await until(lambda: limiter.status().reachable)
            assert told == ["counter-unreachable", "counter-reachable"]
            assert await used(limiter, calls) == 1
        await wire.close()


async def test_exchanges_that_end_during_an_outage_are_over_when_the_store_is_back() -> None:
    with Valkey() as server:
        async with counting(server.url) as (limiter, _):
            held = in_flight(3, on_outage="allow")
            await decided(limiter, held, hold="before")
            server.pause()
            assert (await decided(limiter, held, hold="during")).uncounted == (held,)
            assert (await decided(limiter, held, hold="still")).bound is None
            for hold in ("before", "during"):
                await limiter.release([charge(held)], hold)
            server.resume()
            await until(lambda: limiter.status().reachable)
            assert await used(limiter, held) == 1


async def test_what_observes_never_refuses_also_without_a_store() -> None:
    async with counting("redis://127.0.0.1:1") as (limiter, told):
        watching = quota(1, on_outage="refuse", enforce="observe")
        assert told == ["counter-unreachable"]
        assert (await decided(limiter, watching)).uncounted == (watching,)


async def test_a_share_of_nothing_refuses() -> None:
    async with counting("redis://127.0.0.1:1", workers=4) as (limiter, _):
        few = quota(3, on_outage="local")
        assert (await decided(limiter, few)).unavailable


def kill(server: Valkey, how: str) -> None:
    server.kill() if how == "kill" else server.pause()


def back(server: Valkey, how: str) -> None:
    server.start() if how == "kill" else server.resume()
