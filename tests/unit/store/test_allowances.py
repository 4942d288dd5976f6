"""An allowance is what was granted until it ends; of those who notice that, one records it."""

import asyncio

from msgspec import structs

from gateway.store.allowances import Allowances, GrantedAllowance
from gateway.store.claims import CLAIM_S
from gateway.store.store import Store

NOW_US = 1_800_000_000_000_000
HOUR_US = 3_600_000_000
GRANTED = GrantedAllowance(
    id="a-1",
    partner="swift",
    agreement="swift-2026",
    clause="4.1",
    extra=10**15,
    granted_us=NOW_US,
    until_us=NOW_US + HOUR_US,
    reason="a campaign — 双十一",
    granted_by="ops",
)


async def test_what_was_granted_is_read_as_it_was_granted(store: Store) -> None:
    allowances = Allowances(store)
    assert await allowances.unended() == ()
    await allowances.add(GRANTED)
    later = structs.replace(GRANTED, id="a-0", granted_us=NOW_US + 1)
    await allowances.add(later)
    assert await allowances.unended() == (GRANTED, later)
    assert await allowances.find("a-1") == GRANTED
    assert await allowances.find("a-2") is None


async def test_it_is_in_force_until_its_time_and_not_at_it(store: Store) -> None:
    await Allowances(store).add(GRANTED)
    (found,) = await Allowances(store).unended()
    moments = (NOW_US, found.until_us - 1, found.until_us)
    assert [found.in_force(moment) for moment in moments] == [True, True, False]


async def test_one_that_has_ended_is_no_longer_in_force(store: Store) -> None:
    allowances = Allowances(store)
    await allowances.add(GRANTED)
    assert await allowances.end("a-1", NOW_US + 5)
    assert not await allowances.end("a-1", NOW_US + 9)
    assert await allowances.unended() == ()
    ended = await allowances.find("a-1")
    assert ended == structs.replace(GRANTED, ended_us=NOW_US + 5)
    assert not ended.in_force(NOW_US + 6)


async def test_of_many_who_notice_the_end_one_records_it(store: Store) -> None:
    allowances = Allowances(store)
    await allowances.add(GRANTED)
    claims = await asyncio.gather(*(allowances.claim_end("a-1", GRANTED.until_us) for _ in range(8)))
    assert sorted(claims) == [False] * 7 + [True]


async def test_a_claim_that_nobody_follows_up_is_free_again_after_a_while(store: Store) -> None:
    allowances, at_us = Allowances(store), GRANTED.until_us
    await allowances.add(GRANTED)
    assert await allowances.claim_end("a-1", at_us)
    assert not await allowances.claim_end("a-1", at_us + CLAIM_S * 1_000_000 - 1)
    assert await allowances.claim_end("a-1", at_us + CLAIM_S * 1_000_000)
    await allowances.disclaim("a-1")
    assert await allowances.claim_end("a-1", at_us + CLAIM_S * 1_000_000 + 1)


async def test_what_has_ended_cannot_be_claimed(store: Store) -> None:
    allowances = Allowances(store)
    await allowances.add(GRANTED)
    await allowances.end("a-1", NOW_US)
    assert not await allowances.claim_end("a-1", GRANTED.until_us + HOUR_US)
    assert not await allowances.claim_end("a-2", GRANTED.until_us)
