"""Reads a bundle's entries once, and beside each the line or row that each table must have for it."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from gateway.audit.leaf import VERSIONS, Leaf, decode
from gateway.audit.period import Period
from gateway.evidence.bundle import (
    LINE_BYTES_MAX,
    OPENINGS,
    PARQUET,
    PROOFS,
    RECORDS,
    Manifest,
    OpeningLine,
    contract_named,
    is_within,
    record_line,
)
from gateway.evidence.members import BundleError, Members
from gateway.evidence.proving import Proving
from gateway.evidence.tables import TableError, read_parquet, row_of
from gateway.tlog.merkle import leaf_hash
from gateway.tlog.tiles import WIDTH, TilePath, TileTree

_OPENING = msgspec.json.Decoder(OpeningLine)


class Reread(Struct, frozen=True):
    """What the records of the period are: how many, the first and last index, the contract hashes that they name."""

    records: int
    first_index: int
    last_index: int
    contracts: frozenset[str]
    openings: int


def reread(members: Members, manifest: Manifest, tree: TileTree, *, period: Period, folder: Path) -> Reread:
    """Compare entries with hashes, counters and tables. `tree` is verified; `folder` takes the table to be read.

    Raises BundleError, and TileError from `tree`.
    """
    tables = _Tables(members, tree, folder)
    counters = _Counters(from_start=manifest.first_entry == 0)
    contracts: set[str] = set()
    first, last = -1, -1
    with closing(tables):
        start, end = manifest.first_entry, manifest.end_entry
        numbered = enumerate(zip(tree.entries(start, end), tree.leaf_hashes(start, end), strict=True), start)
        for index, (raw, hash_there) in numbered:
            if leaf_hash(raw) != hash_there:
                raise BundleError("entry", _bundle(index), index, hash_there.hex(), leaf_hash(raw).hex())
            leaf = decode(raw)
            if leaf is None or leaf.v not in VERSIONS:
                raise BundleError("entry", _bundle(index), index, "a record of a known version", "something else")
            if getattr(leaf.entry, "partner", "") != manifest.partner:
                raise BundleError("entry", _bundle(index), index, f"a record of {manifest.partner}", "one of another")
            counters.check(index, leaf)
            if is_within(leaf.entry.time_us, period):
                tables.check(index, raw, hash_there, leaf)
                contracts.add(contract_named(leaf.entry))
                first, last = (index if first < 0 else first), index
        tables.check_end()
    contracts.discard("")
    return Reread(tables.records, first, last, frozenset(contracts), tables.openings)


class _Counters:
    """Whether a writer's records of this partner follow one another without a gap. Version 1 did not count them."""

    def __init__(self, *, from_start: bool) -> None:
        self._from_start = from_start
        self._last: dict[str, tuple[int, int, int]] = {}

    def check(self, index: int, leaf: Leaf) -> None:
        at = leaf.at
        before = self._last.get(at.writer)
        self._last[at.writer] = (at.epoch, at.seq, at.partner_seq)
        if before is None:
            if self._from_start and at.partner_seq > 0:
                raise BundleError("counter", _bundle(index), index, f"{at.writer} from 0", at.partner_seq)
            return
        epoch, seq, partner_seq = before
        if at.epoch < epoch or at.seq <= seq:
            raise BundleError("counter", _bundle(index), index, f"{at.writer} behind {seq}", at.seq)
        if partner_seq >= 0 and at.partner_seq != partner_seq + 1:
            raise BundleError("counter", _bundle(index), index, f"{at.writer} {partner_seq + 1}", at.partner_seq)


class _Tables:
    """records.jsonl, proofs.jsonl, records.parquet and openings.jsonl, read in step with the entries."""

    def __init__(self, members: Members, tree: TileTree, folder: Path) -> None:
        self._proving = Proving(tree)
        self._lines = members.lines(RECORDS, LINE_BYTES_MAX)
        self._proofs = members.lines(PROOFS, LINE_BYTES_MAX)
        self._rows = read_parquet(_unpacked(members, folder))
        self._openings: Iterator[bytes] = members.lines(OPENINGS, LINE_BYTES_MAX) if OPENINGS in members else iter(())
        self._opening = self._next_opening()
        self.records = self.openings = 0

    def close(self) -> None:
        self._rows.close()

    def check(self, index: int, raw: bytes, hash_there: bytes, leaf: Leaf) -> None:
        """The next line and row must be this record's."""
        self.records += 1
        if next(self._lines, b"") != record_line(index, hash_there, raw):
            raise BundleError("record", RECORDS, index, "the entry of the tree, as it is", "another line")
        if next(self._proofs, b"") != self._proving.line(index):
            raise BundleError("proof", PROOFS, index, "the proof that leads to the root", "another line")
        if _next_row(self._rows) != row_of(index, hash_there.hex(), leaf):
            raise BundleError("parquet", PARQUET, index, "the values of the record", "others")
        opening = self._opening
        if opening is not None and opening.index == index:
            if opening.payload != getattr(leaf.entry, "payload", ""):
                raise BundleError("opening", OPENINGS, index, "the payload of the record", "another")
            self.openings += 1
            self._opening = self._next_opening()

    def check_end(self) -> None:
        """No table may have more than the entries do."""
        for name, more in ((RECORDS, next(self._lines, None)), (PROOFS, next(self._proofs, None))):
            if more is not None:
                raise BundleError("record", name, -1, f"{self.records} lines", "more")
        if _next_row(self._rows) is not None:
            raise BundleError("parquet", PARQUET, -1, f"{self.records} rows", "more")
        if self._opening is not None:
            raise BundleError("opening", OPENINGS, self._opening.index, "indexes of records, ascending", "another")

    def _next_opening(self) -> OpeningLine | None:
        text = next(self._openings, None)
        if text is None:
            return None
        found: OpeningLine | None = _decoded(_OPENING, text)
        if found is None:
            raise BundleError("opening", OPENINGS, -1, "an opening", "something else")
        return found


def _unpacked(members: Members, folder: Path) -> Path:
    """The Parquet file, which has to be read in any order, as a file of its own."""
    path = folder / PARQUET
    with path.open("wb") as file:
        for chunk in members.chunks(PARQUET):
            file.write(chunk)
    return path


def _next_row(rows: Iterator[dict[str, Any]]) -> dict[str, Any] | None:
    try:
        return next(rows, None)
    except TableError as error:
        raise BundleError("parquet", PARQUET, -1, "a Parquet file with the columns of records", error) from None


def _bundle(index: int) -> str:
    """The bundle of entries that has this one, but for its width."""
    return TilePath("entries", index // WIDTH).text()


def _decoded(decoder: "msgspec.json.Decoder[Any]", text: bytes) -> Any:
    try:
        return decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
