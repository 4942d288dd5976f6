"""What a client holds changes within bounds, also when two change it at once; over both databases."""

import asyncio

import pytest
from msgspec.structs import replace
from sqlalchemy import delete, select

from gateway.store.client_credentials import ClientCredentials
from gateway.store.clients import (
    CERTIFICATES_MAX,
    KEYS_MAX,
    Client,
    ClientKey,
    Clients,
    ClientSecret,
    RegisteredCertificate,
)
from gateway.store.credential_uses import CredentialUses, Use
from gateway.store.schema import client_keys, clients
from gateway.store.store import Store

NOW_S = 1_800_000_000
CERTIFICATE = RegisteredCertificate("t1", "pem", NOW_S + 1_000, NOW_S)


def key(kid: str, expires_s: int | None = None) -> ClientKey:
    return ClientKey(kid, "ES256", "{}", expires_s)


@pytest.fixture
async def held(store: Store) -> ClientCredentials:
    client = Client(
        "app",
        "swift",
        "private_key_jwt",
        NOW_S,
        False,
        0,
        jwks_url="https://a.example",
        keys=(key("k1"), key("gone", NOW_S)),
        secrets=(ClientSecret(b"d" * 32, NOW_S, None),),
        certificates=(CERTIFICATE,),
    )
    assert await Clients(store).add(client)
    return ClientCredentials(store)


async def found(store: Store) -> Client:
    client = await Clients(store).find("app")
    assert client is not None
    return client


async def test_a_new_key_lets_the_others_end_and_what_has_ended_is_removed(
    store: Store, held: ClientCredentials
) -> None:
    assert await held.add_keys("app", [key("k2")], NOW_S, NOW_S + 60) == "done"
    assert await held.add_keys("app", [key("k3")], NOW_S, NOW_S + 600) == "done"
    client = await found(store)
    ends = {each.kid: each.expires_s for each in client.keys}
    assert ends == {"k1": NOW_S + 60, "k2": NOW_S + 600, "k3": None}
    assert client.jwks_url == ""
    assert await held.keys_created_s("app") == dict.fromkeys(("k1", "k2", "k3"), NOW_S)


async def test_a_key_of_a_known_name_or_one_too_many_changes_nothing(store: Store, held: ClientCredentials) -> None:
    assert await held.add_keys("app", [key("k2"), key("k1")], NOW_S, NOW_S + 60) == "known"
    assert await held.add_keys("app", [key(f"n{each}") for each in range(KEYS_MAX)], NOW_S, NOW_S) == "too-many"
    assert {each.kid: each.expires_s for each in (await found(store)).keys} == {"k1": None}


async def test_a_key_of_an_old_name_was_never_used(store: Store, held: ClientCredentials) -> None:
    uses = CredentialUses(store)
    await uses.mark(dict.fromkeys((("app", "key:k1"), ("app", "key:gone")), Use(NOW_S)))
    assert await held.add_keys("app", [key("gone")], NOW_S) == "done"
    assert {name: use.used_s for name, use in (await uses.of("app")).items()} == {"key:k1": NOW_S}


@pytest.mark.usefixtures("held")
async def test_of_secrets_that_are_added_at_one_moment_no_more_than_two_are_live(store: Store) -> None:
    clients, made = Clients(store), [ClientSecret(bytes([each]) * 32, NOW_S, None) for each in range(6)]
    await asyncio.gather(*(clients.find("app") for _ in made))  # connections, so that they are at once
    added = await asyncio.gather(*(clients.add_secret("app", each, NOW_S + 60) for each in made))
    assert sorted(added) == [False] * 5 + [True]
    assert len((await found(store)).secrets) == 2


async def test_the_last_one_that_works_stays(store: Store, held: ClientCredentials) -> None:
    assert await held.remove_key("app", "k1", NOW_S) == "last"
    assert await held.remove_key("app", "gone", NOW_S) == "done"
    assert await held.remove_key("app", "gone", NOW_S) == "absent"
    assert await held.remove_certificate("app", "t1", NOW_S) == "last"
    assert await held.remove_secret("app", NOW_S, NOW_S) == "last"
    assert await held.remove_key("app", "k1", NOW_S, needed=False) == "done"
    assert (await found(store)).keys == ()


async def test_of_two_that_remove_the_last_two_at_once_one_is_refused(store: Store, held: ClientCredentials) -> None:
    assert await held.add_keys("app", [key("k2")], NOW_S) == "done"
    async with store.write() as connection:
        mine = select(clients.c.client_id).where(clients.c.client_id == "app").with_for_update()
        await connection.execute(mine)
        await connection.execute(delete(client_keys).where(client_keys.c.kid == "k1"))
        other = asyncio.create_task(held.remove_key("app", "k2", NOW_S))
        await asyncio.wait({other}, timeout=0.3)  # one that did not wait for us would be done
        assert not other.done()
    assert await other == "last"


async def test_certificates_are_added_and_end_sooner_but_never_later(store: Store, held: ClientCredentials) -> None:
    new = replace(CERTIFICATE, thumbprint="t2", not_after_s=NOW_S + 9_000)
    assert await held.add_certificate("app", new, NOW_S, NOW_S + 5_000) == "done"
    assert await held.add_certificate("app", new, NOW_S) == "known"
    ends = {each.thumbprint: each.not_after_s for each in (await found(store)).certificates}
    assert ends == {"t1": NOW_S + 1_000, "t2": NOW_S + 9_000}
    for number in range(3, CERTIFICATES_MAX + 1):
        assert await held.add_certificate("app", replace(new, thumbprint=f"t{number}"), NOW_S) == "done"
    assert await held.add_certificate("app", replace(new, thumbprint="t99"), NOW_S) == "too-many"
    assert await held.add_certificate("app", replace(new, thumbprint="t99"), NOW_S + 1_000) == "done"


async def test_keys_at_a_url_take_the_place_of_those_by_value(store: Store, held: ClientCredentials) -> None:
    assert await held.publish_at("app", "https://b.example") == "done"
    client = await found(store)
    assert (client.jwks_url, client.keys) == ("https://b.example", ())
    assert await held.publish_at("nobody", "https://b.example") == "absent"
