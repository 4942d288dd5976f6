"""Re-reads a whole log and believes nothing: frames, leaves, hashes, sequence, epochs, segments."""

import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import TypeAlias

from msgspec import Struct

from gateway.audit.chain import GENESIS, Break, Link, break_between
from gateway.audit.counters import BlockReader, partner_of
from gateway.audit.frames import HEADER_BYTES, frames, leaf_hash, tail_after
from gateway.audit.layout import segment_name, segment_number, writers_in
from gateway.audit.leaf import LEAF_VERSION, Counters, Leaf, Opening, decode

Progress: TypeAlias = Callable[[int, int], None]
"""Called with (bytes read, bytes in all) now and then; more than all if the log grows meanwhile."""

_MARKS = frozenset({Opening, Counters})
_RECORDS_PER_STEP = 8192
_SETTLE_S = 0.005
_SETTLE_TRIES = 200


class WriterReport(Struct, frozen=True):
    """What one writer's log holds. `last_seq` is -1 and `last_hash` 64 zeros if it holds nothing."""

    writer: str
    records: int
    epochs: int
    segments: int
    bytes: int
    last_seq: int
    last_hash: str


class Report(Struct, frozen=True):
    """Everything is as it was written, as far as a log can know by itself (docs/audit.md says what it cannot)."""

    writers: tuple[WriterReport, ...]

    @property
    def records(self) -> int:
        """Records of all writers."""
        return sum(writer.records for writer in self.writers)

    @property
    def epochs(self) -> int:
        """Starts of all writers."""
        return sum(writer.epochs for writer in self.writers)

    @property
    def bytes(self) -> int:
        """Bytes of all segments."""
        return sum(writer.bytes for writer in self.writers)


class FirstFault(Struct, frozen=True):
    """The first place where the log is not as it was written.

    `kind`: missing-log, unreadable, stray, segments, torn, corrupt, shape, version, writer, seq, prev, epoch, opening,
    partner-seq (a partner's records are not numbered without gaps) or counters (what a segment says of the records
    before it is not so, or is not where it belongs). `file` is relative to the log's folder, `offset` the frame's first
    byte, `seq` the sequence number that belongs there. `expected` and `found` hold numbers, hashes and names of files,
    never a recorded value.
    """

    kind: str
    file: str
    offset: int
    writer: str
    seq: int
    expected: str
    found: str


def verify_log(log: Path, progress: Progress | None = None) -> Report | FirstFault:
    """Check every byte under `log`. The log may be written to meanwhile: what is added later is not looked at."""
    if not log.is_dir():
        return FirstFault("missing-log", "", 0, "", 0, "a folder with the log", "nothing")
    folders = writers_in(log)
    total_bytes = sum(path.stat().st_size for folder in folders for path in folder.glob("*.seg"))
    reports: list[WriterReport] = []
    done_bytes = 0

    def step(read_bytes: int) -> None:
        if progress is not None:
            progress(done_bytes + read_bytes, total_bytes)

    for folder in folders:
        found = _Walk(folder, step).verify()
        if isinstance(found, FirstFault):
            return found
        reports.append(found)
        done_bytes += found.bytes
    return Report(tuple(reports))


class _Walk:
    """One writer's log, read from its first record to its last."""

    def __init__(self, folder: Path, step: Callable[[int], None]) -> None:
        self._folder, self._step = folder, step
        self._last: Link = GENESIS
        self._bytes = 0
        self._counts: dict[str, int] = {}
        self._before: dict[str, int] = {}
        self._block = BlockReader(1)

    def verify(self) -> WriterReport | FirstFault:
        names = sorted(path.name for path in self._folder.glob("*.seg"))
        for name in names:
            if segment_number(name) is None:
                return self._fault("stray", name, 0, "names of eight digits", name)
        if not names:
            return self._fault("segments", segment_name(1), 0, segment_name(1), "nothing")
        for number, name in enumerate(names, start=1):
            if name != segment_name(number):
                return self._fault("segments", segment_name(number), 0, segment_name(number), name)
            self._block, self._before = BlockReader(number), self._counts.copy()
            try:
                fault = self._segment(self._folder / name, last=number == len(names))
            except OSError as error:
                return self._fault("unreadable", name, 0, "a readable file", type(error).__name__)
            if fault is not None:
                return fault
        return WriterReport(
            self._folder.name,
            self._last.seq + 1,
            self._last.epoch,
            len(names),
            self._bytes,
            self._last.seq,
            self._last.leaf_hash,
        )

    def _segment(self, path: Path, last: bool) -> FirstFault | None:
        data, end = path.read_bytes(), 0
        for _ in range(_SETTLE_TRIES):
            end, fault = self._records(path.name, data, end)
            if fault is not None:
                return fault
            tail = tail_after(data, end)
            if tail == "clean":
                self._bytes += end
                self._step(self._bytes)
                return None
            # The tail may be a record that is being written this very moment: look again until it holds still.
            seen, data = data, _read_again(path) if last and tail == "torn" else data
            if data[end:] == seen[end:]:
                break
        return self._bad_tail(path.name, end, data)

    def _records(self, name: str, data: bytes, end: int) -> tuple[int, FirstFault | None]:
        """Check what follows `end`; where the whole frames end then, and the first fault.

        A record that follows the one before it in every point that chain.break_between looks at is taken here, without
        a call and a new Link for each; this loop reads whole logs. Every other one is judged by `_record`.
        """
        counts, writer, begun, last = self._counts, self._folder.name, sha256(b"\x00").copy, self._last
        epoch, seq, previous = last.epoch, last.seq, last.leaf_hash
        plain = last.version == LEAF_VERSION and not self._block.reading
        for offset, raw in frames(data, end):
            leaf = decode(raw)
            if plain and leaf is not None and leaf.v == LEAF_VERSION and type(entry := leaf.entry) not in _MARKS:
                at, partner = leaf.at, getattr(entry, "partner", "")
                count = counts.get(partner, 0)
                follows = at.seq == seq + 1 and at.prev == previous and at.partner_seq == count
                if follows and at.epoch == epoch and at.writer == writer:
                    hasher = begun()
                    hasher.update(raw)
                    seq, previous, end = seq + 1, hasher.hexdigest(), offset + HEADER_BYTES + len(raw)
                    counts[partner] = count + 1
                    if seq % _RECORDS_PER_STEP == 0:
                        self._step(self._bytes + offset)
                    continue
            self._last = Link(epoch, seq, previous, self._last.version)
            fault = self._record(name, offset, raw, leaf)
            if fault is not None:
                return end, fault
            last, end = self._last, offset + HEADER_BYTES + len(raw)
            epoch, seq, previous = last.epoch, last.seq, last.leaf_hash
            plain = last.version == LEAF_VERSION and not self._block.reading
        self._last = Link(epoch, seq, previous, self._last.version)
        return end, None

    def _record(self, name: str, offset: int, raw: bytes, leaf: Leaf | None) -> FirstFault | None:
        """Check one record in every point, and say what is wrong with it."""
        if leaf is None:
            return self._fault("shape", name, offset, "a record of this version", f"{len(raw)} bytes that are none")
        broken = break_between(self._last, leaf, self._folder.name)
        entry, at, counts = leaf.entry, leaf.at, self._counts
        if broken is None and (self._block.reading or type(entry) is Counters):
            broken = self._block_break(leaf)
        if broken is not None:
            return self._fault(broken.kind, name, offset, broken.expected, broken.found)
        expected = -1
        if leaf.v > 1:
            partner = partner_of(entry)
            expected = counts.get(partner, 0)
            counts[partner] = expected + 1
        if at.partner_seq != expected:
            return self._fault("partner-seq", name, offset, str(expected), str(at.partner_seq))
        self._last = Link(at.epoch, at.seq, leaf_hash(raw), leaf.v)
        if at.seq % _RECORDS_PER_STEP == 0:
            self._step(self._bytes + offset)
        return None

    def _block_break(self, leaf: Leaf) -> Break | None:
        """What a segment says of the records before it must be what they were counted to be."""
        missing = self._block.read(leaf)
        if missing is not None:
            return Break("counters", missing, type(leaf.entry).__name__.lower())
        counted, said = self._before, self._block.pairs
        if any(counted.get(partner) != count for partner, count in said.items()):
            return Break("counters", "the records that were counted", "another number")
        if self._block.base is said and len(said) != len(counted):
            return Break("counters", f"counts of {len(counted)} partners", f"counts of {len(said)}")
        return None

    def _bad_tail(self, name: str, end: int, data: bytes) -> FirstFault:
        behind = f"{len(data) - end} bytes that are no whole frame"
        if tail_after(data, end) == "corrupt":
            return self._fault("corrupt", name, end, "a whole frame", "a damaged frame with whole ones behind it")
        return self._fault("torn", name, end, "a whole frame or the end of the file", behind)

    def _fault(self, kind: str, name: str, offset: int, expected: str, found: str) -> FirstFault:
        writer = self._folder.name
        return FirstFault(kind, f"{writer}/{name}", offset, writer, self._last.seq + 1, expected, found)


def _read_again(path: Path) -> bytes:
    time.sleep(_SETTLE_S)
    return path.read_bytes()
