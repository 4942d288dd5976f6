"""Hammering limits: processes with many coroutines each ask for all they can get. How many got in, and how many of
them in any window there was? `python -m bench.hammer`.

Each admitted call is noted with the time before it asked and the time when it had its answer, on the monotonic clock
that all processes of a machine share. The decision lies between the two, so that calls that began and ended within a
span were decided in it: of these no span may hold more than the limit allows, however slow the machine is.
"""

import argparse
import asyncio
import multiprocessing
import time
from bisect import bisect_left, bisect_right
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from typing import Literal, TypeAlias

from msgspec.structs import replace

from bench.limits import PLENTY, quota, rate
from gateway.limits.connection import connect
from gateway.limits.leased import LeasedLimiter
from gateway.limits.redis_leasing import RedisLeasing
from gateway.limits.redis_limiter import RedisLimiter
from gateway.settings import Settings
from policies.counters import Counters
from policies.limit import Charge, Limiter, Moment, Rate
from tests.flows.valkey import running_valkey

Engine: TypeAlias = Literal["process", "exact", "leased"]
Span: TypeAlias = tuple[int, int]
"""A call: nanoseconds before it asked, and when it was admitted."""
READY_S_MAX = 60


@dataclass(frozen=True)
class Hammering:
    """What is run: `limit` in a second, `burst` of it at once, and `quota` in a year.

    `weights` are what a call costs on each plan; all plans share all counters, and coroutines take turns with them.
    """

    engine: Engine
    url: str = ""
    processes: int = 4
    coroutines: int = 50
    seconds: float = 3.0
    limit: int = 2000
    burst: int = 500
    quota: int = PLENTY
    weights: tuple[int, ...] = (1, 3)

    def rate(self) -> Rate:
        """The limit that binds."""
        return replace(rate("1", self.limit, 1), burst=self.burst)

    def bundles(self) -> list[tuple[Charge, ...]]:
        """What a call of each plan is held against."""
        limits = (self.rate(), replace(quota("2", "calls", "year"), limit=self.quota), rate("3", 900_000, 1))
        return [tuple(Charge(limit.key, limit, weight) for limit in limits) for weight in self.weights]


@dataclass(frozen=True)
class Hammered:
    """What came of it: each call that was admitted with its weight, and how many were refused."""

    admitted: list[tuple[int, Span]]
    refused: int
    limit: Rate

    @property
    def counted(self) -> int:
        """All that was admitted, by weight."""
        return sum(weight for weight, _ in self.admitted)

    def most_in_a_window(self) -> int:
        """The most that any window of any position held."""
        return most_in_a_span(self.admitted, self.limit.window_ns)

    def most_at_once(self) -> float:
        """The largest burst: the most that any span held beside what the even pace allows in it."""
        return most_beside(self.admitted, self.limit.limit / self.limit.window_ns)


def most_in_a_span(calls: Sequence[tuple[int, Span]], span_ns: int) -> int:
    """The most weight of calls that began and ended within such a span."""
    began, began_sums = _sums(calls, 0)
    ended, ended_sums = _sums(calls, 1)
    return max(
        (
            ended_sums[bisect_left(ended, start_ns + span_ns)] - began_sums[bisect_left(began, start_ns)]
            for start_ns in began
        ),
        default=0,
    )


def most_beside(calls: Sequence[tuple[int, Span]], pace: float) -> float:
    """The most weight that calls had which began and ended within a span, less `pace` times its nanoseconds."""
    began, began_sums = _sums(calls, 0)
    ended, ended_sums = _sums(calls, 1)
    if not began:
        return 0.0
    origin_ns = began[0]
    starts = [began_sums[number] - pace * (start_ns - origin_ns) for number, start_ns in enumerate(began)]
    lowest: list[float] = []
    for value in starts:
        lowest.append(min(value, lowest[-1]) if lowest else value)
    return max(
        ended_sums[number + 1] - pace * (end_ns - origin_ns) - lowest[bisect_right(began, end_ns) - 1]
        for number, end_ns in enumerate(ended)
    )


def hammer(run: Hammering) -> Hammered:
    """Run it. Raises EOFError if a process dies, and TimeoutError if one does not come to an end."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(run.processes)
    ends, processes = [], []
    for _ in range(run.processes):
        near, far = context.Pipe(duplex=False)
        process = context.Process(target=_process, args=(run, barrier, far))
        process.start()
        far.close()
        ends.append(near)
        processes.append(process)
    admitted: list[tuple[int, Span]] = []
    refused = 0
    for near in ends:
        if not near.poll(run.seconds + READY_S_MAX):
            raise TimeoutError("a process that hammers does not end")
        calls, others = near.recv()
        admitted += calls
        refused += others
    for process in processes:
        process.join()
    return Hammered(admitted, refused, run.rate())


def _process(run: Hammering, barrier: "Barrier", far: Connection) -> None:
    far.send(asyncio.run(_hammered(run, barrier)))


async def _hammered(run: Hammering, barrier: "Barrier") -> tuple[list[tuple[int, Span]], int]:
    async with _limiter(run) as limiter:
        await asyncio.to_thread(barrier.wait, READY_S_MAX)
        until_ns = time.monotonic_ns() + int(run.seconds * 1e9)
        bundles = run.bundles()
        each = [_ask_on(limiter, bundles[number % len(bundles)], until_ns) for number in range(run.coroutines)]
        found = await asyncio.gather(*each)
    return [call for calls, _ in found for call in calls], sum(refused for _, refused in found)


async def _ask_on(limiter: Limiter, charges: tuple[Charge, ...], until_ns: int) -> tuple[list[tuple[int, Span]], int]:
    """One coroutine, until the time is up. Who is refused comes again 2 ms later."""
    admitted: list[tuple[int, Span]] = []
    refused = 0
    while (sent_ns := time.monotonic_ns()) < until_ns:
        decision = await limiter.decide(charges, Moment(time.time_ns() // 1000, sent_ns))
        if decision.bound is None:
            admitted.append((charges[0].amount, (sent_ns, time.monotonic_ns())))
        else:
            refused += 1
        await asyncio.sleep(0 if decision.bound is None else 0.002)
    return admitted, refused


@asynccontextmanager
async def _limiter(run: Hammering) -> AsyncIterator[Limiter]:
    """The engine of one process."""
    if run.engine == "process":
        yield Counters()
        return
    exact = RedisLimiter(connect(run.url), workers=run.processes)
    await exact.start(["bench"])
    leased = LeasedLimiter(exact, RedisLeasing(exact), workers=run.processes, lease_ms=Settings().lease_ms)
    yield exact if run.engine == "exact" else leased
    await leased.close()
    await exact.close()


def _sums(calls: Sequence[tuple[int, Span]], end: int) -> tuple[list[int], list[int]]:
    """Times in order, and the weight of the first 0, 1, 2... of them."""
    times = sorted((span[end], weight) for weight, span in calls)
    sums = [0]
    for _, weight in times:
        sums.append(sums[-1] + weight)
    return [at_ns for at_ns, _ in times], sums


def main() -> None:
    """Print what was admitted, for each engine."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--coroutines", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--limit", type=int, default=2000)
    parser.add_argument("--burst", type=int, default=500)
    given = parser.parse_args()
    print("| engine | processes x coroutines | admitted | refused | limit | most in a window | burst | most at once |")
    print("|---|---|---:|---:|---:|---:|---:|---:|")
    engines: tuple[Engine, ...] = ("process", "exact", "leased")
    for engine in engines:
        with nullcontext() if engine == "process" else running_valkey() as valkey:
            run = Hammering(
                engine,
                "" if valkey is None else valkey.url,
                1 if engine == "process" else given.processes,
                given.coroutines,
                given.seconds,
                given.limit,
                given.burst,
            )
            found = hammer(run)
        print(
            f"| {engine} | {run.processes} x {run.coroutines} | {found.counted:,} | {found.refused:,} | {run.limit:,} "
            f"| {found.most_in_a_window():,} | {run.burst:,} | {found.most_at_once():,.0f} |"
        )


if __name__ == "__main__":
    main()
