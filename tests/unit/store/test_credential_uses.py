"""What is registered nowhere is remembered by its uses, until it ends and of each client a few; over both databases."""

from itertools import product
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from hypothesis import given, settings
from hypothesis import strategies as some
from sqlalchemy import create_engine, insert, text

from gateway.store import migrations
from gateway.store.clients import Client, Clients, RegisteredCertificate
from gateway.store.credential_uses import SEEN_MAX, CredentialUses, Kept, Use, beyond
from gateway.store.expiries import Expiries, Held
from gateway.store.store import Store
from gateway.store.tables_identity import expiries_told

NOW_S = 1_800_000_000


@pytest.fixture
async def uses(store: Store) -> CredentialUses:
    registered = (RegisteredCertificate("r1", "pem", NOW_S - 1, NOW_S),)
    made = (
        Client("tls", "swift", "tls_client_auth", 0, False, 0, tls_subject_kind="dn", tls_subject="CN=a"),
        Client("url", "swift", "private_key_jwt", 0, False, 0, jwks_url="https://a.example"),
        Client("own", "swift", "self_signed_tls_client_auth", 0, False, 0, certificates=registered),
    )
    for client in made:
        assert await Clients(store).add(client)
    return CredentialUses(store)


async def test_the_latest_use_says_until_when_and_the_first_since_when(uses: CredentialUses) -> None:
    await uses.mark({("url", "key:a"): Use(NOW_S, None, NOW_S + 9), ("tls", "certificate:t"): Use(NOW_S, 5, NOW_S + 9)})
    await uses.mark({("url", "key:a"): Use(NOW_S + 1, None, NOW_S + 20)})
    await uses.mark({("url", "key:a"): Use(NOW_S - 1, None, None)})
    assert await uses.of("url") == {"key:a": Use(NOW_S + 1, NOW_S, NOW_S + 20)}
    assert await uses.of("tls") == {"certificate:t": Use(NOW_S, 5, NOW_S + 9)}


async def test_what_has_ended_is_dropped_with_what_was_told_of_it(store: Store, uses: CredentialUses) -> None:
    await uses.mark(
        {
            ("tls", "certificate:old"): Use(NOW_S - 9, 0, NOW_S),
            ("tls", "certificate:new"): Use(NOW_S - 9, 0, NOW_S + 1),
            ("tls", "key:old"): Use(NOW_S - 9, 0, NOW_S),  # to sign with: registered by value
            ("url", "key:old"): Use(NOW_S - 9, 0, NOW_S),
            ("own", "certificate:r1"): Use(NOW_S - 9, 0, NOW_S),
        }
    )
    async with store.write() as connection:
        told_of = (("tls", "certificate:old"), ("tls", "certificate:new"), ("own", "certificate:r1"))
        for client_id, credential in told_of:
            row = {"client_id": client_id, "credential": credential, "days": 1, "told_us": 1}
            await connection.execute(insert(expiries_told).values(row))
    await uses.sweep(NOW_S)
    assert {name: set(await uses.of(name)) for name in ("tls", "url", "own")} == {
        "tls": {"certificate:new", "key:old"},
        "url": set(),
        "own": {"certificate:r1"},
    }
    told = Expiries(store).told
    assert [await told("tls", "certificate:old"), await told("tls", "certificate:new")] == [frozenset(), {1}]
    assert await told("own", "certificate:r1") == {1}


async def test_of_each_client_the_latest_few_are_kept(uses: CredentialUses) -> None:
    seen = range(SEEN_MAX + 3)
    await uses.mark({("url", f"key:{each}"): Use(NOW_S + each) for each in seen})
    await uses.mark({("own", f"certificate:{each}"): Use(NOW_S + each) for each in seen})
    await uses.sweep(NOW_S)
    assert set(await uses.of("url")) == {f"key:{each}" for each in seen[3:]}
    assert len(await uses.of("own")) == len(seen), "those are no more than could be registered"


async def test_seen_is_what_ends_by_itself_and_of_keys_what_was_used_within_thirty_days(
    store: Store, uses: CredentialUses
) -> None:
    day_s = 86_400
    await uses.mark(
        {
            ("tls", "certificate:t"): Use(NOW_S - 200 * day_s, 5, NOW_S + 9),
            ("url", "key:of:old"): Use(NOW_S - 30 * day_s, None, NOW_S + 9),
            ("url", "key:of:late"): Use(NOW_S - 30 * day_s + 1, None, NOW_S + 9),
            ("url", "key:for-ever"): Use(NOW_S),
            ("own", "certificate:r1"): Use(NOW_S, None, NOW_S + 9),
        }
    )
    used_s = NOW_S - 30 * day_s + 1
    assert set(await Expiries(store).seen(NOW_S)) == {
        Held("tls", "swift", "certificate", "t", NOW_S - 200 * day_s, NOW_S + 9, 5),
        Held("url", "swift", "key", "of:late", used_s, NOW_S + 9, used_s),
    }
    await Clients(store).set_disabled("tls", True, NOW_S)
    assert [each.client_id for each in await Expiries(store).seen(NOW_S)] == ["url"]


async def test_what_was_kept_before_ends_were_noted_is_kept_on(tmp_path: Path) -> None:
    file = f"sqlite:///{tmp_path}/state.db"
    engine = create_engine(file)
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(Path(migrations.__file__).parent))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.upgrade(config, "0012")
        connection.execute(text("INSERT INTO clients VALUES ('a', 'p', 'tls_client_auth', 0, false, 0, '', '', '')"))
        connection.execute(text("INSERT INTO credential_uses VALUES ('a', 'certificate:t', 7)"))
        connection.execute(text("INSERT INTO expiries_told VALUES ('a', 'certificate:t', 30, 5)"))
    engine.dispose()
    store = await Store.open(file)
    assert await CredentialUses(store).of("a") == {"certificate:t": Use(7)}
    assert await Expiries(store).told("a", "certificate:t") == {30}
    assert await Expiries(store).claim(Held("hub", "hub", "server-certificate", "t", 0, 9), 1, 5), "it is no client's"
    assert not await Expiries(store).claim(Held("a", "p", "certificate", "t", 0, 9), 30, 6), "it was told"
    await store.close()


_FOUND = some.tuples(
    some.sampled_from("ab"),
    some.sampled_from(["key", "certificate"]),
    some.integers(0, 9),
    some.none() | some.integers(0, 9),
)


@settings(max_examples=60)
@given(some.lists(_FOUND, max_size=40))
def test_what_is_dropped_has_ended_or_is_older_than_eight_of_its_kind_that_have_not(
    found: list[tuple[str, str, int, int | None]],
) -> None:
    kept = [
        Kept(client, f"{kind}:{number}", used_s, ends_s) for number, (client, kind, used_s, ends_s) in enumerate(found)
    ]
    kept.sort(key=lambda each: (each.client_id, -each.used_s))
    dropped = list(beyond(kept, 5))
    for client, kind in product("ab", ("key", "certificate")):
        mine = [each for each in kept if each.client_id == client and each.credential.startswith(kind)]
        live = [each for each in mine if each.ends_s is None or each.ends_s > 5]
        assert [each for each in mine if each not in dropped] == live[:SEEN_MAX]
