"""Signing keys are kept sealed, change hands in one step, and do not change where nothing can seal the next one."""

import os
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from gateway.oauth.keys import ensure_signing_keys, new_signing_key
from gateway.store.encryption import Encryption, sealed_by
from gateway.store.faults import StoreError
from gateway.store.hidden import Hidden
from gateway.store.key_encryption import LocalKey
from gateway.store.schema import signing_keys
from gateway.store.signing_keys import SigningKeys
from gateway.store.store import Store
from gateway.store.transit import TransitKey
from tests.unit.store.ready_file import ready_file
from tests.unit.store.transit_engine import TOKEN, URL, Engine

NOW_S = 1_800_000_000


def with_engine() -> tuple[Engine, Encryption]:
    engine = Engine()
    return engine, Encryption([TransitKey(URL, Hidden(TOKEN), engine)])


async def values(store: Store) -> dict[str, str]:
    """What the table holds, by kid."""
    async with store.read() as connection:
        rows = await connection.execute(select(signing_keys.c.kid, signing_keys.c.private_jwk))
        return {row.kid: row.private_jwk for row in rows}


async def test_a_key_is_kept_sealed_and_opens_as_it_was(tmp_path: Path) -> None:
    local = LocalKey(Hidden(os.urandom(32)))
    store = await Store.open(ready_file(tmp_path), Encryption([local]))
    made = new_signing_key("active", NOW_S)
    await SigningKeys(store).add_missing((made,))
    (found,) = await SigningKeys(store).all()
    assert found.private_jwk.reveal() == made.private_jwk.reveal()
    assert (found.kid, found.state, found.activated_s) == (made.kid, "active", NOW_S)
    (value,) = (await values(store)).values()
    assert sealed_by(value.encode()) == local.key_id
    assert made.private_jwk.reveal()[1:20] not in value
    await store.close()


async def test_a_private_key_in_another_ones_row_does_not_open(tmp_path: Path) -> None:
    store = await Store.open(ready_file(tmp_path), Encryption([LocalKey(Hidden(os.urandom(32)))]))
    await ensure_signing_keys(store, NOW_S)
    active, pending = await SigningKeys(store).kept()
    async with store.write() as connection:
        moved = signing_keys.update().where(signing_keys.c.kid == active.kid)
        await connection.execute(moved.values(private_jwk=pending.value.reveal()))
    with pytest.raises(StoreError, match=f"signing key {active.kid} cannot be opened: "):
        await SigningKeys(store).all()
    await store.close()


async def test_looking_at_keys_opens_none(tmp_path: Path) -> None:
    engine, encryption = with_engine()
    store = await Store.open(ready_file(tmp_path), encryption)
    await ensure_signing_keys(store, NOW_S)
    found = await SigningKeys(store).kept()
    assert [(key.state, key.sealed_by) for key in found] == [
        ("active", "transit-clausegate"),
        ("pending", "transit-clausegate"),
    ]
    await ensure_signing_keys(store, NOW_S)
    assert (engine.count("encrypt"), engine.count("decrypt")) == (2, 0)
    assert "clausegate-sealed" not in repr(found)
    await store.close()


async def test_without_anything_to_seal_the_next_key_none_is_rotated_or_made(tmp_path: Path) -> None:
    engine, encryption = with_engine()
    store = await Store.open(ready_file(tmp_path), encryption)
    engine.mood = httpx.Response(503)
    with pytest.raises(StoreError, match=r"cannot be sealed: the engine at https://vault\.example:8200 answers 503"):
        await ensure_signing_keys(store, NOW_S)
    assert await values(store) == {}
    engine.mood = None
    await ensure_signing_keys(store, NOW_S)
    before = await SigningKeys(store).all()
    engine.mood = httpx.Response(503)
    with pytest.raises(StoreError):
        await SigningKeys(store).rotate(new_signing_key("pending", NOW_S), NOW_S, NOW_S, NOW_S)
    after = await SigningKeys(store).kept()
    assert [(key.kid, key.state) for key in after] == [(key.kid, key.state) for key in before]
    await store.close()
