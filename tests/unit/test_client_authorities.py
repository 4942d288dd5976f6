"""Who issues client certificates and which were revoked, as a gateway that starts opens it."""

import datetime
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.client_authorities import open_client_authorities
from gateway.oauth.guard import unasked
from gateway.settings import Settings
from gateway.starting import StartError
from gateway.store.clients import Client, Clients
from gateway.store.store import Store
from tests.unit.oauth.issued import FOR_CLIENTS, issue
from tests.unit.oauth.revoking import listed, pem
from tests.unit.store.ready_file import ready_file

ROOT = issue("Client CA", authority=True)
BANK = issue("bank", ROOT, extensions=[FOR_CLIENTS])
NOW_S = datetime.datetime.now(datetime.UTC).timestamp()
SETTINGS = Settings(client_ca_file="ca.pem", client_crl_files=("a.crl",))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    (tmp_path / "ca.pem").write_text(ROOT.pem)
    (tmp_path / "a.crl").write_bytes(pem(listed(ROOT, BANK)))
    opened = await Store.open(ready_file(tmp_path))
    yield opened
    await opened.close()


async def test_lists_count_from_the_first_call_on_and_without_the_setting_none_is_looked_at(
    tmp_path: Path, store: Store
) -> None:
    assert await Clients(store).add(Client("bank", "b", "tls_client_auth", 0, False, 0))
    async with AsyncExitStack() as stack:
        opened = await open_client_authorities(SETTINGS, tmp_path, store, stack)
        assert opened.authorities.fault(BANK.shown, NOW_S) == "certificate-revoked"
        assert opened.standing_of("bank", BANK.shown, NOW_S) == "certificate-revoked"
        assert opened.standing_of("another", BANK.shown, NOW_S) is None
        without = await open_client_authorities(replace(SETTINGS, client_crl_files=()), tmp_path, store, stack)
        assert without.authorities.fault(BANK.shown, NOW_S) is None
        assert without.standing_of is unasked
        nobody = await open_client_authorities(Settings(), tmp_path, store, stack)
        assert nobody.authorities.fault(BANK.shown, NOW_S) == "certificate-wrong"


REFUSED = [
    (replace(SETTINGS, client_crl_files=("a.crl", "b.crl")), "client_crl_files: b.crl cannot be read"),
    (replace(SETTINGS, client_crl_files=("ca.pem",)), "client_crl_files: ca.pem holds no list"),
    (replace(SETTINGS, client_ca_file=""), "client_crl_files: there is no client_ca_file"),
    (replace(SETTINGS, client_ca_file="b.pem"), "client_ca_file: .*b.pem"),
]


async def test_a_file_or_store_that_cannot_be_used_keeps_the_gateway_from_starting(
    tmp_path: Path, store: Store
) -> None:
    async with AsyncExitStack() as stack:
        for settings, says in REFUSED:
            with pytest.raises(StartError, match=f"clausegate.toml, {says}"):
                await open_client_authorities(settings, tmp_path, store, stack)
        async with store.write() as connection:
            await connection.exec_driver_sql("ALTER TABLE clients RENAME TO gone")
        with pytest.raises(StartError, match="state store"):
            await open_client_authorities(SETTINGS, tmp_path, store, stack)
