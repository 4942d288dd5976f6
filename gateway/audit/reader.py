"""Reads the log back: every record where it lies, records of one kind, and the record of a receipt.

A log may be read while it is written: reading stops at a tail that is not whole yet. Records come writer by
writer, each in the order of its chain; between writers there is no order but their times.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, Union, get_args

from msgspec import MsgspecError, Struct, defstruct
from msgspec.inspect import StructType, type_info
from msgspec.json import Decoder

from gateway.audit.faults import CorruptLogError
from gateway.audit.frames import HEADER_BYTES, frame_at, frames, leaf_hash, tail_after
from gateway.audit.layout import is_writer_name, segments_in, writers_in
from gateway.audit.leaf import (
    Authority,
    Entry,
    Exchange,
    Intent,
    Leaf,
    Observation,
    Outbound,
    Part,
    Receipt,
    Undelivered,
    decode,
)

_TAGS = frozenset(str(kind.__struct_config__.tag) for kind in get_args(Entry))

Counted: TypeAlias = Exchange | Intent | Part | Observation | Undelivered | Outbound
COUNTED: tuple[type[Counted], ...] = (Exchange, Intent, Part, Observation, Undelivered, Outbound)
"""The kinds of entry that figures are counted from."""

_UNDELIVERED = b'"type":"undelivered"'

KindT = TypeVar("KindT", bound=Struct)


class Located(Struct, frozen=True, gc=False):
    """A record and where it lies: `file` relative to the log's folder, `offset` of its frame, the leaf's bytes."""

    file: str
    offset: int
    raw: bytes
    leaf: Leaf

    def receipt(self) -> Receipt:
        """The receipt its caller was given."""
        at = self.leaf.at
        return Receipt(leaf_hash(self.raw), at.writer, at.epoch, at.seq)


def read_entries(log: Path) -> Iterator[Located]:
    """Every record of every writer. Checks frames, not the chain: that is verify's work.

    Raises CorruptLogError at the first damaged frame, and OSError.
    """
    for file, offset, raw in _leaves(log):
        leaf = decode(raw)
        if leaf is None:
            raise CorruptLogError(file, offset)
        yield Located(file, offset, raw, leaf)


def read_as(log: Path, kind: type[KindT]) -> Iterator[KindT]:
    """Every entry of one tag, decoded as `kind`: a Struct with that tag and any of that entry's fields.

    Fields that `kind` does not have are skipped without being decoded. Raises as `read_entries` does, and
    ValueError for a tag that no entry has.
    """
    return _read(log, (kind,))


def read_exchanges(log: Path) -> Iterator[Exchange]:
    """Every exchange of every writer; raises as `read_entries` does."""
    return read_as(log, Exchange)


class Timed(Struct, frozen=True, gc=False):
    """Of a record that no figure is counted from, that it is there, and when."""

    time_us: int


def read_counted(log: Path, hear: Callable[[Counted | Authority | Timed], None] | None = None) -> Iterator[Counted]:
    """Every entry that figures are counted from; raises as `read_entries` does.

    `hear` is told of every record, of those that nothing is counted from and no Authority only the time.

    Records that an Undelivered takes back are left out, and the Undelivered comes in its own place: who was counting
    while the log was written never heard of them either. They are looked for before anything is read, so that nothing
    counted has to be taken out again.
    """
    retracted = retracted_in(log)
    kinds = COUNTED if hear is None else (*COUNTED, Authority)
    for raw, entry in _decoded(log, kinds, skipped=hear):
        if hear is not None:
            hear(entry)
            if type(entry) is Authority:
                continue
        # Most logs hold none: then no record is hashed.
        if not retracted or type(entry) is Undelivered or leaf_hash(raw) not in retracted:
            yield entry


def retracted_in(log: Path) -> frozenset[str]:
    """The leaf hashes of all records that are taken back; raises as `read_entries` does."""
    if not any(_UNDELIVERED in path.read_bytes() for folder in writers_in(log) for _, path in segments_in(folder)):
        return frozenset()
    return frozenset(entry.leaf for entry in read_as(log, Undelivered))


def _read(log: Path, kinds: tuple[type[Any], ...]) -> Iterator[Any]:
    """The entries of some kinds."""
    return (entry for _, entry in _decoded(log, kinds))


def _decoded(
    log: Path, kinds: tuple[type[Any], ...], skipped: Callable[[Any], None] | None = None
) -> Iterator[tuple[bytes, Any]]:
    """The leaves and entries of some kinds; of all others no more than their tag and time, which `skipped` is told."""
    wanted: dict[str, Any] = {_tag_of(kind): kind for kind in kinds}
    others = [
        defstruct(f"Skipped_{tag}", [], bases=(Timed,), tag=tag, frozen=True, gc=False)
        for tag in sorted(_TAGS - set(wanted))
    ]
    held = defstruct("Held", [("entry", Union[(*wanted.values(), *others)])], frozen=True, gc=False)
    decode_held = Decoder(held).decode
    for file, offset, raw in _leaves(log):
        try:
            entry: Any = decode_held(raw).entry  # type: ignore[attr-defined]  # made above
        except (MsgspecError, UnicodeDecodeError, RecursionError):
            raise CorruptLogError(file, offset) from None
        if type(entry) in kinds:
            yield raw, entry
        elif skipped is not None:
            skipped(entry)


def _tag_of(kind: type[Any]) -> str:
    info = type_info(kind)
    tag = str(info.tag) if isinstance(info, StructType) else ""
    if tag not in _TAGS:
        raise ValueError(f"{kind.__name__} has no tag of an entry")
    return tag


def find_receipt(log: Path, receipt: Receipt) -> Located | None:
    """The record that a receipt proves, or None if the log does not hold that very record.

    Reads the start of each segment of that writer and one segment whole. Raises CorruptLogError, OSError.
    """
    folder = log / receipt.writer
    if not is_writer_name(receipt.writer) or not folder.is_dir():
        return None
    starts = [(seq, path) for _, path in segments_in(folder) if (seq := _first_seq(path)) is not None]
    index = bisect_right(starts, receipt.seq, key=lambda start: start[0]) - 1
    if index < 0:
        return None
    first, path = starts[index]
    for offset, raw in islice(frames(path.read_bytes()), receipt.seq - first, receipt.seq - first + 1):
        leaf = decode(raw)
        if leaf is None:
            raise CorruptLogError(_file(path), offset)
        found = Located(_file(path), offset, raw, leaf)
        return found if found.receipt().place == receipt.place else None
    return None


def _leaves(log: Path) -> Iterator[tuple[str, int, bytes]]:
    """(file, offset, leaf bytes) of every whole frame."""
    for folder in writers_in(log):
        segments = segments_in(folder)
        for number, path in segments:
            # Not mapped: a file that is cut short underneath would kill the reading process.
            data, end, file = path.read_bytes(), 0, _file(path)
            for offset, raw in frames(data):
                yield file, offset, raw
                end = offset + HEADER_BYTES + len(raw)
            tail = tail_after(data, end)
            if tail == "corrupt" or (tail == "torn" and number != segments[-1][0]):
                raise CorruptLogError(file, end)


def _first_seq(path: Path) -> int | None:
    """The sequence number of a segment's first record; None if it has none."""
    with path.open("rb") as file:
        head = file.read(HEADER_BYTES)
        raw = frame_at(head + file.read(int.from_bytes(head[:4], "big") & 0xFFFF), 0)
    leaf = None if raw is None else decode(raw)
    return None if leaf is None else leaf.at.seq


def _file(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"
