"""What a caller may ask of a list: filters and sorting on fields that its view grants in clear, and fewer fields.

A masked field can be neither filtered nor sorted by: the order of records, or how many there are, would tell what the
mask hides. Nor can fields inside arrays and maps, of which a record has many.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, TypeAlias

from msgspec import UNSET, Raw, Struct

from adapters.base import AllOf, Compare, Condition, Field, Operator, Order, Path, Scalar, Within
from contracts.facts import Value
from contracts.granted import Branch, Keyed, Leaf, Many, Node
from contracts.rows import holds

OPERATORS: Mapping[str, Operator] = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "ne": "!="}
"""How a filter's operator is written in brackets behind the field's name."""
VALUES_MAX = 50
TEXT_MAX = 256
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,18})")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,30})(?:\.[0-9]{1,15})?")
_INT64 = 2**63 - 1
_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?(?:Z|[+-][0-9]{2}:[0-9]{2})?"
_MOMENTS = {
    "date": re.compile(_DATE),
    "timestamp": re.compile(f"{_DATE}(?:[T ]{_TIME})?"),
    "time": re.compile(_TIME),
}
"""Most backends compare moments as text, in which `20260314` comes after any `2026-...`."""

Clear: TypeAlias = Mapping[str, Field]
Narrow: TypeAlias = Callable[[Any], None]
_ANY = object()


def clear_fields(record: Branch, leaves: Iterable[Field]) -> dict[str, Field]:
    """The fields, by dotted path, that a list can be filtered and sorted by."""
    fields = {field.path: field for field in leaves}
    found: dict[str, Field] = {}

    def walk(branch: Branch, prefix: Path) -> None:
        for name, node in branch.fields.items():
            path = (*prefix, name)
            if isinstance(node, Branch):
                walk(node, path)
            elif isinstance(node, Leaf) and node.technique.unchanged:
                found[".".join(path)] = fields[path]

    walk(record, ())
    return found


def filter_of(clear: Clear, name: str, value: str) -> Condition | None:
    """A query parameter as a condition: `status=lost`, `weight_kg[gte]=2.5`, `city[in]=Wuhan,Yichang`.

    None: no such field in clear, no such operator, or no value of the field's type.
    """
    path, bracket, rest = name.partition("[")
    field = clear.get(path)
    operator = rest.removesuffix("]")
    if field is None or len(value) > TEXT_MAX or (bracket and not rest.endswith("]")):
        return None
    if operator == "in":
        values = tuple(_scalar(field, text) for text in value.split(","))
        known = tuple(found for found in values if found is not None)
        return Within(field, known) if len(known) == len(values) <= VALUES_MAX else None
    scalar = _scalar(field, value)
    if scalar is None or (bracket and operator not in OPERATORS):
        return None
    if isinstance(scalar, bool) and operator not in {"", "ne"}:
        return None
    return Compare(OPERATORS[operator] if bracket else "==", field, scalar)


def keys_of(condition: Condition, key: Field) -> tuple[str, ...]:
    """The keys that a caller's filter asks for by name; none where it does not."""
    match condition:
        case Compare("==", field, value) if field.path == key.path:
            return (str(value),)
        case Within(field, values) if field.path == key.path:
            return tuple(map(str, values))
        case AllOf(conditions):
            return next(filter(None, (keys_of(each, key) for each in conditions)), ())
    return ()


def order_of(clear: Clear, text: str) -> tuple[Order, ...] | None:
    """`sort=-weight_kg,eta`: descending by the first, then ascending by the second. None: not fields in clear."""
    found: list[Order] = []
    for name in text.split(","):
        field = clear.get(name.removeprefix("-"))
        if field is None or field in [order.field for order in found]:
            return None
        found.append(Order(field, name.startswith("-")))
    return tuple(found) if len(found) <= 4 else None


def narrow_to(record: Branch, names: Iterable[str]) -> Narrow | None:
    """`fields=shipment_id,customer.name`: what takes all others from a masked record. None: not all are granted."""
    wanted: dict[str, Any] = {}
    for name in names:
        steps = name.split(".")
        place = wanted
        for step in steps[:-1]:
            inner = place.setdefault(step, {})
            if inner is _ANY:
                inner = {}
                break
            place = inner
        else:
            place[steps[-1]] = _ANY
    return _narrow(record, wanted)


def _narrow(node: Node, wanted: Mapping[str, Any]) -> Narrow | None:
    """What takes from a value of `node` all that is not wanted; None where something wanted is not in it."""
    if isinstance(node, Leaf):
        return None
    if isinstance(node, Many):
        inner = _narrow(node.item, wanted)
        return None if inner is None else _each(inner, list)
    if isinstance(node, Keyed):
        return _narrow_map(node, wanted)
    if not wanted.keys() <= node.fields.keys():
        return None
    dropped, inside = [], []
    for number, (name, child) in enumerate(node.fields.items()):
        below = wanted.get(name)
        if below is None:
            dropped.append(f"f{number}")
        elif below is not _ANY:
            deeper = _narrow(child, below)
            if deeper is None:
                return None
            inside.append((f"f{number}", deeper))
    return _cut(tuple(dropped), tuple(inside))


def _narrow_map(node: Keyed, wanted: Mapping[str, Any]) -> Narrow | None:
    """A map's keys and values come together: only what lies inside its values can be left out."""
    if not wanted.keys() <= {"key", "value"} or wanted.get("key", _ANY) is not _ANY:
        return None
    below = wanted.get("value", _ANY)
    if below is _ANY:
        return _cut((), ())
    inner = _narrow(node.value, below)
    return None if inner is None else _each(inner, lambda values: list(values.values()))


def _each(inner: Narrow, values_of: Callable[[Any], list[Any]]) -> Narrow:
    def narrow(values: Any) -> None:
        for value in values_of(values):
            if value is not None:
                inner(value)

    return narrow


def _cut(dropped: tuple[str, ...], inside: tuple[tuple[str, Narrow], ...]) -> Narrow:
    def narrow(record: Any) -> None:
        for attribute in dropped:
            setattr(record, attribute, UNSET)
        for attribute, deeper in inside:
            value = getattr(record, attribute)
            if value is not UNSET and value is not None:
                deeper(value)

    return narrow


def keeps(condition: Condition, record: Branch) -> Callable[[Struct], bool]:
    """Whether a masked record fits a caller's filter, for backends that do not filter. Unknown is no."""
    getters: dict[Path, Callable[[Any], Value]] = {}

    def value_of(masked: Any, path: Path) -> Value:
        getter = getters.get(path)
        if getter is None:
            getter = getters[path] = masked_getter(record, path)
        return getter(masked)

    return lambda masked: holds(condition, lambda path: value_of(masked, path)) is True


def masked_getter(record: Branch, path: Path) -> Callable[[Any], Any]:
    """Reads one granted scalar out of a masked record; None when it is null, absent or withheld."""
    attributes: list[str] = []
    node: Node = record
    for name in path:
        assert isinstance(node, Branch)  # noqa: S101 - a path of `clear_fields`
        attributes.append(f"f{list(node.fields).index(name)}")
        node = node.fields[name]

    def get(masked: Any) -> Any:
        for attribute in attributes:
            masked = getattr(masked, attribute)
            if masked is None or masked is UNSET:
                return None
        return _number(bytes(masked)) if isinstance(masked, Raw) else masked

    return get


def _number(text: bytes) -> int | float | None:
    if text == b"null":
        return None
    return int(text) if text.lstrip(b"-").isdigit() else float(text)


def _scalar(field: Field, text: str) -> Scalar | None:
    """A value as the URL says it, of the field's type; None when it is none."""
    kind = field.logical_type
    if kind in _MOMENTS and not _MOMENTS[kind].fullmatch(text):
        return None
    try:
        match kind:
            case "integer":
                number = int(text) if _INTEGER.fullmatch(text) else None
                return number if number is not None and -_INT64 <= number <= _INT64 else None
            case "number":
                if not _NUMBER.fullmatch(text):
                    return None
                exact = Decimal(text)
                return int(exact) if exact == exact.to_integral_value() and abs(exact) <= _INT64 else float(exact)
            case "boolean":
                return {"true": True, "false": False}.get(text)
            case "date":
                date.fromisoformat(text)
            case "timestamp":
                datetime.fromisoformat(text)
            case "time":
                time.fromisoformat(text)
    except ValueError:
        return None
    return text if text.isprintable() else None
