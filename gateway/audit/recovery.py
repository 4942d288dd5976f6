"""What a writer finds on disk when it starts: where the log ends, what a crash tore off, or why it must not go on."""

from pathlib import Path

from msgspec import Struct

from gateway.audit.chain import GENESIS, Link, break_between, claimed_before
from gateway.audit.disk import Disk
from gateway.audit.faults import LogFault, name_of
from gateway.audit.frames import HEADER_BYTES, frames, leaf_hash, tail_after
from gateway.audit.layout import segment_name, segment_number
from gateway.audit.leaf import decode


class Recovered(Struct, frozen=True):
    """`segment` is the last one's number, 0 if there is none; its whole frames end at `size_bytes`, and behind them
    lie `torn_bytes` to be cut off. `last` is the last record of the log, GENESIS if there is none."""

    segment: int
    size_bytes: int
    torn_bytes: int
    last: Link


class _Scan(Struct, frozen=True):
    """One segment: where its whole frames end, how long it is, and its last record if it has any."""

    end: int
    size_bytes: int
    last: Link | None


def recover(disk: Disk, folder: Path) -> Recovered | LogFault:
    """Read the end of a writer's log. Changes nothing.

    Only the last segment is scanned: the writer makes a segment durable before it creates the next, so no crash
    can tear an earlier one. Whether earlier ones are still as they were is the business of verify.
    """
    try:
        names = disk.segment_names(folder)
    except OSError as error:
        return LogFault("unusable", f"{folder.name}: {name_of(error)}")
    numbers = sorted(number for name in names if (number := segment_number(name)))
    if not numbers:
        return Recovered(0, 0, 0, GENESIS)
    last_scan: _Scan | None = None
    for number in reversed(numbers):
        scan = _scan(disk, folder / segment_name(number))
        if isinstance(scan, LogFault):
            return scan
        if last_scan is None:
            last_scan = scan
        elif scan.end < scan.size_bytes:
            return _corrupt(folder / segment_name(number), scan.end, scan.last, "torn, but not the last segment")
        if scan.last is not None:
            return _recovered(numbers[-1], last_scan, scan.last)
    return _recovered(numbers[-1], last_scan or _Scan(0, 0, None), GENESIS)


def _recovered(segment: int, scan: _Scan, last: Link) -> Recovered:
    return Recovered(segment, scan.end, scan.size_bytes - scan.end, last)


def _scan(disk: Disk, path: Path) -> _Scan | LogFault:
    """Check every frame and every link in one segment; its first record is taken at its word."""
    try:
        data = disk.read(path)
    except OSError as error:
        return LogFault("unusable", f"{_name(path)}: {name_of(error)}")
    last: Link | None = None
    end = 0
    for offset, raw in frames(data):
        leaf = decode(raw)
        if leaf is None:
            return _corrupt(path, offset, last, "not a record")
        if broken := break_between(last or claimed_before(leaf), leaf, path.parent.name):
            return _corrupt(path, offset, last, f"{broken.kind}: expected {broken.expected}")
        last = Link(leaf.at.epoch, leaf.at.seq, leaf_hash(raw))
        end = offset + HEADER_BYTES + len(raw)
    if tail_after(data, end) == "corrupt":
        return _corrupt(path, end, last, "a damaged frame with whole frames behind it")
    return _Scan(end, len(data), last)


def _corrupt(path: Path, offset: int, last: Link | None, what: str) -> LogFault:
    seq = "unknown" if last is None else last.seq + 1
    return LogFault("corrupt", f"{_name(path)}: byte {offset}, seq {seq}: {what}")


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"
