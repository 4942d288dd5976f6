"""Running statements against a database within their time: one that reads, or a transaction that changes something.

What is out of time must not keep its connection: SQLite runs in a thread that no cancellation reaches, so it is told by
a progress handler; PostgreSQL is told by a cancel request and has a statement_timeout besides.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, TypeVar
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import Executable, event
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from adapters.base import Answer, Fault
from adapters.sql_faults import LOCKED, LOST, TIMEOUT, Refusal, meaning
from adapters.sql_values import Dialect

T = TypeVar("T")
Rows: TypeAlias = Sequence[sa.Row[Any]]
Work: TypeAlias = Callable[[AsyncConnection], Awaitable[T]]
_WATCH = "clausegate_watch"
_INSTRUCTIONS_BETWEEN_LOOKS = 10_000  # well under a millisecond of SQLite's virtual machine


class _Patience:
    """How long one piece of work may go on, in time.monotonic() seconds; read by SQLite's thread."""

    __slots__ = ("until",)

    def __init__(self, until: float) -> None:
        self.until = until


class _Watch:
    """Whose patience a connection is on now."""

    __slots__ = ("patience",)

    def __init__(self) -> None:
        self.patience = _Patience(0)

    def is_over(self) -> bool:
        return time.monotonic() > self.patience.until


class Engine:
    """A pool of connections to one database, all for reading or all for `writing`."""

    def __init__(self, engine: AsyncEngine, dialect: Dialect, *, writing: bool = False) -> None:
        self._engine = engine
        self._writing = writing
        self.dialect: Dialect = dialect
        self._leaving: set[asyncio.Task[Any]] = set()

    async def rows(
        self, statement: sa.Select[Any], parameters: Mapping[str, Any], timeout_ms: int
    ) -> Rows | Refusal | Fault:
        """All rows of `statement`; the time includes waiting for a connection.

        The caller gets its answer when the time is up; the connection follows as soon as the driver lets go of it.
        """

        async def read(connection: AsyncConnection) -> Rows:
            return await all_rows(connection, statement, parameters)

        return await self._in_time(read, timeout_ms)

    async def transaction(self, work: Work[Answer | Fault], timeout_ms: int) -> Answer | Refusal | Fault:
        """What `work` answers, in one transaction: committed if that is a success, otherwise rolled back.

        Out of time is rolled back as well, unless the commit was already on its way. `unreachable` is said only where
        nothing was changed for certain: before the transaction, and of a lock, which SQLite rolls back from.
        """
        has_begun = False

        async def whole(connection: AsyncConnection) -> Answer | Fault:
            nonlocal has_begun
            async with connection.begin() as transaction:
                has_begun = True
                outcome = await work(connection)
                if isinstance(outcome, Fault) or outcome.status >= 300:
                    await transaction.rollback()
            return outcome

        said = await self._in_time(whole, timeout_ms)
        is_lost = isinstance(said, Fault) and said.kind == "unreachable" and has_begun and said != LOCKED
        return LOST if is_lost else said

    async def close(self) -> None:
        """Wait for what is still letting go, then close every connection."""
        if self._leaving:
            await asyncio.wait(set(self._leaving))
        await self._engine.dispose()

    async def _in_time(self, work: Work[T], timeout_ms: int) -> T | Refusal | Fault:
        patience = _Patience(time.monotonic() + timeout_ms / 1000)
        task: asyncio.Task[T | Refusal | Fault] = asyncio.create_task(self._run(work, patience))
        try:
            await asyncio.wait({task}, timeout=timeout_ms / 1000)
        finally:
            if not task.done():
                patience.until = 0
                task.cancel()
                self._leaving.add(task)
                task.add_done_callback(self._left)
        if not task.done():
            return TIMEOUT
        outcome: T | Refusal | Fault = task.result()
        return outcome

    async def _run(self, work: Work[T], patience: _Patience) -> T | Refusal | Fault:
        try:
            async with self._engine.connect() as connection:
                if self.dialect == "sqlite":
                    await _watch(connection, patience)
                return await work(connection)
        except Exception as error:
            meant = meaning(error, writing=self._writing)
            if meant is None:
                raise
            return meant

    def _left(self, task: asyncio.Task[Any]) -> None:
        self._leaving.discard(task)
        if not task.cancelled():
            task.exception()  # whatever it was, the caller has long had its answer


async def all_rows(
    connection: AsyncConnection, statement: Executable, parameters: Mapping[str, Any] | None = None
) -> Rows:
    """Every row that a statement yields."""
    rows: Rows = (await connection.execute(statement, parameters)).all()
    return rows


def sqlite_engine(file: Path, pool_size: int, timeout_ms: int, *, writing: bool = False) -> Engine:
    """Connections to a file that is there: it is never created, and without `writing` opened read-only.

    SQLite takes one writer at a time, so there is one connection to write with, and changes wait for it in turn.
    """
    logging.getLogger("aiosqlite").setLevel(logging.INFO)  # at DEBUG it writes down every parameter
    mode = "rw" if writing else "ro"
    engine = create_async_engine(
        URL.create("sqlite+aiosqlite", database=f"file:{quote(str(file))}", query={"mode": mode, "uri": "true"}),
        # a file locked for half of a call's time is reported before the caller stops waiting
        connect_args={"timeout": timeout_ms / 2000, "isolation_level": None},
        **_pool(1 if writing else pool_size, timeout_ms, writing=writing),
    )
    pragma = "PRAGMA foreign_keys = ON" if writing else "PRAGMA query_only = ON"

    def connected(connection: Any, record: Any) -> None:
        watch = record.info[_WATCH] = _Watch()
        connection.run_async(lambda driver: driver.set_progress_handler(watch.is_over, _INSTRUCTIONS_BETWEEN_LOOKS))
        watch.patience.until = float("inf")
        connection.run_async(lambda driver: driver.execute(pragma))

    event.listen(engine.sync_engine, "connect", connected)
    if writing:
        # waits for other writers here; one that began by reading would be refused where it has to wait
        event.listen(engine.sync_engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return Engine(engine, "sqlite", writing=writing)


def postgresql_engine(url: URL, pool_size: int, timeout_ms: int, *, writing: bool = False) -> Engine:
    """Sessions in UTC in which no statement outlives `timeout_ms`, and without `writing` all is read-only."""
    tls = url.query.get("sslmode") or url.query.get("ssl")
    mode = (
        ("idle_in_transaction_session_timeout", str(timeout_ms)) if writing else ("default_transaction_read_only", "on")
    )
    engine = create_async_engine(
        url.set(drivername="postgresql+asyncpg", query={}),
        connect_args={
            "timeout": timeout_ms / 1000,
            "server_settings": {
                "statement_timeout": str(timeout_ms),
                "TimeZone": "UTC",
                "application_name": "clausegate",
                **dict([mode]),
            },
            **({"ssl": tls} if tls else {}),
        },
        pool_pre_ping=True,  # a restarted server costs a round trip, not a failed call
        **_pool(pool_size, timeout_ms, writing=writing),
    )
    return Engine(engine, "postgresql", writing=writing)


def _pool(size: int, timeout_ms: int, *, writing: bool) -> dict[str, Any]:
    """What the engines have in common. Reads need no transactions, so there is nothing to reset after them."""
    return {
        "poolclass": AsyncAdaptedQueuePool,
        "pool_size": size,
        "max_overflow": 0,
        "pool_timeout": timeout_ms / 1000,
        "pool_reset_on_return": "rollback" if writing else None,
        "hide_parameters": True,
        **({} if writing else {"isolation_level": "AUTOCOMMIT"}),
    }


async def _watch(connection: AsyncConnection, patience: _Patience) -> None:
    raw = await connection.get_raw_connection()
    raw.info[_WATCH].patience = patience
