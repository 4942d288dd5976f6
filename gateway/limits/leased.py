"""Leased permits: a busy worker asks the shared store once for many calls, and decides these without asking it again.

A *bundle* is what the calls of one client on one plan are held against, the same tuple for each of them. A *permit*
lets one call of a bundle pass: all its limits together. Permits are leased in batches by one EVALSHA, are used by
this worker alone within `lease_ms`, and what is not used is given back.

Never more is admitted than a limit says. The store enters a permit as if it were used at the very last moment, when its
lease ends, and asks whether it fits as if it were used at once. So let a permit p be granted at g(p) and used at u(p),
with g(p) <= u(p) <= e(p), the end of its lease; a call that the store itself decides has g = u = e. Then:

- *No window holds more than `limit`.* Of the permits used in a window (a, a + w] let p be the one granted last. Any
  other, q, was granted before, and e(q) >= u(q) > a >= u(p) - w >= g(p) - w: its entry was in the window that the
  store looked at when it granted p, and that held at most `limit`, p included.
- *At once no more than `burst`.* Let n permits be used in [a, b], spaced t = w / limit by GCRA. The first one granted
  set the theoretical arrival to e + t >= a + t at least, each later one added t: it is at least a + n t. The last one
  was granted because it was at most g + burst t <= b + burst t. So n <= burst + (b - a) / t, which is what GCRA says.
- *No period holds more than a quota.* Permits are charged when they are leased, and die with the period.

Leases end by this worker's monotonic clock, counted from before the store was asked: before the store thinks so.

What it costs is calls refused although they would have fitted, at most: the permits that other workers, and other
bundles on the same counter, hold unused: for a bundle on all workers together 1/8 of the limit, none longer than
`lease_ms`; permits used, which stay in the window up to `lease_ms` too long: a load that never ceases gets at least
w / (w + lease_ms) of the limit; and of a burst `lease_ms` / t calls, a quarter at most: leases are shorter where it
would be more. Unused permits are given back to windows and periods, but not to the even pace, which forgets them by
itself; so leases draw on the first half of a burst only. Where nothing can be leased any more, and where a bundle
is called rarely, the store decides call by call, and loses nothing.

Quotas whose amount is known only after masking are asked, when permits are leased, whether anything is left: that
answer may be `lease_ms` old. What goes out is settled with the store, exactly, in every mode; near the end of such a
quota (the last eighth) every call asks. Whatever holds something in flight is decided by the store.

After a reload calls come with another tuple: permits of the old one are given back when their lease ends.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec import Struct

from policies.limit import Charge, Decision, Limit, Limiter, Moment, Quota, Rate, Standing

_SHARE = 8
"""All workers together hold at most this part of a limit unused for a bundle; and when a quota nears its end."""
_LEASE_NS_MIN = 5_000_000
"""A lease shorter than a few round trips saves none: then the store decides each call."""
_WAITS_MAX = 2
"""A call waits for at most so many leases, its own or others', before the store decides it."""
_KNOWN_MAX = 20_000
"""So many bundles are known; then those that hold nothing are forgotten."""


class Lease(Struct, frozen=True, gc=False):
    """What a store granted: so many `permits`, and how the limits stand after all of them.

    `observed` are limits that only watch and had no room, so they are not charged. Permits are for calls that arrive
    between `from_us` and `until_us` (Unix microseconds), which is inside the periods of all quotas. `asked_us`,
    `epoch`, `lease_us` and `entries`, one number a charge, are for the store, when permits are given back.
    """

    permits: int
    standings: tuple[Standing, ...]
    observed: tuple[Limit, ...] = ()
    from_us: int = 0
    until_us: int = 2**63 - 1
    asked_us: int = 0
    epoch: str = ""
    lease_us: int = 0
    entries: tuple[int, ...] = ()


class Exact(Limiter, Protocol):
    """A Limiter that can be told that a call has waited for something else before."""

    async def decide(
        self, charges: Sequence[Charge], at: Moment, hold: str = "", began_s: float | None = None
    ) -> Decision:
        """As a Limiter; its time is counted from `began_s`, by the loop's clock."""


class Leasing(Protocol):
    """A shared store that leases. Never raises for what is expected: who cannot be reached grants nothing."""

    async def lease(self, charges: Sequence[Charge], at: Moment, want: int, lease_us: int) -> Lease | None:
        """As many of `want` permits as fit, for `lease_us`. None if not one fits, or it cannot be told."""

    async def give_back(self, charges: Sequence[Charge], lease: Lease, unused: int) -> None:
        """These permits were not used and will not be. Where the store has forgotten the lease nothing happens."""


class _Batch:
    """Permits in hand. Mutable: the hot path counts them down."""

    __slots__ = ("asked_ns", "lease", "left", "rows", "until_ns")

    def __init__(self, lease: Lease, charges: Sequence[Charge], asked_ns: int, until_ns: int) -> None:
        self.lease = lease
        self.left = lease.permits
        self.asked_ns = asked_ns
        self.until_ns = until_ns
        self.rows = tuple(
            (each.limit, each.remaining, 0 if each.limit in lease.observed else charge.amount, each.reset_ns)
            for each, charge in zip(lease.standings, charges, strict=True)
        )

    def decision(self, now_ns: int) -> Decision:
        """What a call that uses a permit is told. Permits still in hand are still there for the caller."""
        left, past_ns = self.left, now_ns - self.asked_ns
        standings = tuple(
            [
                Standing(limit, remaining + left * amount, reset_ns - past_ns if reset_ns > past_ns else 0)
                for limit, remaining, amount, reset_ns in self.rows
            ]
        )
        return Decision(standings, None, 0, self.lease.observed)


class _Bundle:
    """One tuple of charges: the permits in hand, who is asking for more, and how often it is called."""

    __slots__ = ("asking", "batch", "calls", "charges", "dry_ns", "lease_ns", "most", "pace", "scarce", "since_ns")

    def __init__(self, charges: tuple[Charge, ...], lease_ns: int, workers: int, now_ns: int) -> None:
        self.charges = charges
        self.batch: _Batch | None = None
        self.asking: asyncio.Task[None] | None = None
        self.dry_ns = now_ns
        self.scarce = False
        self.calls = 0
        self.pace = 0
        self.since_ns = now_ns
        self.lease_ns = min([lease_ns, *(_lease_ns_max(charge) for charge in charges)])
        self.most = min((_permits_max(charge, workers) for charge in charges), default=0)
        if self.lease_ns < _LEASE_NS_MIN:
            self.most = 0

    def wanted(self, now_ns: int) -> int:
        """Permits to ask for: what one lease lasts for at the pace of late, and a quarter more."""
        elapsed_ns = now_ns - self.since_ns
        if elapsed_ns >= self.lease_ns:
            self.pace = self.calls * self.lease_ns // elapsed_ns
            self.calls = 0
            self.since_ns = now_ns
        if self.scarce or now_ns < self.dry_ns:
            return 0
        demand = max(self.pace, self.calls)
        return min(self.most, demand + demand // 4)

    def heard(self, standings: tuple[Standing, ...]) -> None:
        """The store has answered: note whether a quota of what is known only after masking nears its end."""
        self.scarce = any(
            charge.amount == 0 and standing.remaining * _SHARE < standing.limit.limit
            for charge, standing in zip(self.charges, standings, strict=False)
        )


class LeasedLimiter:
    """A Limiter in front of one that asks a shared store each time; `leasing` leases from the same store.

    Belongs to one event loop; `close` gives back what it holds.
    """

    def __init__(
        self,
        exact: Exact,
        leasing: Leasing,
        *,
        workers: int,
        lease_ms: int,
        deadline_s: float = 0.05,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._exact = exact
        self._leasing = leasing
        self._workers = workers
        self._lease_ns = lease_ms * 1_000_000
        self._deadline_s = deadline_s
        self._monotonic_ns = monotonic_ns
        self._bundles: dict[int, _Bundle] = {}
        """By the identity of the tuple, which the bundle keeps alive: hashing its contents would cost more."""
        self._holding: set[_Bundle] = set()
        """Those with a batch."""
        self._asking: set[asyncio.Task[None]] = set()
        self._returning: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    async def decide(self, charges: Sequence[Charge], at: Moment, hold: str = "") -> Decision:
        """By a permit in hand, without suspending; else by asking the store, for this call or for more."""
        bundle = self._bundles.get(id(charges))
        if bundle is not None:
            batch = bundle.batch
            if batch is not None and batch.left:
                now_ns = self._monotonic_ns()
                lease = batch.lease
                if now_ns < batch.until_ns and lease.from_us <= at.time_us < lease.until_us:
                    batch.left -= 1
                    bundle.calls += 1
                    return batch.decision(now_ns)
        elif not self._closed and type(charges) is tuple:
            bundle = self._known(charges)
        if bundle is None or bundle.most == 0:
            return await self._exact.decide(charges, at, hold)
        return await self._asked(bundle, at)

    async def release(self, charges: Sequence[Charge], hold: str) -> None:
        """Nothing in flight is ever leased."""
        await self._exact.release(charges, hold)

    async def standings(self, charges: Sequence[Charge], at: Moment) -> tuple[Standing, ...]:
        """As the store has them: permits in any worker's hand are used. Raises LimiterUnavailable."""
        return await self._exact.standings(charges, at)

    async def sweep(self) -> None:
        """Give back permits whose lease has ended. Runs by itself, too."""
        self._sweep()
        await asyncio.gather(*self._returning)

    async def close(self) -> None:
        """Give back everything. Afterwards calls are decided by the store one by one."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        self._bundles = {}
        await asyncio.gather(*self._asking, return_exceptions=True)
        for bundle in list(self._holding):
            self._retire(bundle)
        await asyncio.gather(*self._returning)

    async def _asked(self, bundle: _Bundle, at: Moment) -> Decision:
        """By a permit that this call, or one before it, asks for; else by the store, exactly. One deadline for all."""
        bundle.calls += 1
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        for _ in range(_WAITS_MAX):
            if bundle.asking is None:
                want = 0 if self._closed else bundle.wanted(self._monotonic_ns())
                if want < 2:
                    break
                # a task of its own: a caller who goes away must not leave others waiting, nor permits nobody knows of
                bundle.asking = asyncio.create_task(self._leased(bundle, at, want))
                self._asking.add(bundle.asking)
                bundle.asking.add_done_callback(self._asking.discard)
            left_s = began_s + self._deadline_s - loop.time()
            await asyncio.wait({bundle.asking}, timeout=max(0.0, left_s))
            taken = self._taken(bundle, at)
            if taken is not None:
                return taken
        decision = await self._exact.decide(bundle.charges, at, began_s=began_s)
        if decision.unavailable or decision.uncounted:
            bundle.dry_ns = self._monotonic_ns()  # that nothing was leased says nothing of a store that is away
        bundle.heard(decision.standings)
        return decision

    async def _leased(self, bundle: _Bundle, at: Moment, want: int) -> None:
        asked_ns = self._monotonic_ns()
        try:
            lease = await self._leasing.lease(bundle.charges, at, want, bundle.lease_ns // 1000)
        finally:
            bundle.asking = None
        if lease is None:
            bundle.dry_ns = self._monotonic_ns() + bundle.lease_ns
            return
        bundle.heard(lease.standings)
        self._retire(bundle)
        bundle.batch = _Batch(lease, bundle.charges, asked_ns, asked_ns + bundle.lease_ns)
        self._holding.add(bundle)
        self._watch()

    def _taken(self, bundle: _Bundle, at: Moment) -> Decision | None:
        batch, now_ns = bundle.batch, self._monotonic_ns()
        if batch is None or not batch.left or now_ns >= batch.until_ns:
            return None
        if not batch.lease.from_us <= at.time_us < batch.lease.until_us:
            return None
        batch.left -= 1
        return batch.decision(now_ns)

    def _known(self, charges: tuple[Charge, ...]) -> _Bundle:
        if len(self._bundles) >= _KNOWN_MAX:
            kept = {id(each.charges): each for each in self._bundles.values() if each.batch or each.asking}
            self._bundles = kept
        bundle = _Bundle(charges, self._lease_ns, self._workers, self._monotonic_ns())
        self._bundles[id(charges)] = bundle
        return bundle

    def _retire(self, bundle: _Bundle) -> None:
        """Give back what is left of the batch in hand."""
        batch, bundle.batch = bundle.batch, None
        self._holding.discard(bundle)
        if batch is None or not batch.left:
            return
        unused, batch.left = batch.left, 0
        returning = asyncio.create_task(self._leasing.give_back(bundle.charges, batch.lease, unused))
        self._returning.add(returning)
        returning.add_done_callback(self._returning.discard)

    def _watch(self) -> None:
        """Look again when the present leases have ended."""
        if self._timer is None and self._holding and not self._closed:
            self._timer = asyncio.get_running_loop().call_later(self._lease_ns / 1e9, self._due)

    def _due(self) -> None:
        self._timer = None
        self._sweep()
        self._watch()

    def _sweep(self) -> None:
        now_ns = self._monotonic_ns()
        for bundle in [each for each in self._holding if each.batch and now_ns >= each.batch.until_ns]:
            self._retire(bundle)


def _lease_ns_max(charge: Charge) -> int:
    """How long a lease may last so that entering permits at its end takes at most a quarter of a burst."""
    limit = charge.limit
    return limit.burst * limit.window_ns // limit.limit // 4 if isinstance(limit, Rate) else 2**63


def _permits_max(charge: Charge, workers: int) -> int:
    """Permits that a worker may hold of this limit; 0 where it cannot be leased."""
    limit = charge.limit
    if charge.members or not isinstance(limit, Rate | Quota):
        return 0
    if isinstance(limit, Quota) and charge.amount == 0:
        return 2**31
    if charge.amount == 0 or (isinstance(limit, Quota) and limit.unit != "calls"):
        return 0
    permits = limit.limit // charge.amount // (_SHARE * workers)
    return permits if permits >= 2 else 0
