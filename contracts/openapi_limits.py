"""What limits an operation, for OpenAPI: counted limits, hours, networks, pages, bulk reads, and what may be done about
scraping; each with the clause that says so."""

from typing import Any

from contracts.plan import Plan
from policies.clause import Anomaly, Bulk
from policies.hours import clock, day_names
from policies.kinds.access_hours import HoursGate
from policies.kinds.source_networks import NetworksGate
from policies.limit import InFlight, Limit, Quota, Rate
from policies.reference import LANGUAGES, ClauseRef, Enforce

_SECOND_NS = 1_000_000_000


def limit(limit: Limit) -> dict[str, Any]:
    """`policy` is its name in the RateLimit-Policy and RateLimit fields; one that only watches is not named there.

    `weight` is what one call of this operation counts, left out where that is 1 or calls are not what is counted.
    """
    return {
        "policy": limit.clause.id,
        "quota": limit.limit,
        **_counted(limit),
        "per": limit.per,
        **({"weight": limit.cost} if limit.cost > 1 else {}),
        **watching(limit.enforce),
        "clause": named(limit.clause),
    }


def _counted(limit: Limit) -> dict[str, Any]:
    if isinstance(limit, Rate):
        return {"window_s": limit.window_ns // _SECOND_NS, "burst": limit.burst}
    if isinstance(limit, Quota):
        return {"unit": limit.unit, "period": limit.period, "time_zone": limit.zone}
    return {"unit": "concurrent-requests"} if isinstance(limit, InFlight) else {}


def access_hours(gate: HoursGate) -> dict[str, Any]:
    """As the document writes them. `to` not later than `from` is on the next day."""
    weekly = gate.hours.weekly
    return {
        **_span(weekly.days, weekly.from_minute, weekly.until_minute, weekly.zone),
        **({"holidays": [day.isoformat() for day in sorted(weekly.holidays)]} if weekly.holidays else {}),
        **watching(gate.enforce),
        "clause": named(gate.clause),
    }


def source_networks(gate: NetworksGate) -> dict[str, Any]:
    """The networks from which calls are admitted, in CIDR notation."""
    allowed = [str(network) for network in gate.networks.networks]
    return {"allowed": allowed, **watching(gate.enforce), "clause": named(gate.clause)}


def page_size(plan: Plan) -> dict[str, Any]:
    """Records in a page; the clause where one says so."""
    default, maximum = plan.page_limit
    clause = {} if plan.page_clause is None else {"clause": named(plan.page_clause)}
    return {"default": default, "maximum": maximum, **clause}


def bulk_sync(bulk: Bulk) -> dict[str, Any]:
    """When so many records may be read without being taken for scraping."""
    span = _span(bulk.days, bulk.from_minute, bulk.until_minute, bulk.zone)
    return {**span, "records": bulk.records, "clause": named(bulk.clause)}


def anomaly(anomaly: Anomaly) -> dict[str, Any]:
    """What may be done, once a person confirmed it, about which findings."""
    throttle = {"calls": anomaly.calls, "window_s": anomaly.window_ns // _SECOND_NS}
    return {
        "findings": sorted(anomaly.findings),
        "action": anomaly.action,
        **(throttle if anomaly.action == "throttle" else {}),
        "lasts_s": anomaly.lasts_s,
        "clause": named(anomaly.clause),
    }


def named(clause: ClauseRef) -> dict[str, Any]:
    """The clause with its number and its words."""
    return {
        "agreement": clause.agreement,
        "version": clause.version,
        "id": clause.id,
        "text": {language: clause.text[language] for language in LANGUAGES if language in clause.text},
    }


def _span(days: frozenset[int], from_minute: int, until_minute: int, zone: str) -> dict[str, Any]:
    return {"days": day_names(days), "from": clock(from_minute), "to": clock(until_minute), "time_zone": zone}


def watching(enforce: Enforce) -> dict[str, Any]:
    """Said only of what does not refuse."""
    return {} if enforce == "refuse" else {"enforce": enforce}
