"""What the clauses of an agreement mean for an operation, for OpenAPI: limits, promises, purposes, and their words."""

from collections.abc import Iterable
from typing import Any

from contracts.plan import Contract, Plan
from policies.clause import LANGUAGES, ClauseRef, Gate, Limit, Meter, Words


def terms(plans: list[Plan]) -> dict[str, Any]:
    """The `x-` members of an operation that these plans open; those with nothing to say are left out."""
    said: dict[str, Any] = {
        "x-contract": contracts_of(plan.contract for plan in plans),
        "x-purpose": sorted({purpose for plan in plans for purpose in plan.purposes}),
        "x-legal-basis": sorted({plan.legal_basis for plan in plans if plan.legal_basis}),
        "x-rate-limits": _distinct(_limit(limit) for plan in plans for limit in plan.limits),
        "x-sla": _distinct(_promise(meter) for plan in plans for meter in plan.meters),
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
        effects: tuple[Gate | Limit | Meter, ...] = (*plan.gates, *plan.limits, *plan.meters)
        for clause in (effect.clause for effect in effects):
            bound.setdefault((clause.agreement, clause.version, clause.id), clause)
    lines = [
        f"- {agreement} {version}, {number}: {in_both(clause.text)}"
        for (agreement, version, number), clause in bound.items()
    ]
    return "\n".join(lines) or "No clause limits this path."


def in_both(words: Words) -> str:
    """The same thing in the languages that it is said in."""
    return " / ".join(words[language] for language in LANGUAGES if language in words)


def _limit(limit: Limit) -> dict[str, Any]:
    """`policy` is its name in the RateLimit-Policy and RateLimit fields."""
    return {
        "policy": limit.clause.id,
        "quota": limit.limit,
        "window_s": limit.window_ns // 1_000_000_000,
        "burst": limit.burst,
        "per": limit.per,
        "clause": _named(limit.clause),
    }


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
        "clause": _named(meter.clause),
    }


def _named(clause: ClauseRef) -> dict[str, Any]:
    return {
        "agreement": clause.agreement,
        "version": clause.version,
        "id": clause.id,
        "text": {language: clause.text[language] for language in LANGUAGES if language in clause.text},
    }


def _distinct(found: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    kept: list[dict[str, Any]] = []
    for each in found:
        if each not in kept:
            kept.append(each)
    return kept
