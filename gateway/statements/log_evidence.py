"""Where on the log a statement's evidence stands: how far each writer was read, and the records that announce."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from gateway.audit.faults import CorruptLogError
from gateway.audit.frames import frames, leaf_hash
from gateway.audit.layout import segments_in, writers_in
from gateway.audit.leaf import Authority, Leaf, decode
from gateway.sla.scan import Position, leaves_with
from gateway.statements.document import WriterRange

_ACTIVATED: Final = "agreement-activated"
_ISSUED: Final = "statement-issued"
_PUBLISHED: Final = b'"event":"notice-published"'


class Announcement(Struct, frozen=True):
    """The record by which a notice was announced to a partner: its time (Unix microseconds), hash and place."""

    time_us: int
    leaf: str
    writer: str
    seq: int


Announcements = Mapping[tuple[str, str], Announcement]
"""By notice and partner, "" for a notice that concerned nobody."""


def ranges(log: Path, positions: Mapping[str, Position]) -> tuple[WriterRange, ...]:
    """The first and the last record before these positions, writer by writer. Reads two segments of each.

    Raises CorruptLogError and OSError.
    """
    found = []
    for writer in sorted(positions):
        segments = list(_segments(log, writer, positions[writer]))
        first = next((leaf for _, data in segments for _, leaf in frames(data())), None)
        last = next((leaf for _, data in reversed(segments) if (leaf := _last(data())) is not None), None)
        if first is None or last is None:
            continue
        begin, end = _read(writer, first).at, _read(writer, last).at
        found.append(WriterRange(writer, begin.seq, end.seq, end.epoch, leaf_hash(last)))
    return tuple(found)


def announcements(log: Path, positions: Mapping[str, Position]) -> Announcements:
    """The latest record of each notice and partner before these positions; few records are of that kind.

    Raises CorruptLogError and OSError.
    """
    found: dict[tuple[str, str], Announcement] = {}
    for writer in sorted(positions):
        for _, data in _segments(log, writer, positions[writer]):
            for leaf in data.leaves_with(_PUBLISHED):
                _take(found, leaf, _read(writer, leaf))
    return found


def issued_as(log: Path, statement: str) -> frozenset[str]:
    """The hashes under which the log says that a statement was issued; none: its record is not there (any more).

    Raises CorruptLogError and OSError.
    """
    return frozenset(entry.contract for entry in _authority(log, _ISSUED) if entry.subject == statement)


def _authority(log: Path, event: str) -> Iterator[Authority]:
    """The records of an event. Looks at bytes first: few segments hold any."""
    mark = f'"event":"{event}"'.encode()
    for folder in writers_in(log):
        for _, path in segments_in(folder):
            held = path.read_bytes()
            for _, raw in frames(held) if mark in held else ():
                entry = _read(folder.name, raw).entry if mark in raw else None
                if isinstance(entry, Authority) and entry.event == event:
                    yield entry


def in_force_as(log: Path, agreement: str, version: str, before_us: int) -> str:
    """The hash of the contract by which a version of an agreement was last in force before a time; "": by none.

    Raises CorruptLogError and OSError.
    """
    latest = (-1, "")
    for entry in _authority(log, _ACTIVATED):
        if entry.subject == f"{agreement} {version}" and latest[0] <= entry.time_us < before_us:
            latest = (entry.time_us, entry.contract)
    return latest[1]


class _Data:
    """The bytes of a segment up to a place, read when they are called for."""

    def __init__(self, path: Path, size: int | None) -> None:
        self._path, self._size = path, size

    def __call__(self) -> bytes:
        with self._path.open("rb") as file:
            return file.read(-1 if self._size is None else self._size)

    def leaves_with(self, needle: bytes) -> Iterator[bytes]:
        size = self._path.stat().st_size if self._size is None else self._size
        return leaves_with(needle, self._path, 0, size)


def _segments(log: Path, writer: str, position: Position) -> Iterator[tuple[int, _Data]]:
    for number, path in segments_in(log / writer):
        if number <= position.segment:
            yield number, _Data(path, position.offset if number == position.segment else None)


def _last(data: bytes) -> bytes | None:
    found = None
    for _, leaf in frames(data):
        found = leaf
    return found


def _read(writer: str, raw: bytes) -> Leaf:
    leaf = decode(raw)
    if leaf is None:
        raise CorruptLogError(writer, 0)
    return leaf


def _take(found: dict[tuple[str, str], Announcement], raw: bytes, leaf: Leaf) -> None:
    entry = leaf.entry
    if not isinstance(entry, Authority) or entry.event != "notice-published":
        return
    key = entry.subject.partition(" ")[0], entry.partner
    if key not in found or found[key].time_us <= entry.time_us:
        found[key] = Announcement(entry.time_us, leaf_hash(raw), leaf.at.writer, leaf.at.seq)
