"""Deciding without the shared store, as each clause says: refuse, let pass, or count on this worker's share. What was
admitted is remembered, and charged to the store when it is back."""

from collections.abc import Sequence

from msgspec.structs import replace

from gateway.limits.mirror import Mirror
from policies.calendar_window import window_of
from policies.counters import Counters
from policies.limit import Charge, Decision, InFlight, Limit, Moment, Quota, Rate, Standing


class Outage:
    """One agreement's counters from when the store cannot count them until it does again. Decides at once."""

    def __init__(self, mirror: Mirror, workers: int) -> None:
        self._mirror, self._workers = mirror, workers
        self._counters = Counters()
        self._begun: set[str] = set()
        self._owed: dict[tuple[str, int], tuple[Charge, Moment]] = {}

    async def decide(self, charges: Sequence[Charge], at: Moment, hold: str) -> Decision:
        """Never waits for anything. Of several limits that refuse, the first one counts as the one that bound."""
        binding = [charge for charge in charges if charge.limit.enforce == "refuse"]
        for charge in binding:
            if charge.limit.on_outage == "refuse":
                return self._refused(charges, charge.limit)
        local = [charge for charge in binding if charge.limit.on_outage == "local"]
        shares = [self._share(charge, at) for charge in local]
        for charge, share in zip(local, shares, strict=True):
            if share.limit.limit == 0:
                return self._refused(charges, charge.limit)
        decision = await self._counters.decide(shares, at, hold)
        own = {id(share.limit): charge.limit for charge, share in zip(local, shares, strict=True)}
        left = {charge.key: standing for charge, standing in zip(local, decision.standings, strict=True)}
        standings = tuple(self._standing(charge, left.get(charge.key)) for charge in charges)
        if decision.bound is not None:
            return Decision(standings, own[id(decision.bound)], decision.wait_ns)
        for charge in charges:
            self.owe(charge, at)
        self._mirror.hold(charges, hold, at.time_us)
        return Decision(standings, None, 0, uncounted=tuple(charge.limit for charge in charges))

    async def release(self, charges: Sequence[Charge], hold: str) -> None:
        """An exchange has ended."""
        await self._counters.release(charges, hold)

    def take(self, now_us: int) -> tuple[Charge, Moment] | None:
        """Something that was admitted and is charged nowhere else yet, if it still counts; None: there is no more."""
        while self._owed:
            _, (charge, at) = self._owed.popitem()
            if not _is_over(charge.limit, at, now_us):
                return charge, at
        return None

    def owe(self, charge: Charge, at: Moment) -> None:
        """To be charged when the store is back."""
        limit = charge.limit
        if isinstance(limit, InFlight) or (charge.amount <= 0 and not charge.members):
            return
        start_s = window_of(limit.period, limit.zone, at.time_us)[0] if isinstance(limit, Quota) else 0
        known = self._owed.get((charge.key, start_s))
        amount, members = max(0, charge.amount), charge.members
        if known is not None:
            amount, members = amount + known[0].amount, members | known[0].members
        if isinstance(limit, Rate):
            amount = min(amount, limit.limit)  # more than a whole window's worth says no more
        self._owed[charge.key, start_s] = (Charge(charge.key, limit, amount, members), at)

    def _share(self, charge: Charge, at: Moment) -> Charge:
        """The charge against this worker's part of the limit; what it knows to be used is used of it."""
        limit = charge.limit
        if charge.key not in self._begun:
            self._begun.add(charge.key)
            seed = self._mirror.share(charge.key, self._workers, at.time_us)
            if seed is not None:
                self._counters.load([seed], at)
        part = limit.limit // self._workers
        if isinstance(limit, Rate):
            burst = min(part, max(1, limit.burst // self._workers))
            return Charge(charge.key, replace(limit, limit=part, burst=burst), charge.amount)
        return Charge(charge.key, replace(limit, limit=part), charge.amount, charge.members)

    def _standing(self, charge: Charge, known: Standing | None) -> Standing:
        if known is not None:
            return Standing(charge.limit, known.remaining, known.reset_ns, known.known)
        return Standing(charge.limit, self._mirror.left(charge), 0)

    def _refused(self, charges: Sequence[Charge], bound: Limit) -> Decision:
        return Decision(tuple(self._standing(charge, None) for charge in charges), bound, 0, unavailable=True)


def _is_over(limit: Limit, at: Moment, now_us: int) -> bool:
    if isinstance(limit, Rate):
        return at.time_us + limit.window_ns // 1000 <= now_us
    if isinstance(limit, Quota):
        return window_of(limit.period, limit.zone, at.time_us)[1] * 1_000_000 <= now_us
    return True
