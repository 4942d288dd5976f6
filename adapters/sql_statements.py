"""A Call as SQL: three statements that select what is granted, filter by the condition, and page by key.

Every value is a bound parameter and every identifier is quoted. Columns are always written with their table: SQLite
takes an unknown `"name"` that stands alone for a text, and would answer with the name itself.
"""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import Any, Literal, TypeAlias

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.sql import quoted_name
from sqlalchemy.sql.elements import ColumnElement

from adapters.base import AllOf, AnyOf, Call, Compare, Condition, Constant, Field, Negation, Operator, Scalar, Within

Dialect: TypeAlias = Literal["sqlite", "postgresql"]
Truth: TypeAlias = ColumnElement[bool]
Column: TypeAlias = ColumnElement[Any]
Bound: TypeAlias = str | int | float | date | time

_INTEGER = re.compile(r"-?[1-9][0-9]{0,18}|0")
_INT64_MAX = 2**63 - 1
_NEVER = sa.null()


class Statements(Struct, frozen=True):
    """The statements of one call.

    Each row is the granted fields in the call's order, then the key. Parameters: `key` of `one`; `rows` of `first`;
    `rows` and `after` of `later`.
    """

    one: sa.Select[Any]
    first: sa.Select[Any]
    later: sa.Select[Any]


def statements(call: Call, dialect: Dialect) -> Statements:
    """Compile a call. A record without a key has no place in a list and is not served."""
    translation = _Translation(call, dialect)
    key = translation.column(call.key)
    columns = [translation.column(field).label(f"f{number}") for number, field in enumerate(call.fields)]
    selected = sa.select(*columns, key.label("k")).where(key.is_not(None))
    if call.condition is not None:
        selected = selected.where(translation.condition(call.condition, negated=False))
    page = selected.order_by(key).limit(sa.bindparam("rows", type_=sa.Integer))
    kind = _key_type(call.key)
    return Statements(
        one=selected.where(key == sa.bindparam("key", type_=kind)).limit(2),
        first=page,
        later=page.where(key > sa.bindparam("after", type_=kind)),
    )


def key_value(key: Field, text: str) -> Bound | None:
    """A key as the database knows it, or None where no key of this type reads so.

    Only the canonical form of an integer is one: `007` is no other name of 7.
    """
    if key.logical_type == "integer":
        number = int(text) if _INTEGER.fullmatch(text) else None
        return number if number is not None and -_INT64_MAX <= number <= _INT64_MAX else None
    if not text.isprintable() and any(character < " " or "\ud800" <= character <= "\udfff" for character in text):
        return None  # databases refuse NUL and lone surrogates, and no key holds control characters
    return text


def _key_type(key: Field) -> sa.types.TypeEngine[Any]:
    """Text is sent without a type, so that the column's own decides: a uuid is a string to a product."""
    return sa.BigInteger() if key.logical_type == "integer" else sa.types.NullType()


class _Translation:
    """Conditions over one table. In `negated` places unknown must stay unknown; elsewhere false does as well, and
    leaves the comparison where an index can serve it."""

    def __init__(self, call: Call, dialect: Dialect) -> None:
        schema, _, name = call.resource.rpartition(".")
        fields = [call.key, *call.fields, *_fields(call.condition)]
        names = dict.fromkeys(field.physical_name for field in fields)
        self._table = sa.table(
            quoted_name(name, True),
            *(sa.column(quoted_name(column, True)) for column in names),
            schema=quoted_name(schema, True) if schema else None,
        )
        self._sqlite = dialect == "sqlite"

    def column(self, field: Field) -> Column:
        return self._table.c[field.physical_name]

    def condition(self, condition: Condition, *, negated: bool) -> Truth:
        match condition:
            case Compare(operator, field, value):
                return self._compare(operator, field, value, negated)
            case Within(field, values):
                return self._within(field, values, negated)
            case AllOf(conditions):
                return sa.and_(sa.true(), *(self.condition(inner, negated=negated) for inner in conditions))
            case AnyOf(conditions):
                return sa.or_(sa.false(), *(self.condition(inner, negated=negated) for inner in conditions))
            case Negation(inner):
                return sa.not_(self.condition(inner, negated=True).self_group())
            case Constant(value):
                return sa.true() if value else sa.false()

    def _compare(self, operator: Operator, field: Field, value: Scalar, negated: bool) -> Truth:
        column, bound = self.column(field), self._bound(field, value)
        if bound is None:
            return sa.cast(_NEVER, sa.Boolean)
        compared = _apply(operator, self._collated(field, operator), bound)
        return _guarded(compared, self._fits(column, field, value), negated)

    def _within(self, field: Field, values: Sequence[Scalar], negated: bool) -> Truth:
        column = self.column(field)
        equal = [self._compare("==", field, value, False) for value in values]
        outcome = sa.func.coalesce(sa.or_(sa.false(), *equal), sa.false())
        return _guarded(outcome, column.is_not(None), negated) if negated else sa.or_(sa.false(), *equal)

    def _bound(self, field: Field, value: Scalar) -> Column | None:
        """The value as a parameter of the type it is compared as; None where such a value can never be in the field."""
        if (field.logical_type == "boolean") != isinstance(value, bool):
            return None
        if isinstance(value, bool):
            return sa.literal(int(value), sa.Integer()) if self._sqlite else sa.literal(value, sa.Boolean())
        if isinstance(value, int):
            return sa.literal(value, sa.BigInteger()) if abs(value) <= _INT64_MAX else None
        if isinstance(value, float):
            return sa.literal(value, sa.Double())
        return sa.literal(value, sa.Text()) if self._sqlite else _postgresql_text(field.logical_type, value)

    def _collated(self, field: Field, operator: Operator) -> Column:
        """Text compares by its characters, whatever collation the column has: `swift` is not `SWIFT`."""
        column = self.column(field)
        if field.logical_type != "string":
            return column
        if self._sqlite:
            return sa.collate(column, "BINARY")
        return column if operator in {"==", "!="} else sa.collate(column, "C")

    def _fits(self, column: Column, field: Field, value: Scalar) -> Truth:
        """SQLite columns hold values of any type, and order them by type first: 'x' > 5 there."""
        if not self._sqlite:
            return column.is_not(None)
        if isinstance(value, bool):
            return column.in_([0, 1])
        return sa.func.typeof(column).in_(["text"] if isinstance(value, str) else ["integer", "real"])


def _guarded(outcome: Truth, fits: Truth, negated: bool) -> Truth:
    return sa.case((fits, outcome)) if negated else sa.and_(outcome, fits)


def _apply(operator: Operator, left: Column, right: Column) -> Truth:
    match operator:
        case "==":
            return left == right
        case "!=":
            return left != right
        case "<":
            return left < right
        case "<=":
            return left <= right
        case ">":
            return left > right
        case ">=":
            return left >= right


def _postgresql_text(logical_type: str, value: str) -> Column | None:
    """Dates and times are values of their own types there. One without an offset is in UTC, as the session is."""
    if "\0" in value:
        return None
    try:
        match logical_type:
            case "date":
                return sa.literal(date.fromisoformat(value), sa.Date())
            case "timestamp":
                moment = datetime.fromisoformat(value)
                moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
                return sa.literal(moment, sa.DateTime(timezone=True))
            case "time":
                return sa.literal(time.fromisoformat(value), sa.Time())
    except ValueError:
        return None
    return sa.literal(value, sa.types.NullType())


def _fields(condition: Condition | None) -> list[Field]:
    match condition:
        case Compare(field=field) | Within(field=field):
            return [field]
        case Negation(condition=inner):
            return _fields(inner)
        case AllOf(conditions=conditions) | AnyOf(conditions=conditions):
            return [field for inner in conditions for field in _fields(inner)]
    return []
