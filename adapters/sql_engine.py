"""Running one read-only statement against a database within its time, and saying what went wrong without its words.

A statement whose time is up must not keep its connection: SQLite runs in a thread that no cancellation reaches, so it
is told by a progress handler; PostgreSQL is told by a cancel request and has a statement_timeout besides.
"""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias
from urllib.parse import quote

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy import event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from adapters.base import Fault

Dialect: TypeAlias = Literal["sqlite", "postgresql"]
Rows: TypeAlias = Sequence[sa.Row[Any]]
_WATCH = "clausegate_watch"
_INSTRUCTIONS_BETWEEN_LOOKS = 10_000  # well under a millisecond of SQLite's virtual machine
_TIMEOUT = Fault("timeout", "the database took too long")
_UNREACHABLE = Fault("unreachable", "the database cannot be reached")

_SQLITE_FAULTS: Mapping[str, Fault] = {
    "SQLITE_INTERRUPT": _TIMEOUT,
    "SQLITE_CANTOPEN": _UNREACHABLE,
    "SQLITE_BUSY": Fault("unreachable", "the database is locked"),
    "SQLITE_IOERR": _UNREACHABLE,
}


_BAD_VALUES = frozenset({"22000", "22P02", "22003", "22007", "22008", "22021"})


class BadValue(Struct, frozen=True):
    """A parameter has a form that the column's type does not know, such as `x` where uuids are."""


class _Patience:
    """How long one statement may go on, in time.monotonic() seconds; read by SQLite's thread."""

    __slots__ = ("until",)

    def __init__(self, until: float) -> None:
        self.until = until


class _Watch:
    """Which statement's patience a connection is on now."""

    __slots__ = ("patience",)

    def __init__(self) -> None:
        self.patience = _Patience(0)

    def is_over(self) -> bool:
        return time.monotonic() > self.patience.until


class Engine:
    """A pool of connections to one database. `dialect` decides how conditions are written."""

    def __init__(self, engine: AsyncEngine, dialect: Dialect) -> None:
        self._engine = engine
        self.dialect = dialect
        self._leaving: set[asyncio.Task[Any]] = set()

    async def rows(
        self, statement: sa.Select[Any], parameters: Mapping[str, Any], timeout_ms: int
    ) -> Rows | BadValue | Fault:
        """All rows of `statement`; the time includes waiting for a connection.

        The caller gets its answer when the time is up; the connection follows as soon as the driver lets go of it.
        """
        patience = _Patience(time.monotonic() + timeout_ms / 1000)
        task: asyncio.Task[Rows | BadValue | Fault] = asyncio.create_task(self._run(statement, parameters, patience))
        try:
            await asyncio.wait({task}, timeout=timeout_ms / 1000)
        finally:
            if not task.done():
                patience.until = 0
                task.cancel()
                self._leaving.add(task)
                task.add_done_callback(self._left)
        if not task.done():
            return _TIMEOUT
        outcome: Rows | BadValue | Fault = task.result()
        return outcome

    async def close(self) -> None:
        """Wait for what is still letting go, then close every connection."""
        if self._leaving:
            await asyncio.wait(set(self._leaving))
        await self._engine.dispose()

    async def _run(
        self, statement: sa.Select[Any], parameters: Mapping[str, Any], patience: _Patience
    ) -> Rows | BadValue | Fault:
        try:
            async with self._engine.connect() as connection:
                if self.dialect == "sqlite":
                    await _watch(connection, patience)
                rows: Rows = (await connection.execute(statement, parameters)).all()
                return rows
        except DBAPIError as error:
            return _fault(error)
        except (OSError, TimeoutError):
            return _UNREACHABLE
        except PoolTimeout:
            return _TIMEOUT
        except SQLAlchemyError:
            return Fault("protocol", "the statement cannot be written for this database")
        except Exception as error:  # asyncpg raises its own before SQLAlchemy has a connection to speak of
            if _sqlstate(error):
                return _fault_of_state(_sqlstate(error))
            if type(error).__module__.startswith("asyncpg"):
                return _UNREACHABLE
            raise

    def _left(self, task: asyncio.Task[Any]) -> None:
        self._leaving.discard(task)
        if not task.cancelled():
            task.exception()  # whatever it was, the caller has long had its answer


def sqlite_engine(file: Path, pool_size: int, timeout_ms: int) -> Engine:
    """Connections that cannot write: the file is opened read-only and is never created."""
    logging.getLogger("aiosqlite").setLevel(logging.INFO)  # at DEBUG it writes down every parameter
    engine = create_async_engine(
        URL.create("sqlite+aiosqlite", database=f"file:{quote(str(file))}", query={"mode": "ro", "uri": "true"}),
        # a file locked for half of a call's time is reported before the caller stops waiting
        connect_args={"timeout": timeout_ms / 2000},
        poolclass=AsyncAdaptedQueuePool,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=timeout_ms / 1000,
        pool_reset_on_return=None,
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,
    )

    def connected(connection: Any, record: Any) -> None:
        watch = record.info[_WATCH] = _Watch()
        connection.run_async(lambda driver: driver.set_progress_handler(watch.is_over, _INSTRUCTIONS_BETWEEN_LOOKS))
        watch.patience.until = float("inf")
        connection.run_async(lambda driver: driver.execute("PRAGMA query_only = ON"))

    event.listen(engine.sync_engine, "connect", connected)
    return Engine(engine, "sqlite")


def postgresql_engine(url: URL, pool_size: int, timeout_ms: int) -> Engine:
    """Sessions in which every transaction is read-only, in UTC, and no statement outlives `timeout_ms`."""
    tls = url.query.get("sslmode") or url.query.get("ssl")
    engine = create_async_engine(
        url.set(drivername="postgresql+asyncpg", query={}),
        connect_args={
            "timeout": timeout_ms / 1000,
            "server_settings": {
                "default_transaction_read_only": "on",
                "statement_timeout": str(timeout_ms),
                "TimeZone": "UTC",
                "application_name": "clausegate",
            },
            **({"ssl": tls} if tls else {}),
        },
        poolclass=AsyncAdaptedQueuePool,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=timeout_ms / 1000,
        pool_pre_ping=True,  # a restarted server costs a round trip, not a failed call
        pool_reset_on_return=None,
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,
    )
    return Engine(engine, "postgresql")


async def _watch(connection: AsyncConnection, patience: _Patience) -> None:
    raw = await connection.get_raw_connection()
    raw.info[_WATCH].patience = patience


def _fault(error: DBAPIError) -> BadValue | Fault:
    """What a driver's error means. Its message may quote values, so nothing of it is passed on."""
    name = getattr(error.orig, "sqlite_errorname", "")
    for prefix, fault in _SQLITE_FAULTS.items():
        if name.startswith(prefix):
            return fault
    state = _sqlstate(error.orig) or _sqlstate(getattr(error.orig, "__cause__", None))
    if state:
        return _fault_of_state(state)
    if error.connection_invalidated:
        return _UNREACHABLE
    return Fault("protocol", "the database refused the statement")


def _sqlstate(error: BaseException | None) -> str:
    return getattr(error, "sqlstate", None) or ""


def _fault_of_state(state: str) -> BadValue | Fault:
    """PostgreSQL's classes of errors (its manual, appendix A)."""
    if state == "57014":
        return _TIMEOUT
    if state[:2] in {"08", "28", "3D", "53", "57"}:
        return _UNREACHABLE
    if state in _BAD_VALUES:
        return BadValue()
    return Fault("protocol", "the database refused the statement")
