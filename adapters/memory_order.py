"""Sorted pages of records held in memory: the order of records, and a page's end as a token.

Paging is by values and not by number, as in a database: records that come or go between two pages move no other one.
"""

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from functools import cmp_to_key
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

from adapters.base import Call, Field, Order
from adapters.memory_conditions import Kind, kind_of
from adapters.memory_records import Record, value_at

Place: TypeAlias = tuple[Any, ...]
"""The values that a record is sorted by, its key last."""

_KINDS: dict[str, Kind] = {"integer": "number", "number": "number", "boolean": "truth"}
_Token: TypeAlias = list[str | int | float | bool | tuple[str] | None]


class Sorting(Struct, frozen=True):
    """An order of the records of a call; the key decides last."""

    call: Call
    order: tuple[Order, ...]

    def place(self, record: Record) -> Place:
        """Where a record stands. A value of another type than its field's has no place in an order, as if null."""
        return (*(_sortable(each.field, record) for each in self._before), value_at(record, self.call.key.path))

    def sorted(self, records: Sequence[Record]) -> list[Record]:
        """All in order."""
        by_place = cmp_to_key(self._compared)
        return sorted(records, key=lambda record: by_place(self.place(record)))

    def is_beyond(self, record: Record, place: Place) -> bool:
        """Whether a record comes after a place."""
        return self._compared(self.place(record), place) > 0

    def token(self, place: Place) -> str:
        """The place as text: of a list by its key, the key alone. Raises ValueError for what no token can hold."""
        *values, key = place
        if not values and not self._descends:
            return str(key)
        exact = [(str(value),) if isinstance(value, Decimal) else value for value in values]
        return msgspec.json.encode([*exact, str(key)]).decode()

    def read(self, token: str) -> Place | None:
        """The place that a token names; None where it is no token of this order."""
        values: list[Any] = []
        text: Any = token
        if self._before or self._descends:
            try:
                *values, text = msgspec.json.decode(token.encode(), type=_Token)
                values = [Decimal(value[0]) if isinstance(value, tuple) else value for value in values]
            except (msgspec.MsgspecError, UnicodeEncodeError, ValueError, InvalidOperation):
                return None
        if len(values) != len(self._before):
            return None
        for each, value in zip(self._before, values, strict=True):
            if value is not None and kind_of(value) != _kind(each.field):
                return None
        key = _key(self.call.key, text)
        return None if key is None else (*values, key)

    @property
    def _before(self) -> tuple[Order, ...]:
        """What decides before the key does: nothing that comes after the key can."""
        names = [each.field for each in self.order]
        return self.order[: names.index(self.call.key)] if self.call.key in names else self.order

    @property
    def _descends(self) -> bool:
        return any(each.descending for each in self.order if each.field == self.call.key)

    def _compared(self, one: Place, other: Place) -> int:
        for each, left, right in zip(self._before, one, other, strict=False):
            if left is None or right is None:
                outcome = (left is None) - (right is None)
            else:
                outcome = _signum(left, right) * (-1 if each.descending else 1)
            if outcome:
                return outcome
        left, right = (_in_order(self.call.key, place[-1]) for place in (one, other))
        return _signum(left, right) * (-1 if self._descends else 1)


def _sortable(field: Field, record: Record) -> Any:
    value = value_at(record, field.path)
    return value if kind_of(value) == _kind(field) else None


def _kind(field: Field) -> Kind:
    return _KINDS.get(field.logical_type, "text")


def _in_order(key: Field, value: Any) -> Any:
    """Keys of a declared type come in that type's order."""
    return value if key.logical_type == "integer" else str(value)


def _key(key: Field, text: Any) -> Any:
    if not isinstance(text, str):
        return None
    if key.logical_type != "integer":
        return text
    try:
        return int(text)
    except ValueError:
        return None


def _signum(left: Any, right: Any) -> int:
    return int(left > right) - int(left < right)
