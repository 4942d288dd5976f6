"""The `sql` kind of backend: tables and views of SQLite or PostgreSQL, changed only where that is allowed."""

import time
from pathlib import Path
from typing import Annotated, Any, ClassVar

from msgspec import Meta, Struct
from msgspec.structs import replace
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from adapters.base import Answer, Backend, Call, Change, Fault, Query
from adapters.sql_changes import MISSING, TOO_LARGE, TWICE, Changing
from adapters.sql_engine import Engine, Rows, postgresql_engine, sqlite_engine
from adapters.sql_faults import Refusal
from adapters.sql_order import Place, PlaceTooLongError
from adapters.sql_rows import JSON, NotJsonError, Records
from adapters.sql_statements import Listing, Statements, one, statements
from adapters.sql_values import key_value

_CALLS_REMEMBERED_MAX = 4096  # more than any set of plans; a reload leaves the old ones behind
_BAD_TOKEN = Fault("protocol", "the token of the page is no key")
_OPTIONS = {"sqlite": frozenset[str](), "postgresql": frozenset({"ssl", "sslmode"})}


class SqlBackend(Backend, frozen=True, tag="sql", kw_only=True):
    """A database. Only granted columns are selected, and the row filter is the statement's WHERE."""

    enforces_rows: ClassVar[bool] = True
    selects: ClassVar[bool] = True
    nests: ClassVar[bool] = False

    url: str
    """sqlite:///file (relative to the workspace, or absolute with a fourth slash), or
    postgresql://user:${PASSWORD}@host/database?sslmode=verify-full."""
    pool_size: Annotated[int, Meta(ge=1, le=256)] = 8
    """The most connections that are open to it at a time; as many again to write with, of SQLite one."""
    writable: bool = False
    """Whether records may be created, updated and deleted. Needs a user who may."""

    def faults(self) -> list[tuple[str, str]]:
        """What no type can say: (field, what is wrong), never with a part of the URL."""
        try:
            url = make_url(self.url)
        except (ArgumentError, ValueError):
            return [("url", "is no database URL")]
        if url.drivername not in _OPTIONS:
            return [("url", "begins with sqlite:/// or postgresql://")]
        found = []
        if not set(url.query) <= _OPTIONS[url.drivername]:
            allowed = "sslmode only" if url.drivername == "postgresql" else "no options"
            found.append(("url", f"takes {allowed} after a question mark"))
        if not url.database or url.database == ":memory:":
            found.append(("url", "names no database"))
        if url.drivername == "sqlite" and url.host:
            found.append(("url", "names a host; a file takes three slashes: sqlite:///file"))
        return found

    def within(self, folder: Path) -> "SqlBackend":
        """The same with the file found from `folder`, the workspace."""
        url = make_url(self.url)
        if url.drivername != "sqlite" or not url.database:
            return self
        return replace(self, url=url.set(database=str((folder / url.database).resolve())).render_as_string(False))

    def writes(self) -> bool:
        """As the settings say."""
        return self.writable

    def connect(self) -> "SqlAdapter":
        """Empty pools; no connection is opened before the first call, none to write with before the first change."""
        return SqlAdapter(self._engine(), self._engine(writing=True) if self.writable else None)

    def _engine(self, *, writing: bool = False) -> Engine:
        url: URL = make_url(self.url)
        if url.drivername == "sqlite":
            return sqlite_engine(Path(url.database or ""), self.pool_size, self.timeout_ms, writing=writing)
        return postgresql_engine(url, self.pool_size, self.timeout_ms, writing=writing)

    def __repr__(self) -> str:
        """Without the URL: it may hold a password."""
        return "SqlBackend(...)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """As `__repr__`."""
        return []


class _Prepared(Struct, frozen=True):
    """What a call needs of SQL, compiled once. Holds the call, so that its id stays its own."""

    call: Call
    statements: Statements
    records: Records


class SqlAdapter:
    """Asks a database, by `reading`, and changes it if there is an engine for `writing`.

    The answer's body is JSON in the default Envelope.
    """

    def __init__(self, reading: Engine, writing: Engine | None = None) -> None:
        self._engine = reading
        self._writing = writing
        self._prepared: dict[int, _Prepared] = {}

    async def answer(self, call: Call, query: Query) -> Answer | Fault:
        """One record, or a page after a place, within the call's time."""
        prepared = self._prepare(call)
        try:
            body = await (self._page(prepared, query) if query.key is None else self._one(prepared, query, query.key))
        except NotJsonError as error:
            return Fault("protocol", str(error))
        except PlaceTooLongError:
            return Fault("protocol", "the place of the next page is too long")
        if body is None:
            return MISSING
        if isinstance(body, Fault):
            return body
        return Answer(200, JSON, body) if len(body) <= call.max_bytes else TOO_LARGE

    async def change(self, call: Call, change: Change) -> Answer | Fault:
        """Create, update or delete one record in one transaction, within the call's time."""
        if self._writing is None:
            return Fault("protocol", "the backend is not writable")
        prepared = self._prepare(call)
        changing = Changing(call, change, self._writing.dialect, prepared.statements.one, prepared.records)
        outcome = await self._writing.transaction(changing, call.timeout_ms)
        if isinstance(outcome, Refusal):
            return Answer(outcome.status, "", b"") if changing.met else MISSING
        return outcome

    async def close(self) -> None:
        """Release every connection."""
        await self._engine.close()
        if self._writing is not None:
            await self._writing.close()

    async def _one(self, prepared: _Prepared, query: Query, text: str) -> bytes | Fault | None:
        call, statement = prepared.call, prepared.statements.one
        key = key_value(call.key, text)
        if key is None:
            return None
        if query.where is not None:
            statement = one(call, query, self._engine.dialect)
        rows = await self._engine.rows(statement, {"key": key}, call.timeout_ms)
        if isinstance(rows, Refusal):
            return None  # a key that the column cannot hold is the key of no record
        if isinstance(rows, Fault):
            return rows
        if len(rows) > 1:
            return TWICE
        return prepared.records.one(rows[0]) if rows else None

    async def _page(self, prepared: _Prepared, query: Query) -> bytes | Fault:
        """One row more than asked for says whether there is a next page."""
        call, listing = prepared.call, prepared.statements.listing
        if query.where is not None or query.order:
            listing = Listing(call, query, self._engine.dialect)
        place = None if query.after is None else listing.sorting.read_token(query.after)
        after = None if place is None else key_value(call.key, place.key)
        if query.after is not None and after is None:
            return _BAD_TOKEN
        parameters: dict[str, Any] = {"rows": query.limit + 1, "after": after, "after_own": after}
        rows = await self._rows(call, query, listing, place, parameters)
        if isinstance(rows, Refusal):
            return _BAD_TOKEN
        if isinstance(rows, Fault):
            return rows
        if len(rows) <= query.limit:
            return prepared.records.page(rows, None)
        last, following = rows[query.limit - 1], rows[query.limit]
        if last[len(call.fields) :] == following[len(call.fields) :]:
            return TWICE  # the next page would leave one out
        return prepared.records.page(rows[: query.limit], listing.sorting.token(listing.sorting.place(last)))

    async def _rows(
        self, call: Call, query: Query, listing: Listing, place: Place | None, parameters: dict[str, Any]
    ) -> Rows | Refusal | Fault:
        """A value that a column's own type cannot read is equal to nothing there, which only text can say."""
        until = time.monotonic() + call.timeout_ms / 1000
        rows = await self._engine.rows(listing.page(place), parameters, call.timeout_ms)
        left_ms = int((until - time.monotonic()) * 1000)
        if not isinstance(rows, Refusal) or self._engine.dialect == "sqlite" or left_ms < 1:
            return rows
        as_text = Listing(call, query, self._engine.dialect, as_text=True)
        return await self._engine.rows(as_text.page(place), parameters, left_ms)

    def _prepare(self, call: Call) -> _Prepared:
        prepared = self._prepared.get(id(call))
        if prepared is not None and prepared.call is call:
            return prepared
        dialect = self._engine.dialect
        records = Records(call, as_numbers=dialect == "sqlite")
        prepared = _Prepared(call, statements(call, dialect), records)
        if len(self._prepared) >= _CALLS_REMEMBERED_MAX:
            self._prepared.clear()
        self._prepared[id(call)] = prepared
        return prepared
