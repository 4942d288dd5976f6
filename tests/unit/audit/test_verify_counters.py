"""Verification counts every record of every partner, and believes no segment what it says of those before it."""

from pathlib import Path

import msgspec
import pytest

from gateway.audit.faults import LogFault
from gateway.audit.leaf import Counters, Leaf, Opening
from gateway.audit.verify import Report, verify_log
from tests.unit.audit.doubles import QUIET, FaultyDisk, an_authority, an_exchange, opened
from tests.unit.audit.forging import fault_in, forged, leaves_of, one_segment, records_of, rewritten, segment


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def in_version_1(leaf: Leaf) -> Leaf:
    """The record as the version before wrote it."""
    return Leaf(1, msgspec.structs.replace(leaf.at, partner_seq=-1), leaf.entry)


def test_a_log_that_began_in_version_1_verifies(log: Path) -> None:
    (records,) = one_segment(log)
    old, new = [in_version_1(record) for record in records[:4]], records[4:]
    for number, record in enumerate(new):
        new[number] = msgspec.structs.replace(record, at=msgspec.structs.replace(record.at, partner_seq=number))
    forged(log, [[*old, *new]])
    assert isinstance(verify_log(log), Report)
    forged(log, [old[:2], [*old[2:], *new]])
    assert isinstance(verify_log(log), Report), "version 1 had no counters"


def test_a_version_1_record_behind_one_of_version_2_is_found(log: Path) -> None:
    def change(records: list[Leaf]) -> None:
        records[2] = in_version_1(records[2])

    fault = rewritten(log, change)
    assert (fault.kind, fault.seq, fault.expected, fault.found) == ("version", 2, "2 to 2", "1")


def test_a_version_1_record_that_is_counted_is_found(log: Path) -> None:
    (records,) = one_segment(log)
    forged(log, [[msgspec.structs.replace(record, v=1) for record in records]])
    assert (fault_in(log).kind, fault_in(log).expected, fault_in(log).found) == ("partner-seq", "-1", "0")


@pytest.mark.parametrize("number", [-1, 0, 1, 3, 10**9])
def test_a_partners_record_with_another_number_is_found(log: Path, number: int) -> None:
    def change(records: list[Leaf]) -> None:
        at = msgspec.structs.replace(records[2].at, partner_seq=number)
        records[2] = msgspec.structs.replace(records[2], at=at)

    fault = rewritten(log, change)
    assert (fault.kind, fault.seq, fault.expected, fault.found) == ("partner-seq", 2, "2", str(number))


def test_a_record_left_out_of_one_partners_and_slipped_among_the_hubs_is_found(tmp_path: Path) -> None:
    """Everything else about it fits: its number within its partner's own records is what shows."""
    writer = opened(tmp_path, disk=FaultyDisk(pretend_sync=True))
    for number in range(4):
        writer.append_written(an_exchange(number))
    writer.close()
    (records,) = records_of(tmp_path)
    records[2] = Leaf(2, msgspec.structs.replace(records[2].at, partner_seq=1), an_authority())
    forged(tmp_path, [records])
    fault = fault_in(tmp_path)
    assert (fault.kind, fault.seq, fault.expected, fault.found) == ("partner-seq", 3, "1", "2")


def many_partners(log: Path, partners: int) -> list[list[Leaf]]:
    """Two segments: the second begins with counters of so many partners, and of the hub itself."""
    size = 300 + 900 * partners
    writer = opened(log, disk=FaultyDisk(pretend_sync=True), options=msgspec.structs.replace(QUIET, segment_bytes=size))
    number = 0
    while writer.state.segment < 2:
        name = f"partner-{number % partners:0>50}"
        assert not isinstance(writer.append_written(an_exchange(number, partner=name)), LogFault)
        number += 1
    writer.close()
    assert isinstance(verify_log(log), Report)
    return records_of(log)


def counters_in(segments: list[list[Leaf]]) -> list[Counters]:
    return [leaf.entry for leaf in segments[1] if isinstance(leaf.entry, Counters)]


def test_counters_of_many_partners_are_written_in_chunks_that_fit(log: Path) -> None:
    chunks = counters_in(many_partners(log, 2_000))
    assert [chunk.more for chunk in chunks] == [True, True, False]
    pairs = [pair for chunk in chunks for pair in chunk.counts]
    assert pairs == sorted(pairs)
    assert len(pairs) == 2_001
    assert all(len(raw) <= 65_535 for raw in leaves_of(segment(log, 2)))


@pytest.mark.parametrize(
    ("counts", "expected", "found"),
    [
        ((("", 1), ("partner", 3)), "the records that were counted", "another number"),
        ((("", 2), ("partner", 2)), "the records that were counted", "another number"),
        ((("", 1), ("partner", 2), ("partner-2", 0)), "the records that were counted", "another number"),
        ((("", 1),), "counts of 2 partners", "counts of 1"),
        ((), "counts of 2 partners", "counts of 0"),
    ],
)
def test_counters_that_do_not_equal_what_was_counted_are_found(
    log: Path, counts: tuple[tuple[str, int], ...], expected: str, found: str
) -> None:
    segments = two_segments(log)
    (block,) = counters_in(segments)
    assert block.counts == (("", 1), ("partner", 2))
    segments[1][0] = Leaf(2, segments[1][0].at, msgspec.structs.replace(block, counts=counts))
    forged(log, segments)
    fault = fault_in(log)
    assert (fault.kind, fault.file, fault.offset) == ("counters", "gw-1/00000002.seg", 0)
    assert (fault.expected, fault.found) == (expected, found)


def two_segments(log: Path) -> list[list[Leaf]]:
    """An Opening and two exchanges; then Counters and an exchange."""
    options = msgspec.structs.replace(QUIET, segment_bytes=2000)
    writer = opened(log, disk=FaultyDisk(pretend_sync=True), options=options)
    for number in range(3):
        writer.append_written(an_exchange(number, partner="partner"))
    writer.close()
    segments = records_of(log)
    assert [len(records) for records in segments] == [3, 2]
    return segments


def test_a_segment_without_its_counters_is_found(log: Path) -> None:
    first, (counters, exchange) = two_segments(log)
    forged(log, [first, [msgspec.structs.replace(exchange, at=msgspec.structs.replace(counters.at, partner_seq=2))]])
    fault = fault_in(log)
    assert (fault.kind, fault.seq, fault.expected, fault.found) == ("counters", 3, "a counters record", "exchange")


def test_counters_that_do_not_end_are_found(log: Path) -> None:
    segments = two_segments(log)
    (block,) = counters_in(segments)
    segments[1][0] = Leaf(2, segments[1][0].at, msgspec.structs.replace(block, more=True))
    forged(log, segments)
    fault = fault_in(log)
    assert (fault.kind, fault.seq, fault.expected, fault.found) == ("counters", 4, "a counters record", "exchange")


def test_counters_in_the_middle_of_a_segment_are_found(log: Path) -> None:
    segments = two_segments(log)
    forged(log, [[*segments[0], *segments[1]]])
    fault = fault_in(log)
    assert (fault.kind, fault.seq, fault.expected, fault.found) == ("counters", 3, "no counters record", "counters")


def test_counters_that_a_crash_broke_off_are_no_fault(log: Path) -> None:
    """The Opening of the next epoch stands where the rest of them would have been."""
    segments = many_partners(log, 2_000)
    places = [leaf.at for leaf in segments[1]]
    opening = Opening(0, 1, places[0].seq, "", 0)
    at = msgspec.structs.replace(places[1], epoch=2, partner_seq=places[1].partner_seq)
    forged(log, [segments[0], [segments[1][0], Leaf(2, at, opening)]])
    assert isinstance(verify_log(log), Report)
