"""Limits, charges and clocks for the tests of counters."""

from collections.abc import Sequence
from typing import Any

from policies.counters import Counters
from policies.limit import Charge, Decision, InFlight, Limit, Moment, Period, Quota, Rate, Standing, Unit
from policies.reference import ClauseRef

SECOND_NS = 1_000_000_000
MIDSUMMER_2026_US = 1_782_000_000_000_000
"""2026-06-21 00:00:00 UTC, a Sunday; 08:00 in Shanghai."""
ZONE = "Asia/Shanghai"


def _named(kind: str, number: str, more: dict[str, Any]) -> dict[str, Any]:
    clause = ClauseRef("swift-2026", "1.0.0", number, kind, {"zh": "", "en": ""})
    return {"clause": clause, "key": f"swift-2026/{number}", "per": "partner", "on_outage": "refuse", **more}


def rate(limit: int, window_s: float = 60, burst: int | None = None, *, clause: str = "4.1", **more: Any) -> Rate:
    """At most `limit` in a window, all of them at once unless there is a `burst`."""
    window_ns = int(window_s * SECOND_NS)
    return Rate(**_named("rate_limit", clause, more), limit=limit, window_ns=window_ns, burst=burst or limit)


def quota(limit: int, unit: Unit = "calls", period: Period = "day", *, clause: str = "5.1", **more: Any) -> Quota:
    """At most `limit` in a period of Shanghai."""
    named = {"cost": 1 if unit == "calls" else 0, "zone": ZONE, **more}
    return Quota(**_named("quota", clause, named), limit=limit, unit=unit, period=period)


def in_flight(limit: int, *, clause: str = "6.1", **more: Any) -> InFlight:
    """At most `limit` at once."""
    return InFlight(**_named("concurrency", clause, more), limit=limit)


def handle(number: int) -> bytes:
    """A person."""
    return number.to_bytes(16)


def call(*limits: Limit) -> tuple[Charge, ...]:
    """One call against each of these."""
    return tuple(Charge(limit.key, limit, limit.cost) for limit in limits)


def shown(limit: Quota, amount: int, *people: int) -> tuple[Charge, ...]:
    """What one answer shows."""
    return (Charge(limit.key, limit, amount, frozenset(map(handle, people))),)


class Desk:
    """Counters with a clock that moves when told."""

    def __init__(self, time_us: int = MIDSUMMER_2026_US) -> None:
        self.counters = Counters()
        self.time_us, self.now_ns = time_us, 5 * SECOND_NS

    @property
    def moment(self) -> Moment:
        return Moment(self.time_us, self.now_ns)

    def wait(self, span_ns: int) -> None:
        """Both clocks go on; the calendar's shows whole microseconds."""
        self.now_ns += span_ns
        self.time_us = MIDSUMMER_2026_US + (self.now_ns - 5 * SECOND_NS) // 1000

    def decide(self, charges: Sequence[Charge], hold: str = "") -> Decision:
        """A decision, which never suspends."""
        deciding = self.counters.decide(charges, self.moment, hold)
        try:
            deciding.send(None)
        except StopIteration as done:
            decided: Decision = done.value
            return decided
        raise AssertionError("the decision suspended")

    def admits(self, *limits: Limit, hold: str = "") -> bool:
        """Whether one call passes."""
        return self.decide(call(*limits), hold).bound is None

    def release(self, charges: Sequence[Charge], hold: str) -> None:
        """An exchange has ended."""
        try:
            self.counters.release(charges, hold).send(None)
        except StopIteration:
            return
        raise AssertionError("the release suspended")

    def stands(self, *limits: Limit) -> tuple[Standing, ...]:
        """How limits stand now."""
        return self.counters.stand(call(*limits), self.moment)

    def left(self, limit: Limit) -> int:
        """What is left of a limit."""
        return self.stands(limit)[0].remaining
