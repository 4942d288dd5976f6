"""A Call as SQL: statements that select what is granted, filter by the condition, sort, and page by key."""

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from msgspec import Struct

from adapters.base import Call, Field, Query
from adapters.sql_conditions import Translation, fields_of
from adapters.sql_order import Place, Sorting
from adapters.sql_values import Column, Dialect, compared_type, key_type

_ANYWHERE = Place((), "")


class Listing:
    """The pages of a call under a query's filter and order. `as_text` as in Translation.

    Each row is the call's fields in their order, what the sorting reads, then the key. Parameters: `rows`; and `after`,
    the key of the place, and `after_own`, the same, where the page begins at one.
    """

    def __init__(self, call: Call, query: Query, dialect: Dialect, *, as_text: bool = False) -> None:
        fields = [*fields_of(query.where), *(each.field for each in query.order)]
        table = translation(call, dialect, fields, as_text=as_text)
        self.sorting = Sorting(query.order, call.key, table)
        selected = _selected(call, table, self.sorting.columns)
        if query.where is not None:
            selected = selected.where(table.condition(query.where, negated=False))
        self._first = selected.order_by(*self.sorting.clauses()).limit(sa.bindparam("rows", type_=sa.Integer))
        self._after = sa.bindparam("after", type_=compared_type(call.key))
        self._after_own = sa.bindparam("after_own", type_=key_type(call.key))
        self._later = None if query.order else self._beyond(_ANYWHERE)

    def page(self, place: Place | None) -> sa.Select[Any]:
        """The page beyond a place, or the first."""
        if place is None:
            return self._first
        return self._beyond(place) if self._later is None else self._later

    def _beyond(self, place: Place) -> sa.Select[Any]:
        return self._first.where(self.sorting.beyond(place, self._after, self._after_own))


class Statements(Struct, frozen=True):
    """What a call needs of SQL whatever it is asked: `one`, with the parameter `key`, and its pages."""

    one: sa.Select[Any]
    listing: Listing


def statements(call: Call, dialect: Dialect) -> Statements:
    """Compile a call. A record without a key has no place in a list and is not served."""
    return Statements(one(call, Query(), dialect), Listing(call, Query(), dialect))


def one(call: Call, query: Query, dialect: Dialect) -> sa.Select[Any]:
    """One record, if it fits the caller's filter too."""
    table = translation(call, dialect, fields_of(query.where))
    named = _selected(call, table, []).where(table.named(call.key) == sa.bindparam("key", type_=key_type(call.key)))
    return (named if query.where is None else named.where(table.condition(query.where, negated=False))).limit(2)


def translation(call: Call, dialect: Dialect, more: Iterable[Field] = (), *, as_text: bool = False) -> Translation:
    """The call's table, with the columns of all that the call names and of `more`."""
    fields = [call.key, *call.fields, *fields_of(call.condition), *more]
    return Translation(call.resource, fields, dialect, as_text=as_text)


def _selected(call: Call, table: Translation, places: Sequence[Column]) -> sa.Select[Any]:
    key = table.column(call.key)
    fields = [table.column(field).label(f"f{number}") for number, field in enumerate(call.fields)]
    sorted_by = [column.label(f"s{number}") for number, column in enumerate(places)]
    selected = sa.select(*fields, *sorted_by, key.label("k")).where(key.is_not(None))
    return selected if call.condition is None else selected.where(table.condition(call.condition, negated=False))
