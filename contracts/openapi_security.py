"""How a caller proves who it is, for OpenAPI: OAuth 2.0, and what tokens are bound to where an agreement says so."""

from collections.abc import Iterable
from typing import Any

from contracts.openapi_limits import named
from contracts.plan import Plan
from contracts.product import Operation

_PROOF_BYTES_MAX = 3 * 1024
_ORDER: tuple[Operation, ...] = ("list", "get", "create", "update", "delete")
_SCHEMES: dict[str, tuple[str, dict[str, Any]]] = {
    "dpop": (
        "dpop",
        {
            "type": "http",
            "scheme": "DPoP",
            "description": (
                "The token is bound to a key of yours (RFC 9449): ask for it with a proof in the DPoP header, send it "
                "as `Authorization: DPoP ...`, and with each call a new proof that names its method, its URL, the "
                "token's hash (`ath`) and the `nonce` of the last DPoP-Nonce header. "
                "令牌绑定于贵方的密钥：申请令牌与每次调用均须附新的 DPoP 证明。"
            ),
        },
    ),
    "mtls": (
        "mutualTLS",
        {
            "type": "mutualTLS",
            "description": (
                "The token is bound to your client certificate (RFC 8705): show the same one when you ask for the "
                "token and with each call, and send the token as `Authorization: Bearer ...`. "
                "令牌绑定于贵方的客户端证书：申请令牌与每次调用均须出示同一证书。"
            ),
        },
    ),
}
"""What a token is bound to -> the scheme's name and the scheme."""


def bindings(plan: Plan) -> frozenset[str] | None:
    """What a token has to be bound to for a call of this plan; None: it need not be bound."""
    if not plan.authentication:
        return None
    admitted = frozenset.intersection(*(each.bindings for each in plan.authentication))
    return None if "none" in admitted else admitted


def security_schemes(plans: tuple[Plan, ...], base_url: str) -> dict[str, Any]:
    """OAuth 2.0, and beside it what any of these plans binds tokens to."""
    asked = frozenset[str]().union(*(bindings(plan) or () for plan in plans))
    bound = dict(scheme for binding, scheme in _SCHEMES.items() if binding in asked)
    return {"oauth2": _client_credentials(plans, base_url), **bound}


def requirements(plans: list[Plan]) -> list[dict[str, list[str]]]:
    """The ways to call an operation that these plans open: each is a choice, and all of one has to hold."""
    found: list[dict[str, list[str]]] = []
    for plan in plans:
        scope = {"oauth2": [plan.scope]}
        asked = bindings(plan)
        ways = [scope] if asked is None else [scope | {_SCHEMES[each][0]: []} for each in _SCHEMES if each in asked]
        found += [way for way in ways if way not in found]
    return found


def proof_parameter(plans: list[Plan]) -> list[dict[str, Any]]:
    """The DPoP header, where an agreement asks for bound tokens and admits that way."""
    asked = [bindings(plan) for plan in plans]
    if not any(each is not None and "dpop" in each for each in asked):
        return []
    schema = {"type": "string", "maxLength": _PROOF_BYTES_MAX, "pattern": r"^[\w-]+\.[\w-]+\.[\w-]+$"}
    said = "A new proof for each call with a token that is bound to a key (RFC 9449 section 4.2)."
    required = all(each == frozenset({"dpop"}) for each in asked)
    return [{"name": "DPoP", "in": "header", "required": required, "description": said, "schema": schema}]


def authentication(plan: Plan) -> list[dict[str, Any]]:
    """What clauses ask of clients: one entry each, for all of them have to hold."""
    return [
        {"methods": sorted(each.methods), "bound_to": sorted(each.bindings), "clause": named(each.clause)}
        for each in plan.authentication
    ]


def _client_credentials(plans: Iterable[Plan], base_url: str) -> dict[str, Any]:
    """OAuth 2.0 client credentials: every scope with what it opens."""
    opened: dict[str, dict[str, set[Operation]]] = {}
    for plan in plans:
        opened.setdefault(plan.scope, {}).setdefault(plan.resource, set()).add(plan.operation)
    scopes = {scope: "; ".join(map(_said, sorted(opened[scope].items()))) for scope in sorted(opened)}
    flow = {"tokenUrl": f"{base_url}/oauth/token", "scopes": scopes}
    said = (
        f"Each token request sends `resource={base_url}` (RFC 8707): it says what the token is for. "
        f"每次申请令牌均须附 `resource={base_url}`，表明令牌的用途。"
    )
    return {"type": "oauth2", "description": said, "flows": {"clientCredentials": flow}}


def _said(opened: tuple[str, set[Operation]]) -> str:
    """A resource and what can be done of it: `shipments: list, get`."""
    resource, operations = opened
    return f"{resource}: {', '.join(sorted(operations, key=_ORDER.index))}"
