"""Conditions over one table as SQL. Every value is a bound parameter and every identifier is quoted.

Columns are always written with their table: SQLite takes an unknown `"name"` that stands alone for a text, and would
answer with the name itself.
"""

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.sql import quoted_name
from sqlalchemy.sql.elements import ColumnElement

from adapters.base import AllOf, AnyOf, Compare, Condition, Constant, Field, Negation, Operator, Scalar, Within
from adapters.sql_values import Column, Dialect, compared

Truth: TypeAlias = ColumnElement[bool]
_NEVER = sa.null()


class Translation:
    """Conditions over the table `resource`, of which `fields` are all that is ever named.

    In `negated` places unknown must stay unknown; elsewhere false does as well, and leaves the comparison where an
    index can serve it. With `as_text` PostgreSQL compares text fields by nothing but the text of what their columns
    hold, so that a value which a column's own type cannot read, such as `x` where uuids are, is equal to none of them.
    """

    def __init__(self, resource: str, fields: Iterable[Field], dialect: Dialect, *, as_text: bool = False) -> None:
        schema, _, name = resource.rpartition(".")
        names = dict.fromkeys(field.physical_name for field in fields)
        self.table = sa.table(
            quoted_name(name, True),
            *(sa.column(quoted_name(column, True)) for column in names),
            schema=quoted_name(schema, True) if schema else None,
        )
        self.dialect: Dialect = dialect
        self._sqlite = dialect == "sqlite"
        self._as_text = as_text

    def column(self, field: Field) -> Column:
        return self.table.c[field.physical_name]

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

    def sortable(self, field: Field) -> Column:
        """What a list is sorted by: the field's value, or NULL where it is none of the field's type."""
        column = self.column(field)
        if not self._sqlite:
            return _characters(column) if field.logical_type == "string" else column
        if field.logical_type == "boolean":
            return sa.case((column.in_([0, 1]), sa.cast(column, sa.Integer())))
        if field.logical_type in {"integer", "number"}:
            return sa.case((sa.func.typeof(column).in_(["integer", "real"]), column))
        return sa.collate(sa.case((sa.func.typeof(column) == "text", column)), "BINARY")

    def characters(self, field: Field) -> Column:
        """A field as it compares: text by its characters whatever collation the column has, `swift` is not `SWIFT`."""
        column = self.column(field)
        if field.logical_type != "string":
            return column
        return sa.collate(column, "BINARY") if self._sqlite else _characters(column)

    def named(self, key: Field) -> Column:
        """What a record is looked up by. In PostgreSQL the column alone: what it takes for equal is one key to it."""
        return self.characters(key) if self._sqlite else self.column(key)

    def is_kept(self, field: Field, value: Any, stored: Column) -> Truth:
        """Whether the column holds what was put there: of what SQLite converts, `007` may have become 7."""
        if not self._sqlite or value is None:
            return sa.true()
        column = self.column(field)
        fits = self._fits(column, value)
        return fits if isinstance(value, str) else sa.and_(fits, column == stored)

    def _compare(self, operator: Operator, field: Field, value: Scalar, negated: bool) -> Truth:
        column, bound = self.column(field), compared(field, value, self.dialect)
        if bound is None:
            return sa.cast(_NEVER, sa.Boolean)
        outcome = _apply(operator, self.characters(field), bound)
        own = compared(field, value, self.dialect)
        if own is not None and operator == "==" and self._has_own_equality(field):
            outcome = sa.and_(column == own, outcome)
        return _guarded(outcome, self._fits(column, value), negated)

    def _within(self, field: Field, values: Sequence[Scalar], negated: bool) -> Truth:
        column = self.column(field)
        equal = [self._compare("==", field, value, False) for value in values]
        outcome = sa.func.coalesce(sa.or_(sa.false(), *equal), sa.false())
        return _guarded(outcome, column.is_not(None), negated) if negated else sa.or_(sa.false(), *equal)

    def _has_own_equality(self, field: Field) -> bool:
        """Whether an equality is said twice: as the column's own type has it, for its index, and by characters."""
        return not self._sqlite and not self._as_text and field.logical_type == "string"

    def _fits(self, column: Column, value: Any) -> Truth:
        """SQLite columns hold values of any type, and order them by type first: 'x' > 5 there."""
        if not self._sqlite:
            return column.is_not(None)
        if isinstance(value, bool):
            return column.in_([0, 1])
        return sa.func.typeof(column).in_(["text"] if isinstance(value, str) else ["integer", "real"])


def fields_of(condition: Condition | None) -> list[Field]:
    """The fields that a condition names."""
    match condition:
        case Compare(field=field) | Within(field=field):
            return [field]
        case Negation(condition=inner):
            return fields_of(inner)
        case AllOf(conditions=conditions) | AnyOf(conditions=conditions):
            return [field for inner in conditions for field in fields_of(inner)]
    return []


def _guarded(outcome: Truth, fits: Truth, negated: bool) -> Truth:
    return sa.case((fits, outcome)) if negated else sa.and_(outcome, fits)


def _characters(column: Column) -> Column:
    """PostgreSQL's text, and what a product calls text though it is a uuid or an enum, in the order of characters."""
    return sa.collate(sa.cast(column, sa.Text()), "C")


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
