"""Rows as JSON: what a database driver yields becomes the records of an answer, or nothing does."""

import math
from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, TypeAlias, cast
from uuid import UUID

import msgspec

from adapters.base import Call, Field

Layout: TypeAlias = dict[str, "int | Layout"]
Row: TypeAlias = Sequence[Any]

JSON = "application/json"
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_PLAIN = frozenset({str, int, bool, type(None), datetime, date, time})
_CONTAINERS = (list, tuple)
_WHOLE_MAX = 2.0**53  # from here on a double is no longer one whole number alone


class NotJsonError(Exception):
    """A value that JSON cannot say, such as bytes or an infinite number. Names the field, never the value."""


class Records:
    """Puts rows of one call's statements into records: the granted fields in their places, the key nowhere.

    `as_numbers` is for SQLite, which has 0 and 1 for truth, and 3.0 for the whole number in a column declared REAL.
    """

    def __init__(self, call: Call, *, as_numbers: bool) -> None:
        self._fields = call.fields
        self._layout = _layout(call.fields)
        self._kinds = [field.logical_type if as_numbers else "" for field in call.fields]

    def one(self, row: Row) -> bytes:
        """The body of a single record. Raises NotJsonError."""
        return _encoded(self._record(row))

    def page(self, rows: Sequence[Row], following: str | None) -> bytes:
        """The body of a list: `{"data": [...], "next": following}`. Raises NotJsonError."""
        return _encoded({"data": [self._record(row) for row in rows], "next": following})

    def _record(self, row: Row) -> dict[str, Any]:
        values = [self._value(number, value) for number, value in enumerate(row[: len(self._fields)])]
        return _placed(self._layout, values)

    def _value(self, number: int, value: Any) -> Any:
        kind = self._kinds[number]
        if kind == "boolean" and type(value) is int and value in (0, 1):
            return bool(value)
        if kind == "integer" and type(value) is float and abs(value) < _WHOLE_MAX and value.is_integer():
            return int(value)
        if type(value) in _PLAIN or _is_json(value):
            return value
        if isinstance(value, UUID):  # a driver's own subclass
            return str(value)
        raise NotJsonError(f"field {'.'.join(self._fields[number].path)} holds a value that JSON cannot say")


def key_text(value: Any) -> str:
    """The key of a page's last record, as the token of the next page. Raises NotJsonError for one that is no scalar."""
    if isinstance(value, date):  # datetimes are dates
        return value.isoformat()
    if isinstance(value, str | int | Decimal | UUID) and not isinstance(value, bool):
        return str(value)
    raise NotJsonError("the key holds a value that cannot be paged by")


def _is_json(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, Decimal):
        return value.is_finite()
    if isinstance(value, _CONTAINERS):
        return all(type(inner) in _PLAIN or _is_json(inner) for inner in value)
    return False


def _encoded(value: Any) -> bytes:
    try:
        return _ENCODER.encode(value)
    except (UnicodeEncodeError, msgspec.MsgspecError, OverflowError) as error:
        raise NotJsonError("a record holds a value that JSON cannot say") from error


def _layout(fields: Sequence[Field]) -> Layout:
    layout: Layout = {}
    for number, field in enumerate(fields):
        place = layout
        for name in field.path[:-1]:
            place = cast(Layout, place.setdefault(name, {}))  # no field lies below another: products are trees
        place[field.path[-1]] = number
    return layout


def _placed(layout: Layout, values: Sequence[Any]) -> dict[str, Any]:
    return {name: values[place] if isinstance(place, int) else _placed(place, values) for name, place in layout.items()}
