"""The state store opens, brings its tables up to date, keeps others out, and says what is wrong."""

import asyncio
import logging
import multiprocessing
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from gateway.store.faults import StoreError
from gateway.store.hidden import Hidden
from gateway.store.server_secrets import ServerSecrets
from gateway.store.store import Store
from gateway.store.tables import metadata


def url(folder: Path) -> str:
    return f"sqlite:///{folder}/state/clausegate.db"


@pytest.fixture
def loose_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("loose_umask")
async def test_the_files_are_closed_to_others(tmp_path: Path) -> None:
    store = await Store.open(url(tmp_path))
    await ServerSecrets(store).obtain("pepper", 0)
    modes = {file.name: file.stat().st_mode & 0o777 for file in (tmp_path / "state").iterdir()}
    assert set(modes) == {"clausegate.db", "clausegate.db-wal", "clausegate.db-shm"}
    assert set(modes.values()) == {0o600}
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
    await store.close()


async def test_a_file_that_was_open_to_others_is_closed(tmp_path: Path) -> None:
    await (await Store.open(url(tmp_path))).close()
    file = tmp_path / "state" / "clausegate.db"
    file.chmod(0o644)
    await (await Store.open(url(tmp_path))).close()
    assert file.stat().st_mode & 0o777 == 0o600


async def test_what_was_written_is_there_after_closing_and_opening(tmp_path: Path) -> None:
    store = await Store.open(url(tmp_path))
    first = (await ServerSecrets(store).obtain("pepper", 0)).reveal()
    await store.close()
    store = await Store.open(url(tmp_path))
    assert (await ServerSecrets(store).obtain("pepper", 9)).reveal() == first
    assert (await ServerSecrets(store).obtain("another", 9)).reveal() != first
    assert len(first) == 32
    await store.close()


async def test_the_migrations_lead_to_exactly_the_tables_that_the_code_uses(tmp_path: Path) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"version_table": "schema_version", "compare_type": True})
        return list(compare_metadata(context, metadata))

    store = await Store.open(url(tmp_path))
    async with store.read() as connection:
        assert await connection.run_sync(differences) == []
    await store.close()


def _open_and_obtain(place: str, barrier: object, answers: object) -> None:
    async def run() -> bytes:
        store = await Store.open(place)
        secret = await ServerSecrets(store).obtain("pepper", 0)
        await store.close()
        return secret.reveal()

    barrier.wait()  # type: ignore[attr-defined]
    answers.put(asyncio.run(run()))  # type: ignore[attr-defined]


def test_processes_that_start_at_once_agree(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(4), context.Queue()
    processes = [
        context.Process(target=_open_and_obtain, args=(url(tmp_path), barrier, answers), daemon=True) for _ in range(4)
    ]
    for process in processes:
        process.start()
    secrets = {answers.get(timeout=60) for _ in processes}
    for process in processes:
        process.join()
    assert len(secrets) == 1


async def test_a_failed_transaction_leaves_nothing(tmp_path: Path) -> None:
    store = await Store.open(url(tmp_path))

    async def fail_halfway() -> None:
        async with store.write() as connection:
            await connection.execute(text("INSERT INTO server_secrets VALUES ('a', 's', 0)"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail_halfway()
    async with store.read() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM server_secrets"))).scalar_one() == 0
    await store.close()


async def test_a_reader_does_not_wait_for_a_writer(tmp_path: Path) -> None:
    store = await Store.open(url(tmp_path))
    async with store.write() as writing:
        await writing.execute(text("INSERT INTO server_secrets VALUES ('a', 's', 0)"))
        async with store.read() as reading:
            assert (await reading.execute(text("SELECT count(*) FROM server_secrets"))).scalar_one() == 0
    await store.close()


async def test_a_database_that_somebody_else_holds_is_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.store.store._LOCK_WAIT_MS", 50)
    await (await Store.open(url(tmp_path))).close()
    holder = sqlite3.connect(tmp_path / "state" / "clausegate.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked by another process") as caught:
        await Store.open(url(tmp_path))
    assert caught.value.kind == "locked"
    holder.close()


async def test_a_store_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    store = await Store.open(url(tmp_path))
    async with store.write() as connection:
        await connection.execute(text("UPDATE schema_version SET version_num = '9999'"))
    await store.close()
    with pytest.raises(StoreError, match="later version") as caught:
        await Store.open(url(tmp_path))
    assert caught.value.kind == "newer"


async def test_what_is_no_database_is_said_to_be_none_and_not_touched(tmp_path: Path) -> None:
    file = tmp_path / "notes.db"
    file.write_bytes(b"these are my notes\n" * 100)
    with pytest.raises(StoreError, match="SQLITE_NOTADB") as caught:
        await Store.open(f"sqlite:///{file}")
    assert caught.value.kind == "unreadable"
    assert file.read_bytes() == b"these are my notes\n" * 100


@pytest.mark.parametrize("given", ["sqlite://", "sqlite:///:memory:", "mysql://u:canary@h/d", "canary:::", ""])
async def test_an_address_that_cannot_be_is_refused_without_repeating_it(given: str) -> None:
    with pytest.raises(StoreError) as caught:
        await Store.open(given)
    assert "canary" not in str(caught.value)


async def test_a_folder_in_the_place_of_the_file_is_unreadable(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="directory") as caught:
        await Store.open(f"sqlite:///{tmp_path}")
    assert caught.value.kind == "unreadable"


async def test_a_database_server_that_is_not_there_is_unreachable_and_its_password_unsaid() -> None:
    with pytest.raises(StoreError) as caught:
        await Store.open("postgresql://clausegate:canary@127.0.0.1:1/clausegate")
    assert caught.value.kind == "unreachable"
    assert "canary" not in f"{caught.value!r} {caught.value.__cause__!r}"
    assert "127.0.0.1/clausegate" in str(caught.value)


async def test_values_of_statements_are_in_no_log_and_no_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "sqlalchemy.engine")
    with caplog.at_level(logging.DEBUG):
        store = await Store.open(url(tmp_path))
        logging.getLogger("aiosqlite").setLevel(logging.DEBUG)
        statement = text("INSERT INTO nowhere VALUES (:secret)")
        with pytest.raises(StoreError) as caught:
            async with store.write() as connection:
                await connection.execute(statement, {"secret": "canary"})
        twice = text("INSERT INTO server_secrets VALUES ('one', :secret, 0), ('one', :secret, 0)")
        with pytest.raises(IntegrityError) as conflict:
            async with store.write() as connection:
                await connection.execute(twice, {"secret": b"canary"})
        async with store.read() as connection:
            read = await connection.execute(text("SELECT 'can' || 'ary'"))
            assert read.all() == [("canary",)]
        await store.close()
    assert "canary" not in f"{conflict.value} {conflict.value!r}"
    assert "canary" not in caplog.text
    assert "canary" not in f"{caught.value!r} {caught.value.__cause__!r}"


def test_a_hidden_value_shows_only_when_it_is_asked_for() -> None:
    hidden = Hidden("canary")
    assert hidden.reveal() == "canary"
    assert "canary" not in f"{hidden} {hidden!r} {[hidden]!r} {vars(type(hidden))!r}"
