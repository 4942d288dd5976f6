"""The state store on a real PostgreSQL: the same tables, the same answers, whoever starts first."""

import asyncio
from collections.abc import Iterator

import pyotp
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from argon2 import PasswordHasher
from sqlalchemy import Connection, select

from gateway.oauth.authority import open_authority
from gateway.oauth.clients import ClientFault, issue_token, new_key_pair
from gateway.oauth.keys import rotate_signing_keys
from gateway.people.guesses import MISSES_MAX
from gateway.people.totp import new_totp_secret
from gateway.store.accounts import Account, Accounts
from gateway.store.clients import Clients, ClientSecret
from gateway.store.revocations import Revocations
from gateway.store.schema import accounts as account_rows
from gateway.store.server_secrets import ServerSecrets
from gateway.store.signing_keys import SigningKeys
from gateway.store.store import Store
from gateway.store.tables import metadata
from tests.flows.postgres import PostgresUnavailable, running_postgres
from tests.unit.oauth.adding import add_client
from tests.unit.oauth.stage import ISSUER, NOW_S

NOW = int(NOW_S)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    try:
        with running_postgres() as address:
            yield address
    except PostgresUnavailable as error:
        pytest.skip(str(error))


async def test_nodes_that_start_at_once_agree_on_tables_secrets_and_keys(url: str) -> None:
    stores = await asyncio.gather(*(Store.open(url) for _ in range(4)))
    secrets = await asyncio.gather(*(ServerSecrets(store).obtain("pepper", NOW) for store in stores))
    assert len({secret.reveal() for secret in secrets}) == 1
    await asyncio.gather(*(open_authority(store, NOW_S) for store in stores))
    assert [key.state for key in await SigningKeys(stores[0]).all()] == ["active", "pending"]
    for store in stores:
        await store.close()


async def test_the_migrations_lead_to_exactly_the_tables_that_the_code_uses(url: str) -> None:
    def differences(connection: Connection) -> list[object]:
        options = {"version_table": "schema_version", "compare_type": True}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))

    store = await Store.open(url)
    async with store.read() as connection:
        assert await connection.run_sync(differences) == []
    await store.close()


async def test_clients_keys_and_accounts_live_there_as_in_a_file(url: str) -> None:
    store = await Store.open(url)
    added = await add_client(store, "swift-logistics", "app", "client_secret_basic", now_s=NOW)
    assert not isinstance(added, ClientFault)
    again = await add_client(store, "swift-logistics", "app", "client_secret_basic", now_s=NOW)
    assert isinstance(again, ClientFault)
    keys = new_key_pair().jwks
    assert not isinstance(await add_client(store, "bank", "bank-app", "private_key_jwt", keys, now_s=NOW), ClientFault)
    held = ClientSecret(b"d" * 32, NOW, None)
    assert await Clients(store).add_secret("app", held, NOW + 60)
    assert not await Clients(store).add_secret("app", held, NOW + 60)
    client = await Clients(store).find("app")
    assert client is not None
    assert [secret.expires_s is None for secret in client.secrets] == [True, False]
    assert await Clients(store).set_disabled("bank-app", True, NOW)
    assert await Clients(store).revocations() == {"bank-app": (True, NOW)}
    await rotate_signing_keys(store, NOW)
    revocations, announced = Revocations(store), list[str]()

    async def announce() -> None:
        announced.append("revoked")

    await asyncio.gather(*(revocations.revoke("t-1", "app", NOW + 300, NOW, announce) for _ in range(4)))
    assert announced == ["revoked"]
    assert (await revocations.is_revoked("t-1"), await revocations.live(NOW)) == (True, frozenset({"t-1"}))
    await revocations.revoke("t-2", "app", NOW + 900, NOW + 300, announce)
    assert (await revocations.is_revoked("t-1"), await revocations.live(NOW)) == (False, frozenset({"t-2"}))
    issued = await issue_token(store, "app", issuer=ISSUER, scopes_of=lambda _: frozenset({"a"}), now_s=NOW_S)
    assert not isinstance(issued, ClientFault)
    accounts = Accounts(store, now=lambda: NOW_S)
    await accounts.create("ana", "correct horse battery", "legal", "zh")
    assert await accounts.check("ana", "correct horse battery") == Account("ana", "legal", "zh", NOW)
    await store.close()


async def test_wrong_codes_are_counted_once_for_all_nodes_that_guess_at_once(url: str) -> None:
    password, hasher = "correct horse battery", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    stores = [await Store.open(url) for _ in range(2)]
    nodes = [Accounts(store, hasher=hasher, now=lambda: NOW_S) for store in stores]
    await nodes[0].create("bo", password, "legal", "zh")
    secret = new_totp_secret()
    await nodes[0].set_totp("bo", secret)
    tries = [nodes[number % 2].check("bo", password, "wrong") for number in range(MISSES_MAX + 4)]
    assert set(await asyncio.gather(*tries)) == {None}
    async with stores[0].read() as connection:
        row = (await connection.execute(select(account_rows).where(account_rows.c.username == "bo"))).one()
    assert row.code_misses == MISSES_MAX
    assert await nodes[1].check("bo", password, pyotp.TOTP(secret.reveal()).at(NOW)) is None
    for store in stores:
        await store.close()
