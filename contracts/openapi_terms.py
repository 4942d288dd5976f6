"""What the clauses of an agreement mean for an operation, for OpenAPI: limits, promises, purposes, and their words."""

from collections.abc import Iterable
from typing import Any

from contracts.openapi_limits import access_hours, anomaly, bulk_sync, limit, named, page_size, source_networks
from contracts.openapi_security import authentication
from contracts.openapi_signing import signed_requests
from contracts.plan import Contract, Plan
from contracts.product import READING
from policies.clause import Meter
from policies.kinds.access_hours import HoursGate
from policies.kinds.source_networks import NetworksGate
from policies.reference import LANGUAGES, ClauseRef, Words


def terms(plans: list[Plan]) -> dict[str, Any]:
    """The `x-` members of an operation that these plans open; those with nothing to say are left out."""
    gates = [gate for plan in plans for gate in plan.gates]
    said: dict[str, Any] = {
        "x-contract": contracts_of(plan.contract for plan in plans),
        "x-purpose": sorted({purpose for plan in plans for purpose in plan.purposes}),
        "x-legal-basis": sorted({plan.legal_basis for plan in plans if plan.legal_basis}),
        "x-authentication": _distinct(each for plan in plans for each in authentication(plan)),
        "x-signed-requests": _distinct(each for plan in plans for each in signed_requests(plan)),
        "x-access-hours": _distinct(access_hours(gate) for gate in gates if isinstance(gate, HoursGate)),
        "x-source-networks": _distinct(source_networks(gate) for gate in gates if isinstance(gate, NetworksGate)),
        "x-rate-limits": _distinct(limit(each) for plan in plans for each in plan.limits),
        "x-page-size": _distinct(page_size(plan) for plan in plans if plan.operation == "list"),
        "x-bulk-sync": _distinct(bulk_sync(each) for plan in plans if plan.operation in READING for each in plan.bulks),
        "x-anomaly": _distinct(anomaly(each) for plan in plans for each in plan.anomalies),
        "x-sla": _distinct(_promise(meter) for plan in plans for meter in _promised(plan)),
    }
    return {name: value for name, value in said.items() if value}


def contracts_of(contracts: Iterable[Contract]) -> list[dict[str, Any]]:
    """The agreements behind a document or operation, each with the hash that both sides signed."""
    named = ({"agreement": each.agreement, "version": each.version, "hash": each.hash} for each in contracts)
    return sorted(_distinct(named), key=lambda each: (each["agreement"], each["version"]))


def clauses_said(plans: Iterable[Plan]) -> str:
    """The clauses that decide about an operation, as rendered, in the languages they have."""
    bound: dict[tuple[str, str, str], ClauseRef] = {}
    for plan in plans:
        for clause in _clauses(plan):
            bound.setdefault((clause.agreement, clause.version, clause.id), clause)
    lines = [
        f"- {agreement} {version}, {number}: {in_both(clause.text)}"
        for (agreement, version, number), clause in bound.items()
    ]
    return "\n".join(lines) or "No clause limits this path."


def _clauses(plan: Plan) -> list[ClauseRef]:
    """In the order in which a call meets them."""
    found = [each.clause for each in plan.authentication]
    found += [gate.clause for gate in plan.gates] + [limit.clause for limit in plan.limits]
    found += [each.clause for each in plan.signing]
    if plan.operation == "list" and plan.page_clause is not None:
        found.append(plan.page_clause)
    if plan.operation in READING:
        found += [bulk.clause for bulk in plan.bulks]
    found += [anomaly.clause for anomaly in plan.anomalies]
    return found + [meter.clause for meter in _promised(plan)]


def _promised(plan: Plan) -> tuple[Meter, ...]:
    """What is promised of this path; not what the partner promises of an interface of its own."""
    return tuple(meter for meter in plan.meters if meter.side != "out")


def in_both(words: Words) -> str:
    """The same thing in the languages that it is said in."""
    return " / ".join(words[language] for language in LANGUAGES if language in words)


def _promise(meter: Meter) -> dict[str, Any]:
    within_ms = None if meter.within_us is None else meter.within_us / 1000
    within = {} if within_ms is None else {"within_ms": int(within_ms) if within_ms.is_integer() else within_ms}
    return {
        "kind": meter.clause.kind,
        "target_percent": meter.target_percent,
        "good": f"status < {meter.good_below_status}",
        **within,
        "basis": meter.basis,
        "slice_s": meter.slice_s,
        "clause": named(meter.clause),
    }


def _distinct(found: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    kept: list[dict[str, Any]] = []
    for each in found:
        if each not in kept:
            kept.append(each)
    return kept
