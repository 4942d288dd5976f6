"""Limits and bundles for the tests of leased permits."""

from policies.limit import Charge, InFlight, Limit, Quota, Rate, Unit
from policies.reference import ClauseRef, Enforce

SECOND_NS = 1_000_000_000


def clause(number: str) -> ClauseRef:
    return ClauseRef("acme", "1.0.0", number, "rate_limit", {"zh": "限制", "en": "limit"})


def rate(number: str, limit: int, burst: int, window_ms: int = 1000, enforce: Enforce = "refuse") -> Rate:
    return Rate(
        clause=clause(number),
        key=f"acme/{number}",
        per="partner",
        limit=limit,
        on_outage="refuse",
        enforce=enforce,
        window_ns=window_ms * 1_000_000,
        burst=burst,
    )


def quota(number: str, limit: int, unit: Unit = "calls", enforce: Enforce = "refuse") -> Quota:
    return Quota(
        clause=clause(number),
        key=f"acme/{number}",
        per="partner",
        limit=limit,
        on_outage="refuse",
        enforce=enforce,
        cost=1 if unit == "calls" else 0,
        unit=unit,
        period="hour",
        zone="UTC",
    )


def in_flight(number: str, limit: int) -> InFlight:
    return InFlight(clause=clause(number), key=f"acme/{number}", per="partner", limit=limit, on_outage="refuse")


def bundle(*limits: Limit, weight: int = 1) -> tuple[Charge, ...]:
    """What a call of this weight is held against."""
    return tuple(Charge(limit.key, limit, limit.cost * weight) for limit in limits)
