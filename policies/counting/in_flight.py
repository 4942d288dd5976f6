"""A counter of exchanges under way at once."""

from typing import Final, cast

from policies.limit import Charge, InFlight, Moment, Standing
from policies.seed import InFlightSeed, Seed

RETRY_NS: Final = 1_000_000_000
"""When to try again: nobody knows when an exchange ends, and nearly all have by then."""
_SECOND_NS: Final = 1_000_000_000


class InFlightCounter:
    """Who is under way. What this process admitted counts until it ends, for it ends with the process at the latest;
    what was told by a seed, until the time that the seed says.
    """

    __slots__ = ("hold_s", "holds", "told_ns")

    def __init__(self) -> None:
        self.hold_s = 0
        self.holds: set[str] = set()
        self.told_ns: dict[str, int] = {}

    def bind(self, charge: Charge) -> "InFlightCharge":
        """This counter for one charge."""
        return InFlightCharge(self, charge)

    def used(self, now_ns: int) -> int:
        """How many are under way."""
        if self.told_ns:
            self.told_ns = {hold: until_ns for hold, until_ns in self.told_ns.items() if until_ns > now_ns}
        return len(self.holds) + len(self.told_ns)

    def charge_past(self, charge: Charge, at: Moment) -> None:
        """What happened is over."""

    def release(self, hold: str) -> None:
        """It has ended."""
        self.holds.discard(hold)
        self.told_ns.pop(hold, None)

    def idle(self, now_ns: int, time_us: int) -> bool:
        """Nothing is under way."""
        return not self.used(now_ns)

    def seed(self, key: str, at: Moment) -> Seed | None:
        """Its own, for as long again as one may last; others' as they were told."""
        if not self.used(at.monotonic_ns):
            return None
        own_us = at.time_us + self.hold_s * 1_000_000
        told = {hold: at.time_us + -((at.monotonic_ns - ns) // 1000) for hold, ns in self.told_ns.items()}
        return InFlightSeed(key, tuple(sorted({**told, **dict.fromkeys(self.holds, own_us)}.items())))

    def adopt(self, seed: Seed, at: Moment) -> None:
        """Everything that anybody holds, each until the later time."""
        if not isinstance(seed, InFlightSeed):
            return
        for hold, until_us in seed.holds:
            until_ns = at.monotonic_ns + (until_us - at.time_us) * 1000
            if hold not in self.holds:
                self.told_ns[hold] = max(until_ns, self.told_ns.get(hold, until_ns))


class InFlightCharge:
    """A counter of exchanges under way, with one that would be another."""

    __slots__ = ("amount", "count", "counter", "limit")

    def __init__(self, counter: InFlightCounter, charge: Charge) -> None:
        limit = cast(InFlight, charge.limit)
        self.counter, self.limit = counter, limit
        self.amount, self.count = charge.amount, limit.limit
        counter.hold_s = limit.hold_s

    def wait_ns(self, now_ns: int, time_us: int, hold: str) -> int:
        """RETRY_NS when too many are under way, this one not among them."""
        counter = self.counter
        under_way = len(counter.holds)
        if counter.told_ns:
            under_way = counter.used(now_ns)
        if under_way < self.count or hold in counter.holds or hold in counter.told_ns:
            return 0
        return RETRY_NS

    def take(self, now_ns: int, time_us: int, hold: str) -> Standing:
        """It is under way."""
        counter = self.counter
        if self.amount > 0:
            if counter.told_ns:
                counter.told_ns.pop(hold, None)
            counter.holds.add(hold)
        under_way = len(counter.holds) + len(counter.told_ns)
        remaining = self.count - under_way
        return Standing(self.limit, remaining if remaining > 0 else 0, RETRY_NS if under_way else 0)

    def standing(self, now_ns: int, time_us: int) -> Standing:
        """How many more there may be."""
        under_way = self.counter.used(now_ns)
        return Standing(self.limit, max(0, self.count - under_way), RETRY_NS if under_way else 0)
