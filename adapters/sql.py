"""The `sql` kind of backend: tables and views of SQLite or PostgreSQL, only ever read."""

from pathlib import Path
from typing import Annotated, Any, ClassVar

from msgspec import Meta, Struct
from msgspec.structs import replace
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from adapters.base import Answer, Backend, Call, Fault, Query
from adapters.sql_engine import BadValue, Engine, postgresql_engine, sqlite_engine
from adapters.sql_rows import NotJsonError, Records, key_text
from adapters.sql_statements import Bound, Statements, key_value, statements

_JSON = "application/json"
_MISSING = Answer(404, "", b"")
_CALLS_REMEMBERED_MAX = 4096  # more than any set of plans; a reload leaves the old ones behind
_OPTIONS = {"sqlite": frozenset[str](), "postgresql": frozenset({"ssl", "sslmode"})}


class SqlBackend(Backend, frozen=True, tag="sql", kw_only=True):
    """A database. Only granted columns are selected, and the row filter is the statement's WHERE."""

    enforces_rows: ClassVar[bool] = True

    url: str
    """sqlite:///file (relative to the workspace, or absolute with a fourth slash), or
    postgresql://user:${PASSWORD}@host/database?sslmode=verify-full."""
    pool_size: Annotated[int, Meta(ge=1, le=256)] = 8
    """The most connections that are open to it at a time."""

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

    def connect(self) -> "SqlAdapter":
        """An empty pool; nothing is opened before the first call."""
        url: URL = make_url(self.url)
        if url.drivername == "sqlite":
            return SqlAdapter(sqlite_engine(Path(url.database or ""), self.pool_size, self.timeout_ms))
        return SqlAdapter(postgresql_engine(url, self.pool_size, self.timeout_ms))

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
    """Asks a database. The answer's body is JSON in the default Envelope."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._prepared: dict[int, _Prepared] = {}

    async def answer(self, call: Call, query: Query) -> Answer | Fault:
        """One record, or a page after a key, within the call's time."""
        prepared = self._prepared.get(id(call))
        if prepared is None or prepared.call is not call:
            prepared = self._prepare(call)
        bound: Bound | None = None
        if (text := query.after if query.key is None else query.key) is not None:
            bound = key_value(call.key, text)
            if bound is None:  # no record has such a key, so there is none, and none after it
                return _MISSING if query.key is not None else Fault("protocol", "the token of the page is no key")
        try:
            body = await (self._page(prepared, query, bound) if query.key is None else self._one(prepared, bound))
        except NotJsonError as error:
            return Fault("protocol", str(error))
        if body is None:
            return _MISSING
        if isinstance(body, Fault):
            return body
        if len(body) > call.max_bytes:
            return Fault("too_large", "the records are larger than may be read")
        return Answer(200, _JSON, body)

    async def close(self) -> None:
        """Release every connection."""
        await self._engine.close()

    async def _one(self, prepared: _Prepared, key: Bound | None) -> bytes | Fault | None:
        rows = await self._engine.rows(prepared.statements.one, {"key": key}, prepared.call.timeout_ms)
        if isinstance(rows, BadValue):
            return None  # a key that the column cannot hold is the key of no record
        if isinstance(rows, Fault):
            return rows
        if len(rows) > 1:
            return Fault("protocol", "two records have the same key")
        return prepared.records.one(rows[0]) if rows else None

    async def _page(self, prepared: _Prepared, query: Query, after: Bound | None) -> bytes | Fault:
        """One row more than asked for says whether there is a next page."""
        parameters: dict[str, Any] = {"rows": query.limit + 1}
        statement = prepared.statements.first
        if after is not None:
            statement, parameters = prepared.statements.later, {**parameters, "after": after}
        rows = await self._engine.rows(statement, parameters, prepared.call.timeout_ms)
        if isinstance(rows, BadValue):
            return Fault("protocol", "the token of the page is no key")
        if isinstance(rows, Fault):
            return rows
        if len(rows) <= query.limit:
            return prepared.records.page(rows, None)
        if rows[query.limit - 1][-1] == rows[query.limit][-1]:
            return Fault("protocol", "two records have the same key")  # the next page would leave one out
        return prepared.records.page(rows[: query.limit], key_text(rows[query.limit - 1][-1]))

    def _prepare(self, call: Call) -> _Prepared:
        dialect = self._engine.dialect
        records = Records(call, booleans_are_numbers=dialect == "sqlite")
        prepared = _Prepared(call, statements(call, dialect), records)
        if len(self._prepared) >= _CALLS_REMEMBERED_MAX:
            self._prepared.clear()
        self._prepared[id(call)] = prepared
        return prepared
