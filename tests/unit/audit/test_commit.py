"""Group commit: one sync at a time, shared by all who wrote before it began."""

import asyncio
from pathlib import Path
from threading import Event

import msgspec

from gateway.audit.commit import CommitOptions, GroupCommit
from gateway.audit.faults import LogFault
from gateway.audit.leaf import Receipt
from tests.unit.audit.doubles import QUIET, FaultyDisk, GatedDisk, an_exchange, opened

PATIENT = CommitOptions(flush_ms=3_600_000, timeout_ms=3_600_000)


async def test_those_who_arrive_during_a_sync_share_the_next_one(tmp_path: Path) -> None:
    disk = GatedDisk()
    writer = opened(tmp_path, disk=disk)
    before = disk.syncs
    disk.entered.clear()
    disk.gate.clear()
    first = asyncio.ensure_future(writer.append_durable(an_exchange()))
    await asyncio.to_thread(disk.entered.wait, 10)
    others = [asyncio.ensure_future(writer.append_durable(an_exchange(number))) for number in range(50)]
    await asyncio.sleep(0)
    assert writer.state.seq == 51, "all are written while the sync is in flight"
    assert not first.done()
    disk.gate.set()
    results = await asyncio.gather(first, *others)
    assert all(isinstance(result, Receipt) for result in results)
    assert disk.syncs - before == 2
    assert disk.at_once_max == 1
    writer.close()


async def test_those_who_are_ready_together_share_one_sync(tmp_path: Path) -> None:
    disk = FaultyDisk()
    writer = opened(tmp_path, disk=disk)
    before = disk.syncs
    await asyncio.gather(*(writer.append_durable(an_exchange(number)) for number in range(100)))
    assert disk.syncs - before == 1
    writer.close()


async def test_no_receipt_is_given_before_its_sync_returned(tmp_path: Path) -> None:
    disk = GatedDisk()
    writer = opened(tmp_path, disk=disk)
    disk.entered.clear()
    disk.gate.clear()
    waiting = asyncio.ensure_future(writer.append_durable(an_exchange()))
    await asyncio.to_thread(disk.entered.wait, 10)
    for _ in range(20):
        await asyncio.sleep(0)
    assert not waiting.done()
    disk.gate.set()
    assert isinstance(await waiting, Receipt)
    writer.close()


async def test_a_caller_that_goes_away_disturbs_nobody(tmp_path: Path) -> None:
    disk = GatedDisk()
    writer = opened(tmp_path, disk=disk)
    disk.entered.clear()
    disk.gate.clear()
    going, staying = (asyncio.ensure_future(writer.append_durable(an_exchange(number))) for number in range(2))
    await asyncio.to_thread(disk.entered.wait, 10)
    going.cancel()
    disk.gate.set()
    result = await staying
    assert isinstance(result, Receipt)
    assert result.seq == 2, "the record of the one that went away stands"
    assert isinstance(await writer.append_durable(an_exchange()), Receipt)
    writer.close()


async def test_closing_serves_those_who_still_wait(tmp_path: Path) -> None:
    writer = opened(tmp_path)
    waiting = [asyncio.ensure_future(writer.append_durable(an_exchange(number))) for number in range(3)]
    await asyncio.sleep(0)
    writer.close()
    assert all(isinstance(result, Receipt) for result in await asyncio.gather(*waiting))


async def test_a_fault_reaches_everyone_who_waits() -> None:
    fault = LogFault("stopped", "fdatasync: EIO")
    commit = GroupCommit(lambda: fault, "t", PATIENT)
    assert set(await asyncio.gather(commit.synced(), commit.synced())) == {fault}
    commit.close()


def test_what_was_only_written_is_synced_after_a_while() -> None:
    synced = Event()

    def sync() -> None:
        synced.set()

    commit = GroupCommit(sync, "t", CommitOptions(flush_ms=1, timeout_ms=1000))
    assert synced.wait(10)
    commit.close()


def test_many_bytes_that_were_only_written_are_synced_at_once(tmp_path: Path) -> None:
    disk = GatedDisk()
    options = msgspec.structs.replace(QUIET, flush_bytes=10_000, probe_writes=1)
    writer = opened(tmp_path, disk=disk, options=options)
    disk.entered.clear()
    for number in range(30):
        assert isinstance(writer.append_written(an_exchange(number)), Receipt)
    assert disk.entered.wait(10)
    writer.close()


def test_a_writer_serves_one_loop_after_another(tmp_path: Path) -> None:
    writer = opened(tmp_path)
    for _ in range(3):
        assert isinstance(asyncio.run(writer.append_durable(an_exchange())), Receipt)
    writer.close()
