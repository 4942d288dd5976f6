"""Promise 3 with leased permits: several workers, every interleaving hypothesis finds, never more than a limit says."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.limits.leased import LeasedLimiter
from policies.limit import Charge, Quota, Rate
from tests.unit.limits.leased_limits import bundle, quota, rate
from tests.unit.limits.shared_store import PERIOD_US, Clock, SharedStore, settled

MS_NS = 1_000_000
PERIOD_NS = PERIOD_US * 1000


@dataclass
class Use:
    """A call that was admitted: when its answer was given, the period it arrived in, and what it is held against."""

    at_ns: int
    period: int
    charges: tuple[Charge, ...]


@dataclass
class Schedule:
    """Workers before one store, and what they admitted."""

    workers: int
    bundles: list[tuple[Charge, ...]]
    clock: Clock = field(default_factory=Clock)
    uses: list[Use] = field(default_factory=list)
    calls: list[asyncio.Task[None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock.now_ns += PERIOD_NS - 300 * MS_NS  # a period ends on the way
        self.store = SharedStore(self.clock, gated=True)
        self.limiters = [
            LeasedLimiter(self.store, self.store, workers=self.workers, lease_ms=100, monotonic_ns=self.clock)
            for _ in range(self.workers)
        ]

    async def _call(self, worker: int, charges: tuple[Charge, ...]) -> None:
        at = self.clock.moment
        if (await self.limiters[worker].decide(charges, at)).bound is None:
            self.uses.append(Use(self.clock.now_ns, at.time_us // PERIOD_US, charges))

    async def run(self, steps: list[tuple[str, int, int]]) -> None:
        for step, worker, number in steps:
            worker %= self.workers  # noqa: PLW2901 - whichever there is
            if step == "call":
                charges = self.bundles[number % len(self.bundles)]
                self.calls += [asyncio.create_task(self._call(worker, charges)) for _ in range(1 + number)]
                await settled()
            elif step == "deliver":
                await self.store.deliver(number)
            elif step == "wait":
                self.clock.now_ns += (1, 7, 30, 99, 100, 101, 450)[number % 7] * MS_NS
            else:
                sweep = asyncio.create_task(self.limiters[worker].sweep())
                await self._through(sweep)

    async def end(self) -> None:
        """Answer whatever still waits, and close."""
        for call in self.calls:
            await self._through(call)
        for limiter in self.limiters:
            await self._through(asyncio.create_task(limiter.close()))

    async def _through(self, task: asyncio.Task[None]) -> None:
        await settled()
        while not task.done():
            await self.store.deliver()
        await task

    def costs(self, key: str) -> list[tuple[int, int, int]]:
        """(time, period, cost) of the uses that this counter is about."""
        return sorted(
            (use.at_ns, use.period, charge.amount)
            for use in self.uses
            for charge in use.charges
            if charge.key == key and charge.limit.enforce == "refuse"
        )


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["call", "call", "call", "deliver", "deliver", "deliver", "wait", "sweep"]),
        st.integers(0, 2),
        st.integers(0, 12),
    ),
    min_size=20,
    max_size=80,
)
RATES = st.builds(
    lambda limit, part, window_ms: rate("1", limit, max(1, limit * part // 10), window_ms),
    st.integers(8, 200),
    st.integers(1, 10),
    st.sampled_from([200, 1000, 5000]),
)
LIMITS = st.tuples(RATES, st.builds(quota, st.just("2"), st.integers(8, 120)))


def assert_never_more(schedule: Schedule, limit: Rate) -> None:
    """No window of any position holds more than the limit, and no span more than the burst beside the even pace."""
    costs = schedule.costs(limit.key)
    for first, (start_ns, _, _) in enumerate(costs):
        total = 0
        for at_ns, _, cost in costs[first:]:
            total += cost
            span_ns = at_ns - start_ns
            if span_ns < limit.window_ns:
                assert total <= limit.limit
            assert (total - limit.burst) * limit.window_ns <= span_ns * limit.limit


def bundles_of(limits: tuple[Rate, Quota]) -> list[tuple[Charge, ...]]:
    """Two plans that share every counter: one weighs three calls; a third one only watches the rate."""
    limit, period = limits
    return [bundle(limit, period), bundle(limit, period, weight=3), bundle(replace(limit, enforce="observe"), period)]


@settings(max_examples=150, deadline=None)
@given(workers=st.integers(1, 3), limits=LIMITS, steps=STEPS)
def test_whatever_the_order_no_limit_is_ever_exceeded_and_what_is_unused_comes_back(
    workers: int, limits: tuple[Rate, Quota], steps: list[tuple[str, int, int]]
) -> None:
    async def tried() -> None:
        schedule = Schedule(workers, bundles_of(limits))
        await schedule.run(steps)
        await schedule.end()
        assert_never_more(schedule, limits[0])
        used: Counter[int] = Counter()
        for _, period, cost in schedule.costs(limits[1].key):
            used[period] += cost
        assert all(cost <= limits[1].limit for cost in used.values())
        counter = schedule.store.counters.get(limits[1].key)
        stored = {} if counter is None else {period: cost for period, cost in counter.used.items() if cost}
        assert stored == dict(used)

    asyncio.run(tried())


@settings(max_examples=60, deadline=None)
@given(workers=st.integers(1, 3), limit=RATES, steps=STEPS)
def test_entries_of_a_window_are_the_calls_that_were_made_when_all_is_given_back(
    workers: int, limit: Rate, steps: list[tuple[str, int, int]]
) -> None:
    async def tried() -> None:
        schedule = Schedule(workers, [bundle(limit)])
        await schedule.run(steps)
        await schedule.end()
        counter = schedule.store.counters.get(limit.key)
        entered = 0 if counter is None else sum(cost for _, cost in counter.entries)
        assert entered == len(schedule.uses)

    asyncio.run(tried())
