"""What deciding on limits costs with a shared store: exactly, and by leased permits. `python -m bench.limits_redis`.

Beside each figure stand two yardsticks of the same run: one round trip to the store (PING) and one update of a
dictionary. Times move with the machine and its neighbours, ratios hardly do; each figure is the best of several rounds.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

from bench.limits import charges_of, quota, rate, updating
from gateway.limits.connection import connect
from gateway.limits.leased import LeasedLimiter
from gateway.limits.redis_leasing import RedisLeasing
from gateway.limits.redis_limiter import RedisLimiter
from gateway.settings import Settings
from policies.limit import Charge, Limit, Limiter, Moment
from tests.flows.valkey import running_valkey

AT_ONCE = 30
ROUNDS = 7
PACES = (200, 1000, 5000)
"""Calls in a second, evenly."""
_TICK_S = 0.005


def six() -> tuple[Limit, ...]:
    """Six limits that can be leased: three rates, one of them observes; quotas of calls, records and bytes."""
    return (
        rate("4.1", 1_000_000, 10),
        rate("4.2", 1_000_000, 60),
        rate("4.3", 1_000_000, 10, enforce="observe"),
        quota("5.1", "calls", "day"),
        quota("5.2", "records", "month"),
        quota("5.3", "bytes", "month"),
    )


async def one_by_one(ask: Callable[[], Awaitable[object]], count: int) -> float:
    """Microseconds a call, each after the other; the best round."""
    best = float("inf")
    for _ in range(ROUNDS):
        started_ns = time.perf_counter_ns()
        for _ in range(count):
            await ask()
        best = min(best, (time.perf_counter_ns() - started_ns) / count / 1000)
    return best


async def paced_us(limiter: Limiter | None, charges: tuple[Charge, ...], pace: int, seconds: float) -> float:
    """Microseconds of this process's CPU for each call at such a pace, leases and what is given back included."""
    calls, started_s, cpu_ns = 0, time.perf_counter(), time.process_time_ns()
    while (passed_s := time.perf_counter() - started_s) < seconds:
        while calls < passed_s * pace:
            calls += 1
            if limiter is not None:
                await admitted(limiter, charges)
        await asyncio.sleep(_TICK_S)
    return (time.process_time_ns() - cpu_ns) / max(1, calls) / 1000


async def admitted(limiter: Limiter, charges: tuple[Charge, ...]) -> None:
    """One decision. Raises RuntimeError unless the store admitted the call: an outage is decided at once."""
    decision = await limiter.decide(charges, moment())
    if decision.bound is not None or decision.uncounted:
        raise RuntimeError("not admitted: what would be measured is something else")


def moment() -> Moment:
    """Now, on both clocks."""
    return Moment(time.time_ns() // 1000, time.monotonic_ns())


async def measured(url: str) -> list[tuple[str, float]]:
    """(what, microseconds a call)."""
    client = connect(url)
    exact = RedisLimiter(connect(url))
    await exact.start(["bench"])
    leased = LeasedLimiter(exact, RedisLeasing(exact), workers=1, lease_ms=Settings().lease_ms)
    charges = charges_of(six())
    found = [
        ("update a dictionary", min(updating(20_000) for _ in range(ROUNDS)) / 20_000 / 1000),
        ("one round trip: PING", await one_by_one(client.ping, 500)),
        ("exact, one after the other", await one_by_one(lambda: admitted(exact, charges), 300)),
        (
            f"exact, {AT_ONCE} at once",
            await one_by_one(lambda: asyncio.gather(*[admitted(exact, charges) for _ in range(AT_ONCE)]), 5) / AT_ONCE,
        ),
        ("leased, one after the other", await one_by_one(lambda: admitted(leased, charges), 30_000)),
    ]
    for pace in PACES:
        both = [(await paced_us(leased, charges, pace, 2), await paced_us(None, charges, pace, 2)) for _ in range(3)]
        found.append((f"leased, {pace:,} calls a second (CPU)", min(busy - idle for busy, idle in both)))
    await leased.close()
    await exact.close()
    await client.aclose()
    return found


def main() -> None:
    """Print the table."""
    with running_valkey() as valkey:
        found = asyncio.run(measured(valkey.url))
    update_us, trip_us = found[0][1], found[1][1]
    print("| what, for six limits | us a call | in dictionary updates | in round trips |")
    print("|---|---:|---:|---:|")
    for what, us in found:
        print(f"| {what} | {us:,.2f} | {us / update_us:,.0f} | {us / trip_us:,.3f} |")


if __name__ == "__main__":
    main()
