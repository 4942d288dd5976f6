"""The ring of keys is read twice a second: nothing is opened or imported twice, and an engine cannot hold it up."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import msgspec
import pytest

from gateway.oauth.keys import RETIRED_FOR_S, ensure_signing_keys, forgotten_s, load_key_ring, rotate_signing_keys
from gateway.store.encryption import Encryption
from gateway.store.faults import StoreError
from gateway.store.hidden import Hidden
from gateway.store.signing_keys import SigningKeys
from gateway.store.store import Store
from gateway.store.transit import TransitKey
from tests.unit.store.ready_file import ready_file
from tests.unit.store.transit_engine import TOKEN, URL, Engine

NOW_S = 1_800_000_000


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
async def store(tmp_path: Path, engine: Engine) -> AsyncIterator[Store]:
    """With an active and a pending key, sealed by the engine."""
    encryption = Encryption([TransitKey(URL, Hidden(TOKEN), engine)])
    opened = await Store.open(ready_file(tmp_path), encryption)
    await ensure_signing_keys(opened, NOW_S)
    yield opened
    await opened.close()


async def test_a_ring_that_is_read_again_asks_nobody_and_imports_nothing(store: Store, engine: Engine) -> None:
    first = await load_key_ring(store, NOW_S)
    asked = len(engine.asked)
    again = await load_key_ring(store, NOW_S)
    assert len(engine.asked) == asked
    assert again.jwks == first.jwks
    assert again.signer.key is first.signer.key
    assert all(again.verifying[kid] is key for kid, key in first.verifying.items())


async def test_a_rotation_signs_on_while_the_engine_is_away(store: Store, engine: Engine) -> None:
    first = await load_key_ring(store, NOW_S)
    kid = await rotate_signing_keys(store, NOW_S)
    engine.mood = httpx.ConnectError("no route")
    ring = await load_key_ring(store, NOW_S)
    assert ring.signer.kid == kid != first.signer.kid
    assert set(ring.verifying) == set(first.verifying)
    engine.mood = None
    ring = await load_key_ring(store, NOW_S)
    assert set(ring.verifying) > set(first.verifying)
    published = [key["kid"] for key in msgspec.json.decode(ring.jwks)["keys"]]
    assert published == [key.kid for key in await SigningKeys(store).kept()]


async def test_an_engine_that_does_not_answer_holds_up_no_reading_of_the_ring(store: Store, engine: Engine) -> None:
    first = await load_key_ring(store, NOW_S)
    await rotate_signing_keys(store, NOW_S)
    engine.held = asyncio.Event()
    async with asyncio.timeout(1.0):  # in which a revocation has to reach every worker
        assert set((await load_key_ring(store, NOW_S)).verifying) == set(first.verifying)
    engine.held.set()
    assert len((await load_key_ring(store, NOW_S)).verifying) == 3


async def test_a_ring_whose_signing_key_does_not_open_is_none(store: Store, engine: Engine) -> None:
    engine.mood = httpx.Response(403)
    with pytest.raises(StoreError, match=r"cannot be opened: the engine at .* answers 403"):
        await load_key_ring(store, NOW_S)


async def test_a_compromised_key_verifies_nothing_from_then_on(store: Store) -> None:
    old = (await load_key_ring(store, NOW_S)).signer.kid
    await rotate_signing_keys(store, NOW_S, compromised=True)
    ring = await load_key_ring(store, NOW_S)
    assert old not in ring.verifying
    assert old.encode() not in ring.jwks
    await rotate_signing_keys(store, NOW_S + 1)
    assert old not in {key.kid for key in await SigningKeys(store).kept()}


async def test_a_retired_key_is_forgotten_when_no_token_of_it_can_be_in_use(store: Store) -> None:
    old = (await load_key_ring(store, NOW_S)).signer.kid
    await rotate_signing_keys(store, NOW_S)
    (retired,) = (key for key in await SigningKeys(store).kept() if key.state == "retired")
    forgotten = forgotten_s(retired.retired_s)
    assert (retired.kid, forgotten, forgotten_s(None)) == (old, NOW_S + RETIRED_FOR_S, None)
    assert forgotten is not None
    assert old in (await load_key_ring(store, forgotten - 1)).verifying
    assert old not in (await load_key_ring(store, forgotten)).verifying
