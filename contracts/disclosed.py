"""The JSON Schema (2020-12) of what a mask lets out: for OpenAPI documents and for those who check answers."""

from typing import Any

from contracts.granted import NUMBER_TYPES, Branch, Leaf, Many, Node
from policies.clause import Language
from policies.technique import Technique


def record_schema(record: Branch, language: Language) -> dict[str, Any]:
    """A masked record. No field is required and none but these can occur: what has drifted is withheld."""
    properties = {name: _node(node, language) for name, node in record.fields.items()}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _node(node: Node, language: Language) -> dict[str, Any]:
    if isinstance(node, Leaf):
        return _leaf(node, language)
    if isinstance(node, Many):
        return {"type": ["array", "null"], "items": _node(node.item, language)}
    return {**record_schema(node, language), "type": ["object", "null"]}


def _leaf(leaf: Leaf, language: Language) -> dict[str, Any]:
    """A scalar after masking. Null is always possible: a null of the backend stays null."""
    technique = leaf.technique
    if technique.unchanged:
        return _unchanged(leaf.logical_type)
    masked: dict[str, Any] = {"type": ["string", "null"]}
    if technique.family == "suppression":  # the same value whatever it was
        mark = technique.apply("")
        masked = {"type": "null"} if mark is None else {"enum": [mark, None]}
    return {**masked, "description": _said(technique, language)}


def _unchanged(logical_type: str) -> dict[str, Any]:
    if logical_type == "date":
        return {"type": ["string", "null"], "format": "date"}
    if logical_type in NUMBER_TYPES or logical_type == "boolean":
        return {"type": [logical_type, "null"]}
    return {"type": ["string", "null"]}


def _said(technique: Technique, language: Language) -> str:
    return f"{'脱敏' if language == 'zh' else 'Masked'}: {technique.words()[language]}"
