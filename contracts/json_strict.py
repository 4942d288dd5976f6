"""JSON as whoever is charged for it must have meant it: no name twice, no NaN, numbers with their exact text."""

import json
from decimal import Decimal
from typing import Any


def read_json(data: bytes) -> Any:
    """The value of a JSON text (RFC 8259) in UTF-8; fractions are Decimal. Raises ValueError or RecursionError."""
    return json.loads(
        data.decode("utf-8"), parse_float=Decimal, parse_constant=_refuse, object_pairs_hook=_without_repetition
    )


def exact(value: Any) -> Any:
    """A plain value of a document with its binary fractions as the Decimal that their text reads as."""
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, list):
        return [exact(item) for item in value]
    return {name: exact(item) for name, item in value.items()} if isinstance(value, dict) else value


def _refuse(_constant: str) -> Any:
    raise ValueError("NaN and infinities are no JSON")


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a name is given twice in one object")
    return values
