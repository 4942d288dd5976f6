"""Of what is held, whoever claims first tells it, once; over both databases."""

import pytest

from gateway.store.claims import CLAIM_S
from gateway.store.clients import Client, ClientKey, Clients, ClientSecret, RegisteredCertificate
from gateway.store.expiries import Expiries, Held
from gateway.store.store import Store

NOW_S = 1_800_000_000
NOW_US = NOW_S * 1_000_000


@pytest.fixture
async def expiries(store: Store) -> Expiries:
    client = Client(
        "app",
        "swift",
        "private_key_jwt",
        NOW_S,
        False,
        0,
        keys=(ClientKey("k1", "ES256", "{}", NOW_S + 9),),
        secrets=(ClientSecret(b"d" * 32, NOW_S, None),),
        certificates=(RegisteredCertificate("t1", "pem", NOW_S + 8, NOW_S),),
    )
    assert await Clients(store).add(client)
    return Expiries(store)


async def test_all_that_is_held_is_found_but_for_disabled_clients(store: Store, expiries: Expiries) -> None:
    assert set(await expiries.held()) == {
        Held("app", "swift", "key", "k1", NOW_S, NOW_S + 9),
        Held("app", "swift", "certificate", "t1", NOW_S, NOW_S + 8),
        Held("app", "swift", "secret", str(NOW_S), NOW_S, None),
    }
    await Clients(store).set_disabled("app", True, NOW_S)
    assert await expiries.held() == ()


async def test_a_claim_is_one_persons_until_it_runs_out_and_what_was_told_is_told(expiries: Expiries) -> None:
    held = Held("app", "swift", "key", "k1", NOW_S, NOW_S + 9)
    later_us = NOW_US + CLAIM_S * 1_000_000
    assert [await expiries.claim(held, 7, NOW_US), await expiries.claim(held, 7, later_us - 1)] == [True, False]
    assert await expiries.claim(held, 1, NOW_US)
    assert await expiries.claim(held, 7, later_us)
    assert await expiries.told("app", "key:k1") == frozenset()
    assert [await expiries.tell(held, 7, {}, later_us), await expiries.tell(held, 7, {}, later_us)] == [True, False]
    assert await expiries.told("app", "key:k1") == {7}
    assert not await expiries.claim(held, 7, later_us * 2)
    await expiries.disclaim(held, 7)
    assert await expiries.told("app", "key:k1") == {7}
    await expiries.disclaim(held, 1)
    assert await expiries.claim(held, 1, NOW_US)
