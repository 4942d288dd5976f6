"""What a writer finds when it starts: a torn tail is cut off and said, damage in front of whole records halts."""

import errno
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from gateway.audit.chain import GENESIS
from gateway.audit.counters import partner_of
from gateway.audit.disk import LocalDisk
from gateway.audit.faults import LogFault
from gateway.audit.frames import frame, frames, leaf_hash
from gateway.audit.leaf import Counters, Entry, Leaf, Opening, Place, Receipt, decode, encode
from gateway.audit.reader import read_entries
from gateway.audit.recovery import Recovered, recover
from gateway.audit.verify import Report, verify_log
from gateway.audit.writer import Writer, WriterOptions
from tests.unit.audit.doubles import QUIET, FaultyDisk, an_authority, an_exchange, opened


def a_log(log: Path, records: int = 3, segment_bytes: int = QUIET.segment_bytes) -> list[Receipt]:
    """A log of one epoch with an Opening and `records` records; their receipts."""
    writer = opened(log, disk=FaultyDisk(pretend_sync=True), options=small(segment_bytes))
    receipts = [writer.append_written(an_authority(number)) for number in range(records)]
    writer.close()
    assert not any(isinstance(receipt, LogFault) for receipt in receipts)
    return [receipt for receipt in receipts if isinstance(receipt, Receipt)]


def small(segment_bytes: int) -> WriterOptions:
    return msgspec.structs.replace(QUIET, segment_bytes=segment_bytes)


def last_frame(segment: Path) -> int:
    """Where the last frame of a segment starts."""
    return list(frames(segment.read_bytes()))[-1][0]


def segment(log: Path, number: int = 1) -> Path:
    return log / "gw-1" / f"{number:08d}.seg"


def reopened(log: Path, truncated_bytes: int, seq: int, leaf_hash: str) -> None:
    """Open, append, verify: the new epoch's Opening names the last whole record and what was cut off."""
    writer = opened(log, disk=FaultyDisk(pretend_sync=True))
    state = writer.state
    assert isinstance(writer.append_written(an_authority(99)), Receipt)
    writer.close()
    assert (state.truncated_bytes, state.epoch, state.seq) == (truncated_bytes, 2, seq + 1)
    opening = [located.leaf for located in read_entries(log)][seq + 1]
    assert isinstance(opening.entry, Opening)
    # Every record here is the hub's own.
    assert opening.at == Place("gw-1", 2, seq + 1, leaf_hash, seq + 1)
    assert opening.entry == Opening(opening.entry.time_us, 1, seq, leaf_hash, truncated_bytes)
    assert isinstance(verify_log(log), Report)


def halted(log: Path) -> LogFault:
    """The writer refuses to open, and has changed nothing."""
    before = {path: path.read_bytes() for path in log.rglob("*.seg")}
    fault = Writer.open(log, "gw-1", options=QUIET)
    assert isinstance(fault, LogFault)
    assert {path: path.read_bytes() for path in log.rglob("*.seg")} == before
    return fault


def test_an_empty_folder_is_the_start_of_a_life(tmp_path: Path) -> None:
    assert recover(LocalDisk(), tmp_path) == Recovered(0, 0, 0, GENESIS)


def test_a_last_record_torn_at_any_byte_is_cut_off_and_the_one_before_it_stays(tmp_path: Path) -> None:
    receipts = a_log(tmp_path / "whole", records=2)
    data = segment(tmp_path / "whole").read_bytes()
    start = last_frame(segment(tmp_path / "whole"))
    for cut in range(start, len(data)):
        log = tmp_path / str(cut)
        segment(log).parent.mkdir(parents=True)
        segment(log).write_bytes(data[:cut])
        reopened(log, cut - start, receipts[0].seq, receipts[0].leaf_hash)


@pytest.mark.parametrize("kept", [0, 1, 4, 7, 8, 9, 100])
@pytest.mark.parametrize("zeros", [1, 7, 8, 500, 100_000])
def test_a_tail_filled_with_zeros_is_torn(tmp_path: Path, kept: int, zeros: int) -> None:
    receipts = a_log(tmp_path, records=2)
    path = segment(tmp_path)
    start = last_frame(path)
    path.write_bytes(path.read_bytes()[: start + kept] + bytes(zeros))
    reopened(tmp_path, kept + zeros, receipts[0].seq, receipts[0].leaf_hash)


def test_a_last_frame_with_a_bad_checksum_is_torn(tmp_path: Path) -> None:
    receipts = a_log(tmp_path, records=2)
    path = segment(tmp_path)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    size = len(data) - last_frame(path)
    path.write_bytes(data)
    reopened(tmp_path, size, receipts[0].seq, receipts[0].leaf_hash)


def test_a_log_that_ends_whole_loses_nothing(tmp_path: Path) -> None:
    receipts = a_log(tmp_path)
    reopened(tmp_path, 0, receipts[-1].seq, receipts[-1].leaf_hash)


def test_a_segment_that_was_created_and_never_written_is_used(tmp_path: Path) -> None:
    receipts = a_log(tmp_path)
    segment(tmp_path, 2).touch()
    reopened(tmp_path, 0, receipts[-1].seq, receipts[-1].leaf_hash)
    assert segment(tmp_path, 2).stat().st_size > 0
    assert not segment(tmp_path, 3).exists()


def test_a_segment_that_holds_only_a_torn_record_leads_back_to_the_one_before(tmp_path: Path) -> None:
    receipts = a_log(tmp_path)
    segment(tmp_path, 2).write_bytes(frame(b'{"v":1}')[:-1])
    reopened(tmp_path, 14, receipts[-1].seq, receipts[-1].leaf_hash)


def test_every_damaged_byte_in_front_of_whole_records_halts(tmp_path: Path) -> None:
    a_log(tmp_path, records=2)
    path = segment(tmp_path)
    data = path.read_bytes()
    second = list(frames(data))[1][0]
    for offset in range(last_frame(path)):
        path.write_bytes(data[:offset] + bytes([data[offset] ^ 0x10]) + data[offset + 1 :])
        fault = recover(LocalDisk(), path.parent)
        at = (0, "unknown") if offset < second else (second, 1)
        assert isinstance(fault, LogFault), offset
        assert fault.kind == "corrupt"
        assert fault.detail.startswith(f"gw-1/00000001.seg: byte {at[0]}, seq {at[1]}: "), offset


def test_a_log_that_halts_is_left_as_it_is(tmp_path: Path) -> None:
    a_log(tmp_path)
    path = segment(tmp_path)
    data = bytearray(path.read_bytes())
    data[20] ^= 1
    path.write_bytes(data)
    assert halted(tmp_path).kind == "corrupt"


def test_records_out_of_order_halt(tmp_path: Path) -> None:
    a_log(tmp_path)
    path = segment(tmp_path)
    leaves = [leaf for _, leaf in frames(path.read_bytes())]
    leaves[1], leaves[2] = leaves[2], leaves[1]
    path.write_bytes(b"".join(map(frame, leaves)))
    assert "seq: expected 1" in halted(tmp_path).detail


def test_a_whole_frame_that_is_no_record_halts(tmp_path: Path) -> None:
    a_log(tmp_path)
    with segment(tmp_path).open("ab") as file:
        file.write(frame(b'{"v":1}'))
    assert halted(tmp_path).detail.endswith("seq 4: not a record")


def test_the_log_of_another_writer_halts(tmp_path: Path) -> None:
    a_log(tmp_path)
    segment(tmp_path).parent.rename(tmp_path / "gw-2")
    fault = Writer.open(tmp_path, "gw-2", options=QUIET)
    assert isinstance(fault, LogFault)
    assert "writer: expected gw-2" in fault.detail


def test_a_torn_segment_with_a_later_one_halts(tmp_path: Path) -> None:
    a_log(tmp_path)
    with segment(tmp_path).open("ab") as file:
        file.write(b"torn")
    segment(tmp_path, 2).touch()
    assert halted(tmp_path).detail.endswith("torn, but not the last segment")


def test_only_the_last_segment_is_read_when_it_holds_a_record(tmp_path: Path) -> None:
    a_log(tmp_path, records=9, segment_bytes=700)
    names = sorted((tmp_path / "gw-1").iterdir())
    assert len(names) > 3
    for path in names[:-1]:
        path.write_bytes(b"not looked at")
    found = recover(LocalDisk(), tmp_path / "gw-1")
    assert isinstance(found, Recovered)
    # Ten records, and one of counts in each segment but the first.
    assert (found.segment, found.last.seq) == (len(names), 9 + len(names) - 1)
    assert found.counts == {"": 10 + len(names) - 1}


def test_an_unreadable_segment_is_a_fault_without_its_path(tmp_path: Path) -> None:
    a_log(tmp_path)
    disk = FaultyDisk()
    disk.fail("read", errno.EIO)
    fault = recover(disk, tmp_path / "gw-1")
    assert fault == LogFault("unusable", "gw-1/00000001.seg: EIO")


def counted(log: Path) -> dict[str, int]:
    """How many records of each partner the log holds, by reading all of it."""
    return dict(Counter(partner_of(located.leaf.entry) for located in read_entries(log)))


def many_segments(log: Path) -> None:
    """Exchanges of three partners over several segments."""
    writer = opened(log, disk=FaultyDisk(pretend_sync=True), options=small(2500))
    for number in range(12):
        assert isinstance(writer.append_written(an_exchange(number, partner=f"partner-{number % 3}")), Receipt)
    writer.close()


def recovered(log: Path) -> Recovered:
    found = recover(LocalDisk(), log / "gw-1")
    assert isinstance(found, Recovered), found
    return found


def test_the_counts_are_found_in_the_last_segment_alone(tmp_path: Path) -> None:
    many_segments(tmp_path)
    expected = counted(tmp_path)
    for path in sorted((tmp_path / "gw-1").iterdir())[:-1]:
        path.write_bytes(b"not looked at")
    assert recovered(tmp_path).counts == expected


@pytest.mark.parametrize("left", ["nothing", "an Opening", "half of the counters", "half a record"])
def test_counts_that_a_crash_left_incomplete_are_found_in_the_segment_before(tmp_path: Path, left: str) -> None:
    many_segments(tmp_path)
    paths = sorted((tmp_path / "gw-1").iterdir())
    (_, counters), *_ = frames(paths[-1].read_bytes())
    leaf = decode(counters)
    assert leaf is not None
    assert isinstance(leaf.entry, Counters)
    half = encode(Leaf(2, leaf.at, Counters(leaf.entry.time_us, leaf.entry.counts[:2], more=True)))
    paths[-1].write_bytes({"half of the counters": frame(half), "half a record": frame(half)[:50]}.get(left, b""))
    if left == "an Opening":
        opened(tmp_path).close()
    assert recovered(tmp_path).counts == counted(tmp_path)
    # And the writer goes on from there, twice, and through the next segments.
    for number in range(2):
        writer = opened(tmp_path, options=small(2500))
        for each in range(4):
            assert isinstance(writer.append_written(an_exchange(each, partner=f"partner-{number}")), Receipt)
        writer.close()
    assert isinstance(verify_log(tmp_path), Report)
    assert recovered(tmp_path).counts == counted(tmp_path)


def test_counters_that_the_disk_had_no_room_for_are_written_before_anything_else(tmp_path: Path) -> None:
    disk = FaultyDisk()
    writer = opened(tmp_path, disk=disk, options=small(1300))
    assert isinstance(writer.append_written(an_exchange(1)), Receipt)
    disk.fail("write", errno.ENOSPC)
    assert isinstance(writer.append_written(an_exchange(2)), LogFault)
    assert isinstance(writer.append_written(an_exchange(3)), Receipt)
    writer.close()
    kinds = [type(located.leaf.entry).__name__ for located in read_entries(tmp_path)]
    assert kinds == ["Opening", "Exchange", "Counters", "Exchange"]
    assert isinstance(verify_log(tmp_path), Report)


def test_a_log_of_version_1_is_continued_in_version_2_and_counted_from_zero(tmp_path: Path) -> None:
    previous, data = "0" * 64, []
    entries: list[Entry] = [Opening(0, 0, -1, previous, 0), *(an_exchange(number) for number in range(3))]
    for seq, entry in enumerate(entries):
        raw = encode(Leaf(1, Place("gw-1", 1, seq, previous), entry)).replace(b',"partner_seq":-1', b"")
        data.append(frame(raw.replace(b',"payload":""', b"")))
        previous = leaf_hash(raw.replace(b',"payload":""', b""))
    segment(tmp_path).parent.mkdir()
    segment(tmp_path).write_bytes(b"".join(data[:2]))
    segment(tmp_path, 2).write_bytes(b"".join(data[2:]))
    assert recovered(tmp_path).counts == {}
    segment(tmp_path).rename(tmp_path / "away")  # not looked at: version 1 was not counted
    writer = opened(tmp_path)
    for number in range(2):
        assert isinstance(writer.append_written(an_exchange(number)), Receipt)
    writer.close()
    (tmp_path / "away").rename(segment(tmp_path))
    assert isinstance(verify_log(tmp_path), Report)
    places = [located.leaf for located in read_entries(tmp_path)]
    assert [(leaf.v, leaf.at.partner_seq) for leaf in places] == [(1, -1)] * 4 + [(2, 0), (2, 0), (2, 1)]


def test_a_partners_record_that_was_left_out_halts(tmp_path: Path) -> None:
    writer = opened(tmp_path, disk=FaultyDisk(pretend_sync=True))
    for number in range(3):
        writer.append_written(an_exchange(number))
    writer.close()
    path = segment(tmp_path)
    raws = [raw for _, raw in frames(path.read_bytes())]
    raws[3] = raws[3].replace(b'"partner_seq":2', b'"partner_seq":3')
    path.write_bytes(b"".join(map(frame, raws)))
    assert halted(tmp_path).detail.endswith("partner-seq: expected 2")
