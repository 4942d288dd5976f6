"""Appending: the chain, segments, and what happens when the disk does not do what it is told."""

import asyncio
import errno
import os
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import TypeAlias

import msgspec
import pytest

from gateway.audit.faults import LogFault
from gateway.audit.leaf import Entry, Receipt
from gateway.audit.reader import read_entries
from gateway.audit.verify import Report, verify_log
from gateway.audit.writer import Writer, WriterOptions
from tests.unit.audit.doubles import QUIET, Clock, FaultyDisk, an_authority, an_exchange, opened


def taken(result: Receipt | LogFault) -> Receipt:
    assert isinstance(result, Receipt), result
    return result


def refused(result: Receipt | LogFault, kind: str, detail: str = "") -> None:
    assert isinstance(result, LogFault), result
    assert result.kind == kind
    assert detail in result.detail


def seqs(log: Path) -> list[int]:
    report = verify_log(log)
    assert isinstance(report, Report), report
    return [located.leaf.at.seq for located in read_entries(log)]


def test_each_record_names_the_hash_of_the_one_before(tmp_path: Path) -> None:
    writer = opened(tmp_path)
    receipts = [taken(writer.append_written(an_exchange(number))) for number in range(3)]
    writer.close()
    records = list(read_entries(tmp_path))
    assert [record.leaf.at.seq for record in records] == [0, 1, 2, 3]
    assert [record.receipt() for record in records[1:]] == receipts
    assert [record.leaf.at.prev for record in records[2:]] == [receipt.leaf_hash for receipt in receipts[:2]]


async def test_a_record_is_taken_with_either_acknowledgement(tmp_path: Path) -> None:
    writer = opened(tmp_path)
    assert taken(await writer.append(an_exchange(), "write")).seq == 1
    assert writer.state.unsynced_bytes > 0
    assert taken(await writer.append(an_exchange(), "sync")).seq == 2
    assert writer.state.unsynced_bytes == 0
    writer.close()


def test_every_start_is_a_new_epoch_and_seq_goes_on(tmp_path: Path) -> None:
    for epoch in (1, 2, 3):
        writer = opened(tmp_path)
        receipt = taken(writer.append_written(an_authority()))
        assert (receipt.epoch, receipt.seq) == (epoch, 2 * epoch - 1)
        writer.close()
    assert seqs(tmp_path) == [0, 1, 2, 3, 4, 5]


def test_a_full_segment_is_made_durable_before_the_next_one_begins(tmp_path: Path) -> None:
    disk = FaultyDisk()
    writer = opened(tmp_path, disk=disk, options=msgspec.structs.replace(QUIET, segment_bytes=2000))
    for number in range(20):
        taken(writer.append_written(an_exchange(number)))
    assert writer.state.segment == 10
    paths = sorted((tmp_path / "gw-1").iterdir())
    assert [path.name for path in paths] == [f"{number:08d}.seg" for number in range(1, 11)]
    assert all(path.stat().st_size <= 2000 for path in paths)
    assert all(disk.durable_bytes[path] == path.stat().st_size for path in paths[:-1])
    writer.close()
    assert seqs(tmp_path) == list(range(30)), "each but the first begins with a record of counts"


def test_a_record_larger_than_a_segment_gets_one_of_its_own(tmp_path: Path) -> None:
    writer = opened(tmp_path, options=msgspec.structs.replace(QUIET, segment_bytes=10))
    taken(writer.append_written(an_authority()))
    taken(writer.append_written(an_authority()))
    writer.close()
    assert seqs(tmp_path) == [0, 1, 2, 3, 4]
    assert len(list(tmp_path.rglob("*.seg"))) == 3


def test_two_processes_cannot_write_one_log(tmp_path: Path) -> None:
    first = opened(tmp_path)
    refused_open = Writer.open(tmp_path, "gw-1", options=QUIET)
    assert refused_open == LogFault("locked", "gw-1: another process writes this log")
    opened(tmp_path, "gw-2").close()
    first.close()
    opened(tmp_path).close()


@pytest.mark.parametrize("name", ["", ".", "..", "../gw", "a/b", "GW", "gw 1", "-gw", "a" * 65, "gw\n"])
def test_a_name_that_is_no_folder_name_is_refused(tmp_path: Path, name: str) -> None:
    fault = Writer.open(tmp_path, name, options=QUIET)
    assert isinstance(fault, LogFault)
    assert fault.kind == "unusable"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "log").touch()
    fault = Writer.open(tmp_path / "log", "gw-1", options=QUIET)
    assert isinstance(fault, LogFault)
    assert fault.kind == "unusable"
    assert str(tmp_path) not in fault.detail


@pytest.mark.parametrize(
    ("entry", "kind"),
    [
        (an_exchange(route="x" * 66_000), "too-large"),
        (an_exchange(route="\ud800"), "unencodable"),
        (an_exchange(route=object()), "unencodable"),
    ],
)
def test_a_record_that_cannot_be_written_is_refused_and_the_next_one_is_not(
    tmp_path: Path, entry: Entry, kind: str
) -> None:
    writer = opened(tmp_path)
    refused(writer.append_written(entry), kind)
    assert taken(writer.append_written(an_exchange())).seq == 1
    writer.close()
    assert seqs(tmp_path) == [0, 1]


def test_the_largest_leaf_is_taken_and_read_back(tmp_path: Path) -> None:
    writer = opened(tmp_path)
    room = 65_535 - len(msgspec.json.encode(an_exchange(route=""))) - 200
    low, high = room, room + 400
    while high - low > 1:
        middle = (low + high) // 2
        if isinstance(writer.append_written(an_exchange(route="x" * middle)), LogFault):
            high = middle
        else:
            low = middle
    writer.close()
    assert max(len(record.raw) for record in read_entries(tmp_path)) in (65_534, 65_535)
    assert isinstance(verify_log(tmp_path), Report)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_a_failed_write_leaves_the_log_as_it_was_and_the_next_one_succeeds(tmp_path: Path, number: int) -> None:
    disk = FaultyDisk()
    writer = opened(tmp_path, disk=disk)
    taken(writer.append_written(an_exchange(1)))
    before = writer.state
    disk.fail("write", number)
    refused(writer.append_written(an_exchange(2)), "write-failed", errno.errorcode[number])
    # The blocks that were set aside went with what was cut off.
    assert msgspec.structs.replace(writer.state, preallocated=True) == before
    assert (tmp_path / "gw-1" / "00000001.seg").stat().st_size == before.size_bytes
    assert taken(writer.append_written(an_exchange(3))).seq == 2
    writer.close()
    assert seqs(tmp_path) == [0, 1, 2]


@pytest.mark.parametrize("size", [0, 1, 8, 300])
def test_a_short_write_leaves_the_log_as_it_was(tmp_path: Path, size: int) -> None:
    disk = FaultyDisk()
    writer = opened(tmp_path, disk=disk)
    disk.short(size)
    refused(writer.append_written(an_exchange(1)), "write-failed", f"{size} of")
    assert taken(writer.append_written(an_exchange(2))).seq == 1
    writer.close()
    assert seqs(tmp_path) == [0, 1]


async def test_a_failed_write_gives_no_durable_receipt_and_does_not_disturb_others(tmp_path: Path) -> None:
    disk = FaultyDisk()
    writer = opened(tmp_path, disk=disk)
    first = asyncio.ensure_future(writer.append_durable(an_exchange(1)))
    await asyncio.sleep(0)
    disk.fail("write", errno.ENOSPC)
    second = await writer.append_durable(an_exchange(2))
    refused(second, "write-failed")
    assert taken(await first).seq == 1
    writer.close()
    assert seqs(tmp_path) == [0, 1]


def test_a_failed_write_that_cannot_be_undone_stops_the_writer_and_the_next_start_repairs_it(tmp_path: Path) -> None:
    disk = FaultyDisk()
    writer = opened(tmp_path, disk=disk)
    disk.fail("write", errno.ENOSPC)
    disk.fail("truncate", errno.EIO)
    refused(writer.append_written(an_exchange()), "stopped", "write: ENOSPC, then truncate: EIO")
    refused(writer.append_written(an_exchange()), "stopped")
    assert writer.state.stopped is not None
    writer.close()
    again = opened(tmp_path)
    assert again.state.truncated_bytes > 0
    again.close()
    assert seqs(tmp_path) == [0, 1]


async def test_a_failed_fsync_stops_the_writer_for_good_and_acknowledges_nobody(tmp_path: Path) -> None:
    disk = FaultyDisk()
    writer = opened(tmp_path, disk=disk)
    disk.fail("fdatasync", errno.EIO)
    results = await asyncio.gather(*(writer.append_durable(an_exchange(number)) for number in range(5)))
    for result in results:
        refused(result, "stopped", "fdatasync: EIO")
    refused(writer.append_written(an_exchange()), "stopped", "fdatasync: EIO")
    refused(await writer.append_durable(an_exchange()), "stopped", "fdatasync: EIO")
    syncs = disk.syncs
    writer.close()
    assert disk.syncs == syncs, "an fsync that failed once is never asked again"


def test_a_failed_fsync_of_a_full_segment_stops_the_writer(tmp_path: Path) -> None:
    disk = FaultyDisk()
    writer = opened(tmp_path, disk=disk, options=msgspec.structs.replace(QUIET, segment_bytes=1200))
    taken(writer.append_written(an_exchange()))
    disk.fail("fdatasync", errno.EIO)
    refused(writer.append_written(an_exchange()), "stopped", "fdatasync: EIO")
    refused(writer.append_written(an_exchange()), "stopped")
    writer.close()


def test_a_next_segment_that_finds_no_space_is_tried_again(tmp_path: Path) -> None:
    disk = FaultyDisk()
    writer = opened(tmp_path, disk=disk, options=msgspec.structs.replace(QUIET, segment_bytes=800))
    disk.fail("open", errno.ENOSPC)
    refused(writer.append_written(an_exchange()), "disk-full", "00000002.seg: ENOSPC")
    assert taken(writer.append_written(an_exchange())).seq == 2
    writer.close()
    assert seqs(tmp_path) == [0, 1, 2]


def test_a_next_segment_that_somebody_else_made_stops_the_writer(tmp_path: Path) -> None:
    writer = opened(tmp_path, options=msgspec.structs.replace(QUIET, segment_bytes=800))
    (tmp_path / "gw-1" / "00000002.seg").touch()
    refused(writer.append_written(an_exchange()), "stopped", "00000002.seg exists already")
    writer.close()


def test_a_next_segment_whose_folder_cannot_be_synced_stops_the_writer(tmp_path: Path) -> None:
    disk = FaultyDisk()
    writer = opened(tmp_path, disk=disk, options=msgspec.structs.replace(QUIET, segment_bytes=800))
    disk.fail("fsync", errno.EIO)
    refused(writer.append_written(an_exchange()), "stopped", "00000002.seg: EIO")
    writer.close()


@pytest.mark.parametrize("call", ["open", "fsync", "fdatasync", "write", "stat", "statvfs", "read"])
def test_a_start_that_fails_releases_the_lock(tmp_path: Path, call: str) -> None:
    opened(tmp_path).close()
    disk = FaultyDisk()
    disk.fail(call, errno.EIO)
    fault = Writer.open(tmp_path, "gw-1", disk=disk, options=QUIET)
    assert isinstance(fault, LogFault), call
    assert "EIO" in fault.detail
    opened(tmp_path).close()
    assert isinstance(verify_log(tmp_path), Report)


def gone(path: Path) -> None:
    path.unlink()


def folder_gone(path: Path) -> None:
    path.parent.rename(path.parent.with_name("moved"))


def replaced(path: Path) -> None:
    data = path.read_bytes()
    path.rename(path.with_suffix(".old"))
    path.write_bytes(data)


def cut_short(path: Path) -> None:
    os.truncate(path, 10)


def added_to(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"not ours")


Change: TypeAlias = Callable[[Path], None]
CHANGES: list[tuple[Change, str]] = [
    (gone, "was deleted"),
    (folder_gone, "was deleted"),
    (replaced, "was replaced"),
    (cut_short, "was cut short"),
    (added_to, "was written to by somebody else"),
]


@pytest.mark.parametrize(("change", "detail"), CHANGES)
def test_a_file_changed_underneath_stops_the_first_append_after_a_pause(
    tmp_path: Path, change: Change, detail: str
) -> None:
    clock = Clock()
    writer = opened(tmp_path, monotonic_ns=clock)
    taken(writer.append_written(an_exchange()))
    change(tmp_path / "gw-1" / "00000001.seg")
    clock.advance_ms(QUIET.probe_ms)
    refused(writer.append_written(an_exchange()), "stopped", detail)
    refused(writer.append_written(an_exchange()), "stopped", detail)
    writer.close()


@pytest.mark.parametrize(("change", "detail"), CHANGES)
def test_a_file_changed_underneath_is_noticed_within_a_number_of_records(
    tmp_path: Path, change: Change, detail: str
) -> None:
    writer = opened(tmp_path, monotonic_ns=Clock(), options=msgspec.structs.replace(QUIET, probe_writes=10))
    change(tmp_path / "gw-1" / "00000001.seg")
    results = [writer.append_written(an_exchange()) for _ in range(11)]
    refused(results[-1], "stopped", detail)
    writer.close()


@pytest.mark.parametrize(("change", "detail"), CHANGES[:-1])
async def test_a_file_changed_underneath_gives_no_durable_receipt(tmp_path: Path, change: Change, detail: str) -> None:
    writer = opened(tmp_path, monotonic_ns=Clock())
    change(tmp_path / "gw-1" / "00000001.seg")
    refused(await writer.append_durable(an_exchange()), "stopped", detail)
    writer.close()


def test_space_is_kept_in_reserve_and_service_resumes_when_it_is_back(tmp_path: Path) -> None:
    disk, clock = FaultyDisk(), Clock()
    options = msgspec.structs.replace(QUIET, reserve_bytes=1000)
    writer = opened(tmp_path, disk=disk, monotonic_ns=clock, options=options)
    disk.free = 999
    clock.advance_ms(options.probe_ms)
    for _ in range(3):
        refused(writer.append_written(an_exchange()), "disk-full", "less than 1000 bytes free")
    disk.free = 1000
    assert taken(writer.append_written(an_exchange())).seq == 1
    writer.close()
    assert seqs(tmp_path) == [0, 1]


def test_a_disk_without_the_reserve_is_not_written_to_at_all(tmp_path: Path) -> None:
    disk = FaultyDisk()
    disk.free = 0
    fault = Writer.open(tmp_path, "gw-1", disk=disk, options=WriterOptions())
    assert isinstance(fault, LogFault)
    assert fault.kind == "disk-full"


def test_a_second_thread_may_not_append(tmp_path: Path) -> None:
    writer = opened(tmp_path)
    taken(writer.append_written(an_exchange()))
    raised: list[BaseException] = []

    def other() -> None:
        try:
            writer.append_written(an_exchange())
        except RuntimeError as error:
            raised.append(error)

    thread = Thread(target=other)
    thread.start()
    thread.join()
    assert len(raised) == 1
    writer.close()
    assert seqs(tmp_path) == [0, 1]


async def test_a_closed_writer_takes_nothing_and_may_be_closed_again(tmp_path: Path) -> None:
    writer = opened(tmp_path)
    taken(writer.append_written(an_exchange()))
    writer.close()
    assert writer.state.unsynced_bytes == 0
    writer.close()
    refused(writer.append_written(an_exchange()), "stopped", "closed")
    refused(await writer.append_durable(an_exchange()), "stopped", "closed")


def test_a_fault_names_no_recorded_value_and_no_folder(tmp_path: Path) -> None:
    disk = FaultyDisk()
    writer = opened(tmp_path, disk=disk)
    disk.fail("write", errno.ENOSPC)
    faults = [writer.append_written(an_exchange(partner="canary-1"))]
    faults.append(writer.append_written(an_exchange(partner="canary-\ud800")))
    writer.close()
    assert all(isinstance(fault, LogFault) for fault in faults)
    assert "canary" not in repr(faults)
    assert str(tmp_path) not in repr(faults)
