"""Makes an evidence bundle from the published tree of a partner. It is checked before anybody gets it."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, TypeAlias

import msgspec
from msgspec import Struct

from gateway.audit.contracts import read_contract
from gateway.audit.leaf import Leaf, decode
from gateway.audit.period import Period
from gateway.audit.sidecar import openings
from gateway.evidence import bundle
from gateway.evidence.anchoring import anchor_lines, choose_anchors
from gateway.evidence.check import BundleFault, BundleReport, check_bundle
from gateway.evidence.packing import Packing
from gateway.evidence.proving import Proving
from gateway.evidence.published import NotMade, Published, StoppedError, entries_of, is_partner_name, read_published
from gateway.evidence.readme import readme
from gateway.evidence.tables import TableError, row_of, write_parquet
from gateway.tlog.layout import ROOT, tree_of
from gateway.tlog.merkle import leaf_hash
from gateway.tlog.note import VerifierKey
from gateway.tlog.spelling import base64_text
from gateway.tlog.target import Target
from gateway.tlog.tiles import HASH_BYTES, WIDTH, TileError, TilePath, encode_bundle, tiles_of

Phase: TypeAlias = Literal["finding", "packing", "checking"]
PhaseProgress: TypeAlias = Callable[[Phase, int, int], None]
"""Called with (what is being done, how much of it, of how much): records, and for checking bytes."""

_OPENED_AT_ONCE = 100_000
"""Commitments that are looked for in the sidecar in one go."""


class Asked(Struct, frozen=True, kw_only=True):
    """Which evidence. Times are ISO 8601 with offset, "" for an open end; `made_by` is program and version.

    `key` is what must have signed the tree, None: whatever is published beside it. `receipts_vkey` and `policy` are
    taken along when not empty; `sidecar` is where openings are, None: none.
    """

    partner: str
    key: VerifierKey | None = None
    from_time: str = ""
    until_time: str = ""
    made_by: str = "clausegate"
    receipts_vkey: str = ""
    policy: bytes = b""
    sidecar: Path | None = None


def make_bundle(
    target: Target, log: Path, asked: Asked, output: Path, progress: PhaseProgress | None = None
) -> BundleReport | NotMade:
    """Write the bundle to `output`, which must not exist. `log` has the archive of contracts.

    The same tree, checkpoint and period give the same bytes. Memory does not grow with the number of records. Raises
    ValueError for times that are none.
    """
    period = bundle.period_of(asked.from_time, asked.until_time)
    if period is None:
        raise ValueError("a period is two times with offset, the second after the first")
    if not is_partner_name(asked.partner):
        return NotMade("no-tree", "no partner can have that name")
    step = progress or _silent
    try:
        if output.exists():
            return NotMade("exists", f"{output} is there already, and is not overwritten")
        with TemporaryDirectory(prefix=f".{output.name}.", dir=output.parent) as folder:
            made = Path(folder) / "made.zip"
            _Making(log, asked, period, Path(folder), step).make(target, made)
            report = check_bundle(made, lambda done, total: step("checking", done, total), key=asked.key)
            if isinstance(report, BundleFault):
                place = f"{report.kind} in {report.member or 'the bundle'}"
                return NotMade("damaged", f"what is published does not verify: {place}, record {report.index}")
            return report if _put(made, output) else NotMade("exists", f"{output} is there already")
    except StoppedError as stopped:
        return stopped.why
    except TileError as error:
        return NotMade("damaged", f"what is published is not a whole tree: {error}")
    except TableError as error:
        return NotMade("unwritable", f"the table cannot be written: {error}")
    except OSError as error:
        return NotMade("unwritable", f"{output}: {error.strerror or type(error).__name__}")


def _silent(_phase: Phase, _done: int, _total: int) -> None:
    """Nobody is watching."""


def _put(made: Path, output: Path) -> bool:
    """Give the finished file its name, unless there is one of that name by now."""
    with made.open("rb") as file:
        os.fsync(file.fileno())
    try:
        os.link(made, output)
    except FileExistsError:
        return False
    except OSError:  # a file system without links
        if output.exists():
            return False
        made.rename(output)
    return True


class _Making:
    """One bundle that is being made."""

    def __init__(self, log: Path, asked: Asked, period: Period, folder: Path, step: PhaseProgress) -> None:
        self._log, self._asked, self._period, self._step = log, asked, period, step
        self._records_file, self._rows_file = folder / "records.jsonl", folder / "rows.jsonl"
        self._parquet = folder / "records.parquet"
        self._records, self._first_index, self._last_index = 0, -1, -1
        self._contracts: set[str] = set()

    def make(self, target: Target, path: Path) -> None:
        """Pack everything into a new zip file at `path`. Raises StoppedError, TileError, TableError, OSError."""
        asked = self._asked
        found = read_published(target, tree_of(asked.partner))
        if found is None:
            raise StoppedError(NotMade("no-tree", f"no tree is published for a partner {asked.partner}"))
        entries = entries_of(found.tree, self._period, lambda done, total: self._step("finding", done, total))
        if entries is None:
            raise StoppedError(NotMade("no-records", f"there is no record of {asked.partner} in that period"))
        packing = Packing(path)
        packing.add(bundle.CHECKPOINT, found.signed.note.encode())
        packing.add(bundle.VKEY, f"{found.key.text()}\n".encode())
        _pack_tiles(packing, found)
        self._pack_entries(packing, found, *entries)
        self._pack_tables(packing, found)
        missing = self._pack_contracts(packing)
        anchors = _pack_anchors(packing, target, found, entries)
        opened = self._pack_openings(packing)
        if asked.receipts_vkey:
            packing.add(bundle.RECEIPTS_VKEY, f"{asked.receipts_vkey}\n".encode())
        if asked.policy:
            packing.add(bundle.POLICY, asked.policy)
        head = found.signed.checkpoint
        manifest = bundle.Manifest(
            format=bundle.FORMAT,
            made_by=asked.made_by,
            partner=asked.partner,
            origin=head.origin,
            from_time=asked.from_time,
            until_time=asked.until_time,
            tree_size=head.size,
            root=base64_text(head.root),
            first_entry=entries[0],
            end_entry=entries[1],
            records=self._records,
            contracts_missing=missing,
            anchors=anchors,
            openings=opened,
            files=(),
        )
        packing.add(bundle.README, readme(manifest, found.key, self._first_index, self._last_index))
        packing.add(bundle.MANIFEST, msgspec.structs.replace(manifest, files=tuple(packing.files)).encode())
        packing.close()

    def _pack_entries(self, packing: Packing, found: Published, first: int, end: int) -> None:
        """The bundles of [first, end), and beside the zip file what the tables are made of."""
        with self._records_file.open("wb") as records, self._rows_file.open("wb") as rows:
            for start in range(first, end, WIDTH):
                self._step("packing", start - first, end - first)
                raws = list(found.tree.entries(start, min(start + WIDTH, end)))
                width = min(WIDTH, found.tree.size - start)
                packing.add(TilePath("entries", start // WIDTH, width).text(), encode_bundle(raws))
                for index, raw in enumerate(raws, start):
                    leaf = decode(raw)
                    if leaf is None or b"\n" in raw:
                        raise TileError(f"entry {index}", "no record as this program writes them")
                    if bundle.is_within(leaf.entry.time_us, self._period):
                        hashed = leaf_hash(raw)
                        records.write(bundle.record_line(index, hashed, raw))
                        rows.write(msgspec.json.encode(row_of(index, hashed.hex(), leaf)) + b"\n")
                        self._count(index, leaf)
        if not self._records:
            raise StoppedError(NotMade("no-records", f"there is no record of {self._asked.partner} in that period"))

    def _count(self, index: int, leaf: Leaf) -> None:
        self._records += 1
        self._first_index = index if self._first_index < 0 else self._first_index
        self._last_index = index
        if named := bundle.contract_named(leaf.entry):
            self._contracts.add(named)

    def _pack_tables(self, packing: Packing, found: Published) -> None:
        packing.add_file(bundle.RECORDS, self._records_file)
        packing.stream(bundle.PROOFS, self._proofs(found))
        write_parquet(self._rows_file, self._parquet)
        packing.add_file(bundle.PARQUET, self._parquet, compress=False)

    def _proofs(self, found: Published) -> Iterator[bytes]:
        proving = Proving(found.tree)
        for done, line in enumerate(self._lines()):
            if done % WIDTH == 0:
                self._step("packing", done, self._records)
            yield proving.line(line.index)

    def _lines(self) -> "Iterator[_Line]":
        """The records again, from the file that was made of them."""
        with self._records_file.open("rb") as file:
            for text in file:
                yield _LINE.decode(text)

    def _pack_contracts(self, packing: Packing) -> tuple[str, ...]:
        """The documents of all contracts that records name; gives the hashes of those that nobody kept."""
        missing = []
        for contract_hash in sorted(self._contracts):
            document = read_contract(self._log, contract_hash)
            if document is None:
                missing.append(contract_hash)
            else:
                packing.add(bundle.contract_path(contract_hash), document)
        return tuple(missing)

    def _pack_openings(self, packing: Packing) -> int:
        """What opens the payloads of these records, as far as it is still there; gives how many."""
        if self._asked.sidecar is None:
            return 0
        opened = 0

        def lines(sidecar: Path) -> Iterator[bytes]:
            nonlocal opened
            for line in self._opened(sidecar):
                opened += 1
                yield bundle.line(line)

        packing.stream(bundle.OPENINGS, lines(self._asked.sidecar))
        return opened

    def _opened(self, sidecar: Path) -> Iterator[bundle.OpeningLine]:
        waiting: list[tuple[int, str]] = []
        for line in self._lines():
            if line.leaf.entry.payload:
                waiting.append((line.index, line.leaf.entry.payload))
            if len(waiting) >= _OPENED_AT_ONCE:
                yield from _opening_lines(sidecar, waiting)
                waiting = []
        yield from _opening_lines(sidecar, waiting)


class _Payload(Struct, frozen=True, gc=False):
    payload: str = ""


class _Entry(Struct, frozen=True, gc=False):
    entry: _Payload


class _Line(Struct, frozen=True, gc=False):
    """A line of `records.jsonl`, as much of it as is needed again."""

    index: int
    leaf: _Entry


_LINE = msgspec.json.Decoder(_Line)


def _opening_lines(sidecar: Path, waiting: list[tuple[int, str]]) -> Iterator[bundle.OpeningLine]:
    keys = {
        found.commitment.hex(): found.key.hex() for found in openings(sidecar, {bytes.fromhex(p) for _, p in waiting})
    }
    for index, payload in waiting:
        if payload in keys:
            yield bundle.OpeningLine(index, payload, keys[payload])


def _pack_tiles(packing: Packing, found: Published) -> None:
    """All hashes of the tree, each tile as wide as the checkpoint's size makes it."""
    for tile in tiles_of(found.tree.size):
        if tile.level == "entries":
            continue
        data = found.fetch(tile.text())
        if data is None and tile.width < WIDTH:  # replaced by the full one meanwhile
            data = found.fetch(TilePath(tile.level, tile.index).text())
        if data is None or len(data) < tile.width * HASH_BYTES:
            raise TileError(tile.text(), "missing or too short")
        packing.add(tile.text(), data[: tile.width * HASH_BYTES], compress=False)


def _pack_anchors(packing: Packing, target: Target, found: Published, entries: tuple[int, int]) -> int:
    """Where checkpoints of this tree stand in the root log, as far as both are published; gives how many."""
    chosen = choose_anchors(found.fetch, *entries)
    root = read_published(target, ROOT)
    if chosen is None or root is None:
        return 0
    in_both = tuple(
        anchor for anchor in chosen.anchors if anchor.size <= found.tree.size and anchor.root_index < root.tree.size
    )
    if in_both:
        packing.add(bundle.ROOT_CHECKPOINT, root.signed.note.encode())
        packing.add(bundle.ROOT_VKEY, f"{root.key.text()}\n".encode())
        packing.add(bundle.ANCHOR_KEY, f"{chosen.key.hex()}\n".encode())
        packing.stream(bundle.ANCHORS, anchor_lines(in_both, root.tree))
    return len(in_both)
