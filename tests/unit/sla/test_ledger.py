"""What is rolled up with the log's tail, and the log alone, give the same facts and credits to the last digit."""

import asyncio
import random
import shutil
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from contracts.plan import Plans
from gateway.audit.faults import CorruptLogError
from gateway.audit.frames import leaf_hash
from gateway.audit.leaf import Authority, Entry, Opening, Pulse, Undelivered
from gateway.sla.facts import traffic_facts
from gateway.sla.ledger import Ledger, from_log, from_rollups
from gateway.sla.minutes import MINUTE_US
from gateway.sla.presence import Presence
from gateway.sla.rolling import Rolling
from gateway.sla.tally import Tally
from gateway.store.rollups import Rollups
from gateway.store.store import Store
from policies.settling.facts import Excluded, FactFault, Facts
from policies.settling.settled import Settled
from tests.unit.sla.hub import exchange
from tests.unit.sla.measured import NAME, POLICY, leaves, measured_plans, put, the_contract, the_plan, us
from tests.unit.sla.traffic import ACTIVATED_US, UNTIL_US, random_writers

NOW_US = us(2026, 5, 3, 10, 17)
MONTHS = [(us(2026, 2, 28, 23), us(2026, 3, 31, 22)), (us(2026, 3, 31, 22), us(2026, 4, 30, 22))]
MONTHS.append((us(2026, 4, 30, 22), us(2026, 5, 31, 22)))
"""March, April and May of 2026 in Berlin: clocks are put forward in March."""
WINDOWS = (
    Excluded(datetime(2026, 3, 20, 1, tzinfo=UTC), datetime(2026, 3, 25, 7, 13, tzinfo=UTC), "announced_maintenance"),
    Excluded(datetime(2026, 4, 2, tzinfo=UTC), datetime(2026, 4, 9, 2, tzinfo=UTC), "force_majeure"),
)
PLANS = measured_plans()


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store, for migrations take longer than these tests."""

    async def make(place: Path) -> None:
        await (await Store.open(f"sqlite:///{place}")).close()

    place = tmp_path_factory.mktemp("ledger") / "state.db"
    asyncio.run(make(place))
    return place


@pytest.fixture
async def store(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Store]:
    place = tmp_path_factory.mktemp("store") / "state.db"
    shutil.copy(migrated, place)
    opened = await Store.open(f"sqlite:///{place}")
    yield opened
    await opened.close()


def settled(ledger: Ledger, excluded: Sequence[Excluded] = WINDOWS) -> list[tuple[Facts, Settled]]:
    """Every clause over every month."""
    contract, found = the_contract(PLANS), []
    for promised in contract.promises:
        for from_us, until_us in MONTHS:
            facts = traffic_facts(
                ledger.tally.of(contract),
                ledger.presence,
                contract,
                promised,
                from_us=from_us,
                until_us=until_us,
                now_us=NOW_US,
                excluded=excluded,
            )
            assert facts is not None
            answer = promised.clause.settle(facts)
            assert not isinstance(answer, FactFault), (promised.ref.id, answer)
            found.append((facts, answer))
    return found


def rolling(store: Store, log: Path, plans: Plans = PLANS, *, hold_us: int = 0, now_us: int = UNTIL_US) -> Rolling:
    return Rolling(store, log, lambda: plans, now_us=lambda: now_us, hold_us=hold_us, step_bytes=1)


async def both(store: Store, log: Path) -> tuple[Ledger, Ledger]:
    return await from_rollups(store, log, PLANS), from_log(log, PLANS)


@pytest.mark.parametrize("seed", [*range(5), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(5, 60))])
async def test_rollups_and_the_log_alone_give_the_same_facts_and_credits(
    store: Store, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311  (the same traffic in every run)
    writers = random_writers(tmp_path, PLANS, chance, 200)
    for _ in range(chance.randint(1, 5)):
        for writer in chance.sample(writers, chance.randint(1, len(writers))):
            writer.flush(chance)
        for _ in range(chance.randint(0, 4)):
            await rolling(store, tmp_path, now_us=chance.randrange(us(2026, 3, 15), UNTIL_US)).step()
    for writer in writers:
        writer.flush_all()
    rolled, alone = await both(store, tmp_path)
    assert settled(rolled) == settled(alone)
    assert rolled.presence.days == alone.presence.days
    assert {name: (at.epoch, at.seq) for name, at in rolled.positions.items()} == {
        name: (at.epoch, at.seq) for name, at in alone.positions.items()
    }
    await rolling(store, tmp_path).catch_up()
    whole, _ = await both(store, tmp_path)
    assert whole.records == 0, "nothing of the log is left to be read"
    kept, account = await Rollups(store).state(), alone.tally.of(the_contract(PLANS))
    assert account is not None
    assert set(kept.agreements[NAME].called) == account.called
    assert all(not position.skipped for position in kept.positions), "whatever was taken back is done with"
    assert settled(whole) == settled(alone)


def credits_of(found: Iterable[tuple[Facts, Settled]]) -> set[str]:
    return {str(answer.credit) for _, answer in found}


def test_random_traffic_comes_to_credits_and_to_none(tmp_path: Path) -> None:
    """Otherwise the test above would compare nothing with nothing."""
    seen: set[str] = set()
    for seed in range(3):
        log = tmp_path / str(seed)
        for writer in random_writers(log, PLANS, random.Random(seed), 250):  # noqa: S311
            writer.flush_all()
        seen |= credits_of(settled(from_log(log, PLANS)))
    assert "0.00" in seen
    assert len(seen) >= 4


async def test_two_processes_that_roll_up_the_same_count_it_once(store: Store, tmp_path: Path) -> None:
    for writer in random_writers(tmp_path, PLANS, random.Random(5), 200):  # noqa: S311
        writer.flush_all()
    first, second = rolling(store, tmp_path), rolling(store, tmp_path)
    counted = second._count(PLANS, await second._rollups.state())
    assert counted.records
    assert await first.step()
    stale = await Rollups(store).state()
    assert not await Rollups(store).put(
        type(stale)(stale.generation - 1, stale.positions, stale.agreements, stale.presence), ()
    )
    await first.catch_up()
    rolled, alone = await both(store, tmp_path)
    assert settled(rolled) == settled(alone)


async def test_an_edited_promise_is_counted_anew(store: Store, tmp_path: Path) -> None:
    for writer in random_writers(tmp_path, PLANS, random.Random(6), 200):  # noqa: S311
        writer.flush_all()
    other = measured_plans(POLICY.replace("within: PT0.5S", "within: PT2S"))
    await rolling(store, tmp_path, other).catch_up()
    rolled, alone = await both(store, tmp_path)
    assert rolled.records == alone.records, "what was counted otherwise is no use"
    assert settled(rolled) == settled(alone)
    await rolling(store, tmp_path).catch_up()
    again, _ = await both(store, tmp_path)
    assert again.records == 0
    assert settled(again) == settled(alone)


async def test_records_that_may_still_be_taken_back_wait(store: Store, tmp_path: Path) -> None:
    for writer in random_writers(tmp_path, PLANS, random.Random(7), 100):  # noqa: S311
        writer.flush_all()
    await rolling(store, tmp_path, hold_us=UNTIL_US).catch_up()
    rolled, _ = await both(store, tmp_path)
    assert all(position.seq < 0 for position in (await Rollups(store).state()).positions)
    assert rolled.records >= 100


async def test_a_record_that_is_taken_back_after_it_was_rolled_up_is_counted_nowhere(
    store: Store, tmp_path: Path
) -> None:
    plan = the_plan(PLANS, "list")
    failed = [exchange(plan, ACTIVATED_US / 1e6 + number, status=502) for number in range(3)]
    activated = Authority(ACTIVATED_US, "agreement-activated", " ".join(NAME), "", "measured")
    kept = leaves("gw-1", [activated, *failed])
    put(tmp_path, "gw-1", 1, kept)
    await rolling(store, tmp_path).catch_up()
    whose = {"request_id": failed[1].request_id, "partner": "", "agreement": NAME[0], "version": NAME[1]}
    taken = Undelivered(time_us=ACTIVATED_US + 9_000_000, leaf=leaf_hash(kept[2]), retracted="exchange", **whose)
    put(tmp_path, "gw-1", 1, leaves("gw-1", [taken], len(kept)))
    assert settled((await both(store, tmp_path))[0]) == settled(from_log(tmp_path, PLANS))
    await rolling(store, tmp_path).catch_up()
    rolled, alone = await both(store, tmp_path)
    assert rolled.records == 0
    assert settled(rolled) == settled(alone)
    account = alone.tally.of(the_contract(PLANS))
    assert account is not None
    assert account.window(account.meters["5.1"], 0, 1 << 60) == (2, 0)


async def test_an_agreement_that_left_the_documents_and_came_back_is_counted_anew(store: Store, tmp_path: Path) -> None:
    for writer in random_writers(tmp_path, PLANS, random.Random(8), 100):  # noqa: S311
        writer.flush(random.Random(8))  # noqa: S311
    await rolling(store, tmp_path).catch_up()
    await rolling(store, tmp_path, Plans({}, {})).catch_up()
    for writer in random_writers(tmp_path / "more", PLANS, random.Random(9), 100):  # noqa: S311
        put(tmp_path, f"late-{writer.name}", 1, writer.leaves)
    await rolling(store, tmp_path, Plans({}, {})).catch_up()
    assert settled((await both(store, tmp_path))[0]) == settled(from_log(tmp_path, PLANS))
    await rolling(store, tmp_path).catch_up()
    rolled, alone = await both(store, tmp_path)
    assert rolled.records == 0
    assert settled(rolled) == settled(alone)


def test_progress_is_told_and_authority_heard_in_the_order_of_time(tmp_path: Path) -> None:
    for writer in random_writers(tmp_path, PLANS, random.Random(3), 200):  # noqa: S311
        writer.flush_all()
    told: list[tuple[int, int, int]] = []
    heard: list[Authority] = []
    ledger = from_log(tmp_path, PLANS, progress=lambda *done: told.append(done), hear=heard.append)
    size = sum(path.stat().st_size for path in tmp_path.rglob("*.seg"))
    assert told[-1] == (ledger.records, size, size)
    assert len(heard) > 1
    assert [entry.time_us for entry in heard] == sorted(entry.time_us for entry in heard)


def test_damage_in_the_middle_is_said_and_not_skipped(tmp_path: Path) -> None:
    writer = random_writers(tmp_path, PLANS, random.Random(3), 50)[0]  # noqa: S311
    writer.flush_all()
    (path,) = tmp_path.rglob("*.seg")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(CorruptLogError):
        from_log(tmp_path, PLANS)


def test_a_torn_end_is_left_for_later(tmp_path: Path) -> None:
    writer = random_writers(tmp_path, PLANS, random.Random(3), 50)[0]  # noqa: S311
    writer.flush_all()
    (path,) = tmp_path.rglob("*.seg")
    whole = from_log(tmp_path, PLANS).records
    path.write_bytes(path.read_bytes()[:-7])
    assert from_log(tmp_path, PLANS).records == whole - 1


def test_a_minute_in_which_only_commands_wrote_or_nothing_was_delivered_is_one_without_the_hub(tmp_path: Path) -> None:
    """Else a hub could shorten an outage by giving commands in it, and a hanging disk would be none."""
    minute = ACTIVATED_US // MINUTE_US * MINUTE_US
    hung = exchange(the_plan(PLANS, "list"), (minute + 2 * MINUTE_US) / 1e6, request_id="hung")
    served: list[Entry] = [Authority(minute, "agreement-activated", " ".join(NAME), "", "measured")]
    served += [Pulse(minute + MINUTE_US), hung]
    kept = leaves("gw-1", served)
    back = Undelivered(
        time_us=minute + 4 * MINUTE_US,
        request_id="hung",
        partner="measured",
        agreement=NAME[0],
        version=NAME[1],
        leaf=leaf_hash(kept[2]),
        retracted="exchange",
    )
    put(tmp_path, "gw-1", 1, [*kept, *leaves("gw-1", [back, Pulse(minute + 5 * MINUTE_US)], len(kept))])
    commands: list[Entry] = [Opening(minute + 3 * MINUTE_US, 0, -1, "", 0)]
    commands += [Authority(minute + after * MINUTE_US, "client-added", "app", "", "measured") for after in (2, 3, 4)]
    put(tmp_path, "admin", 1, leaves("admin", commands))
    ledger = from_log(tmp_path, PLANS)
    assert ledger.presence.missing(minute, minute + 6 * MINUTE_US) == [(minute + 2 * MINUTE_US, minute + 5 * MINUTE_US)]
    live = Presence()
    heard = Tally(PLANS, presence=live)
    for entry in (*served[:2], back, Pulse(minute + 5 * MINUTE_US), *commands):
        heard.hear(entry)
    assert live.days == ledger.presence.days
