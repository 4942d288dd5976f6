"""The state store that tests of this folder ask for: a new one, over each of both databases."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from gateway.store.store import Store
from gateway.store.tables import metadata
from tests.flows.postgres import PostgresUnavailable, running_postgres
from tests.unit.store.ready_file import ready_file


@pytest.fixture(scope="module")
def postgres() -> Iterator[str | None]:
    """The address of a running PostgreSQL, None where none can be started."""
    try:
        with running_postgres() as address:
            yield address
    except PostgresUnavailable:
        yield None


@pytest.fixture(params=["sqlite", "postgresql"])
async def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of a state store with nothing in it. That of PostgreSQL is one for all tests of a file, and emptied here."""
    if request.param == "sqlite":
        return ready_file(tmp_path, "state.db")
    found: str | None = request.getfixturevalue("postgres")
    if found is None:
        pytest.skip("PostgreSQL cannot be started here")
    store = await Store.open(found)
    async with store.write() as connection:
        for table in reversed(metadata.sorted_tables):
            await connection.execute(table.delete())
    await store.close()
    return found


@pytest.fixture
async def store(address: str) -> AsyncIterator[Store]:
    opened = await Store.open(address)
    yield opened
    await opened.close()
