"""Values as bound parameters: a key that is looked up, what a condition compares with, what a change stores."""

import re
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Literal, TypeAlias

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from adapters.base import Field, Scalar

Dialect: TypeAlias = Literal["sqlite", "postgresql"]
Column: TypeAlias = ColumnElement[Any]
Bound: TypeAlias = str | int

INT64_MAX = 2**63 - 1
_INTEGER = re.compile(r"-?[1-9][0-9]{0,18}|0")
_DIGITS_MAX = 1000  # either side of the point; 1e999999999 is short to write and long to spell out
_OWN_TYPE = (
    sa.types.NullType()
)  # sent without a type, so that the column's own decides: a uuid is a string to a product


def key_value(key: Field, text: str) -> Bound | None:
    """A key as the database knows it, or None where no key of this type reads so.

    Only the canonical form of an integer is one: `007` is no other name of 7.
    """
    if key.logical_type == "integer":
        number = int(text) if _INTEGER.fullmatch(text) else None
        return number if number is not None and -INT64_MAX <= number <= INT64_MAX else None
    if not text.isprintable() and any(character < " " or "\ud800" <= character <= "\udfff" for character in text):
        return None  # databases refuse NUL and lone surrogates, and no key holds control characters
    return text


def key_type(key: Field) -> sa.types.TypeEngine[Any]:
    """The type that a key is sent as."""
    return sa.BigInteger() if key.logical_type == "integer" else _OWN_TYPE


def compared_type(key: Field) -> sa.types.TypeEngine[Any]:
    """The type that a key is sent as to be compared with a key's characters."""
    return sa.Text() if key.logical_type == "string" else key_type(key)


def compared(field: Field, value: Scalar, dialect: Dialect) -> Column | None:
    """What a condition compares the field with; None where such a value can never be in the field."""
    if (field.logical_type == "boolean") != isinstance(value, bool):
        return None
    if isinstance(value, bool):
        return _truth(value, dialect)
    if isinstance(value, int):
        return sa.literal(value, sa.BigInteger()) if abs(value) <= INT64_MAX else None
    if isinstance(value, float):
        return sa.literal(value, sa.Double())
    if not _is_unicode(value):
        return None
    return sa.literal(value, sa.Text()) if dialect == "sqlite" else _postgresql_text(field.logical_type, value)


def stored(field: Field, value: Any, dialect: Dialect) -> Column | None:
    """What a change puts into the field's column; None where the database cannot hold exactly this value."""
    if value is None:
        return sa.literal(None, _OWN_TYPE)
    if isinstance(value, bool):
        return _truth(value, dialect)
    if isinstance(value, int | Decimal):
        exact = Decimal(value)
        if not exact.is_finite() or max(exact.adjusted(), -int(exact.as_tuple().exponent)) > _DIGITS_MAX:
            return None
        if dialect == "sqlite":
            return _sqlite_number(exact)
        is_whole = field.logical_type == "integer" and exact == exact.to_integral_value()
        return sa.literal(int(exact) if is_whole else value, _OWN_TYPE)
    if not isinstance(value, str) or "\0" in value or not _is_unicode(value):
        return None
    return sa.literal(value, sa.Text()) if dialect == "sqlite" else _postgresql_text(field.logical_type, value)


def own_type(value: str | int | float | Decimal) -> Column:
    """A value that came out of a PostgreSQL column, to be compared with that column again."""
    return sa.literal(value, _OWN_TYPE)


def _truth(value: bool, dialect: Dialect) -> Column:
    return sa.literal(int(value), sa.Integer()) if dialect == "sqlite" else sa.literal(value, sa.Boolean())


def _sqlite_number(exact: Decimal) -> Column | None:
    """SQLite has 64-bit integers and doubles. A number that reads otherwise when it comes back is not stored."""
    if exact == exact.to_integral_value() and abs(exact) <= INT64_MAX:
        return sa.literal(int(exact), sa.BigInteger())
    double = float(exact)
    return sa.literal(double, sa.Double()) if Decimal(repr(double)) == exact else None


def _postgresql_text(logical_type: str, text: str) -> Column | None:
    """Dates and times are values of their own types there. One without an offset is in UTC, as the session is.

    They are sent as text: the driver takes the last day that Python knows, 9999-12-31, for infinity.
    """
    if "\0" in text:
        return None
    try:
        match logical_type:
            case "date":
                return sa.cast(sa.literal(date.fromisoformat(text).isoformat(), sa.Text()), sa.Date())
            case "timestamp":
                moment = datetime.fromisoformat(text)
                moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
                return sa.cast(sa.literal(moment.isoformat(), sa.Text()), sa.DateTime(timezone=True))
            case "time":
                hour = time.fromisoformat(text)
                zoned = hour.tzinfo is not None
                return sa.cast(sa.literal(hour.isoformat(), sa.Text()), sa.Time(timezone=zoned))
    except ValueError:
        return None
    return sa.literal(text, _OWN_TYPE)


def _is_unicode(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)
