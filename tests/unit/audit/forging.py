"""Logs that are forged with care, and the fault that verification finds in them."""

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec

from gateway.audit.chain import GENESIS
from gateway.audit.frames import frame, frames, leaf_hash
from gateway.audit.leaf import Leaf, Opening, decode, encode
from gateway.audit.verify import FirstFault, verify_log
from tests.unit.audit.doubles import FaultyDisk, an_authority, opened


def segment(log: Path, number: int) -> Path:
    return log / "gw-1" / f"{number:08d}.seg"


def leaves_of(path: Path) -> list[bytes]:
    return [leaf for _, leaf in frames(path.read_bytes())]


def fault_in(log: Path) -> FirstFault:
    found = verify_log(log)
    assert isinstance(found, FirstFault), found
    return found


def records_of(log: Path) -> list[list[Leaf]]:
    """The records of each segment."""
    paths = sorted(log.rglob("*.seg"))
    return [[leaf for raw in leaves_of(path) if (leaf := decode(raw))] for path in paths]


def forged(log: Path, segments: list[list[Leaf]]) -> None:
    """A log forged with care: these records, chained, framed and hashed anew, with Openings that name what is there."""
    previous = GENESIS.leaf_hash
    for path in log.rglob("*.seg"):
        path.unlink()
    for number, records in enumerate(segments, start=1):
        raws: list[bytes] = []
        for record in records:
            entry = record.entry
            if isinstance(entry, Opening) and entry.last_hash != GENESIS.leaf_hash:
                entry = msgspec.structs.replace(entry, last_hash=previous)
            raws.append(encode(Leaf(record.v, msgspec.structs.replace(record.at, prev=previous), entry)))
            previous = leaf_hash(raws[-1])
        segment(log, number).write_bytes(b"".join(map(frame, raws)))


def rewritten(log: Path, change: Callable[[list[Leaf]], None]) -> FirstFault:
    """Two epochs of four records each in one segment, the records changed and forged with care."""
    (records,) = one_segment(log)
    change(records)
    raws: list[bytes] = []
    previous = GENESIS.leaf_hash
    for record in records:
        at = msgspec.structs.replace(record.at, prev=previous)
        raws.append(encode(Leaf(record.v, at, record.entry)))
        previous = leaf_hash(raws[-1])
    segment(log, 1).write_bytes(b"".join(map(frame, raws)))
    return fault_in(log)


def one_segment(log: Path) -> list[list[Leaf]]:
    """Two epochs of four records each, in one segment."""
    shutil.rmtree(log, ignore_errors=True)
    for epoch in range(2):
        writer = opened(log, disk=FaultyDisk(pretend_sync=True))
        for number in range(3):
            writer.append_written(an_authority(10 * epoch + number))
        writer.close()
    return records_of(log)
