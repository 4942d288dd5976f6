"""Examples for OpenAPI, masked like the data: the product's own examples, each as its technique discloses it.

What a keyed technique would give for them is nobody's to see in a document, so its place is held by a value of the
same form. A field without an example has a neutral value of its type.
"""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from msgspec import UNSET, Raw, UnsetType

from contracts.granted import NUMBER_TYPES, Branch, Keyed, Leaf, Many, Node
from contracts.openapi_values import value_of
from contracts.product import Property, SchemaObject
from contracts.writing import Writing

_NEUTRAL: dict[str, Any] = {
    "string": "example",
    "date": "2026-01-31",
    "timestamp": "2026-01-31T08:00:00Z",
    "time": "08:00:00",
    "integer": 1,
    "number": 1.5,
    "boolean": True,
}


def record_example(record: Branch, schema: SchemaObject) -> dict[str, Any]:
    """One record as a partner with this view sees it."""
    return _branch(record, schema.properties)


def body_example(writing: Writing, schema: SchemaObject) -> dict[str, Any]:
    """A request body: the product's own examples, elsewhere values that fit; empty where none can be made."""
    body = value_of(_told(writing.json_schema, schema.properties))
    return body if isinstance(body, dict) else {}


def _told(json_schema: dict[str, Any], properties: tuple[Property, ...]) -> dict[str, Any]:
    """A body's schema with the product's examples of its single values."""
    declared = {each.name: each for each in properties}
    told: dict[str, Any] = {}
    for name, inner in json_schema.get("properties", {}).items():
        own = declared.get(name)
        stated = next(_stated(own.logicalType or "", own), UNSET) if own else UNSET
        told[name] = _told(inner, own.properties) if own and own.properties else inner
        if stated is not UNSET:
            told[name] = {"const": stated}
    return {**json_schema, "properties": told}


def csv_example(record: Branch, example: dict[str, Any]) -> str:
    """The same record as CSV (RFC 4180): a column for each scalar, array and map that lies in nothing but objects."""
    columns = list(_columns(record, example, ""))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([name for name, _ in columns])
    writer.writerow([_cell(value) for _, value in columns])
    return text.getvalue()


def line_of(value: Any) -> str:
    """JSON without spaces, as answers are written."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _branch(branch: Branch, properties: tuple[Property, ...]) -> dict[str, Any]:
    declared = {each.name: each for each in properties}
    values = {name: _value(node, declared.get(name)) for name, node in branch.fields.items()}
    return {name: value for name, value in values.items() if value is not UNSET}


def _value(node: Node, declared: Property | None) -> Any:
    """An example of one field; UNSET where there is none, as where a value is withheld."""
    if isinstance(node, Leaf):
        return _masked(node, declared)
    if isinstance(node, Branch):
        return _branch(node, declared.properties if declared else ())
    if isinstance(node, Many):
        item = _value(node.item, _item(declared))
        return [] if item is UNSET else [item]
    return _map(node, declared)


def _map(node: Keyed, declared: Property | None) -> dict[str, Any]:
    held = declared.map if declared else None
    key = _masked(node.key, held.key if held else None)
    value = _value(node.value, held.value if held else None)
    return {key: value} if isinstance(key, str) and value is not UNSET else {}


def _item(declared: Property | None) -> Property | None:
    """What an array holds; a vector holds numbers."""
    return declared.items or declared if declared else None


def _masked(leaf: Leaf, declared: Property | None) -> Any:
    if leaf.technique.keyed:
        return value_of(leaf.technique.schema(leaf.target))
    for candidate in _candidates(leaf.logical_type, declared):
        if leaf.technique.unchanged:
            return candidate
        masked = leaf.technique.masker(leaf.target, None)(_as_text(candidate))
        if not isinstance(masked, UnsetType):
            return json.loads(bytes(masked)) if isinstance(masked, Raw) else masked
    return UNSET


def _candidates(logical_type: str, declared: Property | None) -> Iterator[Any]:
    """Values of the field's type: the product's examples, those it can have at all, then a neutral one."""
    yield from _stated(logical_type, declared)
    yield _NEUTRAL.get(logical_type, "example")


def _stated(logical_type: str, declared: Property | None) -> Iterator[Any]:
    """What the product says of values: `examples`, and `enum`, whose members may have labels (ODCS v3.2)."""
    if declared is not None:
        choices = [each.get("value") if isinstance(each, dict) else each for each in declared.enum or []]
        yield from (value for value in [*(declared.examples or []), *choices] if _is_of(value, logical_type))


def _is_of(value: Any, logical_type: str) -> bool:
    if logical_type == "boolean":
        return isinstance(value, bool)
    if logical_type not in _NEUTRAL:
        return False
    if logical_type in NUMBER_TYPES:
        kinds = (int,) if logical_type == "integer" else (int, float)
        return isinstance(value, kinds) and not isinstance(value, bool)
    return isinstance(value, str)


def _as_text(value: Any) -> str:
    """As techniques take it: text as it is, numbers and booleans as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def _columns(branch: Branch, example: dict[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, node in branch.fields.items():
        value = example.get(name)
        if isinstance(node, Branch):
            yield from _columns(node, value or {}, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else line_of(value)
