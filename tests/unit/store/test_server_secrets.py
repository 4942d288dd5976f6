"""The server's own secrets are kept sealed; one that does not open is not replaced by a new one."""

import os
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from gateway.store.encryption import Encryption, sealed_by
from gateway.store.faults import StoreError
from gateway.store.hidden import Hidden
from gateway.store.key_encryption import LocalKey
from gateway.store.schema import server_secrets
from gateway.store.server_secrets import ServerSecrets
from gateway.store.store import Store
from gateway.store.transit import TransitKey
from tests.unit.store.ready_file import ready_file
from tests.unit.store.transit_engine import TOKEN, URL, Engine


async def kept(store: Store) -> list[bytes]:
    async with store.read() as connection:
        return [bytes(value) for value in await connection.scalars(select(server_secrets.c.value))]


async def test_a_secret_is_kept_sealed_and_is_the_same_for_whoever_has_the_key(tmp_path: Path) -> None:
    key = Hidden(os.urandom(32))
    place = ready_file(tmp_path)
    first = await Store.open(place, Encryption([LocalKey(key)]))
    made = (await ServerSecrets(first).obtain("pepper", 0)).reveal()
    assert len(made) == 32
    (value,) = await kept(first)
    assert sealed_by(value) == LocalKey(key).key_id
    assert made not in value
    second = await Store.open(place, Encryption([LocalKey(key)]))
    assert (await ServerSecrets(second).obtain("pepper", 9)).reveal() == made
    await first.close()
    await second.close()


@pytest.mark.parametrize("other", [Encryption(), Encryption([LocalKey(Hidden(b"other" + bytes(27)))])])
async def test_a_secret_that_does_not_open_is_not_made_anew(tmp_path: Path, other: Encryption) -> None:
    place = ready_file(tmp_path)
    store = await Store.open(place, Encryption([LocalKey(Hidden(os.urandom(32)))]))
    await ServerSecrets(store).obtain("pepper", 0)
    before = await kept(store)
    await store.close()
    store = await Store.open(place, other)
    for ask in (ServerSecrets(store).find("pepper"), ServerSecrets(store).obtain("pepper", 9)):
        with pytest.raises(StoreError, match="server secret pepper cannot be opened: sealed under key-") as caught:
            await ask
        assert caught.value.kind == "sealed"
    assert await kept(store) == before
    await store.close()


async def test_no_secret_is_made_that_cannot_be_sealed(tmp_path: Path) -> None:
    engine = Engine()
    encryption = Encryption([TransitKey(URL, Hidden(TOKEN), engine)])
    store = await Store.open(ready_file(tmp_path), encryption)
    engine.mood = httpx.ConnectError("no route")
    with pytest.raises(StoreError, match="server secret pepper cannot be sealed: "):
        await ServerSecrets(store).obtain("pepper", 0)
    assert await kept(store) == []
    engine.mood = None
    assert len((await ServerSecrets(store).obtain("pepper", 0)).reveal()) == 32
    await store.close()
