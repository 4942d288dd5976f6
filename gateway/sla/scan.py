"""Reads what settlements are made of from the log, from any place on, and no more of each record than is needed.

What is to be read is fixed before anything is: a log that grows meanwhile is read as it was. Records that were taken
back (Undelivered) are left out, wherever the record that takes them back stands.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, TypeAlias

from msgspec import MsgspecError, Struct
from msgspec.json import Decoder

from gateway.audit.faults import CorruptLogError
from gateway.audit.frames import HEADER_BYTES, LEAF_BYTES_MAX, frame_at, frames, tail_after
from gateway.audit.layout import segments_in, writers_in
from gateway.audit.leaf import Authority, Observation, Outbound, Place, Undelivered

PIECE_BYTES: Final = 4 * 1024 * 1024
"""So much of a segment is held in memory at once: more than a frame, so that a whole one is always among it, and no
more than a processor's cache holds."""
_LEAF_START: Final = b'{"v":'
_UNDELIVERED: Final = b'"type":"undelivered"'


class Seen(Struct, frozen=True, tag="exchange", gc=False):
    """An exchange, as far as lanes count a good answer under a plan that is known: that is what most records are."""

    time_us: int
    request_id: str
    plan: str
    status: int
    latency_us: int


class Whole(Struct, frozen=True, tag="exchange", gc=False):
    """An exchange, as far as lanes count any."""

    time_us: int
    agreement: str
    version: str
    plan: str
    product: str
    operation: str
    status: int
    code: str
    latency_us: int


class _Intent(Struct, frozen=True, tag="intent", gc=False):
    time_us: int
    request_id: str


class _Part(Struct, frozen=True, tag="part", gc=False):
    time_us: int
    request_id: str


class _Opening(Struct, frozen=True, tag="opening", gc=False):
    time_us: int


class _Counters(Struct, frozen=True, tag="counters", gc=False):
    time_us: int


class _Pulse(Struct, frozen=True, tag="pulse", gc=False):
    time_us: int


Read: TypeAlias = (
    Seen | Outbound | Observation | Authority | Undelivered | _Intent | _Part | _Opening | _Counters | _Pulse
)
"""A record; of those that only say that the hub was there, the time."""


class _Held(Struct, frozen=True, gc=False):
    entry: Read


class _HeldWhole(Struct, frozen=True, gc=False):
    entry: Whole


class _Standing(Struct, frozen=True, gc=False):
    at: Place


_DECODE = Decoder(_Held).decode
_DECODE_WHOLE = Decoder(_HeldWhole).decode


class Position(Struct, frozen=True):
    """Up to where one writer's log was read: a segment's number, and the offset of the next frame in it.

    `epoch` and `seq` are those of the last record before it, 0 and -1 when there is none. `skipped` are leaf hashes of
    records before it that were left out, while what takes them back stands behind it.
    """

    segment: int = 0
    offset: int = 0
    epoch: int = 0
    seq: int = -1
    skipped: frozenset[str] = frozenset()


class Piece(Struct, frozen=True):
    """A part of a segment that is to be read; `last`: of its writer's last segment, where a frame may be unfinished."""

    writer: str
    segment: int
    path: Path
    from_bytes: int
    until_bytes: int
    last: bool


class Extent(Struct, frozen=True):
    """What there is to read, writer by writer, and the leaf hashes of what is taken back in it.

    `requests` are the ids of the requests that those records are of: only records with such an id have to be hashed.
    """

    pieces: tuple[Piece, ...]
    retracted: frozenset[str] = frozenset()
    requests: frozenset[str] = frozenset()

    @property
    def size_bytes(self) -> int:
        """How much that is."""
        return sum(piece.until_bytes - piece.from_bytes for piece in self.pieces)


Record: TypeAlias = tuple[int, bytes, Read]
"""(offset behind the frame, leaf, entry)"""


def extent(log: Path, positions: Mapping[str, Position]) -> Extent:
    """What the log holds behind these positions, and now. Raises CorruptLogError and OSError."""
    pieces: list[Piece] = []
    for folder in writers_in(log):
        start = positions.get(folder.name, Position())
        segments = [(number, path) for number, path in segments_in(folder) if number >= start.segment]
        for number, path in segments:
            size, from_bytes = path.stat().st_size, start.offset if number == start.segment else 0
            if size < from_bytes:
                raise CorruptLogError(f"{folder.name}/{path.name}", size)
            pieces.append(Piece(folder.name, number, path, from_bytes, size, number == segments[-1][0]))
    taken_back = [entry for piece in pieces for entry in _taken_back(piece)]
    leaves, requests = (frozenset(getattr(entry, name) for entry in taken_back) for name in ("leaf", "request_id"))
    return Extent(tuple(pieces), leaves, requests)


def records(piece: Piece) -> Iterator[Record]:
    """The records of a piece in order. Raises CorruptLogError and OSError."""
    name, decode = f"{piece.writer}/{piece.path.name}", _DECODE
    base = piece.from_bytes
    descriptor = os.open(piece.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        while base < piece.until_bytes:
            data, end = os.pread(descriptor, min(PIECE_BYTES, piece.until_bytes - base), base), 0
            for offset, leaf in frames(data):
                end = offset + HEADER_BYTES + len(leaf)
                try:
                    entry = decode(leaf).entry
                except (MsgspecError, UnicodeDecodeError, RecursionError):
                    raise CorruptLogError(name, base + offset) from None
                yield base + end, leaf, entry
            whole = base + len(data) >= piece.until_bytes
            if not end or whole:
                _check_tail(data, end, name, base, unfinished=whole and piece.last)
                return
            base += end
    finally:
        os.close(descriptor)


def whole_of(leaf: bytes) -> Whole:
    """All that lanes may ask of an exchange, of which `records` gave a Seen. Raises ValueError where it lacks some."""
    return _DECODE_WHOLE(leaf).entry


def place_of(leaf: bytes) -> Place:
    """Where a record stands in its chain."""
    return Decoder(_Standing).decode(leaf).at


def leaves_with(needle: bytes, path: Path, from_bytes: int, until_bytes: int) -> Iterator[bytes]:
    """The leaves of a part of a segment that hold some bytes, in order, some more than once. Looks for the bytes and
    not at each frame, as few leaves hold them; damaged frames are passed over. `needle` has a quotation mark in it, so
    that no text in a leaf looks like it. Raises OSError.
    """
    overlap = HEADER_BYTES + LEAF_BYTES_MAX
    with path.open("rb") as file:
        file.seek(from_bytes)
        left, before = until_bytes - from_bytes, b""
        while left > 0 and (read := file.read(min(PIECE_BYTES, left))):
            data, left = before + read, left - len(read)
            at = data.find(needle)
            while at >= 0:
                # A frame that ends behind these bytes is whole among the next.
                leaf = frame_at(data, max(0, data.rfind(_LEAF_START, 0, at) - HEADER_BYTES))
                if leaf is not None and needle in leaf:
                    yield leaf
                at = data.find(needle, at + 1)
            before = data[-overlap:]


def _taken_back(piece: Piece) -> Iterator[Undelivered]:
    for leaf in leaves_with(_UNDELIVERED, piece.path, piece.from_bytes, piece.until_bytes):
        if isinstance(entry := _entry(leaf), Undelivered):
            yield entry


def _entry(leaf: bytes) -> Read | None:
    try:
        return _DECODE(leaf).entry
    except (MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _check_tail(data: bytes, end: int, name: str, base: int, *, unfinished: bool) -> None:
    """Behind the last whole frame there is nothing, or what a write that is not finished left."""
    tail = tail_after(data, end)
    if tail == "corrupt" or (tail == "torn" and not unfinished):
        raise CorruptLogError(name, base + end)
