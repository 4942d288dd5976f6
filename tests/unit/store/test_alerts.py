"""Of alerts about the same there is one that is not resolved; each step of one is taken once."""

import asyncio

from msgspec import structs

from gateway.store.alerts import KeptAlert, KeptAlerts
from gateway.store.store import Store

NOW_US = 1_800_000_000_000_000
ALERT = KeptAlert(
    id="al-1",
    partner="swift",
    agreement="swift-2026",
    clause="5.1",
    rule="fast",
    severity="page",
    contract="ab" * 32,
    evidence='{"long":1}',
    raised_us=NOW_US,
)


def another(name: str, **changed: str) -> KeptAlert:
    return structs.replace(ALERT, id=name, **changed)


async def test_workers_that_raise_the_same_at_once_keep_one(store: Store) -> None:
    kept = KeptAlerts(store)
    done = await asyncio.gather(*(kept.keep(another(f"al-{number}")) for number in range(6)))
    assert sorted(done) == [False] * 5 + [True]
    assert len(await kept.open()) == 1
    assert await kept.keep(another("al-x", clause="5.2"))
    assert await kept.keep(another("al-y", rule="slow"))
    assert await kept.keep(another("al-z", agreement="another"))


async def test_once_it_is_resolved_there_may_be_another(store: Store) -> None:
    kept = KeptAlerts(store)
    assert await kept.keep(ALERT)
    assert await kept.claim_resolve("al-1", NOW_US)
    assert await kept.resolve("al-1", NOW_US + 1)
    assert not await kept.resolve("al-1", NOW_US + 2)
    assert await kept.keep(another("al-2"))
    assert {alert.id: alert.resolved_us for alert in await kept.all(10)} == {"al-1": NOW_US + 1, "al-2": None}
    assert len(await kept.all(1)) == 1
    assert await kept.find("al-3") is None


async def test_each_step_is_claimed_by_one_and_the_next_may_follow_at_once(store: Store) -> None:
    kept = KeptAlerts(store)
    await kept.keep(ALERT)
    assert await kept.untold() == ()
    claims = await asyncio.gather(*(kept.claim_record("al-1", NOW_US) for _ in range(5)))
    assert sorted(claims) == [False] * 4 + [True]
    assert not await kept.claim_acknowledge("al-1", NOW_US)
    assert await kept.recorded("al-1", NOW_US)
    (alert,) = await kept.untold()
    assert await kept.claim_tell(alert, NOW_US)
    assert await kept.tell(alert, NOW_US)
    assert not await kept.tell(alert, NOW_US)
    assert await kept.last_told_us(alert.about) == NOW_US
    assert await kept.last_told_us(("another", "5.1", "fast")) is None
    assert await kept.claim_acknowledge("al-1", NOW_US)
    assert await kept.acknowledge("al-1", NOW_US, "ops", "备注")
    assert not await kept.claim_acknowledge("al-1", NOW_US + 60_000_000)
    found = await kept.find("al-1")
    assert found is not None
    assert (found.state, found.acknowledged_by, found.note, found.told) == ("acknowledged", "ops", "备注", "raised")
    assert await kept.untold() == (found,)


async def test_what_could_not_be_done_may_be_tried_at_once(store: Store) -> None:
    kept = KeptAlerts(store)
    await kept.keep(ALERT)
    assert await kept.claim_record("al-1", NOW_US)
    assert not await kept.claim_record("al-1", NOW_US)
    await kept.disclaim("al-1")
    assert await kept.claim_record("al-1", NOW_US)
