"""Uses of credentials are noted at no cost, written down together, and lost neither by a fault nor at the end."""

import asyncio

from gateway.credentials.uses import Uses
from gateway.store.credential_uses import CredentialUses
from tests.unit.credentials.stage import NOW_S, Stage
from tests.unit.webhooks.receiver import eventually


async def last_used(kept: CredentialUses, client_id: str) -> dict[str, int]:
    return {credential: use.used_s for credential, use in (await kept.of(client_id)).items()}


async def test_the_last_use_of_each_credential_is_kept_and_an_earlier_one_does_not_undo_it(stage: Stage) -> None:
    kept = CredentialUses(stage.store)
    stage.uses.note("key-app", "key:k1")
    stage.now_s += 5
    stage.uses.note("key-app", "key:k1")
    stage.uses.note("secret-app", "secret:1")
    stage.uses.note("nobody", "key:k1")
    await stage.uses.flush()
    assert await last_used(kept, "key-app") == {"key:k1": NOW_S + 5}
    assert await last_used(kept, "secret-app") == {"secret:1": NOW_S + 5}
    other_node = Uses(stage.store, lambda: float(NOW_S))
    other_node.note("key-app", "key:k1")
    await other_node.flush()
    assert await last_used(kept, "key-app") == {"key:k1": NOW_S + 5}
    assert await kept.of("nobody") == {}


async def test_it_is_written_down_in_passing_and_at_the_end(stage: Stage) -> None:
    kept = CredentialUses(stage.store)
    stage.uses.start(0.001)
    stage.uses.note("key-app", "key:k1")

    async def written() -> bool:
        return bool(await kept.of("key-app"))

    await eventually(written)
    await stage.uses.close()
    stage.uses.note("key-app", "key:k2")
    await stage.uses.close()
    assert set(await kept.of("key-app")) == {"key:k1", "key:k2"}


async def test_while_the_store_cannot_be_written_uses_are_kept(stage: Stage) -> None:
    hidden = stage.folder / "hidden.db"
    file = stage.folder / "state.db"
    await stage.store.close()
    file.rename(hidden)
    file.mkdir()
    stage.uses.note("key-app", "key:k1")
    await stage.uses.flush()
    file.rmdir()
    hidden.rename(file)
    await asyncio.sleep(0)
    await stage.uses.flush()
    assert await last_used(CredentialUses(stage.store), "key-app") == {"key:k1": NOW_S}
