"""Sorted pages: where a page ends, as a token, and the rows beyond that place, as a condition.

Paging is by values and not by number: rows that come or go between two pages move no other row. The key always decides
last; where it is sorted by itself, what would come after it says nothing and is left out.

Text is sorted by its characters. Only a list of PostgreSQL that nobody asked to be sorted comes in the order of the
key's own collation, since that is the order of its index, and by characters where that collation sees no difference.
"""

import math
from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Literal, TypeAlias

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from adapters.base import Field, Order
from adapters.sql_conditions import Translation, Truth
from adapters.sql_rows import NotJsonError, Row, key_text
from adapters.sql_values import INT64_MAX, Column, own_type

TOKEN_BYTES_MAX = 512  # what the gateway takes back

Kind: TypeAlias = Literal["decimal", "date", "time", "timetz", "timestamp", "timestamptz"]
_TYPES: dict[str, sa.types.TypeEngine[Any]] = {
    "date": sa.Date(),
    "time": sa.Time(),
    "timetz": sa.Time(timezone=True),
    "timestamp": sa.DateTime(),
    "timestamptz": sa.DateTime(timezone=True),
}
_NUMBERS = frozenset({"integer", "number"})
_MOMENTS = frozenset({"date", "time", "timestamp"})
_DIGITS_MAX = 1000


class Exact(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A value of a PostgreSQL type that JSON has no word for, in that type's own text."""

    kind: Kind
    text: str


Value: TypeAlias = bool | int | float | str | Exact | None
_ENCODER = msgspec.json.Encoder()
_DECODER: msgspec.json.Decoder[list[Value]] = msgspec.json.Decoder(list[Value])


class Place(Struct, frozen=True):
    """Where a page ends: the sorted values of its last row, and its key as text."""

    values: tuple[Value, ...]
    key: str


class PlaceTooLongError(Exception):
    """The token would be longer than the gateway takes back."""


class Sorting:
    """An order over one table. `columns` are what its places are read from, to be selected between fields and key."""

    def __init__(self, order: Sequence[Order], key: Field, table: Translation) -> None:
        names = [criterion.field.physical_name for criterion in order]
        deciding = names.index(key.physical_name) if key.physical_name in names else len(names)
        self._order = order[:deciding]
        self._key_descends = deciding < len(names) and order[deciding].descending
        self._terms = [table.sortable(criterion.field) for criterion in self._order]
        self._key = table.characters(key)
        self._texts = table.dialect == "postgresql"
        by_index = self._texts and key.logical_type == "string" and not order
        self._indexed_key = table.column(key) if by_index else None
        self.columns = [column for term, criterion in self._pairs() for column in self._read(term, criterion.field)]

    def clauses(self) -> list[Column]:
        """ORDER BY."""
        sorted_by = [(term.desc() if each.descending else term.asc()).nulls_last() for term, each in self._pairs()]
        if self._indexed_key is not None:
            return [self._indexed_key, self._key]
        return [*sorted_by, self._key.desc() if self._key_descends else self._key]

    def beyond(self, place: Place, after: Column, after_own: Column) -> Truth:
        """The rows that come after a place whose key is `after`; `after_own` is the same, of the column's own type."""
        rows: Truth = self._key < after if self._key_descends else self._key > after
        if self._indexed_key is not None:
            # the first half is a range of the index, which an OR at the top would not be
            return sa.and_(self._indexed_key >= after_own, sa.or_(self._indexed_key > after_own, rows))
        for (term, criterion), value in reversed(list(zip(self._pairs(), place.values, strict=True))):
            if value is None:
                rows = sa.and_(term.is_(None), rows)
            else:
                found = _parameter(value)
                further = term < found if criterion.descending else term > found
                rows = sa.or_(further, term.is_(None), sa.and_(term == found, rows))
        return rows

    def place(self, row: Row) -> Place:
        """Where a page ends that ends with `row`. Raises NotJsonError for values that cannot be paged by."""
        read = iter(row[len(row) - 1 - len(self.columns) : -1])
        values = []
        for criterion in self._order:
            value = _value(next(read), next(read) if self._has_text(criterion.field) else None)
            if not _suits(criterion.field, value):
                raise NotJsonError(f"field {'.'.join(criterion.field.path)} holds a value that cannot be paged by")
            values.append(value)
        return Place(tuple(values), key_text(row[-1]))

    def token(self, place: Place) -> str:
        """The place as text. Raises PlaceTooLongError, and NotJsonError for text that is none."""
        try:
            text = place.key if not self._order else _ENCODER.encode([*place.values, place.key]).decode()
            size_bytes = len(text.encode())
        except UnicodeEncodeError as error:
            raise NotJsonError("a record holds a value that JSON cannot say") from error
        if size_bytes > TOKEN_BYTES_MAX:
            raise PlaceTooLongError
        return text

    def read_token(self, token: str) -> Place | None:
        """The place that a token names; None where it is no token of this order."""
        if not self._order:
            return Place((), token)
        try:
            *values, key = _DECODER.decode(token)
        except (msgspec.MsgspecError, ValueError):  # UnicodeEncodeError is one
            return None
        if not isinstance(key, str) or len(values) != len(self._order):
            return None
        fits = all(_suits(criterion.field, value) for criterion, value in zip(self._order, values, strict=True))
        return Place(tuple(values), key) if fits else None

    def _pairs(self) -> Sequence[tuple[Column, Order]]:
        return list(zip(self._terms, self._order, strict=True))

    def _read(self, term: Column, field: Field) -> list[Column]:
        return [term, sa.cast(term, sa.Text())] if self._has_text(field) else [term]

    def _has_text(self, field: Field) -> bool:
        """The driver reads both infinity and the last day it knows as 9999-12-31: only the text tells."""
        return self._texts and field.logical_type in _MOMENTS


def _value(found: Any, text: str | None) -> Any:
    """What a driver yields, as a token has it."""
    if isinstance(found, Decimal):
        return Exact("decimal", str(found))
    if text is None:
        return found
    if isinstance(found, datetime):
        return Exact("timestamptz" if found.tzinfo else "timestamp", text)
    if isinstance(found, date):
        return Exact("date", text)
    if isinstance(found, time):
        return Exact("timetz" if found.tzinfo else "time", text)
    return found


def _suits(field: Field, value: Any) -> bool:
    """Whether a token may hold the value for the field."""
    kind = field.logical_type
    match value:
        case None:
            return True
        case Exact("decimal", text):
            return kind in _NUMBERS and _is_number(text)
        case Exact():
            return kind in _MOMENTS
        case bool():
            return kind == "boolean"
        case int():
            return (
                -INT64_MAX <= value + 1 <= INT64_MAX + 1 if kind in _NUMBERS else kind == "boolean" and value in (0, 1)
            )
        case float():
            return kind in _NUMBERS and math.isfinite(value)
        case str():
            return kind == "string" or kind in _MOMENTS
    return False


def _is_number(text: str) -> bool:
    try:
        number = Decimal(text)
    except ArithmeticError:
        return False
    return number.is_finite() and abs(number.adjusted()) <= _DIGITS_MAX


def _parameter(value: bool | int | float | str | Exact) -> Column:
    if isinstance(value, Exact):
        if value.kind == "decimal":
            return own_type(Decimal(value.text))
        return sa.cast(sa.literal(value.text, sa.Text()), _TYPES[value.kind])
    return own_type(value)
