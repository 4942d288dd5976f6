"""One database of each kind for a test: an adapter over it, and who may write down what it begins with."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from adapters.base import Answer, Call, Fault, Query
from adapters.sql import SqlAdapter, SqlBackend

KINDS: tuple[Literal["sqlite", "postgresql"], ...] = ("sqlite", "postgresql")


class Database:
    """A database by its `url`, as backends.toml has it. `kind` says which."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.kind: Literal["sqlite", "postgresql"] = "sqlite" if url.startswith("sqlite") else "postgresql"

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """A connection of somebody else, in a transaction that is committed at the end."""
        driver = "sqlite+aiosqlite" if self.kind == "sqlite" else "postgresql+asyncpg"
        engine = create_async_engine(make_url(self.url).set(drivername=driver))
        try:
            async with engine.begin() as connection:
                yield connection
        finally:
            await engine.dispose()

    async def write(self, *statements: str) -> None:
        """Run statements as they stand, in one transaction."""
        async with self.connection() as connection:
            for statement in statements:
                await connection.exec_driver_sql(statement)

    async def read(self, statement: str) -> list[tuple[Any, ...]]:
        """All rows of a query that stands as it is."""
        async with self.connection() as connection:
            return [tuple(row) for row in (await connection.execute(sa.text(statement))).all()]

    @asynccontextmanager
    async def adapter(self, **options: Any) -> AsyncIterator[SqlAdapter]:
        """An adapter over it, writable unless said otherwise."""
        adapter = SqlBackend(url=self.url, **{"pool_size": 4, "writable": True, **options}).connect()
        try:
            yield adapter
        finally:
            await adapter.close()
            await threads_ended()


async def threads_ended() -> None:
    """aiosqlite does not wait for the thread of a connection that did not open; it must not outlive the event loop."""
    for thread in threading.enumerate():
        if "_connection_worker_thread" in thread.name:
            await asyncio.to_thread(thread.join, 5)


def database(request: pytest.FixtureRequest, folder: Path) -> Database:
    """The database of the kind that `request.param` names; PostgreSQL's is the same for the whole session."""
    if request.param == "postgresql":
        return Database(request.getfixturevalue("postgres"))
    file = folder / "x.db"
    file.touch()
    return Database(f"sqlite:///{file}")


def said(outcome: Answer | Fault) -> Any:
    """An answer as (status, what its JSON says); a fault as it is."""
    if isinstance(outcome, Fault):
        return outcome
    return outcome.status, json.loads(outcome.body) if outcome.body else None


async def pages(adapter: SqlAdapter, call: Call, query: Query) -> AsyncIterator[list[Any]]:
    """The records of each page from the query's place to the end, which must come."""
    after = query.after
    for _ in range(1000):
        outcome = await adapter.answer(call, Query(None, query.limit, after, query.where, query.order))
        assert isinstance(outcome, Answer), outcome
        page = json.loads(outcome.body)
        assert len(page["data"]) <= query.limit
        yield page["data"]
        after = page["next"]
        if after is None:
            return
    raise AssertionError("the pages do not end")
