"""Counting in this process: exact, atomic, refused calls not charged.

A decision never suspends, so nothing can come between its check and its charge. Rates and what is in flight go by the
monotonic clock, quotas by the calendar; what a clock going back could give away stays used.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from policies.counting.counting import Counted, Counter
from policies.counting.in_flight import InFlightCounter
from policies.counting.quota import QuotaCounter
from policies.counting.rate import RateCounter
from policies.limit import Charge, Decision, InFlight, Limit, Moment, Quota, Rate, Standing
from policies.seed import InFlightSeed, QuotaSeed, RateSeed, Seed, merged

_BOUND_MAX: Final = 20_000
"""So many tuples of charges are known with their counters, at most; then they are looked up again."""
_SWEEP: Final = 64
"""After so many new counters, twice as many are looked at, and the idle ones dropped."""

_KINDS: Final[Mapping[type, type[RateCounter | QuotaCounter | InFlightCounter]]] = {
    Rate: RateCounter,
    Quota: QuotaCounter,
    InFlight: InFlightCounter,
    RateSeed: RateCounter,
    QuotaSeed: QuotaCounter,
    InFlightSeed: InFlightCounter,
}


class _Bound(Struct, frozen=True, gc=False):
    """Charges with their counters. Holding the charges keeps another tuple from having the same identity."""

    charges: Sequence[Charge]
    counted: tuple[Counted, ...]


class Counters:
    """The in-process engine, a Limiter. Belongs to one thread, the event loop's.

    The keys of one decision's charges are different from each other. A tuple of charges that comes again, as those of
    admission do, is held against its counters without looking them up.
    """

    def __init__(self) -> None:
        self._counters: dict[str, Counter] = {}
        self._turn: deque[str] = deque()
        self._new = 0
        self._bound: dict[int, _Bound] = {}
        self._latest_ns = -(1 << 62)

    @property
    def size(self) -> int:
        """How many counters there are."""
        return len(self._counters)

    async def decide(self, charges: Sequence[Charge], at: Moment, hold: str = "") -> Decision:
        """Check every limit, then charge all that fit or, if one that refuses does not, none."""
        now_ns, time_us = at.monotonic_ns, at.time_us
        if now_ns > self._latest_ns:
            self._latest_ns = now_ns
        else:
            now_ns = self._latest_ns
        bound = self._bound.get(id(charges))
        counted = bound.counted if bound is not None else self._bind(charges, now_ns, time_us)
        binding: Limit | None = None
        longest_ns = 0
        watching: list[Counted] | None = None
        for each in counted:
            wait_ns = each.wait_ns(now_ns, time_us, hold)
            if wait_ns:
                if each.limit.enforce == "observe":
                    watching = [each] if watching is None else [*watching, each]
                elif wait_ns > longest_ns:
                    binding, longest_ns = each.limit, wait_ns
        if binding is None and watching is None:
            return Decision(tuple([each.take(now_ns, time_us, hold) for each in counted]), None, 0)
        observed = tuple([each.limit for each in watching or ()])
        if binding is not None:
            standings = [each.standing(now_ns, time_us) for each in counted]
            return Decision(tuple(standings), binding, longest_ns, observed)
        standings = [
            each.standing(now_ns, time_us) if each in (watching or ()) else each.take(now_ns, time_us, hold)
            for each in counted
        ]
        return Decision(tuple(standings), None, 0, observed)

    async def release(self, charges: Sequence[Charge], hold: str) -> None:
        """An exchange has ended: what it held in flight is free again."""
        for charge in charges:
            if isinstance(charge.limit, InFlight):
                counter = self._counters.get(charge.key)
                if counter is not None:
                    counter.release(hold)

    async def standings(self, charges: Sequence[Charge], at: Moment) -> tuple[Standing, ...]:
        """How limits stand; charges nothing."""
        return self.stand(charges, at)

    def stand(self, charges: Sequence[Charge], at: Moment) -> tuple[Standing, ...]:
        """The same, for whoever is in no event loop."""
        now_ns = self._latest_ns = max(at.monotonic_ns, self._latest_ns)
        found = []
        for charge in charges:
            counter = self._counters.get(charge.key)
            kind = _KINDS[type(charge.limit)]
            if not isinstance(counter, kind):
                counter = kind()
            found.append(counter.bind(charge).standing(now_ns, at.time_us))
        return tuple(found)

    def charge_past(self, charges: Iterable[Charge], at: Moment) -> None:
        """Charge what happened at a time, whether it fitted or not: from the log, or after an outage.

        What is in flight is none of it. Quotas of a period that is over by what is known here are left out.
        """
        self._sweep(max(at.monotonic_ns, self._latest_ns), at.time_us)
        for charge in charges:
            self._counter(charge).charge_past(charge, at)

    def dump(self, at: Moment) -> tuple[Seed, ...]:
        """Everything that is known now, for an engine elsewhere (policies/seed.py)."""
        seeds = (counter.seed(key, at) for key, counter in self._counters.items())
        return tuple(seed for seed in seeds if seed is not None)

    def load(self, seeds: Iterable[Seed], at: Moment) -> None:
        """Count what seeds say, as far as it is not counted already. Twice is once."""
        for seed in merged(seeds):
            counter = self._counters.get(seed.key)
            if not isinstance(counter, _KINDS[type(seed)]):
                counter = self._add(seed.key, _KINDS[type(seed)]())
            counter.adopt(seed, at)

    def _bind(self, charges: Sequence[Charge], now_ns: int, time_us: int) -> tuple[Counted, ...]:
        self._sweep(now_ns, time_us)
        counted = tuple(self._counter(charge).bind(charge) for charge in charges)
        if type(charges) is tuple:
            if len(self._bound) >= _BOUND_MAX:
                self._bound = {}
            self._bound[id(charges)] = _Bound(charges, counted)
        return counted

    def _counter(self, charge: Charge) -> Counter:
        """The counter of a key: a new one where there is none, or where a reload made another kind of its clause."""
        kind = _KINDS[type(charge.limit)]
        counter = self._counters.get(charge.key)
        return counter if isinstance(counter, kind) else self._add(charge.key, kind())

    def _add(self, key: str, counter: Counter) -> Counter:
        if key in self._counters:
            self._bound = {}
        else:
            self._turn.append(key)
            self._new += 1
        self._counters[key] = counter
        return counter

    def _sweep(self, now_ns: int, time_us: int) -> None:
        """Drop idle counters among those that were not looked at for the longest time; before others are looked up."""
        if self._new < _SWEEP:
            return
        self._new = 0
        for _ in range(min(2 * _SWEEP, len(self._turn))):
            key = self._turn.popleft()
            if self._counters[key].idle(now_ns, time_us):
                del self._counters[key]
                self._bound = {}
            else:
                self._turn.append(key)
