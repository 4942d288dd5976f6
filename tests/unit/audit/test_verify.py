"""Verification finds every change that a log can know of by itself, and says where."""

import shutil
from pathlib import Path

import msgspec
import pytest

from gateway.audit.frames import frame, frames, leaf_hash
from gateway.audit.leaf import Exchange, Leaf, Opening, decode, encode
from gateway.audit.verify import FirstFault, Report, WriterReport, verify_log
from tests.unit.audit.doubles import QUIET, FaultyDisk, an_authority, an_exchange, opened
from tests.unit.audit.forging import fault_in, leaves_of, rewritten, segment


@pytest.fixture(scope="module")
def small_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two epochs of one writer over three segments: eight records, and two that say how many there were before."""
    log = tmp_path_factory.mktemp("small") / "log"
    options = msgspec.structs.replace(QUIET, segment_bytes=1070)
    for epoch in range(2):
        writer = opened(log, disk=FaultyDisk(pretend_sync=True), options=options)
        for number in range(3):
            writer.append_written(an_authority(10 * epoch + number))
        writer.close()
    assert len(list(log.rglob("*.seg"))) == 3
    return log


@pytest.fixture
def log(small_log: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_log, tmp_path / "log"))


def test_an_untouched_log_is_counted(log: Path) -> None:
    report = verify_log(log)
    assert isinstance(report, Report)
    size = sum(path.stat().st_size for path in log.rglob("*.seg"))
    last = leaf_hash(leaves_of(segment(log, 3))[-1])
    assert report.writers == (WriterReport("gw-1", 10, 2, 3, size, 9, last),)
    assert (report.records, report.epochs, report.bytes) == (10, 2, size)


def test_writers_are_verified_one_by_one(log: Path) -> None:
    for name in ("gw-2", "a.b_c-1"):
        opened(log, name).close()
    report = verify_log(log)
    assert isinstance(report, Report)
    assert [writer.writer for writer in report.writers] == ["a.b_c-1", "gw-1", "gw-2"]
    assert (report.records, report.epochs) == (12, 4)


def test_other_folders_beside_the_writers_are_left_alone(log: Path) -> None:
    (log / "tile" / "0").mkdir(parents=True)
    (log / "tile" / "0" / "000").write_bytes(b"hashes")
    (log / "checkpoint").write_text("origin")
    assert isinstance(verify_log(log), Report)


def test_every_flipped_byte_is_found(log: Path) -> None:
    for path in sorted(log.rglob("*.seg")):
        data = path.read_bytes()
        starts = [offset for offset, _ in frames(data)]
        for offset in range(len(data)):
            within = max(start for start in starts if start <= offset)
            # Every bit of a frame's header, one bit of each other byte.
            for bit in range(8) if offset - within < 8 else (offset % 8,):
                path.write_bytes(data[:offset] + bytes([data[offset] ^ 1 << bit]) + data[offset + 1 :])
                fault = fault_in(log)
                assert (fault.file, fault.offset) == (f"gw-1/{path.name}", within), (offset, bit)
                assert fault.kind in ("torn", "corrupt")
        path.write_bytes(data)
    assert isinstance(verify_log(log), Report)


def test_every_flipped_byte_is_found_even_with_a_matching_checksum(log: Path) -> None:
    """Whoever rewrites a record can compute its checksum; the chain is what holds it, up to the newest record."""
    path = segment(log, 1)
    leaves = leaves_of(path)
    for index, leaf in enumerate(leaves):
        for offset in range(len(leaf)):
            changed = leaf[:offset] + bytes([leaf[offset] ^ 1]) + leaf[offset + 1 :]
            path.write_bytes(b"".join(map(frame, [*leaves[:index], changed, *leaves[index + 1 :]])))
            assert fault_in(log).seq in (index, index + 1), (index, offset)


def test_every_truncation_but_that_of_the_newest_records_is_found(log: Path) -> None:
    for number in (1, 2, 3):
        path = segment(log, number)
        data = path.read_bytes()
        whole = [offset for offset, _ in frames(data)]
        for cut in range(len(data)):
            path.write_bytes(data[:cut])
            # What a log cannot know by itself: that there were more records after the last one.
            if number == 3 and cut in whole:
                assert isinstance(verify_log(log), Report)
            else:
                fault_in(log)
        path.write_bytes(data)


@pytest.mark.parametrize(("number", "next_name"), [(1, "00000002.seg"), (2, "00000003.seg")])
def test_a_deleted_segment_is_found(log: Path, number: int, next_name: str) -> None:
    segment(log, number).unlink()
    fault = fault_in(log)
    assert (fault.kind, fault.file, fault.found) == ("segments", f"gw-1/{number:08d}.seg", next_name)


def test_a_writer_without_any_segment_is_found(log: Path) -> None:
    for number in (1, 2, 3):
        segment(log, number).unlink()
    fault = fault_in(log)
    assert (fault.kind, fault.writer, fault.found) == ("segments", "gw-1", "nothing")


def test_a_deleted_segment_is_found_when_the_others_are_renumbered(log: Path) -> None:
    segment(log, 2).unlink()
    segment(log, 3).rename(segment(log, 2))
    fault = fault_in(log)
    assert (fault.kind, fault.file, fault.offset) == ("seq", "gw-1/00000002.seg", 0)


def test_a_first_segment_that_is_gone_is_found_when_the_others_are_renumbered(log: Path) -> None:
    segment(log, 1).unlink()
    segment(log, 2).rename(segment(log, 1))
    segment(log, 3).rename(segment(log, 2))
    assert (fault_in(log).kind, fault_in(log).expected) == ("seq", "0")


def test_a_missing_log_is_no_empty_log(tmp_path: Path) -> None:
    assert fault_in(tmp_path / "log").kind == "missing-log"
    assert verify_log(tmp_path) == Report(())


def test_a_file_that_only_looks_like_a_segment_is_found(log: Path) -> None:
    shutil.copy(segment(log, 3), log / "gw-1" / "4.seg")
    fault = fault_in(log)
    assert (fault.kind, fault.found) == ("stray", "4.seg")


def test_an_unreadable_segment_is_named(log: Path) -> None:
    segment(log, 2).unlink()
    segment(log, 2).mkdir()
    fault = fault_in(log)
    assert (fault.kind, fault.file) == ("unreadable", "gw-1/00000002.seg")


def test_a_log_under_another_writers_name_is_found(log: Path) -> None:
    (log / "gw-1").rename(log / "gw-2")
    fault = fault_in(log)
    assert (fault.kind, fault.expected, fault.found) == ("writer", "gw-2", "gw-1")


def test_whole_frames_behind_a_torn_tail_are_found(log: Path) -> None:
    path = segment(log, 3)
    data = path.read_bytes()
    path.write_bytes(data + b"torn" + frame(leaves_of(path)[0]))
    fault = fault_in(log)
    assert (fault.kind, fault.offset, fault.seq) == ("corrupt", len(data), 10)


def test_a_torn_tail_is_named_for_what_it_is(log: Path) -> None:
    path = segment(log, 3)
    size = path.stat().st_size
    with path.open("ab") as file:
        file.write(bytes(77))
    assert fault_in(log) == FirstFault(
        kind="torn",
        file="gw-1/00000003.seg",
        offset=size,
        writer="gw-1",
        seq=10,
        expected="a whole frame or the end of the file",
        found="77 bytes that are no whole frame",
    )


def test_swapped_records_are_found(log: Path) -> None:
    def change(records: list[Leaf]) -> None:
        records[1], records[2] = records[2], records[1]

    fault = rewritten(log, change)
    assert (fault.kind, fault.seq, fault.expected, fault.found) == ("seq", 1, "1", "2")


def test_a_removed_record_is_found(log: Path) -> None:
    fault = rewritten(log, lambda records: records.__delitem__(2))
    assert (fault.kind, fault.expected, fault.found) == ("seq", "2", "3")


def test_a_doubled_record_is_found(log: Path) -> None:
    fault = rewritten(log, lambda records: records.insert(2, records[2]))
    assert (fault.kind, fault.expected, fault.found) == ("seq", "3", "2")


def test_a_record_of_another_version_is_found(log: Path) -> None:
    def change(records: list[Leaf]) -> None:
        records[2] = msgspec.structs.replace(records[2], v=3)

    assert (rewritten(log, change).kind, fault_in(log).seq) == ("version", 2)


def test_an_epoch_that_is_skipped_is_found(log: Path) -> None:
    def change(records: list[Leaf]) -> None:
        for index in range(4, 8):
            at = msgspec.structs.replace(records[index].at, epoch=3)
            records[index] = msgspec.structs.replace(records[index], at=at)

    fault = rewritten(log, change)
    assert (fault.kind, fault.seq, fault.expected, fault.found) == ("epoch", 4, "2", "3")


def test_an_epoch_that_changes_without_an_opening_is_found(log: Path) -> None:
    def change(records: list[Leaf]) -> None:
        records[4] = msgspec.structs.replace(records[4], entry=an_authority())

    fault = rewritten(log, change)
    assert (fault.kind, fault.seq, fault.expected, fault.found) == ("opening", 4, "an opening record", "authority")


def test_an_opening_in_the_middle_of_an_epoch_is_found(log: Path) -> None:
    def change(records: list[Leaf]) -> None:
        records[2] = msgspec.structs.replace(records[2], entry=Opening(0, 1, 1, "", 0))

    fault = rewritten(log, change)
    assert (fault.kind, fault.seq) == ("epoch", 2)


def test_an_opening_that_names_another_record_is_found(log: Path) -> None:
    """Chained anew, the last record of epoch 1 has another hash than the one its Opening names."""

    def change(records: list[Leaf]) -> None:
        records[3] = msgspec.structs.replace(records[3], entry=an_authority(99))

    fault = rewritten(log, change)
    assert (fault.kind, fault.seq) == ("opening", 4)
    assert fault.expected.startswith("epoch 1, seq 3, hash ")
    assert fault.found != fault.expected


def test_a_log_without_its_first_opening_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "gw-1"
    folder.mkdir()
    opened(tmp_path / "other", "gw-1").close()
    (raw,) = leaves_of(tmp_path / "other" / "gw-1" / "00000001.seg")
    leaf = decode(raw)
    assert leaf is not None
    (folder / "00000001.seg").write_bytes(frame(encode(Leaf(2, leaf.at, an_authority()))))
    assert (fault_in(tmp_path).kind, fault_in(tmp_path).expected) == ("opening", "an opening record")


def test_an_entry_with_a_field_too_many_is_found(log: Path) -> None:
    path = segment(log, 3)
    leaves = leaves_of(path)
    leaves[-1] = leaves[-1].replace(b'"event"', b'"ip":"192.0.2.1","event"')
    path.write_bytes(b"".join(map(frame, leaves)))
    fault = fault_in(log)
    assert (fault.kind, fault.seq) == ("shape", 9)
    assert "192.0.2.1" not in repr(fault)


def test_progress_ends_with_everything_read(log: Path) -> None:
    opened(log, "gw-2").close()
    steps: list[tuple[int, int]] = []
    report = verify_log(log, lambda done, total: steps.append((done, total)))
    assert isinstance(report, Report)
    assert steps[-1] == (report.bytes, report.bytes)
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)
    assert {total for _, total in steps} == {report.bytes}


def test_a_log_that_is_being_written_verifies(tmp_path: Path) -> None:
    writer = opened(tmp_path)
    for number in range(20):
        writer.append_written(an_exchange(number))
        report = verify_log(tmp_path)
        assert isinstance(report, Report)
        assert report.records == number + 2
    writer.close()


def test_a_record_that_is_being_written_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first look sees half of the newest frame, the next one all of it and half of another, and so on."""
    writer = opened(tmp_path)
    for number in range(4):
        writer.append_written(an_exchange(number))
    writer.close()
    path = segment(tmp_path, 1)
    data = path.read_bytes()
    cuts = iter([*(offset + 20 for offset, _ in list(frames(data))[1:]), len(data)])
    monkeypatch.setattr(Path, "read_bytes", lambda _: data[: next(cuts)])
    report = verify_log(tmp_path)
    assert isinstance(report, Report)
    assert (report.records, report.bytes) == (5, len(data))


def test_the_record_types_are_all_verified(tmp_path: Path) -> None:
    writer = opened(tmp_path)
    for entry in (an_exchange(), an_authority()):
        writer.append_written(entry)
    writer.close()
    report = verify_log(tmp_path)
    assert isinstance(report, Report)
    assert report.records == 3
    assert isinstance(an_exchange(), Exchange)
