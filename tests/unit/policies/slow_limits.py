"""Limits as a slow clerk would decide them: by a list of everything that was ever admitted, read anew each time."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

from policies.limit import Charge, InFlight, Limit, Moment, Quota, Rate
from tests.unit.policies.limits import SECOND_NS


class Clerk:
    """Knows (moment, charge, exchange) of each charge; of what is in flight, of those that have not ended."""

    def __init__(self) -> None:
        self.charged: list[tuple[Moment, Charge, str]] = []

    def decide(self, charges: Sequence[Charge], at: Moment, hold: str) -> tuple[Limit | None, list[Limit]]:
        """(the limit with the longest wait of those that refuse, those that only watch and did not fit)."""
        waits = [(self._wait_ns(charge, at, hold), charge) for charge in charges]
        observed = [charge.limit for wait, charge in waits if wait and charge.limit.enforce == "observe"]
        refusing = [(wait, charge) for wait, charge in waits if wait and charge.limit.enforce == "refuse"]
        if refusing:
            longest = max(wait for wait, _ in refusing)
            return next(charge.limit for wait, charge in refusing if wait == longest), observed
        for wait, charge in waits:
            if not wait and not self._holds(charge, hold):
                self.charged.append((at, charge, hold))
        return None, observed

    def release(self, charges: Sequence[Charge], hold: str) -> None:
        """An exchange has ended."""
        ended = {charge.key for charge in charges if isinstance(charge.limit, InFlight)}
        self.charged = [one for one in self.charged if one[2] != hold or one[1].key not in ended]

    def _holds(self, charge: Charge, hold: str) -> bool:
        """It is in flight already."""
        return isinstance(charge.limit, InFlight) and any(
            one.key == charge.key and name == hold for _, one, name in self.charged
        )

    def left(self, limit: Limit, at: Moment) -> int:
        """What is left of a limit."""
        past = [(when, charge) for when, charge, _ in self.charged if charge.key == limit.key]
        if isinstance(limit, Rate):
            return limit.limit - sum(
                charge.amount for when, charge in past if when.monotonic_ns > at.monotonic_ns - limit.window_ns
            )
        if isinstance(limit, Quota):
            return limit.limit - _used(charge for when, charge in past if _page(limit, when) == _page(limit, at))
        return limit.limit - len(past)

    def _wait_ns(self, charge: Charge, at: Moment, hold: str) -> int:
        """0 when it fits; exact for rates and quotas, a second for what is in flight."""
        limit, amount = charge.limit, charge.amount
        past = [(when, one) for when, one, _ in self.charged if one.key == limit.key]
        if isinstance(limit, Rate):
            return _rate_wait_ns(limit, amount, [(when.monotonic_ns, one.amount) for when, one in past], at)
        if isinstance(limit, Quota):
            here = [one for when, one in past if _page(limit, when) == _page(limit, at)]
            new = _used([*here, charge]) - _used(here)
            if limit.unit != "subjects":
                new = max(1, new)
            return 0 if not new or _used(here) + new <= limit.limit else _rest_ns(limit, at)
        return 0 if self._holds(charge, hold) or self.left(limit, at) > 0 else SECOND_NS


def _rate_wait_ns(limit: Rate, amount: int, past: Sequence[tuple[int, int]], at: Moment) -> int:
    """The first moment at which both hold: the window has room, and GCRA, in fractions, would let it pass."""
    spacing = Fraction(limit.window_ns, limit.limit)
    arrival = Fraction(-(10**30))
    for when_ns, cost in past:
        arrival = max(arrival, Fraction(when_ns)) + cost * spacing
    earliest = arrival - (limit.burst - amount) * spacing
    moments = [at.monotonic_ns, *(when_ns + limit.window_ns for when_ns, _ in past)]
    roomy = min(
        moment
        for moment in moments
        if moment >= at.monotonic_ns
        and sum(cost for when_ns, cost in past if when_ns > moment - limit.window_ns) + amount <= limit.limit
    )
    return max(roomy, -(-earliest.numerator // earliest.denominator)) - at.monotonic_ns


def _used(charges: Iterable[Charge]) -> int:
    people: set[bytes] = set()
    amount = 0
    for charge in charges:
        amount += charge.amount
        people |= charge.members
    return amount + len(people)


def _page(limit: Quota, at: Moment) -> tuple[int, ...]:
    """Names the period that a moment is in: hour, day or month."""
    local = datetime.fromtimestamp(at.time_us // 1_000_000, ZoneInfo(limit.zone))
    return (local.year, local.month, local.day, local.hour)[: {"month": 2, "day": 3, "hour": 4}[limit.period]]


def _rest_ns(limit: Quota, at: Moment) -> int:
    """Until the period ends, looked for hour by hour. Of a zone with whole hours."""
    hour_us = 3_600_000_000
    end_us = at.time_us - at.time_us % hour_us + hour_us
    while _page(limit, Moment(end_us, 0)) == _page(limit, at):
        end_us += hour_us
    return (end_us - at.time_us) * 1000
