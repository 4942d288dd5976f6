"""Sessions are kept by hash, end for good, go with their account, and are the same over both databases."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from gateway.store.faults import StoreError
from gateway.store.sessions import KEPT_OF_EACH_MAX, KeptSession, KeptSessions
from gateway.store.store import Store
from tests.flows.postgres import PostgresUnavailable, running_postgres
from tests.unit.store.ready_file import ready_file

NOW_US = 1_800_000_000_000_000
KEY = bytes(range(32))
LI = KeptSession(key=KEY, username="li", role="legal", language="zh", begun_us=NOW_US, used_us=NOW_US)
INSERT = "INSERT INTO accounts (username, password_hash, role, language, created_s) VALUES"
NEVER = {"begun_until_us": 0, "used_until_us": 0}


@pytest.fixture(scope="module")
def postgres() -> Iterator[str | None]:
    try:
        with running_postgres() as address:
            yield address
    except PostgresUnavailable:
        yield None


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return ready_file(tmp_path, "state.db")
    found: str | None = request.getfixturevalue("postgres")
    if found is None:
        pytest.skip("PostgreSQL cannot be started here")
    return found


@pytest.fixture
async def store(address: str) -> AsyncIterator[Store]:
    opened = await Store.open(address)
    async with opened.write() as connection:
        await connection.execute(text("DELETE FROM console_sessions"))
        await connection.execute(text("DELETE FROM accounts"))
        for row in ("'li', 'h', 'legal', 'zh', 0", "'ana', 'h', 'ops', 'en', 0"):
            await connection.execute(text(f"{INSERT} ({row})"))
    yield opened
    await opened.close()


def key(number: int) -> bytes:
    return number.to_bytes(32)


async def keys(store: Store) -> list[int]:
    """Of the sessions that are kept, as numbers."""
    async with store.read() as connection:
        rows = await connection.execute(text("SELECT key FROM console_sessions"))
        return sorted(int.from_bytes(row.key) for row in rows)


async def test_who_logs_in_again_and_again_ends_their_own_oldest_and_nobody_elses(store: Store) -> None:
    sessions = KeptSessions(store)
    assert await sessions.add(key(1), "ana", NOW_US)
    for number in range(2, KEPT_OF_EACH_MAX + 2):
        assert await sessions.add(key(number), "li", NOW_US + number)
    assert await sessions.use(key(2), NOW_US + 1_000)
    assert len(await keys(store)) == KEPT_OF_EACH_MAX + 1
    assert await sessions.add(key(99), "li", NOW_US - 1)  # by a clock that was set back
    assert await keys(store) == [1, 2, *range(4, KEPT_OF_EACH_MAX + 2), 99]


async def test_a_session_is_found_by_its_key_and_no_other(store: Store) -> None:
    sessions = KeptSessions(store)
    assert await sessions.add(KEY, "li", NOW_US)
    assert await sessions.find(KEY) == LI
    assert await sessions.find(KEY[:-1]) is None
    assert await sessions.find(b"") is None


async def test_whoever_opens_the_store_next_finds_it_too(store: Store, address: str) -> None:
    await KeptSessions(store).add(KEY, "li", NOW_US)
    second = await Store.open(address)
    assert await KeptSessions(second).find(KEY) == LI
    await KeptSessions(second).end(KEY)
    assert await KeptSessions(store).find(KEY) is None
    await second.close()


async def test_its_account_is_as_it_is_now(store: Store) -> None:
    sessions = KeptSessions(store)
    await sessions.add(KEY, "li", NOW_US)
    async with store.write() as connection:
        await connection.execute(text("UPDATE accounts SET role = 'ops', language = 'en'"))
    found = await sessions.find(KEY)
    assert found is not None
    assert (found.role, found.language) == ("ops", "en")


async def test_it_ends_with_its_account_and_one_of_the_same_name_does_not_bring_it_back(store: Store) -> None:
    sessions = KeptSessions(store)
    await sessions.add(KEY, "li", NOW_US)
    await sessions.add(key(7), "ana", NOW_US)
    async with store.write() as connection:
        await connection.execute(text("DELETE FROM accounts WHERE username = 'li'"))
        await connection.execute(text(f"{INSERT} ('li', 'h', 'admin', 'zh', 1)"))
    assert await sessions.find(KEY) is None
    assert await keys(store) == [7]


async def test_nobody_without_an_account_gets_one(store: Store) -> None:
    sessions = KeptSessions(store)
    assert not await sessions.add(KEY, "nobody", NOW_US)
    assert await sessions.find(KEY) is None


async def test_the_latest_use_counts_in_whatever_order_it_is_said(store: Store) -> None:
    sessions = KeptSessions(store)
    await sessions.add(KEY, "li", NOW_US)
    said = await asyncio.gather(*(sessions.use(KEY, NOW_US + by_us) for by_us in (5, 9, 1, 7)))
    assert said == [True] * 4
    found = await sessions.find(KEY)
    assert found is not None
    assert (found.begun_us, found.used_us) == (NOW_US, NOW_US + 9)


async def test_what_has_ended_is_not_brought_back_by_use(store: Store) -> None:
    sessions = KeptSessions(store)
    await sessions.add(KEY, "li", NOW_US)
    await sessions.add(key(7), "li", NOW_US)
    await sessions.end(KEY)
    await sessions.end(KEY)
    assert not await sessions.use(KEY, NOW_US + 1)
    assert await sessions.find(KEY) is None
    assert await keys(store) == [7]


async def test_what_is_too_old_or_too_long_unused_is_swept_away(store: Store) -> None:
    sessions = KeptSessions(store)
    for number, begun, used in ((1, 10, 90), (2, 11, 90), (3, 50, 80), (4, 50, 81)):
        await sessions.add(key(number), "li", NOW_US + begun)
        await sessions.use(key(number), NOW_US + used)
    await sessions.sweep(begun_until_us=NOW_US + 10, used_until_us=NOW_US + 80, kept_max=9)
    assert await keys(store) == [2, 4]


@pytest.mark.parametrize(("kept_max", "kept"), [(4, [1, 2, 3]), (3, [1, 2, 3]), (2, [1, 3]), (0, [])])
async def test_of_too_many_the_last_used_are_kept(store: Store, kept_max: int, kept: list[int]) -> None:
    sessions = KeptSessions(store)
    for number in (1, 2, 3):
        await sessions.add(key(number), "li", NOW_US + number)
    await sessions.use(key(1), NOW_US + 9)
    await sessions.sweep(**NEVER, kept_max=kept_max)
    assert await keys(store) == kept


async def test_a_store_that_cannot_be_used_says_so(tmp_path: Path) -> None:
    store = await Store.open(f"sqlite:///{tmp_path}/gone.db")
    sessions = KeptSessions(store)
    async with store.write() as connection:
        await connection.execute(text("DROP TABLE console_sessions"))
    with pytest.raises(StoreError):
        await sessions.find(KEY)
    with pytest.raises(StoreError):
        await sessions.use(KEY, NOW_US)
    with pytest.raises(StoreError):
        await sessions.add(KEY, "li", NOW_US)
    await store.close()


async def test_whose_account_is_disabled_has_no_session_and_gets_none(store: Store) -> None:
    sessions = KeptSessions(store)
    await sessions.add(KEY, "li", NOW_US)
    async with store.write() as connection:
        await connection.execute(text("UPDATE accounts SET disabled = true WHERE username = 'li'"))
    assert await sessions.find(KEY) is None
    assert not await sessions.add(key(7), "li", NOW_US)
    assert await sessions.add(key(8), "ana", NOW_US)


async def test_a_session_says_whose_developer_the_person_is(store: Store) -> None:
    sessions = KeptSessions(store)
    async with store.write() as connection:
        await connection.execute(text("UPDATE accounts SET role = 'partner-developer', partner = 'swift'"))
    await sessions.add(KEY, "li", NOW_US)
    found = await sessions.find(KEY)
    assert found is not None
    assert (found.role, found.partner) == ("partner-developer", "swift")
