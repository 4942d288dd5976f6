"""Signatures of requests and answers, for OpenAPI: the header fields, and what clauses want signed."""

from typing import Any

from contracts.openapi_limits import named, watching
from contracts.plan import Plan

_DICTIONARY = {"type": "string", "minLength": 1, "maxLength": 8 * 1024}
_INPUT = {**_DICTIONARY, "pattern": r"^[ \t]*[a-z*][a-z0-9_.*-]*=\(.*\);.*$"}
_MEMBER = r"^[ \t]*[a-z*][a-z0-9_.*-]*=:[A-Za-z0-9+/=]*:.*$"


def signature_parameters(plans: list[Plan]) -> list[dict[str, Any]]:
    """The fields of a signed request (RFC 9421, RFC 9530): required where every agreement refuses it otherwise."""
    if not any(plan.signing for plan in plans):
        return []
    required = all(any(each.enforce == "refuse" for each in plan.signing) for plan in plans)
    asked = ", ".join(f"`{part}`" for part in dict.fromkeys(part for plan in plans for part in _parts(plan)))
    member = {**_DICTIONARY, "pattern": _MEMBER}
    fields: list[tuple[str, str, dict[str, Any]]] = [
        ("Signature-Input", f"What the signature covers (RFC 9421); of what is sent at least {asked}.", _INPUT),
        ("Signature", "The signature, by a registered key of the client.", member),
    ]
    if any(plan.writing is not None for plan in plans):
        digest = "The SHA-256 or SHA-512 of the body as it is sent (RFC 9530): `sha-256=:...:`."
        fields.insert(0, ("Content-Digest", digest, member))
    return [
        {"name": name, "in": "header", "required": required, "description": said, "schema": schema}
        for name, said, schema in fields
    ]


def signed_requests(plan: Plan) -> list[dict[str, Any]]:
    """What clauses want signed: one entry each, for all of them have to hold."""
    return [
        {
            "covers": list(each.components),
            "algorithms": sorted(each.algorithms),
            "max_age_s": each.max_age_s,
            **watching(each.enforce),
            "clause": named(each.clause),
        }
        for each in plan.signing
    ]


def _parts(plan: Plan) -> list[str]:
    return [part for each in plan.signing for part in each.components]
