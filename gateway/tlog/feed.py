"""Reads from the segments what the trees do not hold yet: whole records that are on stable storage, in their chains.

Each frame's checksum and each link of the chain are checked, so that a record which is put into a tree is one that its
writer wrote behind the record before it.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

from msgspec import Struct

from gateway.audit.faults import name_of
from gateway.audit.frames import HEADER_BYTES, LEAF_BYTES_MAX, frame_at, leaf_hash, tail_after
from gateway.audit.layout import is_writer_name, segment_name, segments_in
from gateway.store.log_state import Position, Positions
from gateway.tlog.chaining import Leaves, follow
from gateway.tlog.layout import tree_of

RECORDS_MAX: Final = 65_536
BYTES_MAX: Final = 64 * 1024 * 1024
_FRAME_BYTES_MAX: Final = HEADER_BYTES + LEAF_BYTES_MAX

Sync: TypeAlias = Callable[[int], None]
"""Makes the bytes behind a descriptor durable, such as os.fdatasync. Raises OSError."""


class FeedFault(Struct, frozen=True):
    """Why the log cannot be read on. `file` is below the log's folder; `detail` has numbers, hashes, an errno.

    `unreadable` True: the disk does not answer as it should; otherwise what it answers is not the log.
    """

    file: str
    offset: int
    detail: str
    unreadable: bool = False


class Batch(Struct, frozen=True):
    """Records by tree, and the positions behind them. `more` True: a limit was reached before the end."""

    upto: dict[str, Position]
    trees: dict[str, Leaves]
    records: int
    more: bool


class Limits(Struct, frozen=True):
    """How much of one writer is read at once; and, where it is known, the position to end at."""

    records: int = RECORDS_MAX
    bytes: int = BYTES_MAX
    upto: Position | None = None


class _Open(Struct, frozen=True):
    """A segment that is kept open, so that an error of its disk reaches us too."""

    segment: int
    descriptor: int
    identity: tuple[int, int]


class _Piece(Struct, frozen=True):
    """What a segment holds behind a position. `final` True: these are its last bytes, and another segment follows."""

    data: bytes
    final: bool


class Feed:
    """The segments below a log's folder. Not for several threads at once.

    `sync` None: nothing is made durable, for those who only want to know what waits.
    """

    def __init__(self, log: Path, sync: Sync | None = os.fdatasync) -> None:
        self._log = log
        self._sync = sync
        self._open: dict[str, _Open] = {}

    def read(
        self, positions: Positions, *, records_max: int = RECORDS_MAX, bytes_max: int = BYTES_MAX
    ) -> Batch | FeedFault:
        """What lies behind these positions, writers by name, each in the order of its chain.

        Every writer gets its share of the limits, so that a busy one does not keep another waiting for ever. A tail
        that is not whole is one that is still being written.
        """
        writers = self._writers(positions)
        if isinstance(writers, FeedFault):
            return writers
        share = Limits(max(1, records_max // max(1, len(writers))), max(1, bytes_max // max(1, len(writers))))
        return self._collect(dict.fromkeys(writers, share), positions)

    def read_upto(self, positions: Positions, upto: Positions) -> Batch | FeedFault:
        """The same records as those of an earlier `read` that gave `upto`; a fault if they are not there any more."""
        for writer in upto:
            if not is_writer_name(writer):
                return FeedFault(writer, 0, "no writer's name")
        ends = {writer: Limits(upto[writer].seq - _start(positions, writer).seq, 0, upto[writer]) for writer in upto}
        found = self._collect(dict(sorted(ends.items())), positions)
        if isinstance(found, FeedFault):
            return found
        for writer, end in upto.items():
            reached = found.upto.get(writer, Position())
            if reached != end:
                return _placed(writer, reached, f"leads to record {reached.seq}, and led to {end.seq}: rolled back")
        return found

    def close(self) -> None:
        """Give the descriptors back."""
        for writer in list(self._open):
            self._drop(writer)

    def _writers(self, positions: Positions) -> list[str] | FeedFault:
        """Every folder of a writer, those that have ended among them."""
        try:
            names = {entry.name for entry in os.scandir(self._log) if entry.is_dir(follow_symlinks=False)}
        except FileNotFoundError:
            names = set()
        except OSError as error:
            return FeedFault(".", 0, name_of(error), unreadable=True)
        for writer in sorted(positions):
            if writer not in names:
                return FeedFault(writer, 0, "the writer's folder is gone")
        return sorted(filter(is_writer_name, names))

    def _collect(self, writers: dict[str, Limits], positions: Positions) -> Batch | FeedFault:
        reached = dict(positions)
        by_partner: dict[str, Leaves] = {}
        records, more = 0, False
        for writer, limits in writers.items():
            start = _start(positions, writer)
            try:
                end = self._read_writer(writer, start, limits, by_partner)
            except OSError as error:
                # Opened anew it is read from the device: an fdatasync that failed once says nothing afterwards.
                self._drop(writer)
                return FeedFault(writer, start.offset, name_of(error), unreadable=True)
            if isinstance(end, FeedFault):
                return end
            position, is_limited = end
            more = more or is_limited
            if position.seq > start.seq:
                reached[writer] = position
                records += position.seq - start.seq
        trees = {tree_of(partner): by_partner[partner] for partner in sorted(by_partner)}
        return Batch(reached, trees, records, more)

    def _read_writer(
        self, writer: str, start: Position, limits: Limits, into: dict[str, Leaves]
    ) -> tuple[Position, bool] | FeedFault:
        """The position behind the last record that was read, and whether it was a limit that ended the reading."""
        at = last = start
        size_bytes = 0
        while last.seq - start.seq < limits.records and (limits.upto or size_bytes < limits.bytes):
            piece = self._piece(writer, at, limits, size_bytes)
            if isinstance(piece, FeedFault):
                return piece
            if piece is None:
                return last, False
            end, fault = follow(writer, at, piece.data, start.seq + limits.records - last.seq, into)
            if fault is not None:
                return _placed(writer, end, fault.detail)
            read_bytes = end.offset - at.offset
            size_bytes += read_bytes
            last = end if read_bytes else last
            if last.seq - start.seq >= limits.records:
                break
            if tail_after(piece.data, read_bytes) == "corrupt":
                return _placed(writer, end, "a damaged frame with whole frames behind it")
            if not piece.final:
                return last, limits.upto is None and size_bytes >= limits.bytes
            if read_bytes < len(piece.data):
                return _placed(writer, end, "torn, but not the last segment")
            at = Position(end.segment + 1, 0, -1, end.epoch, end.seq, end.hash, end.version)
        return last, limits.upto is None

    def _piece(self, writer: str, at: Position, limits: Limits, taken_bytes: int) -> _Piece | FeedFault | None:
        """The durable bytes behind a position; None when there is no such segment yet."""
        # Listed before the size is taken: nothing is added to a segment once there is a later one.
        numbers = {number for number, _ in segments_in(self._log / writer)}
        last = max(numbers, default=0)
        if at.segment not in numbers:
            follows = at.offset == 0 and at.segment == last + 1
            return None if follows else _placed(writer, at, "the segment is gone")
        kept = self._segment(writer, at)
        if isinstance(kept, FeedFault):
            return kept
        size = os.fstat(kept.descriptor).st_size
        if size < at.offset:
            return _placed(writer, at, f"the segment ends at byte {size}: rolled back")
        if self._sync is not None and size > at.offset:
            self._sync(kept.descriptor)
        end = min(size, at.offset + limits.bytes - taken_bytes + _FRAME_BYTES_MAX)
        if limits.upto is not None:
            end = min(size, limits.upto.offset) if limits.upto.segment == at.segment else size
        data = _read(kept.descriptor, at.offset, end)
        return _Piece(data, end == size and last > at.segment)

    def _segment(self, writer: str, at: Position) -> _Open | FeedFault:
        """The open segment of a position; opened anew when the file of that name has become another one."""
        path = self._log / writer / segment_name(at.segment)
        status = os.stat(path, follow_symlinks=False)
        identity = (status.st_dev, status.st_ino)
        kept = self._open.get(writer)
        if kept is not None:
            if kept.segment == at.segment and kept.identity == identity:
                return kept
            self._drop(writer)
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        opened = self._open[writer] = _Open(at.segment, descriptor, identity)
        if self._sync is not None:
            self._sync(descriptor)
            # After a failed fsync of somebody else the kernel may call pages clean that never reached the device.
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        if at.frame < 0:
            return opened
        last = frame_at(_read(descriptor, at.frame, at.offset), 0)
        if last is not None and leaf_hash(last) == at.hash:
            return opened
        self._drop(writer)
        return _placed(writer, at, f"record {at.seq} is another one than in the tree: rolled back")

    def _drop(self, writer: str) -> None:
        kept = self._open.pop(writer, None)
        if kept is not None:
            os.close(kept.descriptor)


def _start(positions: Positions, writer: str) -> Position:
    return positions.get(writer, Position())


def _placed(writer: str, at: Position, detail: str) -> FeedFault:
    return FeedFault(f"{writer}/{segment_name(at.segment)}", at.offset, detail)


def _read(descriptor: int, start: int, end: int) -> bytes:
    """The bytes [start, end), fewer where the file ends before."""
    parts = []
    while start < end:
        part = os.pread(descriptor, end - start, start)
        if not part:
            break
        parts.append(part)
        start += len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)
