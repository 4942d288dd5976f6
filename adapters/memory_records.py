"""Records held in memory: what is at a path, what of a record is granted, and records as JSON."""

import math
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, TypeAlias

import msgspec

from adapters.base import Answer, Call, Fault, Field, Path

Record: TypeAlias = dict[str, Any]
Layout: TypeAlias = dict[str, "Layout"]
"""Granted paths as a tree. A leaf is an empty one: whatever is there is granted."""

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_OF_A_MAP = {"key", "value"}


def value_at(record: Any, path: Path) -> Any:
    """The value at a path; None where it is null or absent."""
    for name in path:
        record = record.get(name) if isinstance(record, dict) else None
    return record


def with_values(record: Record, values: Iterable[tuple[Field, Any]]) -> Record:
    """A copy of the record in which the values stand at their paths."""
    changed = dict(record)
    for field, value in values:
        place = changed
        for name in field.path[:-1]:
            inner = place.get(name)
            place[name] = dict(inner) if isinstance(inner, dict) else {}
            place = place[name]
        place[field.path[-1]] = value
    return changed


def granted(call: Call, record: Record) -> Record:
    """The record's granted leaves and nothing else; what is absent stays absent."""
    layout: Layout = {}
    for leaf in call.fields:
        place = layout
        for name in leaf.path:
            place = place.setdefault(name, {})
    return _object(record, layout)


def json_answer(value: Any, max_bytes: int, status: int = 200) -> Answer | Fault:
    """A record or a page, if JSON can say it within bounds."""
    try:
        if _is_finite(value):  # msgspec would write null
            body = _ENCODER.encode(value)
            fits = len(body) <= max_bytes
            return Answer(status, "application/json", body) if fits else _TOO_LARGE
    except (UnicodeEncodeError, TypeError, ValueError):
        pass
    return Fault("protocol", "a record holds a value that JSON cannot say")


_TOO_LARGE = Fault("too_large", "the records are larger than may be read")


def _object(record: Record, layout: Layout) -> Record:
    found: Record = {}
    for name, inner in layout.items():
        if name not in record:
            continue
        value = record[name]
        if not inner:
            found[name] = value
        elif isinstance(value, list):
            found[name] = _items(value, inner)
        elif isinstance(value, dict):
            found[name] = _object_or_map(value, inner)
        elif value is None:
            found[name] = None
    return found


def _items(values: list[Any], layout: Layout) -> list[Any]:
    """Each item's granted leaves; an item that is neither object nor array has none."""
    return [
        _items(value, layout)
        if isinstance(value, list)
        else _object_or_map(value, layout)
        if isinstance(value, dict)
        else None
        for value in values
    ]


def _object_or_map(value: Record, layout: Layout) -> Record:
    """Below a map a path says `key` and `value`, which few objects have and nothing else."""
    if layout.keys() != _OF_A_MAP or value.keys() <= _OF_A_MAP:
        return _object(value, layout)
    if not layout["value"]:
        return dict(value)
    return {key: _object({"value": inner}, {"value": layout["value"]}).get("value") for key, inner in value.items()}


def _is_finite(value: Any) -> bool:
    if isinstance(value, dict):
        return all(_is_finite(inner) for inner in value.values())
    if isinstance(value, list):
        return all(_is_finite(inner) for inner in value)
    return not isinstance(value, float | Decimal) or math.isfinite(value)
