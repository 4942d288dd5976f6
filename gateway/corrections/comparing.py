"""Whether a record shows what a report expects, as far as the reporter's own view lets anybody tell.

A masked field shows less than its value. What is expected is masked in the same way and compared as it would be shown:
that it agrees does not prove that the value is right, and where it agreed before the correction it proves nothing.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from contracts.granted import Branch, Leaf, Node
from contracts.mask import NotMaskable
from contracts.plan import Plan

Found: TypeAlias = Literal["agrees", "agrees-masked", "differs", "incomparable", "gone", "unreadable"]
"""`gone`: the record is not in the reporter's view any more; `unreadable`: the backend did not give it, or the view has
no way to read it."""
ENOUGH: frozenset[Found] = frozenset({"agrees", "agrees-masked"})
"""What lets an error count as corrected without a word."""
TEXT_CHARACTERS_MAX = 4_000


class Granted(Struct, frozen=True):
    """A field of a view; `leaf` None: it is in a list or a map, or holds several, and no one value can be compared."""

    parts: tuple[str, ...]
    leaf: Leaf | None


def granted(plan: Plan, name: str) -> Granted | None:
    """The field of a view by its dotted name; None when the view does not show it."""
    parts = tuple(name.split("."))
    node: Node = plan.view.record
    for part in parts:
        if not isinstance(node, Branch):
            return Granted(parts, None) if _shown(plan, parts) else None
        if part not in node.fields:
            return None
        node = node.fields[part]
    if isinstance(node, Leaf):
        return Granted(parts, node)
    return Granted(parts, None) if _shown(plan, parts) else None


def _shown(plan: Plan, parts: tuple[str, ...]) -> bool:
    return any(field.path[: len(parts)] == parts for field, _ in plan.view.leaves)


def read_expected(text: str) -> Any:
    """A single JSON value with its exact number; Raises ValueError for one that is no text, number, truth or null."""
    value = json.loads(text, parse_float=Decimal)
    if isinstance(value, dict | list) or len(text) > TEXT_CHARACTERS_MAX:
        raise ValueError("expected a single value")
    return value


def fits(plan: Plan, field: Granted, expected: str) -> bool:
    """Whether a value is of the field's type, so that the field could show it."""
    if field.leaf is None or field.leaf.technique.blind or read_expected(expected) is None:
        return True
    return _masked(plan, field, expected) is not None


def compare(
    plan: Plan, name: str, record: Mapping[str, Any] | None, expected: str, *, agreed_before: bool = False
) -> Found:
    """What a record shows, as it was read through the reporter's view, against what is expected of it, as JSON.

    `agreed_before`: it had looked the same when the error was reported.
    """
    if record is None:
        return "gone"
    field = granted(plan, name)
    if field is None or field.leaf is None or field.leaf.technique.blind:
        return "incomparable"
    shown, wanted = value_at(record, field.parts), read_expected(expected)
    technique = field.leaf.technique
    if wanted is None or shown is None:
        alike = wanted is None and shown is None
        return "agrees" if alike else "differs"
    if technique.unchanged:
        return "agrees" if same(shown, wanted) else "differs"
    masked = _masked(plan, field, expected)
    alike = same(shown, wanted) or (masked is not None and same(shown, masked[0]))
    if alike and agreed_before:
        return "incomparable"
    return "agrees-masked" if alike else "differs"


def value_at(record: Any, parts: tuple[str, ...]) -> Any:
    """The value at a path through objects; None for one that is absent or null."""
    for part in parts:
        if not isinstance(record, Mapping):
            return None
        record = record.get(part)
    return record


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal: numbers by value, and no number is a truth."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | Decimal) and isinstance(other, int | Decimal):
        return one == other
    return type(one) is type(other) and bool(one == other)


def _masked(plan: Plan, field: Granted, expected: str) -> tuple[Any] | None:
    """The value as the view would show it; None where the view would withhold it."""
    body = expected
    for part in reversed(field.parts):
        body = f"{{{json.dumps(part)}:{body}}}"
    masked = plan.mask.record(body.encode())
    if isinstance(masked, NotMaskable) or masked.drift or not masked.records:
        return None
    record = json.loads(plan.mask.encode(masked.records[0]), parse_float=Decimal)
    value = value_at(record, field.parts)
    return None if value is None else (value,)
