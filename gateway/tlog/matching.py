"""Holds the trees against the segments that they were built from: see `match_trees`.

Both sides are read once and on their own: of each writer in each tree a running hash over the leaf hashes is kept,
which is the same on both sides exactly when the same records stand there in the same order. Only where the two differ
is either read again, to name the first record that does.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Final, TypeAlias

from msgspec import MsgspecError, Struct
from msgspec.json import Decoder

from gateway.audit.frames import HEADER_BYTES, frames
from gateway.audit.layout import segments_in, writers_in
from gateway.tlog.layout import CHECKPOINT, tree_of
from gateway.tlog.merkle import leaf_hash, leaf_hashes_of
from gateway.tlog.source import Source
from gateway.tlog.tiles import WIDTH, TilePath, TileTree
from gateway.tlog.tree_report import NO_INDEX, TreeFault, TreeReport, WriterInTree

OVERTAKEN_US: Final = 10 * 60 * 1_000_000
"""A record was left out when one of its writer that is so much later is in another tree already.

Trees are published one after another, so for a moment one may be ahead of another.
"""
_BATCH = 4096

Progress: TypeAlias = Callable[[int, int], None]
"""Called with (bytes read, bytes in all) now and then."""


class Waiting(Struct, frozen=True):
    """Records that are in no tree yet. `oldest_us` is the time of the oldest (Unix microseconds)."""

    records: int
    oldest_us: int | None


class _Brief(Struct, frozen=True, gc=False):
    """What an entry is placed by."""

    time_us: int
    partner: str = ""


class _At(Struct, frozen=True, gc=False):
    writer: str
    seq: int


class _Placed(Struct, frozen=True, gc=False):
    at: _At
    entry: _Brief


class _Stream:
    """The records of one partner by one writer, in order: as many as its tree has, and those that wait."""

    __slots__ = ("_hasher", "_held", "held_records", "oldest_us", "records", "waiting_seq")

    def __init__(self, held: WriterInTree | None) -> None:
        self._held, self._hasher = held, sha256()
        self.held_records = held.records if held else 0
        self.records = 0
        self.oldest_us = self.waiting_seq = -1

    def take(self, placed: _Placed, found: bytes) -> None:
        """The next record and its leaf hash."""
        if self.records < self.held_records:
            self._hasher.update(found)
        elif self.waiting_seq < 0:
            self.waiting_seq, self.oldest_us = placed.at.seq, placed.entry.time_us
        self.records += 1

    def is_same(self) -> bool:
        """Whether what the tree has is what the segments begin with."""
        return self._held is None or self._hasher.hexdigest() == self._held.hashes


_DECODER = Decoder(_Placed)
_NOWHERE = _Placed(_At("", -1), _Brief(0))


def _decode(raw: bytes) -> _Placed:
    """Where a record belongs; nowhere when it is none, which those who verify the segments or the tree have said."""
    try:
        return _DECODER.decode(raw)
    except (MsgspecError, UnicodeDecodeError, RecursionError):
        return _NOWHERE


def match_trees(
    log: Path, trees: Sequence[TreeReport], published: Source, progress: Progress | None = None
) -> Waiting | TreeFault:
    """Whether every record in the segments is in the tree of its partner or waits for it, and nothing else is there.

    `trees` are those published at `published`, checked just before; the segments in `log` are verified on their own.
    Faults: not-in-segments, not-in-tree, left-out. Raises OSError, SourceError, TileError.
    """
    by_partner = {report.partner: report for report in trees if report.kind in ("hub", "partner")}
    streams = {
        (partner, held.writer): _Stream(held) for partner, report in by_partner.items() for held in report.writers
    }
    _read(log, streams, progress or (lambda _done, _total: None))
    for (partner, writer), stream in streams.items():
        if not stream.is_same():
            return _difference(log, by_partner[partner], published.below(tree_of(partner)), writer)
    left_out = _left_out(streams, _newest(by_partner.values()), published)
    if left_out is not None:
        return left_out
    waiting = [stream for stream in streams.values() if stream.waiting_seq >= 0]
    return Waiting(
        sum(stream.records - stream.held_records for stream in waiting),
        min((stream.oldest_us for stream in waiting), default=None),
    )


def _left_out(
    streams: Mapping[tuple[str, str], _Stream], newest: Mapping[str, WriterInTree], published: Source
) -> TreeFault | None:
    """A record that waits while records of its writer that are much later do not."""
    for (partner, writer), stream in streams.items():
        last = newest.get(writer)
        if last is None or not 0 <= stream.waiting_seq < last.last_seq:
            continue
        if last.last_time_us - stream.oldest_us > OVERTAKEN_US:
            where = published.below(tree_of(partner)).where
            found = f"not there, and later ones up to record {last.last_seq} in other trees"
            return TreeFault("left-out", where, CHECKPOINT, NO_INDEX, f"record {stream.waiting_seq} of {writer}", found)
    return None


def partners_in(log: Path) -> set[str]:
    """The partners that the segments have records of; "" is the hub itself. Raises OSError."""
    in_segments = (frames(path.read_bytes()) for folder in writers_in(log) for _, path in segments_in(folder))
    return {_decode(raw).entry.partner for each in in_segments for _, raw in each}


def _newest(trees: Iterable[TreeReport]) -> dict[str, WriterInTree]:
    """Of each writer, how far it is in that tree in which it is farthest."""
    newest: dict[str, WriterInTree] = {}
    for tree in trees:
        for held in tree.writers:
            if held.writer not in newest or newest[held.writer].last_seq < held.last_seq:
                newest[held.writer] = held
    return newest


def _read(log: Path, streams: dict[tuple[str, str], _Stream], progress: Progress) -> None:
    """Take every record of the segments into its stream."""
    segments = [(folder.name, path) for folder in writers_in(log) for _, path in segments_in(folder)]
    total_bytes = sum(path.stat().st_size for _, path in segments)
    done_bytes = 0
    for writer, path in segments:
        in_segment = frames(path.read_bytes())
        while batch := list(islice(in_segment, _BATCH)):
            raws = [raw for _, raw in batch]
            for raw, found in zip(raws, leaf_hashes_of(raws), strict=True):
                placed = _decode(raw)
                key = (placed.entry.partner, writer)
                stream = streams.get(key)
                if stream is None:
                    stream = streams[key] = _Stream(None)
                stream.take(placed, found)
            done_bytes += sum(map(len, raws)) + HEADER_BYTES * len(raws)
            progress(done_bytes, total_bytes)


def _difference(log: Path, report: TreeReport, tree: Source, writer: str) -> TreeFault:
    """The first record of a writer that the tree and the segments do not agree on."""
    in_segments = _records(log / writer, report.partner)
    for index, entry in enumerate(TileTree(tree.fetch, report.size).entries(0, report.size)):
        in_tree = _decode(entry).at
        if in_tree.writer != writer:
            continue
        path = TilePath("entries", index // WIDTH, min(WIDTH, report.size - index // WIDTH * WIDTH)).text()
        file, raw = next(in_segments, ("", b""))
        if raw == entry:
            continue
        named = f"record {in_tree.seq} of {writer}, leaf hash {leaf_hash(entry).hex()}"
        if not raw:
            return TreeFault("not-in-segments", tree.where, path, index, f"{named}, in the segments too", "nothing")
        at = _decode(raw).at
        other = f"record {at.seq} in {file}, leaf hash {leaf_hash(raw).hex()}"
        kind = "not-in-tree" if at.seq < in_tree.seq else "not-in-segments"
        return TreeFault(kind, tree.where, path, index, other, named)
    # What was different a moment ago is the same now: somebody changed it while it was being read.
    return TreeFault(
        "unreadable", tree.where, "", NO_INDEX, "files that hold still", "a log that changed under the check"
    )


def _records(folder: Path, partner: str) -> Iterator[tuple[str, bytes]]:
    """(file, leaf) of a writer's records of one partner."""
    for _, path in segments_in(folder):
        for _, raw in frames(path.read_bytes()):
            if _decode(raw).entry.partner == partner:
                yield f"{folder.name}/{path.name}", raw
