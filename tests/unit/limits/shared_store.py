"""A shared store in memory on a simulated clock, as an engine that leases, too: plain, and nothing is forgotten.

It stands for the Redis engine where many workers' interleavings are to be tried. Each request waits in `pending` until
the test delivers it; the clock may have moved by then.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.limits.leased import Lease
from policies.limit import Charge, Decision, Limit, Moment, Quota, Rate, Standing

PERIOD_US = 3_600_000_000
"""Every quota's period, from the epoch on."""


class Clock:
    """Both clocks of a Moment, moved by the test."""

    def __init__(self) -> None:
        self.now_ns = 500 * PERIOD_US * 1000

    def __call__(self) -> int:
        return self.now_ns

    @property
    def moment(self) -> Moment:
        return Moment(self.now_ns // 1000, self.now_ns)


@dataclass
class Counter:
    """What is entered for one key: (time, cost) of calls; GCRA's arrival times the limit; cost by period."""

    entries: list[tuple[int, int]] = field(default_factory=list)
    arrival_scaled: int = 0
    used: dict[int, int] = field(default_factory=dict)


class SharedStore:
    """A Limiter, and Leasing. `gated`: requests wait until they are delivered; else they are answered at once."""

    def __init__(self, clock: Clock, *, gated: bool = False) -> None:
        self.clock = clock
        self.gated = gated
        self.pending: list[asyncio.Future[None]] = []
        self.requests = 0
        self.leases = 0
        self.counters: dict[str, Counter] = {}
        self.given_back = 0
        self.refusing: Decision | None = None
        self.began_s: list[float | None] = []

    async def decide(
        self, charges: Sequence[Charge], at: Moment, hold: str = "", began_s: float | None = None
    ) -> Decision:
        self.began_s.append(began_s)
        await self._delivered()
        return self._decided(charges, at)

    async def lease(self, charges: Sequence[Charge], at: Moment, want: int, lease_us: int) -> Lease | None:
        self.leases += 1
        await self._delivered()
        if self.refusing is not None:
            return None
        end_ns = self.clock.now_ns + lease_us * 1000
        watched = tuple(
            each.limit for each in charges if each.limit.enforce == "observe" and self._fits(each, at, end_ns) < 1
        )
        bound = [each for each in charges if each.limit not in watched]
        granted = min([want, *(self._fits(each, at, end_ns) for each in bound)])
        if granted < 1:
            return None
        for charge in bound:
            self._enter(charge, at, end_ns, granted)
        start_us = at.time_us // PERIOD_US * PERIOD_US
        entries = (end_ns,) * len(charges)
        return Lease(granted, self._standings(charges, at), watched, start_us, start_us + PERIOD_US, entries=entries)

    async def give_back(self, charges: Sequence[Charge], lease: Lease, unused: int) -> None:
        await self._delivered()
        self.given_back += unused
        for charge in charges:
            if charge.limit in lease.observed:
                continue
            counter, cost = self.counters[charge.key], unused * charge.amount
            if isinstance(charge.limit, Quota):
                counter.used[lease.from_us // PERIOD_US] -= cost
                continue
            for place, (time_ns, entered) in enumerate(counter.entries):
                if time_ns == lease.entries[0]:  # leases of the same moment are as good as one
                    taken = min(cost, entered)
                    counter.entries[place], cost = (time_ns, entered - taken), cost - taken
            assert cost == 0

    async def release(self, charges: Sequence[Charge], hold: str) -> None:
        await self._delivered()

    async def standings(self, charges: Sequence[Charge], at: Moment) -> tuple[Standing, ...]:
        return self._standings(charges, at)

    async def deliver(self, place: int = 0) -> None:
        """Answer a request that waits, and let everybody go on who can."""
        if self.pending:
            self.pending.pop(place % len(self.pending)).set_result(None)
        await settled()

    async def _delivered(self) -> None:
        self.requests += 1
        if self.gated:
            waiting = asyncio.get_running_loop().create_future()
            self.pending.append(waiting)
            await waiting

    def _decided(self, charges: Sequence[Charge], at: Moment) -> Decision:
        if self.refusing is not None:
            return self.refusing
        now_ns = self.clock.now_ns
        full = [charge for charge in charges if self._fits(charge, at, now_ns) < 1]
        watched = [charge.limit for charge in full if charge.limit.enforce == "observe"]
        refused = [charge.limit for charge in full if charge.limit.enforce == "refuse"]
        if refused:
            return Decision(self._standings(charges, at), refused[0], 1, tuple(watched))
        for charge in charges:
            if charge.limit not in watched:
                self._enter(charge, at, now_ns, 1)
        return Decision(self._standings(charges, at), None, 0, tuple(watched))

    def _fits(self, charge: Charge, at: Moment, entered_ns: int) -> int:
        """How many calls fit that are entered at this time."""
        limit, counter = charge.limit, self.counters.setdefault(charge.key, Counter())
        remaining = self._remaining(limit, counter, at)
        if charge.amount == 0:
            return 1_000_000 if remaining > 0 else 0
        fits = max(0, remaining // charge.amount)
        if isinstance(limit, Rate):
            arrival_scaled = max(counter.arrival_scaled, entered_ns * limit.limit)
            tolerance_scaled = (limit.burst - charge.amount) * limit.window_ns
            if entered_ns > self.clock.now_ns:  # leased: on the first half of a burst only
                room_scaled = self.clock.now_ns * limit.limit + tolerance_scaled // 2 - arrival_scaled
            else:
                room_scaled = self.clock.now_ns * limit.limit + limit.burst * limit.window_ns - arrival_scaled
            fits = min(fits, max(0, room_scaled // (charge.amount * limit.window_ns)))
        return fits

    def _enter(self, charge: Charge, at: Moment, entered_ns: int, calls: int) -> None:
        limit, counter, cost = charge.limit, self.counters[charge.key], calls * charge.amount
        if isinstance(limit, Rate) and cost:
            counter.entries.append((entered_ns, cost))
            counter.arrival_scaled = max(counter.arrival_scaled, entered_ns * limit.limit) + cost * limit.window_ns
        elif isinstance(limit, Quota):
            period = at.time_us // PERIOD_US
            counter.used[period] = counter.used.get(period, 0) + cost

    def _remaining(self, limit: Limit, counter: Counter, at: Moment) -> int:
        if isinstance(limit, Rate):
            start_ns = self.clock.now_ns - limit.window_ns
            return limit.limit - sum(cost for time_ns, cost in counter.entries if time_ns > start_ns)
        return limit.limit - counter.used.get(at.time_us // PERIOD_US, 0)

    def _standings(self, charges: Sequence[Charge], at: Moment) -> tuple[Standing, ...]:
        return tuple(
            Standing(
                each.limit,
                max(0, self._remaining(each.limit, self.counters.setdefault(each.key, Counter()), at)),
                1_000_000_000,
            )
            for each in charges
        )


async def settled() -> None:
    """Everybody who can go on has gone on."""
    for _ in range(12):
        await asyncio.sleep(0)
