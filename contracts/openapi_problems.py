"""Which problems an operation can end with, as OpenAPI responses: exactly those, each with its words and an example."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from contracts.plan import Plan
from contracts.product import Operation
from policies.clause import Authentication, Signing
from policies.gate import Gate
from policies.limit import Limit
from policies.reference import ClauseRef

_Effect = TypeVar("_Effect", Gate, Limit, Signing)
_BINDINGS = frozenset({"none", "dpop", "mtls"})

STATED: Mapping[str, tuple[int, str]] = {
    "missing-token": (401, "No access token"),
    "invalid-token": (401, "The access token is not valid"),
    "invalid-dpop-proof": (401, "The DPoP proof is not valid"),
    "use-dpop-nonce": (401, "The DPoP proof needs a nonce of this server"),
    "token-in-query": (400, "A token was sent in the URL"),
    "invalid-parameter": (400, "A query parameter is not known or is given twice"),
    "invalid-limit": (400, "`limit` is not a number of records"),
    "invalid-cursor": (400, "`cursor` is not one of ours"),
    "invalid-filter": (400, "A filter names no field that can be filtered by, or no value of its type"),
    "invalid-sort": (400, "`sort` names a field that the list cannot be sorted by"),
    "invalid-fields": (400, "`fields` names something that your view does not show"),
    "digest-mismatch": (400, "Content-Digest does not fit the body"),
    "invalid-idempotency-key": (400, "`Idempotency-Key` is not valid"),
    "insufficient-scope": (403, "The token does not hold the scope for this"),
    "authentication-not-admitted": (403, "Your agreement asks for another way of authentication"),
    "beyond-authorization-details": (403, "The token was narrowed to something else"),
    "signature-required": (403, "Your agreement asks for a signed request"),
    "signature-invalid": (403, "The request's signature is not valid"),
    "not-in-force": (403, "The agreement is not in force now"),
    "purpose-not-covered": (403, "The stated purpose is not covered"),
    "outside-hours": (403, "The agreement does not admit calls at this time"),
    "source-not-admitted": (403, "Calls from this network are not admitted"),
    "suspended": (403, "Access is suspended"),
    "outside-rows": (403, "The record would be outside the rows that your agreement opens to you"),
    "record-not-found": (404, "There is no such record for you"),
    "not-acceptable": (406, "None of the media types asked for can be had"),
    "body-incomplete": (408, "The request body did not arrive in time"),
    "conflict": (409, "The change contradicts what is there"),
    "idempotency-in-flight": (409, "The same change is being made right now"),
    "idempotency-unknown": (409, "Nobody knows whether an earlier try of this change succeeded"),
    "precondition-failed": (412, "The record is not as you know it any more"),
    "body-too-large": (413, "The request body is too large"),
    "uri-too-long": (414, "The URL is too long"),
    "unsupported-media-type": (415, "The request body is of another media type than accepted"),
    "invalid-body": (422, "The request body is not what the agreement allows to be written"),
    "idempotency-mismatch": (422, "This `Idempotency-Key` was used for another change"),
    "backend-refused": (422, "The data source does not accept these values"),
    "rate-limited": (429, "Too many calls"),
    "quota-exceeded": (429, "The quota of this period is used up"),
    "too-many-in-flight": (429, "Too many calls at once"),
    "headers-too-large": (431, "The request headers are too large"),
    "internal": (500, "Something went wrong in the gateway"),
    "backend-unreachable": (502, "The data source cannot be reached"),
    "backend-error": (502, "The data source failed"),
    "backend-invalid": (502, "The data source answered with something that cannot be masked"),
    "log-unavailable": (503, "The audit log cannot be written"),
    "limiter-unavailable": (503, "The shared counters cannot be reached"),
    "state-unavailable": (503, "The state store cannot be reached"),
    "backend-timeout": (504, "The data source took too long"),
}
"""Status and title of each problem of a documented call, by code: the gateway's own, which a test holds them to."""

_ANY = (
    *("missing-token", "invalid-token", "invalid-dpop-proof", "use-dpop-nonce"),
    *("uri-too-long", "headers-too-large", "token-in-query", "invalid-parameter"),
    *("insufficient-scope", "beyond-authorization-details", "not-in-force"),
    *("internal", "log-unavailable", "state-unavailable"),
    *("backend-unreachable", "backend-error", "backend-invalid", "backend-timeout"),
)
_CHANGED = (
    *("invalid-idempotency-key", "idempotency-in-flight", "idempotency-unknown", "idempotency-mismatch"),
    *("conflict", "backend-refused", "digest-mismatch"),
)
_SENT = ("body-incomplete", "body-too-large", "unsupported-media-type", "invalid-body")
_SIGNED = ("signature-required", "signature-invalid")
_OF: Mapping[Operation, tuple[str, ...]] = {
    "list": ("invalid-limit", "invalid-cursor", "invalid-filter", "invalid-sort", "invalid-fields", "not-acceptable"),
    "get": ("invalid-fields", "not-acceptable", "record-not-found"),
    "create": (*_CHANGED, *_SENT),
    "update": (*_CHANGED, *_SENT, "record-not-found", "precondition-failed"),
    "delete": (*_CHANGED, "record-not-found", "precondition-failed"),
}

PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "A problem document (RFC 9457), in English or Chinese as Accept-Language prefers.",
    "required": ["type", "title", "status", "detail", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "request_id": {"type": "string"},
        "clause": {
            "type": "object",
            "description": "The clause of the agreement that decided.",
            "required": ["agreement", "version", "id", "text"],
            "properties": {name: {"type": "string"} for name in ("agreement", "version", "id", "text")},
        },
        "errors": {
            "type": "array",
            "description": "Every mistake of a request body, with its place (RFC 6901).",
            "items": {
                "type": "object",
                "required": ["pointer", "code", "detail"],
                "properties": {name: {"type": "string"} for name in ("pointer", "code", "detail")},
            },
        },
        "receipt": {"type": "string"},
    },
}


def codes_of(plans: Iterable[Plan]) -> list[str]:
    """The problems that a call of these plans, all of one operation, can end with: in the order of `STATED`."""
    found: set[str] = set()
    for plan in plans:
        found.update(_ANY, _OF[plan.operation])
        found.update(reason for gate in _refusing(plan.gates) for reason in gate.reasons)
        found.update(limit.reason for limit in _refusing(plan.limits))
        if _demanding(plan):
            found.add("authentication-not-admitted")
        if _refusing(plan.signing):
            found.update(_SIGNED)
        if _uncountable(plan):
            found.add("limiter-unavailable")
        if plan.anomalies:
            found.update(("suspended", "rate-limited"))
        if plan.operation == "create" and plan.rows is not None:
            found.add("outside-rows")
    return [code for code in STATED if code in found]


def _refusing(effects: Iterable[_Effect]) -> list[_Effect]:
    """Those that refuse: one that only watches has no problem."""
    return [effect for effect in effects if effect.enforce == "refuse"]


def _demanding(plan: Plan) -> list[Authentication]:
    """Clauses by which some tokens are refused for what they are bound to."""
    return [each for each in plan.authentication if not each.bindings >= _BINDINGS]


def _uncountable(plan: Plan) -> list[Limit]:
    """Limits that refuse while calls cannot be counted."""
    return [limit for limit in _refusing(plan.limits) if limit.on_outage == "refuse"]


def problem_responses(plans: list[Plan]) -> dict[str, dict[str, Any]]:
    """A response for each status that is a problem: its codes, its headers, and an example of each code."""
    by_status: dict[int, list[str]] = {}
    for code in codes_of(plans):
        by_status.setdefault(STATED[code][0], []).append(code)
    limited = any(plan.limits for plan in plans)
    return {str(status): _response(status, codes, limited=limited) for status, codes in sorted(by_status.items())}


def _response(status: int, codes: list[str], *, limited: bool) -> dict[str, Any]:
    types = {"properties": {"type": {"enum": [f"/problems/{code}" for code in codes]}, "status": {"const": status}}}
    return {
        "description": "\n".join(f"- `{code}`: {STATED[code][1]}." for code in codes),
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in _headers(status, limited=limited)},
        "content": {
            "application/problem+json": {
                "schema": {"allOf": [{"$ref": "#/components/schemas/Problem"}, types]},
                "examples": {code: {"$ref": f"#/components/examples/{code}"} for code in codes},
            }
        },
    }


def _headers(status: int, *, limited: bool) -> Iterable[str]:
    """What an answer of this status may carry."""
    yield "X-Request-Id"
    if status != 401:
        yield from ("Clausegate-Agreement", "Clausegate-Receipt")
    if status in (401, 403):
        yield "WWW-Authenticate"
    if status == 401:
        yield "DPoP-Nonce"
    if limited and status not in (401, 414, 431):
        yield from ("RateLimit-Policy", "RateLimit")
    if status in (429, 503):
        yield "Retry-After"


def problem_examples(plans: Iterable[Plan]) -> dict[str, dict[str, Any]]:
    """An example of each problem that can occur; where a clause decides, with a clause of these plans."""
    found: dict[str, dict[str, Any]] = {}
    for plan in plans:
        for code in codes_of([plan]):
            found.setdefault(code, _example(code, _clause(code, plan)))
    return {code: found[code] for code in STATED if code in found}


def _clause(code: str, plan: Plan) -> ClauseRef | None:
    match code:
        case "insufficient-scope" | "beyond-authorization-details" | "outside-rows":
            return plan.contract.products_clause
        case "not-in-force":
            return plan.contract.effective_clause
        case "invalid-limit":
            return plan.page_clause
        case "authentication-not-admitted":
            return _demanding(plan)[0].clause
        case "signature-required" | "signature-invalid":
            return _refusing(plan.signing)[0].clause
        case "suspended":
            return plan.anomalies[0].clause
        case "limiter-unavailable":
            return _uncountable(plan)[0].clause
    bound = [gate.clause for gate in _refusing(plan.gates) if code in gate.reasons]
    bound += [limit.clause for limit in _refusing(plan.limits) if limit.reason == code]
    bound += [anomaly.clause for anomaly in plan.anomalies if code == "rate-limited"]
    return bound[0] if bound else None


def _example(code: str, clause: ClauseRef | None) -> dict[str, Any]:
    status, title = STATED[code]
    value: dict[str, Any] = {
        "type": f"/problems/{code}",
        "title": title,
        "status": status,
        "detail": f"See /problems/{code}.",
        "request_id": "0123456789ab-1",
    }
    if clause is not None:
        named = {"agreement": clause.agreement, "version": clause.version, "id": clause.id}
        value["clause"] = {**named, "text": clause.text.get("en") or clause.text["zh"]}
    if code == "invalid-body":
        value["errors"] = [{"pointer": "", "code": "required", "detail": "A field that must be given is missing."}]
    return {"summary": title, "value": value}
