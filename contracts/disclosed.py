"""The JSON Schema (2020-12) of what a mask lets out: for OpenAPI documents and for those who check answers."""

from typing import Any

from contracts.granted import NUMBER_TYPES, Branch, Keyed, Leaf, Many, Node
from contracts.product import Property, SchemaObject
from policies.reference import Language
from policies.technique import Technique

_FORMATS = {"date": "date"}
"""Only what a backend's text is held to before it goes out in clear."""


def record_schema(record: Branch, language: Language, schema: SchemaObject | None = None) -> dict[str, Any]:
    """A masked record. No field is required and none but these can occur: what has drifted is withheld.

    With the product's `schema` each field is described in the product's own words.
    """
    return _branch(record, language, schema.properties if schema else ())


def _branch(branch: Branch, language: Language, properties: tuple[Property, ...]) -> dict[str, Any]:
    declared = {each.name: each for each in properties}
    described = {name: _node(node, language, declared.get(name)) for name, node in branch.fields.items()}
    return {"type": "object", "properties": described, "additionalProperties": False}


def _node(node: Node, language: Language, declared: Property | None) -> dict[str, Any]:
    """One field; null is always possible: a null of the backend stays null."""
    if isinstance(node, Leaf):
        return _described(_leaf(node), declared, _said(node.technique, language))
    if isinstance(node, Many):
        items = _node(node.item, language, declared.items if declared else None)
        return _described({"type": ["array", "null"], "items": items}, declared)
    if isinstance(node, Keyed):
        return _described(_map(node, language, declared), declared)
    branch = _branch(node, language, declared.properties if declared else ())
    return _described({**branch, "type": ["object", "null"]}, declared)


def _map(node: Keyed, language: Language, declared: Property | None) -> dict[str, Any]:
    value = _node(node.value, language, declared.map.value if declared and declared.map else None)
    schema = {"type": ["object", "null"], "additionalProperties": value}
    if not node.key.technique.unchanged:
        schema["propertyNames"] = node.key.technique.schema(node.key.target)
    return schema


def _leaf(leaf: Leaf) -> dict[str, Any]:
    """A scalar after masking, or null."""
    if not leaf.technique.unchanged:
        return _or_null(leaf.technique.schema(leaf.target))
    kind = leaf.logical_type
    if kind in NUMBER_TYPES or kind == "boolean":
        return {"type": [kind, "null"]}
    return {"type": ["string", "null"], **({"format": _FORMATS[kind]} if kind in _FORMATS else {})}


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    """The same, or null."""
    if "const" in schema:
        return {"enum": [schema["const"], None]}
    if "enum" in schema:
        return {**_or_null({key: value for key, value in schema.items() if key != "enum"} or {"type": []}),
                "enum": [*dict.fromkeys([*schema["enum"], None])]}  # fmt: skip
    kinds = schema.get("type")
    if kinds == "null":
        return schema
    if kinds is None:
        return {"anyOf": [schema, {"type": "null"}]}
    return {**schema, "type": [*dict.fromkeys([*(kinds if isinstance(kinds, list) else [kinds]), "null"])]}


def _described(schema: dict[str, Any], declared: Property | None, *more: str) -> dict[str, Any]:
    """With the product's own words for the field, and how it is masked."""
    own = (declared.businessName, declared.description) if declared else ()
    words = [said for said in (*own, *more) if said]
    return {**schema, "description": " · ".join(words)} if words else schema


def _said(technique: Technique, language: Language) -> str:
    if technique.unchanged:
        return ""
    return f"{'脱敏' if language == 'zh' else 'Masked'}: {technique.words()[language]}"
