"""A power failure may lose any of the blocks that were not synced, in any order: what was durable stays, always."""

import asyncio
import errno
import shutil
import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audit.faults import LogFault
from gateway.audit.frames import HEADER_BYTES, frames, tail_after
from gateway.audit.leaf import Receipt
from gateway.audit.reader import read_entries
from gateway.audit.verify import Report, verify_log
from gateway.audit.writer import Writer
from tests.unit.audit.doubles import QUIET, FaultyDisk, an_authority, an_exchange, opened

SECTOR_BYTES = 512
SMALL = msgspec.structs.replace(QUIET, segment_bytes=6000)


def lost(data: bytes, durable: int, kept: list[bool], length: int) -> bytes:
    """The file as it may be found: of what was not synced, each sector is there or zeros, and the end is anywhere."""
    found = bytearray(data)
    for number, start in enumerate(range(durable // SECTOR_BYTES * SECTOR_BYTES, len(data), SECTOR_BYTES)):
        if not kept[number % len(kept)]:
            first = max(start, durable)
            found[first : start + SECTOR_BYTES] = bytes(min(start + SECTOR_BYTES, len(data)) - first)
    return bytes(found[: durable + length]) if length <= len(data) - durable else bytes(found) + bytes(length)


def last_segment(log: Path) -> Path:
    return sorted((log / "gw-1").iterdir())[-1]


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 14),
    st.integers(0, 14),
    st.lists(st.booleans(), min_size=1, max_size=24),
    st.integers(0, 9000),
)
def test_every_loss_is_repaired_or_halts_and_nothing_durable_is_gone(
    durable: int, written: int, kept: list[bool], length: int
) -> None:
    folder = Path(tempfile.mkdtemp(prefix="clausegate-lost-"))
    try:
        one_loss(folder, durable, written, kept, length)
    finally:
        shutil.rmtree(folder)


def one_loss(folder: Path, durable: int, written: int, kept: list[bool], length: int) -> None:
    disk = FaultyDisk(pretend_sync=True)
    writer = opened(folder / "before", disk=disk, options=SMALL)
    receipts = asyncio.run(all_durable(writer, durable))
    for number in range(written):
        assert isinstance(writer.append_written(an_authority(number)), Receipt)
    shutil.copytree(folder / "before", folder / "after")
    synced = writer.state.size_bytes - writer.state.unsynced_bytes
    writer.close()
    path = last_segment(folder / "after")
    path.write_bytes(lost(path.read_bytes(), synced, kept, length))
    again = Writer.open(folder / "after", "gw-1", options=SMALL)
    if isinstance(again, LogFault):
        halted_rightly(path, synced, again)
        return
    again.close()
    assert isinstance(verify_log(folder / "after"), Report)
    found = {located.receipt() for located in read_entries(folder / "after")}
    assert found.issuperset(receipts)


async def all_durable(writer: Writer, count: int) -> list[Receipt | LogFault]:
    """So many records, one after another."""
    return [await writer.append_durable(an_exchange(number)) for number in range(count)]


def halted_rightly(path: Path, synced: int, fault: LogFault) -> None:
    """Whole frames behind a hole: nobody can tell that from damage, so nothing is touched, and the hole is behind."""
    assert fault.kind == "corrupt"
    data, end = path.read_bytes(), 0
    for offset, raw in frames(data):
        end = offset + HEADER_BYTES + len(raw)
    assert end >= synced
    assert tail_after(data, end) == "corrupt"


@pytest.mark.parametrize("survives", ["nothing", "the name", "a part of the first record"])
def test_a_power_failure_while_the_next_segment_is_made_loses_nothing(tmp_path: Path, survives: str) -> None:
    """The file exists before its folder is synced: after the failure it may be there or not."""
    disk = FaultyDisk()
    writer = opened(tmp_path, disk=disk, options=msgspec.structs.replace(QUIET, segment_bytes=1300))
    first = writer.append_written(an_exchange(1))
    disk.fail("fsync", errno.EIO)
    assert isinstance(writer.append_written(an_exchange(2)), LogFault)
    writer.close()
    path = tmp_path / "gw-1" / "00000002.seg"
    if survives == "nothing":
        path.unlink()
    elif survives == "a part of the first record":
        path.write_bytes(bytes(100))
    again = opened(tmp_path, options=msgspec.structs.replace(QUIET, segment_bytes=1300))
    assert isinstance(again.append_written(an_exchange(3)), Receipt)
    again.close()
    assert isinstance(verify_log(tmp_path), Report)
    assert first in {located.receipt() for located in read_entries(tmp_path)}
