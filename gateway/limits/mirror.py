"""What one worker knows of an agreement's counters in the shared store: the last that it was told, whom it counted, and
what it holds in flight. It is put back when the store has lost its data, and begins the count while it is away."""

from collections.abc import Iterable, Sequence

from gateway.limits.layout import Answer, Stood
from policies.limit import Charge, InFlight, Quota, Rate
from policies.seed import InFlightSeed, QuotaSeed, RateSeed, Seed

_SWEEP_AT = 2_000
"""Counters known before those whose windows are over are dropped; then twice what is left."""


class Mirror:
    """Times are Unix microseconds: for rates and what is in flight the store's, for quotas this worker's."""

    def __init__(self) -> None:
        self._stood: dict[str, tuple[Charge, Stood]] = {}
        self._people: dict[str, tuple[int, set[bytes]]] = {}
        self._holds: dict[str, dict[str, int]] = {}
        self._hold_us: dict[str, int] = {}
        self._sweep_at = _SWEEP_AT

    def note(self, charges: Sequence[Charge], answer: Answer) -> None:
        """The store has answered a decision."""
        flags = iter(answer.flags)
        for charge, stood in zip(charges, answer.stood, strict=True):
            if isinstance(charge.limit, InFlight):
                continue
            self._stood[charge.key] = (charge, stood)
            if charge.members and isinstance(charge.limit, Quota):
                counted = next(flags)
                if answer.bound == 0 and stood.fits:
                    people = sorted(charge.members)
                    self._met(charge.key, stood, {one for one, flag in zip(people, counted, strict=True) if flag != 49})
        if len(self._stood) > self._sweep_at:
            self._sweep(answer.now_us)

    def hold(self, charges: Iterable[Charge], hold: str, now_us: int) -> None:
        """An exchange is, or may be, in flight."""
        for charge in charges:
            if isinstance(charge.limit, InFlight) and charge.amount > 0:
                self._hold_us[charge.key] = charge.limit.hold_s * 1_000_000
                self._holds.setdefault(charge.key, {})[hold] = now_us + charge.limit.hold_s * 1_000_000

    def release(self, key: str, hold: str) -> None:
        """It has ended."""
        holds = self._holds.get(key)
        if holds is not None:
            holds.pop(hold, None)
            if not holds:
                del self._holds[key]

    def lasting(self, now_us: int) -> tuple[InFlightSeed, ...]:
        """What is in flight here for longer than half of the time that it counts: it counts for as long again."""
        found = []
        for key, holds in self._holds.items():
            span_us = self._hold_us[key]
            old = [hold for hold, until_us in holds.items() if until_us - now_us < span_us // 2]
            holds.update(dict.fromkeys(old, now_us + span_us))
            if old:
                found.append(InFlightSeed(key, tuple((hold, now_us + span_us) for hold in old)))
        return tuple(found)

    def held(self, now_us: int) -> tuple[InFlightSeed, ...]:
        """What is in flight here."""
        return tuple(
            InFlightSeed(key, tuple((hold, until_us) for hold, until_us in holds.items() if until_us > now_us))
            for key, holds in self._holds.items()
        )

    def seeds(self, now_us: int) -> tuple[Seed, ...]:
        """All that is known and still counts."""
        known = (self._seed(key, now_us) for key in self._stood)
        return (*(seed for seed in known if seed is not None), *self.held(now_us))

    def share(self, key: str, workers: int, now_us: int) -> Seed | None:
        """This worker's part of what is used, rounded up; its own of what is in flight."""
        holds = self._holds.get(key)
        if holds:
            return InFlightSeed(key, tuple(holds.items()))
        seed = self._seed(key, now_us)
        if isinstance(seed, QuotaSeed):
            return QuotaSeed(key, seed.start_s, seed.end_s, -(-seed.used // workers))
        if isinstance(seed, RateSeed):
            return RateSeed(key, tuple((time_us, -(-cost // workers)) for time_us, cost in seed.calls), seed.arrival_us)
        return None

    def left(self, charge: Charge) -> int:
        """What was left when it was last known."""
        known = self._stood.get(charge.key)
        return charge.limit.limit if known is None else max(0, charge.limit.limit - known[1].used)

    def _met(self, key: str, stood: Stood, new: set[bytes]) -> None:
        start_s, people = self._people.get(key, (0, set()))
        if start_s != stood.second:
            people = set()
        people |= new
        self._people[key] = (stood.second, people)

    def _seed(self, key: str, now_us: int) -> Seed | None:
        known = self._stood.get(key)
        if known is None:
            return None
        (charge, stood), limit = known, known[0].limit
        if isinstance(limit, Rate):
            over = stood.third + limit.window_ns // 1000 <= now_us or not stood.used
            if over and stood.fourth <= now_us:
                return None
            calls = () if over else ((stood.third, stood.used),)
            return RateSeed(key, calls, stood.fourth if stood.fourth > now_us else 0)
        if stood.third * 1_000_000 <= now_us or not stood.used:
            return None
        start_s, people = self._people.get(key, (0, set()))
        members = frozenset(people) if start_s == stood.second else frozenset()
        return QuotaSeed(charge.key, stood.second, stood.third, stood.used, members)

    def _sweep(self, now_us: int) -> None:
        over = [key for key in self._stood if self._seed(key, now_us) is None]
        for key in over:
            del self._stood[key]
            self._people.pop(key, None)
        self._sweep_at = max(_SWEEP_AT, 2 * len(self._stood))
