"""A report is seen once it is on the log, each step is taken by one process alone, and words are erased for good."""

import asyncio

from msgspec import structs

from gateway.store.corrections import STALE_US, Corrections, KeptCorrection, KeptStep, Sought
from gateway.store.store import Store

NOW_US = 1_800_000_000_000_000
NEW = KeptCorrection(
    id="c-1",
    partner="swift",
    agreement="swift-2026",
    version="1.0.0",
    contract="ab",
    clause="6.1",
    owed_by="hub",
    severity="minor",
    product="shipments",
    field="weight_kg",
    reported_by="swift-app",
    state="",
    reported_us=NOW_US,
    closed_us=None,
    steps=0,
    words='{"expected":"属实"}',
    pending="{}",
    pending_us=NOW_US,
)


def step(name: str = "c-1", number: int = 1, **more: object) -> KeptStep:
    first = {"action": "report", "time_us": NOW_US + number - 1, "taken_by": "ops", "words": "{}"}
    return KeptStep(correction=name, number=number, **{**first, **more})  # type: ignore[arg-type]


async def kept(corrections: Corrections, name: str = "c-1", **more: object) -> KeptCorrection:
    await corrections.announce(structs.replace(NEW, id=name, **more))
    assert await corrections.finish(step(name), "reported", None)
    found = await corrections.find(name)
    assert found is not None
    return found


async def test_a_report_is_not_seen_before_it_is_on_the_log(store: Store) -> None:
    corrections = Corrections(store)
    await corrections.announce(NEW)
    assert await corrections.find("c-1") is None
    assert await corrections.find_all(Sought()) == ()
    assert await corrections.histories("swift-2026", "6.1") == ()
    assert await corrections.count_open("swift", "hub") == 1
    assert await corrections.finish(step(), "reported", None)
    found = structs.replace(NEW, state="reported", steps=1, pending=None, pending_us=0)
    assert await corrections.find("c-1") == found
    assert await corrections.steps_of("c-1") == (step(),)
    assert not await corrections.finish(step(), "reported", None)


async def test_a_report_that_could_not_be_recorded_is_none_and_a_step_leaves_it_as_it_was(store: Store) -> None:
    corrections = Corrections(store)
    await corrections.announce(NEW)
    await corrections.abandon("c-1")
    assert await corrections.count_open("swift", "hub") == 0
    found = await kept(corrections)
    assert await corrections.begin(found, "{}", NOW_US)
    await corrections.abandon("c-1")
    assert await corrections.find("c-1") == found
    assert await corrections.begin(found, "{}", NOW_US)


async def test_of_many_reports_about_one_value_at_one_moment_one_is_kept(store: Store) -> None:
    two, words = (Corrections(store), Corrections(store)), '{"key":"SH-%s","salt":"%s"}'
    await asyncio.gather(*(two[0].find(str(number)) for number in range(8)))  # connections, so that they are at once
    for key in range(5):
        reports = [structs.replace(NEW, id=f"c-{key}-{each}", words=words % (key, each)) for each in range(8)]
        kept_ones = await asyncio.gather(*(two[number % 2].announce(each) for number, each in enumerate(reports)))
        assert sorted(kept_ones) == [False] * 7 + [True]
    assert await two[0].count_open("swift", "hub") == 5, "another record is another report"


async def test_a_report_is_not_reopened_beside_another_about_the_same_value_and_the_other_way_round(
    store: Store,
) -> None:
    corrections, words = Corrections(store), '{"key":"SH-1"}'
    first = await kept(corrections, words=words)
    assert await corrections.begin(first, "{}", NOW_US)
    assert await corrections.finish(step(number=2, action="fix"), "fixed", NOW_US + 1)
    closed = await corrections.find("c-1")
    assert closed is not None
    again = structs.replace(NEW, id="c-2", words=words)
    begun = list(await asyncio.gather(corrections.begin_reopening(closed, "{}", NOW_US), corrections.announce(again)))
    assert begun in ([True, False], [None, True])
    assert await corrections.announce(structs.replace(again, id="c-3")) is False


async def test_of_many_who_take_a_step_at_once_one_does(store: Store) -> None:
    corrections = Corrections(store)
    found = await kept(corrections)
    begun = await asyncio.gather(*(corrections.begin(found, str(number), NOW_US) for number in range(5)))
    assert sorted(begun) == [False] * 4 + [True]
    steps = await asyncio.gather(*(corrections.finish(step(number=2), "fixed", NOW_US) for _ in range(3)))
    assert sorted(steps) == [False, False, True]
    assert not await corrections.begin(found, "{}", NOW_US)  # as it was read, it is no more


async def test_a_step_that_nobody_will_finish_is_resumed_by_one(store: Store) -> None:
    corrections = Corrections(store)
    await corrections.begin(await kept(corrections), '{"action":"fix"}', NOW_US)
    assert await corrections.stale(NOW_US + STALE_US - 1) == ()
    (stale,) = await corrections.stale(NOW_US + STALE_US)
    assert stale.pending == '{"action":"fix"}'
    mine = await asyncio.gather(*(corrections.resume(stale, NOW_US + STALE_US) for _ in range(4)))
    assert sorted(mine) == [False] * 3 + [True]
    assert await corrections.stale(NOW_US + STALE_US) == ()


async def test_reports_come_in_pages_the_latest_first(store: Store) -> None:
    corrections = Corrections(store)
    for name, more_us in (("c-1", 0), ("c-2", 5), ("c-3", 5), ("c-4", 9)):
        partner = "rapid" if name == "c-4" else "swift"
        await kept(corrections, name, reported_us=NOW_US + more_us, partner=partner, field=f"of_{name[2:]}")
    await corrections.finish(step("c-2", 2), "rejected", NOW_US)

    async def names(sought: Sought) -> list[str]:
        return [each.id for each in await corrections.find_all(sought)]

    assert await names(Sought()) == ["c-4", "c-3", "c-2", "c-1"]
    assert await names(Sought("swift", limit=2)) == ["c-3", "c-2"]
    assert await names(Sought("swift", before=(NOW_US + 5, "c-2"))) == ["c-1"]
    assert await names(Sought("swift", "open")) == ["c-3", "c-1"]
    assert await names(Sought(state="rejected")) == ["c-2"]


async def test_only_what_was_closed_before_is_erased(store: Store) -> None:
    corrections = Corrections(store)
    for name, closed_us in (("c-1", NOW_US), ("c-2", NOW_US + 1), ("c-3", None)):
        await kept(corrections, name)
        await corrections.finish(step(name, 2), "fixed", closed_us)
    assert await corrections.erase_words(NOW_US + 1) == 1
    assert await corrections.erase_words(NOW_US + 1) == 0
    found = {each.id: each.words for each in await corrections.find_all(Sought())}
    assert found == {"c-1": "", "c-2": NEW.words, "c-3": NEW.words}
    assert [each.words for each in await corrections.steps_of("c-1")] == ["", ""]
    assert [each.words for each in await corrections.steps_of("c-2")] == ["{}", "{}"]
