"""Opening a workspace's store seals what is plain, and leaves everything as it is where a key is missing."""

import asyncio
import base64
import logging
import os
from pathlib import Path

import pytest

from gateway.oauth.keys import ensure_signing_keys, new_signing_key
from gateway.settings import Settings
from gateway.store.encryption import Encryption, sealed_by
from gateway.store.faults import StoreError
from gateway.store.hidden import Hidden
from gateway.store.key_encryption import local_keys
from gateway.store.opening import encryption_of, open_store
from gateway.store.sealed_rows import SealedRows
from gateway.store.server_secrets import ServerSecrets
from gateway.store.signing_keys import SigningKeys
from gateway.store.store import Store
from gateway.store.transit import TransitKey
from tests.unit.store.ready_file import ready_file
from tests.unit.store.transit_engine import TOKEN, URL, Engine

NAMES = ("pepper", "throttle", "log-checkpoint")
OLD, NEW = (base64.b64encode(os.urandom(32)).decode() for _ in range(2))
OLD_ID, NEW_ID = (local_keys(text)[0].key_id for text in (OLD, NEW))


def under(*keys: str, url: str = "") -> Settings:
    return Settings(key_encryption_key=" ".join(keys), store_url=url)


async def fill(store: Store) -> list[bytes]:
    """Two signing keys and three secrets; all of them, as they are worth."""
    await ensure_signing_keys(store, 0)
    for name in NAMES:
        await ServerSecrets(store).obtain(name, 0)
    return await worth(store)


async def worth(store: Store) -> list[bytes]:
    keys = sorted(key.private_jwk.reveal().encode() for key in await SigningKeys(store).all())
    found = [await ServerSecrets(store).find(name) for name in NAMES]
    return keys + [each.reveal() for each in found if each is not None]


async def filled(settings: Settings, folder: Path) -> list[bytes]:
    if not settings.store_url:
        ready_file(folder)
    store = await open_store(settings, folder)
    try:
        return await fill(store)
    finally:
        await store.close()


async def sealers(store: Store) -> set[str]:
    return {sealed_by(row.value) for row in await SealedRows(store).all()}


async def test_what_was_plain_is_sealed_when_a_key_is_there(address: str, tmp_path: Path) -> None:
    plain = under(url=address)
    before = await filled(plain, tmp_path)
    store = await open_store(under(NEW, url=address), tmp_path)
    assert await sealers(store) == {NEW_ID}
    assert await worth(store) == before
    await store.close()


async def test_nothing_of_a_secret_stays_in_the_files_of_sqlite(tmp_path: Path) -> None:
    secrets = await filled(under(), tmp_path)

    def found() -> int:
        content = b"".join(file.read_bytes() for file in (tmp_path / "state").iterdir())
        return sum(secret in content for secret in secrets)

    assert found() == len(secrets)
    store = await open_store(under(NEW), tmp_path)
    assert found() == 0
    async with store.read() as connection:  # a default of some builds of SQLite, and not of others
        assert (await connection.exec_driver_sql("PRAGMA secure_delete")).scalar_one() == 1
    await store.close()


@pytest.mark.parametrize("given", [(), (NEW,)])
async def test_without_the_key_the_store_does_not_open_and_is_as_it_was(tmp_path: Path, given: tuple[str, ...]) -> None:
    await filled(under(OLD), tmp_path)
    plain = await Store.open(under().database_url(tmp_path))
    await SigningKeys(plain).add_missing((new_signing_key("retired", 0),))
    before = await SealedRows(plain).all()
    with pytest.raises(StoreError) as caught:
        await open_store(under(*given), tmp_path)
    assert caught.value.kind == "sealed"
    said = str(caught.value)
    assert said.startswith(f"state store {plain.place}: signing key ")
    assert f"is sealed under {OLD_ID}, a key that neither key_encryption_key nor key_encryption_url" in said
    assert "\n" not in said
    assert await SealedRows(plain).all() == before
    assert "" in {sealed_by(row.value) for row in before}  # one that could have been sealed by the way
    await plain.close()


async def test_a_new_key_takes_over_from_an_old_one_without_a_secret_being_lost(tmp_path: Path) -> None:
    before = await filled(under(OLD), tmp_path)
    store = await open_store(under(NEW, OLD), tmp_path)
    assert await sealers(store) == {OLD_ID}
    steps: list[tuple[int, int]] = []
    for _ in range(2):
        assert await SealedRows(store).seal_again(lambda done, of: steps.append((done, of))) == len(before)
        assert await sealers(store) == {NEW_ID}
    assert steps == [(done, len(before)) for done in range(len(before) + 1)] * 2
    assert await worth(store) == before
    await store.close()
    store = await open_store(under(NEW), tmp_path)
    assert await worth(store) == before
    await store.close()


async def test_several_that_open_at_once_seal_each_secret_once(address: str, tmp_path: Path) -> None:
    before = await filled(under(url=address), tmp_path)
    stores = await asyncio.gather(*(open_store(under(NEW, url=address), tmp_path) for _ in range(4)))
    for store in stores:
        assert await sealers(store) == {NEW_ID}
        assert await worth(store) == before
        await store.close()


async def test_a_secret_that_another_process_changed_meanwhile_is_left_to_it(tmp_path: Path) -> None:
    before = await filled(under(), tmp_path)
    engine = Engine()
    engine.held = asyncio.Event()
    slow = await Store.open(under().database_url(tmp_path), Encryption([TransitKey(URL, Hidden(TOKEN), engine)]))
    sealing = asyncio.create_task(SealedRows(slow).secure())
    await engine.reached.wait()
    fast = await open_store(under(NEW), tmp_path)
    engine.held.set()
    await sealing
    assert await sealers(fast) == {NEW_ID}
    assert await worth(fast) == before
    await slow.close()
    await fast.close()


def test_the_engine_comes_first_and_the_keys_after_it_open_what_they_sealed() -> None:
    settings = Settings(key_encryption_url=URL, key_encryption_token=TOKEN, key_encryption_key=f"{OLD}, {NEW}")
    encryption = encryption_of(settings)
    assert encryption.key_id == "transit-clausegate"
    assert all(encryption.knows(f"clausegate-sealed:1:{key_id}:".encode()) for key_id in (OLD_ID, NEW_ID))


async def test_a_setting_that_is_no_key_opens_nothing(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        await open_store(under("hunter2"), tmp_path)
    assert str(caught.value) == "state store of clausegate.toml: key_encryption_key: entry 1 is not 32 bytes in base64"
    assert not (tmp_path / "state").exists()


async def test_a_gateway_that_encrypts_nothing_says_so_and_a_command_does_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "clausegate.store")
    for settings, warns, lines in ((under(), False, 0), (under(NEW), True, 0), (under(), True, 1)):
        folder = tmp_path / f"{warns}{lines}"
        ready_file(folder)
        await (await open_store(settings, folder, warns=warns)).close()
        assert len(caplog.messages) == lines
    assert "not encrypted at rest" in caplog.text
