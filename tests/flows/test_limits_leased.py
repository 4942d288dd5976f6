"""Leased permits from a real Valkey: the scripts do what is proven, and processes never get more than a limit."""

import random
from collections.abc import Iterator
from typing import Any

import pytest
from redis.asyncio import Redis

from bench.hammer import Engine, Hammering, hammer
from gateway.limits.connection import connect
from gateway.limits.layout import charge_arguments, charge_keys, decision_of, read_answer
from gateway.limits.leased import Lease, LeasedLimiter
from gateway.limits.redis_leasing import RedisLeasing, lease_of, said_of
from gateway.limits.redis_limiter import RedisLimiter
from gateway.limits.scripts import script_for
from policies.limit import Charge, Decision, Moment
from policies.reference import Enforce
from tests.flows.valkey import Valkey, running_valkey
from tests.unit.limits.leased_limits import bundle, quota, rate
from tests.unit.limits.shared_store import Clock, SharedStore

pytestmark = pytest.mark.slow

EPOCH = "open here 1"
MS_NS = 1_000_000


@pytest.fixture(scope="module")
def valkey() -> Iterator[Valkey]:
    with running_valkey() as server:
        yield server


class Scripts:
    """The scripts as they are, asked with a simulated clock."""

    def __init__(self, redis: Redis, clock: Clock) -> None:
        self.redis, self.clock = redis, clock

    async def run(
        self, name: str, mode: str | int, charges: tuple[Charge, ...], at: Moment, hold: str | int
    ) -> list[Any]:
        keys = charge_keys("acme", charges)
        script = script_for(name, "here").text
        now_us = str(self.clock.now_ns // 1000)
        arguments = [mode, EPOCH, now_us, 0, at.time_us, hold, *charge_arguments(charges, at.time_us)]
        answer: list[Any] = await self.redis.eval(script, len(keys), *keys, *arguments)
        return answer

    async def lease(self, charges: tuple[Charge, ...], at: Moment, want: int, lease_us: int) -> Lease | None:
        return lease_of(await self.run("lease", want, charges, at, lease_us), charges, at, lease_us)

    async def give_back(self, charges: tuple[Charge, ...], lease: Lease, unused: int) -> None:
        await self.run("give_back", unused, charges, self.clock.moment, said_of(lease))

    async def decide(self, charges: tuple[Charge, ...], at: Moment) -> Decision:
        return decision_of(read_answer(await self.run("decide", "decide", charges, at, ""), charges), charges, at)


async def compared(valkey: Valkey, seed: int) -> int:
    """One schedule on the simulated store and on the real one, step by step; how many leases it had."""
    chance, clock = random.Random(seed), Clock()  # noqa: S311 - a schedule, no secret
    plain = SharedStore(clock)
    leases: list[tuple[tuple[Charge, ...], Lease, Lease]] = []
    count = 0
    limit = chance.choice([10, 20, 50, 100, 200])
    often = rate("1", limit, limit // chance.choice([1, 2, 5]), chance.choice([1000, 5000]), chance.choice(WATCHING))
    calls, records = quota("2", chance.choice([40, 100, 1000])), quota("4", 50, "records")
    bundles = [bundle(often, calls), bundle(often, calls, records), bundle(calls), bundle(often, calls, weight=3)]
    async with Redis(port=valkey.port, protocol=2) as redis:
        await redis.flushall()
        await redis.set("clausegate:{acme}:epoch", EPOCH)
        scripts = Scripts(redis, clock)
        for _ in range(120):
            charges, at, act = chance.choice(bundles), clock.moment, chance.random()
            if act < 0.4:
                want, lease_us = chance.randint(1, 12), chance.choice([20_000, 100_000])
                expected = await plain.lease(charges, at, want, lease_us)
                found = await scripts.lease(charges, at, want, lease_us)
                assert (found is None) == (expected is None)
                if found is not None and expected is not None:
                    count += 1
                    assert (found.permits, found.observed) == (expected.permits, expected.observed)
                    assert left(found) == left(expected)
                    leases.append((charges, expected, found))
            elif act < 0.75 and leases:
                charges, expected, found = leases.pop(chance.randrange(len(leases)))
                unused = chance.randint(1, found.permits)
                await plain.give_back(charges, expected, unused)
                await scripts.give_back(charges, found, unused)
            else:
                clock.now_ns += chance.choice([1, 7, 30, 100, 450, 1500]) * MS_NS
    return count


WATCHING: list[Enforce] = ["refuse", "refuse", "observe"]


def left(found: Lease | Decision) -> list[int]:
    return [standing.remaining for standing in found.standings]


async def test_the_scripts_lease_and_take_back_as_the_simulated_store_does(valkey: Valkey) -> None:
    assert sum([await compared(valkey, seed) for seed in range(25)]) > 300


async def test_nothing_is_given_back_to_counters_that_may_not_have_the_lease_in_them(valkey: Valkey) -> None:
    clock = Clock()
    charges = bundle(rate("1", 1000, 1000), quota("2", 1000))
    async with Redis(port=valkey.port, protocol=2) as redis:
        await redis.flushall()
        await redis.set("clausegate:{acme}:epoch", "open before 1")
        scripts = Scripts(redis, clock)
        await redis.set("clausegate:{acme}:epoch", EPOCH)
        lease = await scripts.lease(charges, clock.moment, 10, 100_000)
        assert lease is not None
        other = Lease(10, lease.standings, epoch="open before 1", lease_us=100_000, entries=lease.entries)
        await scripts.give_back(charges, other, 5)
        assert left(await scripts.decide(charges, clock.moment)) == [989, 989]
        await scripts.give_back(charges, lease, 5)
        assert left(await scripts.decide(charges, clock.moment)) == [993, 993]


async def test_a_quota_is_used_to_its_last_call_and_not_beyond(valkey: Valkey) -> None:
    valkey.command("FLUSHALL")
    exact = RedisLimiter(connect(valkey.url), deadline_s=5)
    await exact.start(["acme"])
    leased = LeasedLimiter(exact, RedisLeasing(exact), workers=1, lease_ms=100)
    charges = bundle(quota("2", 1000), rate("1", 1_000_000, 1_000_000))
    clock = Clock()
    admitted = sum([(await leased.decide(charges, clock.moment)).bound is None for _ in range(1500)])
    await leased.close()
    assert (await exact.standings(charges, clock.moment))[0].remaining == 0
    await exact.close()
    assert admitted == 1000


@pytest.mark.parametrize("engine", ["exact", "leased"])
def test_four_processes_never_get_more_than_a_limit_in_any_window(valkey: Valkey, engine: Engine) -> None:
    valkey.command("FLUSHALL")
    found = hammer(Hammering(engine, valkey.url, processes=4, coroutines=12, seconds=2.5, limit=400, burst=150))
    assert found.counted > 0
    assert found.most_in_a_window() <= 400
    assert found.most_at_once() <= 150


def test_four_processes_never_get_more_than_a_quota(valkey: Valkey) -> None:
    valkey.command("FLUSHALL")
    found = hammer(Hammering("leased", valkey.url, 4, 12, 2.0, limit=5000, burst=5000, quota=1500))
    assert 0 < found.counted <= 1500
