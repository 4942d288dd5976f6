"""Permits whose lease ends while the shared store is away: given back when it returns, to the counters they are of."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from gateway.limits.connection import connect
from gateway.limits.leased import LeasedLimiter
from gateway.limits.redis_leasing import RedisLeasing
from gateway.limits.redis_limiter import RedisLimiter
from tests.flows.valkey import Valkey
from tests.unit.limits.leased_limits import bundle, quota, rate
from tests.unit.limits.redis_limits import now

CALLS, LIMIT = 120, 10_000
LEASE_S = 30.0
CHARGES = bundle(quota("2", LIMIT), rate("1", LIMIT, LIMIT, window_ms=86_400_000))


class Leasing:
    """A worker that leases, and a clock for its leases that a test moves."""

    def __init__(self, exact: RedisLimiter) -> None:
        self.exact, self.now_ns = exact, time.monotonic_ns()
        self.limiter = LeasedLimiter(
            exact,
            RedisLeasing(exact),
            workers=1,
            lease_ms=int(LEASE_S * 1000),
            deadline_s=5,
            monotonic_ns=lambda: self.now_ns,
        )

    async def calls(self) -> None:
        for _ in range(CALLS):
            assert (await self.limiter.decide(CHARGES, now())).bound is None

    async def lease_ends(self) -> None:
        self.now_ns += int(LEASE_S * 1e9)
        await self.limiter.sweep()

    async def used(self) -> list[int]:
        return [LIMIT - standing.remaining for standing in await self.exact.standings(CHARGES, now())]


@asynccontextmanager
async def leasing(server: Valkey) -> AsyncIterator[Leasing]:
    exact = RedisLimiter(connect(server.url), deadline_s=1)
    await exact.start(["acme"])
    made = Leasing(exact)
    try:
        yield made
    finally:
        await made.limiter.close()
        await exact.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)


async def test_they_are_given_back_when_the_store_is_back() -> None:
    with Valkey() as server:
        async with leasing(server) as worker:
            await worker.calls()
            held = await worker.used()
            assert held[0] > CALLS
            server.pause()
            await until(lambda: not worker.exact.status().reachable)
            await worker.lease_ends()
            server.resume()
            await until(lambda: worker.exact.status().reachable)
            async with asyncio.timeout(20):
                while await worker.used() != [CALLS, CALLS]:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)


async def test_nothing_is_given_back_to_counters_that_were_rebuilt() -> None:
    with Valkey() as server:
        async with leasing(server) as worker:
            await worker.calls()
            held = await worker.used()
            server.kill()
            await until(lambda: not worker.exact.status().reachable)
            await worker.lease_ends()
            server.start()
            await until(lambda: worker.exact.status().reachable)
            await asyncio.gather(*worker.limiter._leasing._returning)  # type: ignore[attr-defined]
            assert await worker.used() == held
