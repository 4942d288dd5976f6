"""The state store: opens SQLite or PostgreSQL, brings its tables up to date, hands out transactions."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import URL, Connection, event, make_url, text
from sqlalchemy.exc import ArgumentError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from gateway.store.encryption import Encryption, Purpose
from gateway.store.faults import StoreError, fault_of
from gateway.store.key_encryption import KeyEncryptionError

_MIGRATIONS = Path(__file__).parent / "migrations"
_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}
# Any number will do, as long as every version of Clausegate takes the same one.
_MIGRATION_LOCK = 7_201_402_601
_LOCK_WAIT_MS = 10_000


class Store:
    """An open state store. Made by `Store.open`; `place` is where it is, without credentials."""

    def __init__(self, engine: AsyncEngine, place: str, encryption: Encryption) -> None:
        self._engine = engine
        self.place = place
        self.encryption = encryption

    @classmethod
    async def open(cls, url: str, encryption: Encryption | None = None) -> "Store":
        """Open and migrate `sqlite:///relative`, `sqlite:////absolute` or `postgresql://user:password@host/name`.

        A SQLite file is created with mode 0600 in a folder that is created with 0700. Several processes may open at
        once: the migration runs in one transaction under the database's own lock, and whoever comes second finds it
        done. Secrets are sealed by `encryption`, and kept as they are without one; that of a workspace is opened by
        gateway/store/opening.py. Raises StoreError.
        """
        # At DEBUG aiosqlite writes every statement with its values, and SQLAlchemy every row that is read, key material
        # among them. A filter stays in force whatever level somebody sets.
        logging.getLogger("aiosqlite").addFilter(_drop)
        logging.getLogger("sqlalchemy.engine.Engine").addFilter(_is_no_row)
        parsed = _parsed(url)
        place = _place(parsed)
        sqlite = parsed.get_backend_name() == "sqlite"
        if sqlite:
            _prepare_file(parsed, place)
        # Parameters of a failed statement may be key material: they must not be in the error's text.
        engine = create_async_engine(parsed, hide_parameters=True, connect_args=_connect_arguments(sqlite))
        if sqlite:
            event.listen(engine.sync_engine, "connect", _configure_sqlite)
            event.listen(engine.sync_engine, "begin", _begin_sqlite)
        store = cls(engine, place, encryption or Encryption())
        try:
            async with store.write() as connection:
                await connection.run_sync(_migrate)
        except CommandError:
            await engine.dispose()
            raise StoreError(
                "newer", place, "written by a later version of Clausegate; use that version or a backup"
            ) from None
        except BaseException:
            await engine.dispose()
            raise
        return store

    async def close(self) -> None:
        await self._engine.dispose()

    async def settle(self) -> None:
        """Close the connections that are idle; SQLite's last one takes its log of changes along, old values and all."""
        await self._engine.dispose()

    async def sealed(self, plain: bytes, purpose: Purpose) -> bytes:
        """A secret as it is kept. Ask before a transaction: a key engine may take its time. Raises StoreError."""
        try:
            return await self.encryption.seal(plain, purpose)
        except KeyEncryptionError as error:
            raise StoreError("sealed", self.place, f"{purpose} cannot be sealed: {error}") from None

    async def opened(self, value: bytes, purpose: Purpose) -> bytes:
        """The secret in a value that is kept. Raises StoreError."""
        try:
            return await self.encryption.open(value, purpose)
        except KeyEncryptionError as error:
            raise StoreError("sealed", self.place, f"{purpose} cannot be opened: {error}") from None

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection that sees one state and changes nothing. Raises StoreError."""
        try:
            async with self._engine.connect() as connection:
                yield connection
        except (SQLAlchemyError, OSError) as error:
            raise fault_of(error, self.place) from None

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A transaction: committed at the end, rolled back on any exception.

        Raises StoreError; lets IntegrityError through, which says that a row was there already.
        """
        try:
            async with self._engine.connect() as connection:
                await connection.execution_options(clausegate_writes=True)
                async with connection.begin():
                    yield connection
        except IntegrityError:
            raise
        except (SQLAlchemyError, OSError) as error:
            raise fault_of(error, self.place) from None


def _drop(_record: logging.LogRecord) -> bool:
    return False


def _is_no_row(record: logging.LogRecord) -> bool:
    return record.levelno > logging.DEBUG


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
        driver = _DRIVERS[parsed.get_backend_name()]
    except (ArgumentError, KeyError):
        # The text may hold a password in a place where no parser finds it, so it is not repeated.
        raise StoreError("unreadable", "URL", "expected sqlite:///path or postgresql://user@host/name") from None
    return parsed.set(drivername=driver)


def _place(url: URL) -> str:
    if url.get_backend_name() == "sqlite":
        return url.database or "in memory"
    return f"{url.host or 'localhost'}/{url.database or ''}"


def _prepare_file(url: URL, place: str) -> None:
    """SQLite gives its -wal and -shm files the mode of the database, so it has to exist, closed to others, first."""
    if not url.database or url.database == ":memory:":
        raise StoreError("unreadable", place, "a file is needed: state in memory would be gone after a restart")
    path = Path(url.database)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600, exist_ok=True)
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
        with path.open("r+b"):
            pass
    except OSError as error:
        raise StoreError("unreadable", place, error.strerror or type(error).__name__) from None


def _connect_arguments(sqlite: bool) -> dict[str, Any]:
    if sqlite:
        return {"timeout": _LOCK_WAIT_MS / 1000}
    return {"timeout": 10, "server_settings": {"lock_timeout": str(_LOCK_WAIT_MS), "application_name": "clausegate"}}


def _configure_sqlite(connection: Any, _record: object) -> None:
    # Python's driver would begin transactions on its own, too late to be one state and too weak to be a lock.
    connection.isolation_level = None
    cursor = connection.cursor()
    # secure_delete: what is deleted or replaced, a key perhaps, does not stay in the file's free space.
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "secure_delete = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes the lock at once: one that reads first and writes later cannot wait, it can only fail.
    writes = connection.get_execution_options().get("clausegate_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _migrate(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
