"""What a writer finds on disk when it starts: where the log ends, what a crash tore off, or why it must not go on."""

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from gateway.audit.chain import GENESIS, Link, break_between, claimed_before
from gateway.audit.counters import BlockReader, partner_of
from gateway.audit.disk import Disk
from gateway.audit.faults import LogFault, name_of
from gateway.audit.frames import HEADER_BYTES, frames, leaf_hash, tail_after
from gateway.audit.layout import segment_name, segment_number
from gateway.audit.leaf import Leaf, decode


class Recovered(Struct, frozen=True):
    """`segment` is the last one's number, 0 if there is none; its whole frames end at `size_bytes`, and behind them
    lie `torn_bytes` to be cut off. `last` is the last record of the log, GENESIS if there is none. `counts` says how
    many records of each partner there are (gateway/audit/counters.py)."""

    segment: int
    size_bytes: int
    torn_bytes: int
    last: Link
    counts: Mapping[str, int] = {}


class _Scan(Struct, frozen=True):
    """One segment: where its whole frames end, how long it is, its last record if it has any, and what is counted.

    `base` are the counts before it, None if it does not say; `counts` those after it of the partners in it.
    """

    end: int
    size_bytes: int
    last: Link | None
    base: Mapping[str, int] | None
    counts: Mapping[str, int]


def recover(disk: Disk, folder: Path) -> Recovered | LogFault:
    """Read the end of a writer's log. Changes nothing.

    Only the last segment is scanned: the writer makes a segment durable before it creates the next, so no crash
    can tear an earlier one, and each begins with the counts before it. Earlier ones are scanned when it holds no record
    or a crash came before its counts were whole. Whether earlier ones are still as they were is the business of verify.
    """
    try:
        names = disk.segment_names(folder)
    except OSError as error:
        return LogFault("unusable", f"{folder.name}: {name_of(error)}")
    numbers = sorted(number for name in names if (number := segment_number(name)))
    if not numbers:
        return Recovered(0, 0, 0, GENESIS)
    newest: _Scan | None = None
    last: Link | None = None
    counts: dict[str, int] = {}
    for number in reversed(numbers):
        path = folder / segment_name(number)
        scan = _Reading(path, number).scan(disk)
        if isinstance(scan, LogFault):
            return scan
        if newest is not None and scan.end < scan.size_bytes:
            return _corrupt(path, scan.end, scan.last, "torn, but not the last segment")
        newest, last = newest or scan, last or scan.last
        counts = {**(scan.base or {}), **scan.counts, **counts}
        if scan.base is not None and last is not None:
            break
    newest = newest or _Scan(0, 0, None, None, {})
    return Recovered(numbers[-1], newest.end, newest.size_bytes - newest.end, last or GENESIS, counts)


class _Reading:
    """Checks every frame and every link in one segment; its first record is taken at its word."""

    def __init__(self, path: Path, number: int) -> None:
        self._path, self._writer = path, path.parent.name
        self._block = BlockReader(number)
        self._last: Link | None = None
        self._counts: dict[str, int] = {}

    def scan(self, disk: Disk) -> _Scan | LogFault:
        path = self._path
        try:
            data = disk.read(path)
        except OSError as error:
            return LogFault("unusable", f"{_name(path)}: {name_of(error)}")
        end = 0
        for offset, raw in frames(data):
            leaf = decode(raw)
            wrong = "not a record" if leaf is None else self._wrong(leaf)
            if leaf is None or wrong:
                return _corrupt(path, offset, self._last, wrong or "")
            self._last = Link(leaf.at.epoch, leaf.at.seq, leaf_hash(raw), leaf.v)
            end = offset + HEADER_BYTES + len(raw)
        if tail_after(data, end) == "corrupt":
            return _corrupt(path, end, self._last, "a damaged frame with whole frames behind it")
        return _Scan(end, len(data), self._last, self._block.base, self._counts)

    def _wrong(self, leaf: Leaf) -> str | None:
        """What is wrong with the next record, None if nothing is."""
        if broken := break_between(self._last or claimed_before(leaf), leaf, self._writer):
            return f"{broken.kind}: expected {broken.expected}"
        missing = self._block.read(leaf)
        if missing:
            return f"counters: expected {missing}"
        if leaf.v == 1:
            return None
        partner, number, base = partner_of(leaf.entry), leaf.at.partner_seq, self._block.base
        # Where the segment does not say how many there were before, a partner's first record is taken at its word.
        expected = self._counts.get(partner, number if base is None else base.get(partner, 0))
        self._counts[partner] = number + 1
        return None if number == expected else f"partner-seq: expected {expected}"


def _corrupt(path: Path, offset: int, last: Link | None, what: str) -> LogFault:
    seq = "unknown" if last is None else last.seq + 1
    return LogFault("corrupt", f"{_name(path)}: byte {offset}, seq {seq}: {what}")


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"
