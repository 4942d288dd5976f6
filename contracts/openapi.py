"""An OpenAPI 3.1 document generated from plans: what a partner may call and will get, and nothing of anybody else."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from contracts.disclosed import record_schema
from contracts.openapi_operations import METHODS, operation
from contracts.openapi_problems import PROBLEM_SCHEMA, problem_examples
from contracts.openapi_security import security_schemes
from contracts.openapi_shared import share_problems
from contracts.openapi_terms import contracts_of, in_both
from contracts.plan import Contract, Plan
from contracts.product import READING
from policies.reference import Language

_HEADERS: dict[str, tuple[str, dict[str, Any]]] = {
    "X-Request-Id": ("Names this exchange in the audit log.", {"type": "string"}),
    "Clausegate-Agreement": ("The agreement, its version and its contract hash.", {"type": "string"}),
    "Clausegate-Receipt": ("Proof that this exchange is in the audit log.", {"type": "string"}),
    "RateLimit-Policy": (
        "The limits in force, each named by its clause: q calls, or what qu says, in w seconds or a calendar period.",
        {"type": "string"},
    ),
    "RateLimit": ("What is left of each limit: r; more of it in t seconds.", {"type": "string"}),
    "Clausegate-Cut": ("The clause of a quota that cut the page: `next` goes on from there later.", {"type": "string"}),
    "Retry-After": ("Seconds to wait before calling again.", {"type": "integer", "minimum": 0}),
    "WWW-Authenticate": ("How to authenticate (RFC 6750, RFC 9449).", {"type": "string"}),
    "DPoP-Nonce": (
        "The `nonce` of your next DPoP proofs (RFC 9449). Any answer may bring a new one.",
        {"type": "string"},
    ),
    "ETag": ("Names what you see, for If-None-Match and If-Match (RFC 9110).", {"type": "string"}),
    "Vary": ("The request headers that the answer depends on.", {"type": "string"}),
    "Cache-Control": ("Whether a cache of your own may keep it.", {"type": "string"}),
    "Location": ("Where the created record is; left out when your view does not show its key.", {"type": "string"}),
}
_PREVAILING: Mapping[Language, str] = {
    "en": "Where the languages differ, English prevails. 各语言不一致时，以英文为准。",
    "zh": "Where the languages differ, Chinese prevails. 各语言不一致时，以中文为准。",
}


def _lasting(_plan: Plan) -> bool:
    """Nothing was announced to end."""
    return False


def openapi_for(
    plans: tuple[Plan, ...],
    partner: str | None,
    base_url: str,
    language: Language = "en",
    *,
    is_deprecated: Callable[[Plan], bool] = _lasting,
) -> dict[str, Any]:
    """The document for one partner, by id; for None, that of the hub with the views of all partners side by side.

    It names only paths, fields and scopes of the plans it describes. Where a path has several views (other partners,
    or agreements that follow one another), an answer is of one of them. `is_deprecated` says which plans are announced
    to end: an operation is deprecated where all its plans are.
    """
    chosen = tuple(plan for plan in plans if partner in (None, plan.contract.partner))
    names = _schema_names(chosen)
    contracts = sorted({plan.contract.agreement: plan.contract for plan in chosen}.items())
    paths = _paths(chosen, names, is_deprecated)
    problems = share_problems(paths)
    return {
        "openapi": "3.1.0",
        "info": _info([contract for _, contract in contracts], partner, language),
        "servers": [{"url": base_url}],
        "security": [{"oauth2": []}],
        "tags": [{"name": name, "description": said} for name, said in _resources(chosen).items()],
        "paths": paths,
        "components": {
            "securitySchemes": security_schemes(chosen, base_url),
            "schemas": {"Problem": PROBLEM_SCHEMA, **_records(chosen, names, language)},
            "headers": {name: {"description": text, "schema": schema} for name, (text, schema) in _HEADERS.items()},
            "responses": problems,
            "examples": problem_examples(chosen),
        },
    }


def _paths(plans: Iterable[Plan], names: Mapping[str, str], is_deprecated: Callable[[Plan], bool]) -> dict[str, Any]:
    """Each path with its methods, in the order of reading, writing, deleting."""
    routes: dict[str, dict[str, list[Plan]]] = {}
    for plan in plans:
        routes.setdefault(plan.route, {}).setdefault(METHODS[plan.operation], []).append(plan)
    order = list(dict.fromkeys(METHODS.values()))

    def described(found: list[Plan]) -> dict[str, Any]:
        ending = {"deprecated": True} if all(map(is_deprecated, found)) else {}
        return operation(found, names) | ending

    return {
        route: {method: described(by_method[method]) for method in sorted(by_method, key=order.index)}
        for route, by_method in sorted(routes.items())
    }


def _records(plans: Iterable[Plan], names: Mapping[str, str], language: Language) -> dict[str, Any]:
    """The schema of each kind of record; a view that shows nothing has none."""
    return {
        names[plan.mask_id]: record_schema(plan.view.record, language, plan.offer.schema)
        for plan in plans
        if plan.view.record.fields or plan.operation in READING
    }


def _schema_names(plans: Iterable[Plan]) -> dict[str, str]:
    """A name for each mask: resource and role, and the version where that is not enough."""
    names: dict[str, str] = {}
    for plan in plans:
        if plan.mask_id in names:
            continue
        name = re.sub(r"[^A-Za-z0-9._-]", "-", f"{plan.resource}-{plan.contract.role}")
        if name in names.values():
            name += f"-{plan.product_version}"
        if name in names.values():
            name += f"-{plan.mask_id}"
        names[plan.mask_id] = name
    return names


def _resources(plans: Iterable[Plan]) -> dict[str, str]:
    """Every resource with what a record of it is, in the product's own words."""
    found: dict[str, str] = {}
    for plan in plans:
        schema = plan.offer.schema
        said = " · ".join(words for words in (schema.businessName, schema.description) if words)
        found.setdefault(plan.resource, said or schema.name)
    return dict(sorted(found.items()))


def _info(contracts: list[Contract], partner: str | None, language: Language) -> dict[str, Any]:
    own = partner is not None and bool(contracts)
    name = _name(contracts[-1], language) if own else "Clausegate"
    return {
        "title": f"{name}: data products" if language == "en" else f"{name}：数据产品",
        "version": contracts[-1].version if own else "1",
        "description": "\n\n".join(_described(contracts, own=own)),
        "x-contract": contracts_of(contracts),
    }


def _described(contracts: list[Contract], *, own: bool) -> list[str]:
    """What the document was made from, and the cover page's own words where it is one partner's."""
    said = ", ".join(f"{contract.agreement} {contract.version}" for contract in contracts)
    lines = [f"Generated from {said or 'no agreement'}. 由协议生成：{said or '无'}。"]
    for contract in contracts if own else ():
        lines += [in_both(contract.effective_clause.text), in_both(contract.products_clause.text)]
        lines.append(_PREVAILING[contract.prevails])
    return lines


def _name(contract: Contract, language: Language) -> str:
    return contract.partner_name.get(language) or contract.partner
