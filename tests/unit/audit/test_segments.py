"""Blocks set aside for a segment: the file's size never tells of them, and what was not used is given back."""

import errno
from pathlib import Path

import msgspec
import pytest

from gateway.audit.disk import LocalDisk
from gateway.audit.faults import LogFault
from gateway.audit.leaf import Receipt
from gateway.audit.reader import read_entries
from gateway.audit.verify import Report, verify_log
from gateway.audit.writer import Writer
from tests.unit.audit.doubles import QUIET, FaultyDisk, an_exchange, opened

MIB = 1 << 20
ONE_MIB = msgspec.structs.replace(QUIET, segment_bytes=MIB)


def segment(log: Path, number: int = 1) -> Path:
    return log / "gw-1" / f"{number:08d}.seg"


def allocated_bytes(path: Path) -> int:
    return path.stat().st_blocks * 512


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log on a file system that can set blocks aside."""
    with (tmp_path / "probe").open("wb") as file:
        try:
            LocalDisk().preallocate(file.fileno(), MIB)
        except OSError as error:
            pytest.skip(f"this file system cannot: {error}")
    return tmp_path / "log"


def test_a_segment_gets_its_blocks_at_once_and_gives_the_rest_back(log: Path) -> None:
    writer = opened(log, options=ONE_MIB)
    assert writer.state.preallocated
    assert allocated_bytes(segment(log)) >= MIB
    assert segment(log).stat().st_size == writer.state.size_bytes < 1000
    writer.close()
    assert allocated_bytes(segment(log)) < 64 * 1024


def test_a_full_segment_gives_the_rest_back_and_the_next_one_gets_its_own(log: Path) -> None:
    writer = opened(log, options=ONE_MIB)
    for number in range(80):
        assert isinstance(writer.append_written(an_exchange(number, route="x" * 15_000)), Receipt)
    assert writer.state.segment == 2
    size = segment(log).stat().st_size
    assert size <= MIB
    assert allocated_bytes(segment(log)) < size + 16 * 1024
    assert allocated_bytes(segment(log, 2)) >= MIB
    writer.close()
    assert isinstance(verify_log(log), Report)


def test_what_a_killed_writer_had_set_aside_serves_the_next_one(log: Path) -> None:
    writer = opened(log, options=ONE_MIB)
    with segment(log).open("r+b") as file:  # as a death leaves it: blocks behind the end
        LocalDisk().preallocate(file.fileno(), MIB)
    size = writer.state.size_bytes
    writer.close()
    with segment(log).open("r+b") as file:
        LocalDisk().preallocate(file.fileno(), MIB)
    again = opened(log, options=ONE_MIB)
    assert again.state.truncated_bytes == 0
    assert again.state.size_bytes > size
    again.close()
    assert allocated_bytes(segment(log)) < 64 * 1024


@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_that_cannot_set_blocks_aside_is_written_to_without(tmp_path: Path, number: int) -> None:
    disk = FaultyDisk()
    disk.fail("preallocate", number)
    writer = opened(tmp_path, disk=disk)
    assert not writer.state.preallocated
    assert isinstance(writer.append_written(an_exchange()), Receipt)
    writer.close()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_start_without_room_for_a_segment_is_refused(tmp_path: Path, number: int) -> None:
    disk = FaultyDisk()
    disk.fail("preallocate", number)
    fault = Writer.open(tmp_path, "gw-1", disk=disk, options=QUIET)
    assert fault == LogFault("disk-full", f"gw-1: {errno.errorcode[number]}")
    opened(tmp_path).close()


def test_a_next_segment_without_room_is_tried_again_with_the_file_that_is_there(tmp_path: Path) -> None:
    disk = FaultyDisk()
    writer = opened(tmp_path, disk=disk, options=msgspec.structs.replace(QUIET, segment_bytes=1300))
    assert isinstance(writer.append_written(an_exchange(1)), Receipt)
    for _ in range(2):
        disk.fail("preallocate", errno.ENOSPC)
        assert writer.append_written(an_exchange(2)) == LogFault("disk-full", "00000002.seg: ENOSPC")
    assert isinstance(writer.append_written(an_exchange(3)), Receipt)
    writer.close()
    assert isinstance(verify_log(tmp_path), Report)
    assert len(list(read_entries(tmp_path))) == 4


def test_a_file_with_foreign_bytes_is_not_cut(tmp_path: Path) -> None:
    writer = opened(tmp_path)
    with segment(tmp_path).open("ab") as file:
        file.write(b"not ours")
    writer.close()
    assert segment(tmp_path).read_bytes().endswith(b"not ours")


def test_a_refusal_is_told_by_its_own_number(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file, pytest.raises(OSError, match="fallocate") as raised:
        LocalDisk().preallocate(file.fileno(), -1)
    assert raised.value.errno == errno.EINVAL
