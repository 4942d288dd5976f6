"""LeasedLimiter: when the store is asked, for how many calls, and what happens to permits that nobody used."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from gateway.limits.leased import LeasedLimiter
from policies.limit import Charge, Decision, Limit, Moment
from tests.unit.limits.leased_limits import bundle, in_flight, quota, rate
from tests.unit.limits.shared_store import PERIOD_US, Clock, SharedStore, settled

MS_NS = 1_000_000
BUSY = bundle(rate("1", 16_000, 16_000), quota("2", 100_000))


class Worker:
    """A LeasedLimiter before a shared store on a simulated clock."""

    def __init__(self, *, gated: bool = False, workers: int = 1) -> None:
        self.clock = Clock()
        self.store = SharedStore(self.clock, gated=gated)
        self.workers = workers
        self.limiter = self.beside()

    def beside(self) -> LeasedLimiter:
        """Another worker before the same store."""
        return LeasedLimiter(self.store, self.store, workers=self.workers, lease_ms=100, monotonic_ns=self.clock)

    async def call(self, charges: tuple[Charge, ...] = BUSY) -> Decision:
        return await self.limiter.decide(charges, self.clock.moment)

    async def busy(self, calls: int = 64, charges: tuple[Charge, ...] = BUSY) -> None:
        """So many calls at once, so that permits are leased."""
        for _ in range(calls):
            await self.call(charges)

    def used(self, number: str) -> int:
        return sum(self.store.counters[f"acme/{number}"].used.values())


@asynccontextmanager
async def working(*, gated: bool = False, workers: int = 1) -> AsyncIterator[Worker]:
    worker = Worker(gated=gated, workers=workers)
    try:
        yield worker
    finally:
        worker.store.gated = False
        await worker.limiter.close()


async def test_a_busy_bundle_asks_the_store_once_for_many_calls() -> None:
    async with working() as worker:
        await worker.busy(1000)
        assert worker.store.requests < 20


async def test_a_bundle_that_is_called_rarely_is_decided_by_the_store_call_by_call() -> None:
    async with working() as worker:
        for _ in range(10):
            await worker.call()
            worker.clock.now_ns += 200 * MS_NS
        assert worker.store.requests == 10
        assert worker.used("2") == 10, "nothing was leased beyond what was used"


async def test_permits_are_of_no_use_when_their_lease_has_ended_and_are_given_back() -> None:
    async with working() as worker:
        await worker.busy()
        assert worker.used("2") > 64
        worker.clock.now_ns += 100 * MS_NS
        await worker.limiter.sweep()
        assert worker.used("2") == 64
        asked = worker.store.requests
        await worker.call()
        assert worker.store.requests == asked + 1


async def test_a_lease_counts_from_before_the_store_was_asked() -> None:
    async with working() as worker:
        await worker.busy(9)
        worker.store.gated = True
        while not worker.store.pending:
            waiting = asyncio.create_task(worker.call())
            await settled()
        worker.clock.now_ns += 99 * MS_NS
        await worker.store.deliver()
        assert (await waiting).bound is None
        asked = worker.store.requests
        await worker.call()
        assert worker.store.requests == asked
        worker.clock.now_ns += MS_NS
        late = asyncio.create_task(worker.call())
        await settled()
        assert worker.store.requests > asked, "by the store's clock the lease would have gone on for 99 ms"
        worker.store.gated = False
        while worker.store.pending:
            await worker.store.deliver()
        await late


async def test_unused_permits_are_given_back_without_another_call() -> None:
    async with working() as worker:
        await worker.busy()
        worker.clock.now_ns += 100 * MS_NS
        async with asyncio.timeout(5):
            while worker.used("2") != 64:  # noqa: ASYNC110 - nobody tells when a timer has run
                await asyncio.sleep(0.01)


async def test_closing_gives_back_everything_and_later_calls_are_decided_by_the_store() -> None:
    async with working() as worker:
        await worker.busy()
        await worker.limiter.close()
        assert worker.used("2") == 64
        assert sum(cost for _, cost in worker.store.counters["acme/1"].entries) == 64
        await worker.busy(10)
        assert worker.used("2") == 74


async def test_permits_die_with_the_period_of_a_quota() -> None:
    async with working() as worker:
        worker.clock.now_ns += (PERIOD_US - 10_000) * 1000  # 10 ms before the period ends
        await worker.busy()
        asked = worker.store.requests
        worker.clock.now_ns += 10 * MS_NS
        await worker.call()
        assert worker.store.requests > asked
        await worker.limiter.close()
        assert sorted(worker.store.counters["acme/2"].used.values()) == [1, 64]


async def test_a_call_that_arrived_before_the_period_is_not_counted_in_it() -> None:
    async with working() as worker:
        before = worker.clock.moment
        early = Moment(before.time_us - 1, before.monotonic_ns)
        await worker.busy()
        await worker.limiter.decide(BUSY, early)
        await worker.limiter.close()
        assert sorted(worker.store.counters["acme/2"].used.values()) == [1, 64]


async def test_who_comes_at_once_shares_one_question() -> None:
    async with working(gated=True) as worker:
        first = [asyncio.create_task(worker.call()) for _ in range(2)]
        await settled()
        crowd = [asyncio.create_task(worker.call()) for _ in range(50)]
        await settled()
        asked = worker.store.requests
        assert asked == 2
        while worker.store.pending:
            await worker.store.deliver()
        assert all(call.done() and call.result().bound is None for call in (*first, *crowd))
        assert worker.store.requests <= asked + 3


async def test_where_nothing_can_be_leased_the_store_decides_call_by_call_for_a_while() -> None:
    async with working() as worker:
        charges = bundle(quota("2", 64))
        await worker.busy(64, charges)
        leases = worker.store.leases
        for _ in range(20):
            assert (await worker.call(charges)).bound is charges[0].limit
        assert worker.store.leases <= leases + 1
        worker.clock.now_ns += PERIOD_US * 1000
        await worker.busy(30, charges)
        assert worker.store.leases > leases + 1


async def test_a_caller_who_goes_away_leaves_nobody_waiting_and_loses_no_permits() -> None:
    async with working() as worker:
        await worker.busy(9)
        worker.store.gated = True
        calls = []
        while not worker.store.pending:
            calls.append(asyncio.create_task(worker.call()))
            await settled()
        others = [asyncio.create_task(worker.call()) for _ in range(3)]
        await settled()
        calls[-1].cancel()
        with suppress(asyncio.CancelledError):
            await calls[-1]
        await worker.store.deliver()
        assert all(other.done() and other.result().bound is None for other in others)
        worker.store.gated = False
        await worker.limiter.close()
        assert worker.used("2") == 9 + len(calls) - 1 + len(others), "nobody used the permit of the one who left"


async def test_who_waits_in_vain_for_a_lease_asks_the_store_itself_and_says_since_when_it_has_waited() -> None:
    async with working() as worker:
        await worker.busy(9)
        worker.store.gated = True
        calls = []
        while not worker.store.pending:
            calls.append(asyncio.create_task(worker.call()))
            await settled()
        asked, loop = len(worker.store.began_s), asyncio.get_running_loop()
        crowd_s = loop.time()
        calls += [asyncio.create_task(worker.call()) for _ in range(3)]
        async with asyncio.timeout(5):
            while len(worker.store.pending) < 5:  # noqa: ASYNC110 - the lease, and four who no longer wait for it
                await asyncio.sleep(0.01)
        assert all(began_s is not None and began_s <= loop.time() - 0.05 for began_s in worker.store.began_s[asked:])
        assert sum(began_s is not None and began_s >= crowd_s for began_s in worker.store.began_s[asked:]) == 3
        while worker.store.pending:
            await worker.store.deliver()
        assert all(call.done() and call.result().bound is None for call in calls)


async def test_what_is_in_flight_is_decided_by_the_store() -> None:
    async with working() as worker:
        await worker.busy(50, bundle(rate("1", 16_000, 16_000), in_flight("3", 5_000)))
        assert worker.store.requests == 50


async def test_what_is_settled_is_decided_by_the_store() -> None:
    async with working() as worker:
        records = quota("4", 1_000_000, "records")
        for _ in range(50):
            await worker.limiter.decide([Charge(records.key, records, 7)], worker.clock.moment)
        assert worker.store.requests == 50
        assert worker.used("4") == 350


async def test_a_quota_of_records_is_asked_by_every_call_in_its_last_eighth() -> None:
    async with working() as worker:
        records = quota("4", 800, "records")
        charges = bundle(rate("1", 16_000, 16_000), records)
        await worker.busy(50, charges)
        assert worker.store.requests < 20
        await worker.limiter.decide([Charge(records.key, records, 701)], worker.clock.moment)
        worker.clock.now_ns += 100 * MS_NS
        await worker.busy(50, charges)  # the first may lease yet: it has not heard
        asked = worker.store.requests
        worker.clock.now_ns += 100 * MS_NS
        await worker.limiter.sweep()
        asked = worker.store.requests
        await worker.busy(50, charges)
        assert worker.store.requests == asked + 50


@pytest.mark.parametrize(
    ("limit", "why"),
    [
        (rate("1", 10_000, 1), "a burst of one cannot be lent out"),
        (rate("1", 15, 15), "one permit would be more than an eighth"),
        (quota("1", 15), "one permit would be more than an eighth"),
    ],
)
async def test_small_limits_are_decided_by_the_store(limit: Limit, why: str) -> None:
    async with working() as worker:
        charges = bundle(limit)
        for _ in range(15):
            await worker.call(charges)
        assert worker.store.requests == 15, why


async def test_all_workers_together_hold_at_most_an_eighth_of_a_limit() -> None:
    async with working(workers=4) as worker:
        charges = bundle(quota("2", 3200))
        crew = [worker.limiter, *(worker.beside() for _ in range(3))]
        calls = 0
        for limiter in crew:
            for _ in range(250):
                await limiter.decide(charges, worker.clock.moment)
                calls += 1
        assert 0 < worker.used("2") - calls <= 3200 // 8
        for limiter in crew:
            await limiter.close()
        assert worker.used("2") == calls


async def test_a_load_that_never_ceases_gets_what_is_stated() -> None:
    async with working() as worker:
        charges = bundle(rate("1", 1000, 1000))
        admitted = 0
        for _ in range(20_000):  # ten windows, two calls a millisecond
            admitted += (await worker.call(charges)).bound is None
            worker.clock.now_ns += MS_NS // 2
        assert admitted >= 10 * 1000 * 1000 // 1100
        assert worker.store.requests < 20_000


async def test_the_standings_of_a_call_are_what_the_store_alone_would_say() -> None:
    async with working() as worker:
        for number in range(1, 200):
            decision = await worker.call()
            assert [standing.remaining for standing in decision.standings] == [16_000 - number, 100_000 - number]


async def test_a_limit_that_only_watches_is_listed_and_neither_charged_nor_in_the_way() -> None:
    async with working() as worker:
        watched = quota("5", 32, enforce="observe")
        charges = bundle(rate("1", 16_000, 16_000), watched)
        decisions = [await worker.call(charges) for _ in range(64)]
        assert all(decision.bound is None for decision in decisions)
        assert [bool(decision.observed) for decision in decisions] == [False] * 32 + [True] * 32
        assert decisions[-1].observed == (watched,)
        await worker.limiter.close()
        assert worker.used("5") == 32


async def test_the_weight_of_a_call_is_charged_by_its_permit() -> None:
    async with working() as worker:
        charges = bundle(rate("1", 16_000, 16_000), quota("2", 100_000), weight=5)
        await worker.busy(100, charges)
        await worker.limiter.close()
        assert worker.used("2") == 500
        assert sum(cost for _, cost in worker.store.counters["acme/1"].entries) == 500


async def test_permits_in_hand_last_through_an_outage_until_their_lease_ends() -> None:
    async with working() as worker:
        await worker.busy()
        limit = BUSY[0].limit
        worker.store.refusing = Decision((), limit, 0, unavailable=True)
        assert (await worker.call()).bound is None
        worker.clock.now_ns += 100 * MS_NS
        answer = await worker.call()
        assert answer.bound is limit
        assert answer.unavailable
