"""Limits for the tests of the engine over a shared store: short to write, one agreement."""

import time
from typing import Any

from policies.limit import Charge, InFlight, Moment, OnOutage, Period, Quota, Rate, Unit
from policies.reference import ClauseRef, Enforce

SECOND_NS = 1_000_000_000
START_US = 1_790_000_000_000_000


def reference(clause: str, agreement: str = "acme") -> ClauseRef:
    return ClauseRef(agreement, "1.0.0", clause, "test", {"zh": "", "en": ""})


def rate(count: int, window_s: int = 60, burst: int | None = None, clause: str = "4.1", **more: Any) -> Rate:
    return Rate(**_common(clause, count, more), window_ns=window_s * SECOND_NS, burst=burst or count)


def quota(count: int, unit: Unit = "calls", period: Period = "day", clause: str = "4.2", **more: Any) -> Quota:
    return Quota(**_common(clause, count, more), unit=unit, period=period, zone="Asia/Shanghai")


def in_flight(count: int, clause: str = "4.3", hold_s: int = 120, **more: Any) -> InFlight:
    return InFlight(**_common(clause, count, more), hold_s=hold_s)


def _common(clause: str, count: int, more: dict[str, Any]) -> dict[str, Any]:
    agreement: str = more.get("agreement", "acme")
    on_outage: OnOutage = more.get("on_outage", "refuse")
    enforce: Enforce = more.get("enforce", "refuse")
    return {
        "clause": reference(clause, agreement),
        "key": f"{agreement}/{clause}",
        "per": "partner",
        "limit": count,
        "on_outage": on_outage,
        "enforce": enforce,
    }


def charge(limit: Rate | Quota | InFlight, amount: int = 1, members: frozenset[bytes] = frozenset()) -> Charge:
    return Charge(limit.key, limit, amount, members)


def person(number: int) -> bytes:
    """A handle."""
    return number.to_bytes(16, "big")


def now() -> Moment:
    return Moment(time.time_ns() // 1000, time.monotonic_ns())


def moment(past_us: int) -> Moment:
    """So many microseconds after a fixed beginning, on both clocks."""
    return Moment(START_US + past_us, 10**15 + past_us * 1000)
