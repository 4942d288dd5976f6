"""A finding is one however often it is found, takes later evidence until it is judged, and is judged once."""

import asyncio

from msgspec import structs

from gateway.store.findings import Findings, ImposedMeasure, KeptFinding, Measures
from gateway.store.store import Store

NOW_US = 1_800_000_000_000_000
FOUND = KeptFinding(
    id="f1",
    partner="swift",
    agreement="swift-2026",
    resource="shipments",
    detector="sequential-keys",
    json='{"evidence":1}',
    updated_us=NOW_US,
)
MEASURE = ImposedMeasure(
    id="m-1",
    finding="f1",
    partner="swift",
    agreement="swift-2026",
    clause="9.1",
    product="shipments",
    from_us=NOW_US,
    until_us=NOW_US + 3_600_000_000,
    reason="copied the base — 属实",
)


def later(by_us: int, **more: str) -> KeptFinding:
    return structs.replace(FOUND, updated_us=NOW_US + by_us, **more)


async def test_the_latest_evidence_is_kept_and_none_that_is_older(store: Store) -> None:
    findings = Findings(store)
    await findings.keep(FOUND)
    await findings.keep(later(9, json='{"evidence":9}'))
    await findings.keep(later(5, json='{"evidence":5}'))
    assert await findings.all() == (later(9, json='{"evidence":9}'),)
    assert await findings.find("f2") is None


async def test_workers_that_find_the_same_at_once_keep_one(store: Store) -> None:
    findings = Findings(store)
    await asyncio.gather(*(findings.keep(later(number)) for number in range(6)))
    assert await findings.all() == (later(5),)


async def test_it_is_reported_once_with_the_evidence_of_that_moment(store: Store) -> None:
    findings = Findings(store)
    await findings.keep(FOUND)
    assert await findings.unreported() == (FOUND,)
    claims = await asyncio.gather(*(findings.claim_report("f1", NOW_US) for _ in range(5)))
    assert sorted(claims) == [False] * 4 + [True]
    assert await findings.report("f1", FOUND.json)
    assert not await findings.report("f1", "another")
    await findings.keep(later(1, json='{"evidence":2}'))
    assert await findings.unreported() == ()
    found = await findings.find("f1")
    assert found is not None
    assert (found.reported, found.json) == (FOUND.json, '{"evidence":2}')


async def test_one_that_is_judged_stays_as_it_was_seen(store: Store) -> None:
    findings = Findings(store)
    await findings.keep(FOUND)
    assert await findings.judge("f1", "dismissed", "a test of theirs", FOUND.json)
    assert not await findings.judge("f1", "confirmed", "no, it was none", FOUND.json)
    await findings.keep(later(1, json='{"evidence":2}'))
    found = await findings.find("f1")
    assert found == structs.replace(FOUND, state="dismissed", reason="a test of theirs")


async def test_open_ones_come_first_then_the_latest(store: Store) -> None:
    findings = Findings(store)
    for number in range(4):
        await findings.keep(later(number, id=f"f{number}"))
    await findings.judge("f3", "dismissed", "none", FOUND.json)
    assert [found.id for found in await findings.all()] == ["f2", "f1", "f0", "f3"]


async def test_a_measure_confirms_its_finding_in_the_same_step(store: Store) -> None:
    findings, measures = Findings(store), Measures(store)
    await findings.keep(FOUND)
    assert await measures.impose(MEASURE, '{"evidence":1}')
    found = await findings.find("f1")
    assert found is not None
    assert (found.state, found.reason) == ("confirmed", MEASURE.reason)
    assert await measures.unended() == await measures.of_finding("f1") == (MEASURE,)
    assert not await measures.impose(structs.replace(MEASURE, id="m-2"), "{}")
    assert await measures.find("m-2") is None


async def test_a_measure_ends_once_and_says_why(store: Store) -> None:
    findings, measures = Findings(store), Measures(store)
    await findings.keep(FOUND)
    await measures.impose(MEASURE, FOUND.json)
    claims = await asyncio.gather(*(measures.claim_end("m-1", NOW_US) for _ in range(5)))
    assert sorted(claims) == [False] * 4 + [True]
    assert await measures.end("m-1", NOW_US + 7, "they stopped")
    assert not await measures.end("m-1", NOW_US + 8)
    assert await measures.unended() == ()
    lifted = await measures.find("m-1")
    assert lifted == structs.replace(MEASURE, ended_us=NOW_US + 7, lift_reason="they stopped")
    assert not lifted.in_force(NOW_US + 8)


def test_a_measure_is_in_force_until_its_time_and_not_at_it() -> None:
    moments = (NOW_US, MEASURE.until_us - 1, MEASURE.until_us)
    assert [MEASURE.in_force(moment) for moment in moments] == [True, True, False]
