"""A Change as SQL: one record made, altered or removed within a transaction, and what the database says to it."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import Delete, Insert, Update

from adapters.base import Answer, Call, Change, Fault
from adapters.sql_conditions import Truth
from adapters.sql_engine import Rows, all_rows
from adapters.sql_rows import JSON, NotJsonError, Records, key_text
from adapters.sql_statements import translation
from adapters.sql_values import Bound, Dialect, key_type, key_value, stored

MISSING = Answer(404, "", b"")
TWICE = Fault("protocol", "two records have the same key")
TOO_LARGE = Fault("too_large", "the records are larger than may be read")
_CONFLICT = Answer(409, "", b"")
_UNFIT = Answer(422, "", b"")
_UNSHOWN = Answer(204, "", b"")


class Changing:
    """One change to be made. `one` selects a record of the call by `key`; `records` puts it into JSON.

    `met` says whether the record to be changed was there: what the database refuses before that is its key, which is
    then the key of no record.
    """

    def __init__(self, call: Call, change: Change, dialect: Dialect, one: sa.Select[Any], records: Records) -> None:
        self._call, self._change, self._one, self._records = call, change, one, records
        self._table = translation(call, dialect, [field for field, _ in change.values])
        values = [(field, value, stored(field, value, dialect)) for field, value in change.values]
        self._values = {self._table.column(field): bound for field, _, bound in values if bound is not None}
        self._fits = len(self._values) == len(values)
        kept = [self._table.is_kept(field, value, bound) for field, value, bound in values if bound is not None]
        self._is_kept = sa.and_(sa.true(), *kept)
        self.met = change.action == "create"

    async def __call__(self, connection: AsyncConnection) -> Answer | Fault:
        """Make the change; an answer of 300 or more, or a Fault, says that it must be undone."""
        if self._change.action == "create":
            return await self._create(connection) if self._fits else _UNFIT
        key = key_value(self._call.key, self._change.key or "")
        found = [] if key is None else await self._read(connection, key)
        if key is None or not found:
            return MISSING
        if len(found) > 1:
            return TWICE
        self.met = True
        if self._change.action == "delete":
            return await self._delete(connection, key)
        return await self._update(connection, key, found) if self._fits else _UNFIT

    async def _create(self, connection: AsyncConnection) -> Answer | Fault:
        """A record outside the row filter is not made: nobody would know whose it is."""
        made = await self._run(connection, sa.insert(self._table.table).values(self._values))
        if len(made) != 1 or not made[0][1]:
            return _UNFIT  # a trigger dropped it, or a value is not what was to be kept
        key = self._bound(made[0][0])
        found = [] if key is None else await self._read(connection, key)
        return self._as_it_is(found, 201) if found else _UNFIT

    async def _update(self, connection: AsyncConnection, key: Bound, found: Rows) -> Answer | Fault:
        """The filter is in the statement as well: the record may have changed since it was met.

        A record that leaves the row filter by its change is changed, and shown no more.
        """
        if not self._values:
            return self._as_it_is(found, 200)
        changed = await self._run(connection, sa.update(self._table.table).where(self._own(key)).values(self._values))
        if len(changed) != 1:
            return TWICE if changed else MISSING
        if not changed[0][1]:
            return _UNFIT
        new_key = self._bound(changed[0][0])
        return self._as_it_is([] if new_key is None else await self._read(connection, new_key), 200)

    async def _delete(self, connection: AsyncConnection, key: Bound) -> Answer | Fault:
        gone = await self._run(connection, sa.delete(self._table.table).where(self._own(key)))
        if len(gone) > 1:
            return TWICE
        return _UNSHOWN if gone else MISSING

    async def _run(self, connection: AsyncConnection, statement: Insert | Update | Delete) -> list[tuple[Any, bool]]:
        """For each record that was touched its key, and whether the values were kept as they are."""
        touched = await all_rows(connection, statement.returning(self._table.column(self._call.key), self._is_kept))
        return [(key, bool(is_kept)) for key, is_kept in map(tuple, touched)]

    async def _read(self, connection: AsyncConnection, key: Bound) -> Rows:
        return await all_rows(connection, self._one, {"key": key})

    def _bound(self, key: Any) -> Bound | None:
        try:
            return None if key is None else key_value(self._call.key, key_text(key))
        except NotJsonError:
            return None

    def _as_it_is(self, found: Rows, status: int) -> Answer | Fault:
        """The record as read again, after defaults and triggers. One that cannot be shown has changed all the same."""
        if len(found) != 1:
            return _CONFLICT if found else _UNSHOWN
        try:
            body = self._records.one(found[0])
        except NotJsonError:
            return _UNSHOWN
        return Answer(status, JSON, body) if len(body) <= self._call.max_bytes else _UNSHOWN

    def _own(self, key: Bound) -> Truth:
        """The record of that key, if it is the caller's."""
        named: Truth = self._table.named(self._call.key) == sa.literal(key, key_type(self._call.key))
        condition = self._call.condition
        return named if condition is None else sa.and_(named, self._table.condition(condition, negated=False))
