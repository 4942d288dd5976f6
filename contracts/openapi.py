"""An OpenAPI 3.1 document generated from plans: what a partner may call and will get, and nothing of anybody else."""

from collections.abc import Iterable, Mapping
from typing import Any

from contracts.disclosed import record_schema
from contracts.plan import Contract, Plan
from policies.clause import LANGUAGES, ClauseRef, Effect, Language

_HEADERS: dict[str, tuple[str, dict[str, Any]]] = {
    "X-Request-Id": ("Names this exchange in the audit log.", {"type": "string"}),
    "Clausegate-Agreement": ("The agreement, its version and its contract hash.", {"type": "string"}),
    "Clausegate-Receipt": ("Proof that this exchange is in the audit log.", {"type": "string"}),
    "RateLimit-Policy": ("The limits in force, each named by its clause: q calls in w seconds.", {"type": "string"}),
    "RateLimit": ("What is left of each limit: r calls, reset in t seconds.", {"type": "string"}),
    "Retry-After": ("Seconds to wait before calling again.", {"type": "integer", "minimum": 0}),
    "WWW-Authenticate": ("How to authenticate (RFC 6750).", {"type": "string"}),
}
_ALWAYS = ("X-Request-Id",)
_RECORDED = (*_ALWAYS, "Clausegate-Agreement", "Clausegate-Receipt")
_LIMITED = (*_RECORDED, "RateLimit-Policy", "RateLimit")

_PROBLEMS: dict[str, tuple[str, tuple[str, ...]]] = {
    "400": ("A parameter is not valid.", _RECORDED),
    "401": ("No valid access token was sent.", (*_ALWAYS, "WWW-Authenticate")),
    "403": ("The agreement does not allow this call: the clause says why.", _RECORDED),
    "404": ("There is nothing here for this partner.", _RECORDED),
    "414": ("The URL is too long.", _ALWAYS),
    "429": ("A limit is reached: the clause says which. Refused calls are not counted.", (*_LIMITED, "Retry-After")),
    "431": ("The request headers are too large.", _ALWAYS),
    "500": ("A defect of the gateway.", _ALWAYS),
    "502": ("The data source failed, or answered with something that cannot be masked.", _LIMITED),
    "503": ("The exchange cannot be recorded, so no data are given.", (*_ALWAYS, "Retry-After")),
    "504": ("The data source took too long.", _LIMITED),
}
"""Statuses of refusals and faults, with the headers that each may carry."""

_PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "A problem document (RFC 9457).",
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
        "receipt": {"type": "string"},
    },
}


def openapi_for(
    plans: tuple[Plan, ...], partner: str | None, base_url: str, language: Language = "en"
) -> dict[str, Any]:
    """The document for one partner, by id; for None, that of the hub with the views of all partners side by side.

    It names only paths, fields and scopes of the plans it describes. Where a path has several views (other partners,
    or agreements that follow one another), an answer is of one of them.
    """
    chosen = tuple(plan for plan in plans if partner in (None, plan.contract.partner))
    names = _schema_names(chosen)
    routes: dict[str, list[Plan]] = {}
    for plan in chosen:
        routes.setdefault(plan.route, []).append(plan)
    contracts = sorted({plan.contract.agreement: plan.contract for plan in chosen}.items())
    return {
        "openapi": "3.1.0",
        "info": _info([contract for _, contract in contracts], partner, language),
        "servers": [{"url": base_url}],
        "security": [{"oauth2": []}],
        "paths": {route: {"get": _operation(routes[route], names)} for route in sorted(routes)},
        "components": {
            "securitySchemes": {"oauth2": _security(chosen, base_url)},
            "schemas": {
                "Problem": _PROBLEM_SCHEMA,
                **{names[plan.mask_id]: record_schema(plan.view.record, language) for plan in chosen},
            },
            "headers": {name: {"description": text, "schema": schema} for name, (text, schema) in _HEADERS.items()},
            "responses": {status: _problem(status) for status in _PROBLEMS},
        },
    }


def _schema_names(plans: Iterable[Plan]) -> dict[str, str]:
    """A name for each mask: product and role, and the version where that is not enough."""
    names: dict[str, str] = {}
    for plan in plans:
        name = f"{plan.product}-{plan.contract.role}"
        if name in names.values() and plan.mask_id not in names:
            name += f"-{plan.product_version}"
        if name in names.values() and plan.mask_id not in names:
            name += f"-{plan.mask_id}"
        names.setdefault(plan.mask_id, name)
    return names


def _info(contracts: list[Contract], partner: str | None, language: Language) -> dict[str, Any]:
    name = _name(contracts[-1], language) if partner is not None and contracts else "Clausegate"
    said = ", ".join(f"{contract.agreement} {contract.version}" for contract in contracts)
    return {
        "title": f"{name}: data products" if language == "en" else f"{name}：数据产品",
        "version": contracts[-1].version if partner is not None and contracts else "1",
        "description": f"Generated from {said}." if language == "en" else f"由协议生成：{said}。",
        "x-clausegate-contracts": [
            {"agreement": contract.agreement, "version": contract.version, "hash": contract.hash}
            for contract in contracts
        ],
    }


def _name(contract: Contract, language: Language) -> str:
    return contract.partner_name.get(language) or contract.partner


def _operation(plans: list[Plan], names: Mapping[str, str]) -> dict[str, Any]:
    """One path. `plans` are those of every agreement that opens it: all of one product and operation."""
    plan = plans[0]
    schemas = [
        {"$ref": f"#/components/schemas/{name}"} for name in dict.fromkeys(names[each.mask_id] for each in plans)
    ]
    record = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
    listed = {
        "type": "object",
        "required": ["data", "next"],
        "properties": {
            "data": {"type": "array", "items": record, "maxItems": max(each.page_limit[1] for each in plans)},
            "next": {"type": ["string", "null"], "description": "The cursor of the next page; null on the last."},
        },
        "additionalProperties": False,
    }
    return {
        "operationId": f"{plan.operation}-{plan.product}",
        "summary": f"{'A page of' if plan.operation == 'list' else 'One record of'} {plan.product}",
        "description": _clauses(plans),
        "parameters": [*_parameters(plan), *_purpose(plans)],
        "security": [{"oauth2": [plan.scope]}],
        "responses": {
            "200": {
                "description": "What the agreement opens, masked.",
                "headers": _header_references(_LIMITED),
                "content": {"application/json": {"schema": listed if plan.operation == "list" else record}},
            },
            **{status: {"$ref": f"#/components/responses/{status}"} for status in _PROBLEMS},
        },
    }


def _clauses(plans: Iterable[Plan]) -> str:
    """The clauses that decide about this path, as rendered, in the languages they have."""
    bound: dict[tuple[str, str, str], ClauseRef] = {}
    for plan in plans:
        effects: tuple[Effect, ...] = (*plan.gates, *plan.limits, *plan.meters)
        for clause in (effect.clause for effect in effects):
            bound.setdefault((clause.agreement, clause.version, clause.id), clause)
    lines = [
        f"- {agreement} {version}, {number}: {_both(clause)}" for (agreement, version, number), clause in bound.items()
    ]
    return "\n".join(lines) or "No clause limits this path."


def _both(clause: ClauseRef) -> str:
    return " / ".join(clause.text[language] for language in LANGUAGES if language in clause.text)


def _parameters(plan: Plan) -> list[dict[str, Any]]:
    if plan.operation == "get":
        schema = {"type": "string", "minLength": 1, "maxLength": 256}
        described = f"The record's {'.'.join(plan.call.key.path)}."
        return [{"name": "key", "in": "path", "required": True, "description": described, "schema": schema}]
    default, maximum = plan.page_limit
    limit = {"type": "integer", "minimum": 1, "maximum": maximum, "default": default}
    return [
        {"name": "limit", "in": "query", "description": "Records in a page, at most.", "schema": limit},
        {
            "name": "cursor",
            "in": "query",
            "description": "The `next` of the page before, unchanged.",
            "schema": {"type": "string", "minLength": 1},
        },
    ]


def _purpose(plans: Iterable[Plan]) -> list[dict[str, Any]]:
    gates = [gate for plan in plans for gate in plan.gates]
    if not gates:
        return []
    purposes = sorted(frozenset.union(*(gate.purposes for gate in gates)))
    return [
        {
            "name": "Clausegate-Purpose",
            "in": "header",
            "required": all(gate.when_unstated is None for gate in gates),
            "description": "What the data are used for.",
            "schema": {"type": "string", "enum": purposes},
        }
    ]


def _security(plans: Iterable[Plan], base_url: str) -> dict[str, Any]:
    scopes = {plan.scope: f"Read {plan.product}." for plan in plans}
    flow = {"tokenUrl": f"{base_url}/oauth/token", "scopes": dict(sorted(scopes.items()))}
    return {"type": "oauth2", "flows": {"clientCredentials": flow}}


def _problem(status: str) -> dict[str, Any]:
    text, headers = _PROBLEMS[status]
    return {
        "description": text,
        "headers": _header_references(headers),
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


def _header_references(names: Iterable[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
