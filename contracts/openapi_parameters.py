"""The parameters of an operation, for OpenAPI: exactly what the gateway reads of path, query and headers.

The media type wanted (`Accept`) is none of them: OpenAPI says it by the content of the responses.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from adapters.base import Field
from contracts.granted import Branch, Keyed, Leaf, Many, Node
from contracts.openapi_security import proof_parameter
from contracts.openapi_signing import signature_parameters
from contracts.plan import Plan
from contracts.product import READING
from contracts.selecting import OPERATORS, TEXT_MAX, VALUES_MAX
from policies.kinds.purpose import PurposeGate

_OWN = frozenset({"limit", "cursor", "fields", "sort"})
_SORTED_BY_MAX = 4
_SAID = {
    "": "is",
    "ne": "is not",
    "gt": "is more than",
    "gte": "is at least",
    "lt": "is less than",
    "lte": "is at most",
    "in": "is one of",
}
_TYPES: dict[str, dict[str, Any]] = {
    "integer": {"type": "integer", "format": "int64"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "timestamp": {"type": "string", "format": "date-time"},
    "time": {"type": "string", "format": "time"},
}
_TEXT = {"type": "string", "maxLength": TEXT_MAX}


def parameters(plans: list[Plan]) -> list[dict[str, Any]]:
    """Of plans that open one operation: where they differ, what any of them takes."""
    operation = plans[0].operation
    found: list[dict[str, Any]] = []
    if operation in ("get", "update", "delete"):
        found.append(_key(plans[0]))
    if operation == "list":
        found += _page(plans)
    if operation in READING:
        found += _fields(plans)
    if operation == "list":
        found += [*_sort(plans), *_filters(plans)]
    return [*found, *_conditions(plans), *_purpose(plans), *proof_parameter(plans), *signature_parameters(plans)]


def _query(name: str, said: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": said, "schema": schema}


def _header(name: str, said: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": said, "schema": schema}


def _listed(name: str, said: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Values in one parameter, separated by commas."""
    return {**_query(name, said, schema), "style": "form", "explode": False}


def _key(plan: Plan) -> dict[str, Any]:
    schema = {"type": "string", "minLength": 1, "maxLength": 256}
    said = f"The record's {'.'.join(plan.call.key.path)}."
    return {"name": "key", "in": "path", "required": True, "description": said, "schema": schema}


def _page(plans: list[Plan]) -> list[dict[str, Any]]:
    maximum = max(plan.page_limit[1] for plan in plans)
    limit = {"type": "integer", "minimum": 1, "maximum": maximum, "default": plans[0].page_limit[0]}
    said = "Records in a page, at most. CSV and NDJSON come whole: there it is the most records in all, of any size."
    cursor = {"type": "string", "minLength": 1}
    return [
        _query("limit", said, limit),
        _query("cursor", "The `next` of the page before, unchanged, with the same filters and sorting.", cursor),
    ]


def _fields(plans: list[Plan]) -> list[dict[str, Any]]:
    names = list(dict.fromkeys(name for plan in plans for name in field_names(plan.view.record)))
    if not names:
        return []
    items = {"type": "string", "enum": names}
    said = "Only these fields, separated by commas; an object, array or map stands for all that it holds."
    return [_listed("fields", said, {"type": "array", "items": items, "minItems": 1})]


def field_names(record: Branch) -> Iterator[str]:
    """Every dotted path that `fields` may name, in the order of the product."""
    yield from _names(record, "")


def _names(node: Node, prefix: str) -> Iterator[str]:
    if isinstance(node, Many):
        yield from _names(node.item, prefix)
    elif isinstance(node, Keyed):  # keys and values of a map come together, so that its keys alone cannot be asked for
        yield f"{prefix}value"
        yield from _names(node.value, f"{prefix}value.")
    elif not isinstance(node, Leaf):
        for name, inner in node.fields.items():
            yield f"{prefix}{name}"
            yield from _names(inner, f"{prefix}{name}.")


def _clear(plans: Iterable[Plan]) -> dict[str, Field]:
    return {name: field for plan in plans for name, field in plan.offer.clear.items()}


def _sort(plans: list[Plan]) -> list[dict[str, Any]]:
    names = _clear(plan for plan in plans if plan.sorts)
    if not names:
        return []
    items = {"type": "string", "enum": [sign + name for name in names for sign in ("", "-")]}
    schema = {"type": "array", "items": items, "minItems": 1, "maxItems": _SORTED_BY_MAX, "uniqueItems": True}
    return [_listed("sort", "Fields to sort by, the first first; `-` in front: descending. Null comes last.", schema)]


def _filters(plans: list[Plan]) -> list[dict[str, Any]]:
    """One parameter for each field in clear and each operator. All of them have to hold."""
    found: list[dict[str, Any]] = []
    for name, field in _clear(plans).items():
        schema = _TYPES.get(field.logical_type, _TEXT)
        operators = ("", "ne") if field.logical_type == "boolean" else ("", *OPERATORS)
        for operator in operators:
            if operator or name not in _OWN:
                written = f"{name}[{operator}]" if operator else name
                found.append(_query(written, f"{name} {_SAID[operator]} this.", schema))
        several = {"type": "array", "items": schema, "maxItems": VALUES_MAX}
        found.append(_listed(f"{name}[in]", f"{name} {_SAID['in']} these.", several))
    return found


def _conditions(plans: list[Plan]) -> list[dict[str, Any]]:
    operation = plans[0].operation
    tags = {"type": "string"}
    if operation in READING:
        return [_header("If-None-Match", "The ETag of what you have: 304 if that is still right (RFC 9110).", tags)]
    key = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]{1,255}$"}
    said = "A new value for each change, such as a UUID. Sent again with the same key, the change is made once."
    found = [_header("Idempotency-Key", said, key)]
    if operation in ("update", "delete"):
        found.append(_header("If-Match", "The ETag of the record as you know it: 412 if it is another by now.", tags))
    return found


def _purpose(plans: list[Plan]) -> list[dict[str, Any]]:
    """What every clause of an agreement allows; of several agreements, what any does."""
    gates = [[gate for gate in plan.gates if isinstance(gate, PurposeGate)] for plan in plans]
    allowed = [frozenset.intersection(*(gate.purposes for gate in each)) for each in gates if each]
    if not allowed:
        return []
    purposes = sorted(frozenset.union(*allowed))
    schema = {"type": "string", "enum": purposes}
    required = all(any(gate.when_unstated is None for gate in each) for each in gates)
    return [{**_header("Clausegate-Purpose", "What the data are used for.", schema), "required": required}]
