"""A key is one change: claimed by one, answered to all, across processes and restarts; the database tells nothing."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from gateway.store.hidden import Hidden
from gateway.store.idempotency import (
    ANSWER_BYTES_MAX,
    IN_FLIGHT_S_MAX,
    KEEP_S,
    Fresh,
    Idempotency,
    InFlight,
    Mismatch,
    Replay,
    Unknown,
    read_key,
)
from gateway.store.schema import idempotency_keys
from gateway.store.store import Store

SECRET = Hidden(b"s" * 32)
NOW_S = 1_800_000_000
SAME, OTHER = b"f" * 32, b"g" * 32
HEADERS = ((b"etag", b'"e1"'), (b"location", b"/v1/leads/canary-location"))


@asynccontextmanager
async def opened(address: str, owner: str = "one", **more: Any) -> AsyncIterator[Idempotency]:
    store = await Store.open(address)
    try:
        yield Idempotency(store, SECRET, owner, **more)
    finally:
        await store.close()


async def fresh(keys: Idempotency, key: str = "k1", now_s: int = NOW_S) -> Fresh:
    claimed = await keys.claim("client", key, SAME, now_s)
    assert isinstance(claimed, Fresh), claimed
    return claimed


async def test_a_settled_key_answers_with_the_first_answer_also_after_a_restart(address: str) -> None:
    async with opened(address) as keys:
        await keys.settle((await fresh(keys)).claim, 201, HEADERS, b'{"lead":1}')
    async with opened(address, "two") as keys:
        assert await keys.claim("client", "k1", SAME, NOW_S + 60) == Replay(201, HEADERS, b'{"lead":1}')
        assert await keys.claim("client", "k1", SAME, NOW_S + KEEP_S - 1) == Replay(201, HEADERS, b'{"lead":1}')


async def test_of_many_that_claim_one_key_at_once_exactly_one_gets_it(address: str) -> None:
    async with opened(address) as here, opened(address, "two") as there:
        claims = [keys.claim("client", "k1", SAME, NOW_S) for keys in (here, there) for _ in range(25)]
        claimed = await asyncio.gather(*claims)
    assert sorted(type(each).__name__ for each in claimed) == ["Fresh"] + ["InFlight"] * 49


async def test_of_many_that_claim_an_expired_key_at_once_exactly_one_gets_it(address: str) -> None:
    async with opened(address) as keys:
        await fresh(keys)
        later = [keys.claim("client", "k1", SAME, NOW_S + KEEP_S) for _ in range(20)]
        claimed = await asyncio.gather(*later)
    assert sorted(type(each).__name__ for each in claimed) == ["Fresh"] + ["InFlight"] * 19


async def test_a_key_used_for_another_change_is_a_mismatch_before_and_after_it_is_settled(address: str) -> None:
    async with opened(address) as keys:
        claim = (await fresh(keys)).claim
        assert await keys.claim("client", "k1", OTHER, NOW_S) == Mismatch()
        await keys.settle(claim, 200, (), b"{}")
        assert await keys.claim("client", "k1", OTHER, NOW_S) == Mismatch()


async def test_clients_do_not_share_their_keys(address: str) -> None:
    async with opened(address) as keys:
        await fresh(keys)
        assert isinstance(await keys.claim("client2", "k1", OTHER, NOW_S), Fresh)
        # the same letters, cut at another place
        assert isinstance(await keys.claim("clien", "tk1", OTHER, NOW_S), Fresh)


async def test_an_unsettled_key_is_in_flight_until_no_change_can_take_that_long_and_never_fresh(address: str) -> None:
    async with opened(address) as keys:
        await fresh(keys)
    async with opened(address, "after a crash") as keys:
        assert await keys.claim("client", "k1", SAME, NOW_S + IN_FLIGHT_S_MAX - 1) == InFlight()
        assert await keys.claim("client", "k1", SAME, NOW_S + IN_FLIGHT_S_MAX) == Unknown()
        assert await keys.claim("client", "k1", SAME, NOW_S + KEEP_S - 1) == Unknown()
        assert isinstance(await keys.claim("client", "k1", OTHER, NOW_S + KEEP_S), Fresh)


async def test_an_abandoned_key_is_unknown_at_once_and_not_settled_any_more(address: str) -> None:
    async with opened(address) as keys:
        claim = (await fresh(keys)).claim
        await keys.abandon(claim)
        await keys.settle(claim, 200, (), b"{}")
        assert await keys.claim("client", "k1", SAME, NOW_S) == Unknown()


async def test_a_released_key_is_free_and_a_settled_one_cannot_be_released(address: str) -> None:
    async with opened(address) as keys:
        await keys.release((await fresh(keys)).claim)
        claim = (await fresh(keys)).claim
        await keys.settle(claim, 204, (), b"")
        await keys.release(claim)
        assert await keys.claim("client", "k1", SAME, NOW_S) == Replay(204, (), b"")


async def test_a_claim_that_has_expired_does_not_touch_the_one_that_followed_it(address: str) -> None:
    async with opened(address) as keys:
        late = (await fresh(keys)).claim
        await fresh(keys, now_s=NOW_S + KEEP_S)
        await keys.settle(late, 200, (), b"late")
        await keys.release(late)
        assert await keys.claim("client", "k1", SAME, NOW_S + KEEP_S) == InFlight()


async def test_a_body_too_large_to_keep_leaves_its_status(address: str) -> None:
    async with opened(address) as keys:
        await keys.settle((await fresh(keys)).claim, 201, (), b"x" * (ANSWER_BYTES_MAX + 1))
        assert await keys.claim("client", "k1", SAME, NOW_S) == Replay(201, (), None)


async def test_expired_rows_are_removed_a_bounded_number_at_a_time(address: str) -> None:
    async with opened(address, keep_s=100) as keys:
        for number in range(150):
            await fresh(keys, f"old{number}")
        left = []
        for number in range(2):
            await fresh(keys, f"new{number}", NOW_S + 100)
            left.append(await rows(address))
    assert left == [51, 2]


async def rows(address: str) -> int:
    store = await Store.open(address)
    async with store.read() as connection:
        count: int = (await connection.execute(select(func.count()).select_from(idempotency_keys))).scalar_one()
    await store.close()
    return count


def stored(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


async def test_the_database_holds_neither_key_nor_client_nor_fingerprint_nor_answer(tmp_path: Path) -> None:
    async with opened(f"sqlite:///{tmp_path}/state.db") as keys:
        claimed = await keys.claim("canary-client", "canary-key", b"canary-fingerprint", NOW_S)
        assert isinstance(claimed, Fresh)
        assert "canary" not in repr(claimed)
        await keys.settle(claimed.claim, 201, HEADERS, b"canary-body" * 50)
        assert b"canary" not in stored(tmp_path)
    assert b"canary" not in stored(tmp_path)


async def test_an_answer_that_somebody_changed_or_moved_is_not_repeated(tmp_path: Path) -> None:
    async with opened(f"sqlite:///{tmp_path}/state.db") as keys:
        for key in ("k1", "k2"):
            await keys.settle((await fresh(keys, key)).claim, 201, (), key.encode())
        database = sqlite3.connect(tmp_path / "state.db")
        (one, first), (two, second) = database.execute("SELECT name, answer FROM idempotency_keys")
        change = "UPDATE idempotency_keys SET answer = ? WHERE name = ?"
        database.executemany(change, [(second, one), (first, two)])
        database.commit()
        assert await keys.claim("client", "k1", SAME, NOW_S) == Unknown()
        database.execute("UPDATE idempotency_keys SET answer = X'00'")
        database.commit()
        assert await keys.claim("client", "k2", SAME, NOW_S) == Unknown()
        database.close()


@pytest.mark.parametrize(
    ("header", "key"),
    [
        (b'"8e03978e-40d5-43dd-bc93-6894a57f9324"', "8e03978e-40d5-43dd-bc93-6894a57f9324"),
        (b"8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
        (b' "k1" ', "k1"),
        (rb'"a \"b\" \\c"', r'a "b" \c'),
        (b"order/2026:1=a+b~c", "order/2026:1=a+b~c"),
        (b"x" * 255, "x" * 255),
        (b"x" * 256, None),
        (b'"' + b"x" * 256 + b'"', None),
        (b"", None),
        (b'""', None),
        (b'"', None),
        (b'"k1', None),
        (b'k"1', None),
        (b'"k1";a=1', None),
        (b'"k1", "k2"', None),
        (b"k1,k2", None),
        (b"k1 k2", None),
        (rb'"\n"', None),
        (b'"a\nb"', None),
        ("钥匙".encode(), None),
    ],
)
def test_a_key_is_a_structured_string_or_bare(header: bytes, key: str | None) -> None:
    assert read_key(header) == key
