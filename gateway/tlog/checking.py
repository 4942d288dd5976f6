"""Recomputes a published tree from its entries and believes nothing: see `check_tree`."""

from collections.abc import Iterator
from hashlib import sha256
from typing import NoReturn

from msgspec import Struct

from gateway.audit.leaf import LEAF_VERSION, VERSIONS, Leaf, decode
from gateway.tlog.anchors import parse_root_entry
from gateway.tlog.checkpoint import SignedCheckpoint, open_checkpoint, parse_checkpoint
from gateway.tlog.layout import CHECKPOINT, VKEY, tree_of
from gateway.tlog.merkle import Frontier, leaf_hashes_of, parents_of
from gateway.tlog.note import ED25519, VerifierKey, parse_vkey
from gateway.tlog.policy import Policy
from gateway.tlog.source import Source
from gateway.tlog.tiles import HASH_BYTES, WIDTH, TileError, TilePath, decode_bundle, parse_tile_path
from gateway.tlog.tree_report import (
    NO_INDEX,
    Kind,
    Progress,
    TreeFault,
    TreeReport,
    UnsoundError,
    Watch,
    WriterInTree,
)


class Opened(Struct, frozen=True):
    """A checkpoint whose signatures are good."""

    signed: SignedCheckpoint
    key: VerifierKey
    key_given: bool
    cosigned: dict[str, int]
    quorum_met: bool | None


def open_tree(source: Source, key: VerifierKey | None, policy: Policy | None) -> Opened | TreeFault:
    """The checkpoint of a tree, signed by `key` (None: by the key beside it) and by a quorum of `policy`.

    Raises SourceError.
    """
    try:
        return _open(source, key, policy)
    except (UnsoundError, TileError, OSError) as error:
        return fault_of(error, source.where)


def check_tree(
    source: Source,
    key: VerifierKey | None = None,
    *,
    policy: Policy | None = None,
    watch: Watch | None = None,
    progress: Progress | None = None,
) -> TreeReport | TreeFault:
    """Check a tree that is published at `source`: signature, every entry, every tile of every level, the root.

    Entries of a partner's tree and of the hub's are records of the audit log of that partner alone, in the order of
    each writer's log, counted without a gap; those of a root log are anchors. What was published for earlier
    checkpoints and is still there has to be the beginning of what is there now.

    Raises SourceError: the log cannot be reached.
    """
    try:
        opened = _open(source, key, policy)
        return _Walk(source, opened, watch or Watch(), progress or (lambda _done, _total: None)).run()
    except (UnsoundError, TileError, OSError) as error:
        return fault_of(error, source.where)


def fault_of(error: Exception, where: str) -> TreeFault:
    """The fault that an UnsoundError, TileError or OSError of a walk stands for."""
    if isinstance(error, UnsoundError):
        return error.fault
    if isinstance(error, TileError):
        return TreeFault("tile", where, error.path, NO_INDEX, "what the tree needs there", error.what)
    return TreeFault("unreadable", where, "", NO_INDEX, "a readable file", type(error).__name__)


def _open(source: Source, key: VerifierKey | None, policy: Policy | None) -> Opened:
    def stop(kind: str, path: str, expected: str, found: str) -> NoReturn:
        raise UnsoundError(TreeFault(kind, source.where, path, NO_INDEX, expected, found))

    data = source.fetch(CHECKPOINT)
    if data is None:
        stop("checkpoint", CHECKPOINT, "a checkpoint", "nothing")
    beside = source.fetch(VKEY)
    own = None if beside is None else _key_in(beside)
    if beside is not None and own is None:
        stop("key", VKEY, "a verifier key (Ed25519) on one line", f"{len(beside)} bytes that are none")
    used = key or own
    if used is None:
        stop("key", VKEY, "the log's verifier key", "nothing")
    if own is not None and own != used:
        stop("key", VKEY, used.text(), own.text())
    signed = open_checkpoint(data, used)
    if signed is None:
        parsed = parse_checkpoint(data)
        if parsed is None:
            stop("checkpoint", CHECKPOINT, "a checkpoint", f"{len(data)} bytes that are none")
        if parsed.checkpoint.origin != used.name:
            stop("checkpoint", CHECKPOINT, f"origin {used.name}", f"origin {parsed.checkpoint.origin}")
        stop("signature", CHECKPOINT, f"a good signature by {used.text()}", "none")
    cosigned = policy.witnessed(signed.note) if policy else {}
    if policy is not None and not policy.is_met(cosigned.keys()):
        stop("quorum", CHECKPOINT, f"cosignatures that make up {policy.quorum}", ", ".join(cosigned) or "none")
    return Opened(signed, used, key is not None, cosigned, None if policy is None else True)


def _key_in(data: bytes) -> VerifierKey | None:
    """The key in a file `vkey`: one line."""
    text = data.decode("utf-8", "replace")
    key = parse_vkey(text.removesuffix("\n")) if text.endswith("\n") else None
    return key if key is not None and key.kind == ED25519 else None


class _Place:
    """Where a writer is, as far as this tree has been read."""

    __slots__ = ("epoch", "hasher", "partner_seq", "records", "seq", "time_us", "version")

    def __init__(self) -> None:
        self.epoch, self.seq, self.partner_seq, self.version = 0, -1, -1, 1
        self.records = self.time_us = 0
        self.hasher = sha256()

    def take(self, hashes: list[bytes]) -> None:
        """Leaf hashes of the next records."""
        self.hasher.update(b"".join(hashes))
        self.records += len(hashes)


class _Walk:
    """One tree from its first entry to its last."""

    def __init__(self, source: Source, opened: Opened, watch: Watch, progress: Progress) -> None:
        self._source, self._opened, self._progress = source, opened, progress
        self._head = opened.signed.checkpoint
        self._watch, self._next_size = watch, 0
        self._kind: Kind = "empty"
        self._partner = ""
        self._places: dict[str, _Place] = {}
        self._tops = Frontier()  # its leaves are the roots of the full tiles of level 0
        self._upper: list[list[bytes]] = []  # by level - 1: hashes of the tile there that is not full yet
        self._compared: list[int] = []  # by level - 1: how many full tiles were compared

    def run(self) -> TreeReport:
        size = self._head.size
        rest: list[bytes] = []
        for first, bundle, tile in self._files(size):
            hashes = self._entries(first, min(WIDTH, size - first), bundle, tile)
            self._roots_within(first, hashes)
            if len(hashes) == WIDTH:
                top = _top(hashes)
                self._tops = self._tops.extended((top,))
                self._push(0, top)
            else:
                rest = hashes
            self._progress(first + len(hashes), size)
        for level, hashes in enumerate(self._upper, 1):
            if hashes:
                self._compare(TilePath(level, self._compared[level - 1], len(hashes)), hashes)
        found = Frontier(self._tops.size * WIDTH, self._tops.hashes).extended(rest).root()
        if found != self._head.root:
            self._stop("root", CHECKPOINT, NO_INDEX, self._head.root.hex(), found.hex())
        self._earlier_files()
        return self._report()

    def _files(self, size: int) -> Iterator[tuple[int, "_File", "_File"]]:
        """(index of the first entry, bundle, tile of level 0) from left to right."""
        in_order = self._source.in_order(tile.text() for first in range(0, size, WIDTH) for tile in _pair(first, size))
        for first in range(0, size, WIDTH):
            bundle, tile = _pair(first, size)
            yield first, self._existing(bundle, next(in_order)), self._existing(tile, next(in_order))

    def _existing(self, tile: TilePath, data: bytes | None) -> "_File":
        """The file and where it was: a partial one that is gone has been replaced by the full one."""
        path = tile.text()
        if data is None and tile.width < WIDTH:
            path = TilePath(tile.level, tile.index).text()
            data = self._source.fetch(path)
        if data is None:
            self._stop("tile", tile.text(), NO_INDEX, "a file", "nothing")
        return _File(path, data)

    def _entries(self, first: int, width: int, bundle: "_File", tile: "_File") -> list[bytes]:
        """The leaf hashes of a bundle, once everything in it is right."""
        try:
            entries = decode_bundle(bundle.data)
        except ValueError as error:
            self._stop("bundle", bundle.path, first, f"{width} whole entries", str(error))
        exact = bundle.path == TilePath("entries", first // WIDTH, width).text()
        held = width if exact else WIDTH
        if len(entries) != held:
            self._stop("bundle", bundle.path, first, f"{held} entries", str(len(entries)))
        entries = entries[:width]
        hashes = leaf_hashes_of(entries)
        self._same_hashes(tile, TilePath(0, first // WIDTH, width), hashes, first)
        if first == 0:
            self._kind = "hub" if parse_root_entry(entries[0]) is None else "root"
        (self._anchors if self._kind == "root" else self._records)(first, entries, hashes, bundle.path)
        return hashes

    def _records(self, first: int, entries: list[bytes], hashes: list[bytes], path: str) -> None:
        """Entries as records of the audit log. Each is looked at here: this loop is most of what checking costs."""
        place, name, begun = _Place(), "", first
        for index, entry in enumerate(entries, first):
            leaf = decode(entry)
            if leaf is None:
                self._stop("shape", path, index, "a record of the audit log", f"{len(entry)} bytes that are none")
            at = leaf.at
            if at.writer != name:  # a run of records of one writer ends
                place.take(hashes[begun - first : index - first])
                place, name, begun = self._places.setdefault(at.writer, _Place()), at.writer, index
            partner = getattr(leaf.entry, "partner", "")
            if partner != self._partner or index == 0:
                self._belongs(partner, index, path)
            counted = at.partner_seq == place.partner_seq + 1 and leaf.v == LEAF_VERSION
            if not (counted and at.seq > place.seq and at.epoch >= place.epoch):
                self._follows(place, leaf, index, path)
            place.version, place.seq, place.epoch, place.partner_seq = leaf.v, at.seq, at.epoch, at.partner_seq
            place.time_us = leaf.entry.time_us
        place.take(hashes[begun - first :])

    def _belongs(self, partner: str, index: int, path: str) -> None:
        """The tree is the one that its origin names: `<origin of the root log>/partners/swift`, `.../hub`."""
        if index:
            self._stop("partner", path, index, f"records of {_named(self._partner)}", "one of somebody else")
        if not self._head.origin.endswith(f"/{tree_of(partner)}"):
            found = f"a tree of records of {_named(partner)}"
            self._stop("partner", path, 0, f"what belongs to origin {self._head.origin}", found)
        self._kind, self._partner = "partner" if partner else "hub", partner

    def _follows(self, place: _Place, leaf: Leaf, index: int, path: str) -> None:
        """Each writer's records stand in the order of its log, and none of this partner's is left out."""
        at = leaf.at
        if leaf.v not in VERSIONS or leaf.v < place.version:
            self._stop("version", path, index, f"{place.version} or later", str(leaf.v))
        if at.seq <= place.seq:
            self._stop("seq", path, index, f"{at.writer}: more than {place.seq}", str(at.seq))
        if at.epoch < place.epoch:
            self._stop("epoch", path, index, f"{at.writer}: {place.epoch} or later", str(at.epoch))
        expected = -1 if leaf.v == 1 else place.partner_seq + 1
        if at.partner_seq != expected:
            self._stop("partner-seq", path, index, f"{at.writer}: {expected}", str(at.partner_seq))

    def _anchors(self, first: int, entries: list[bytes], _hashes: list[bytes], path: str) -> None:
        """Entries of a root log."""
        for index, entry in enumerate(entries, first):
            anchor = parse_root_entry(entry)
            if anchor is None:
                self._stop("root-entry", path, index, "an anchor", f"{len(entry)} bytes that are none")
            self._watch.root_entry(index, anchor)

    def _roots_within(self, first: int, hashes: list[bytes]) -> None:
        """Tell the roots at those sizes that end within these leaves."""
        sizes = self._watch.sizes
        tree = Frontier(first, self._tops.hashes)
        while self._next_size < len(sizes) and sizes[self._next_size] <= first + len(hashes):
            size = sizes[self._next_size]
            tree = tree.extended(hashes[tree.size - first : size - first])
            self._watch.root_at(size, tree.root())
            self._next_size += 1

    def _push(self, level: int, top: bytes) -> None:
        """Take the root of a full tile, which is a hash in the tile above; compare that when it is full."""
        if level == len(self._upper):
            self._upper.append([])
            self._compared.append(0)
        hashes = self._upper[level]
        hashes.append(top)
        if len(hashes) == WIDTH:
            self._compare(TilePath(level + 1, self._compared[level]), hashes)
            self._upper[level] = []
            self._compared[level] += 1
            self._push(level + 1, _top(hashes))

    def _compare(self, tile: TilePath, hashes: list[bytes]) -> None:
        """An upper tile is what it has to be."""
        self._same_hashes(self._existing(tile, self._source.fetch(tile.text())), tile, hashes, NO_INDEX)

    def _same_hashes(self, file: "_File", tile: TilePath, hashes: list[bytes], first: int) -> None:
        """A tile holds these hashes. `first` is the index of the first one's entry, NO_INDEX in an upper tile."""
        held = HASH_BYTES * (tile.width if file.path == tile.text() else WIDTH)
        if len(file.data) != held:
            self._stop("tile", file.path, NO_INDEX, f"{held} bytes", f"{len(file.data)} bytes")
        if file.data[: HASH_BYTES * tile.width] == b"".join(hashes):
            return
        for place, expected in enumerate(hashes):
            found = file.data[HASH_BYTES * place : HASH_BYTES * (place + 1)]
            if found != expected:
                index = NO_INDEX if first == NO_INDEX else first + place
                kind = "hash" if first == NO_INDEX else "leaf-hash"
                self._stop(kind, file.path, index, expected.hex(), found.hex())

    def _earlier_files(self) -> None:
        """What still stands there from smaller sizes is the beginning of what is there now.

        Files beyond the checkpoint are left out: they may be on their way to the next one.
        """
        for name in self._source.names("tile") if self._source.names is not None else ():
            path = f"tile/{name}"
            tile = parse_tile_path(path)
            if tile is None:
                self._stop("stray", path, NO_INDEX, "the path of a tile", "another")
            if tile.width == WIDTH:
                continue
            count = self._head.size if tile.level == "entries" else self._head.size >> (8 * tile.level)
            width = min(WIDTH, count - tile.index * WIDTH)
            if tile.width < width:
                self._begins(tile, TilePath(tile.level, tile.index, width))

    def _begins(self, earlier: TilePath, tile: TilePath) -> None:
        old, new = self._source.fetch(earlier.text()), self._existing(tile, self._source.fetch(tile.text())).data
        if old is None:  # taken away in the meantime, as the full one is there
            return
        if tile.level == "entries":
            whole = b"".join(len(entry).to_bytes(2) + entry for entry in decode_bundle(new)[: earlier.width])
        else:
            whole = new[: HASH_BYTES * earlier.width]
        if old != whole:
            found = f"SHA-256 {sha256(old).hexdigest()}"
            self._stop("tile", earlier.text(), NO_INDEX, f"SHA-256 {sha256(whole).hexdigest()}", found)

    def _report(self) -> TreeReport:
        opened, head = self._opened, self._head
        return TreeReport(
            where=self._source.where,
            kind=self._kind,
            partner=self._partner,
            origin=head.origin,
            size=head.size,
            root=head.root.hex(),
            key=opened.key.text(),
            key_given=opened.key_given,
            cosigned=opened.cosigned,
            quorum_met=opened.quorum_met,
            writers=tuple(_writer(name, place) for name, place in sorted(self._places.items())),
        )

    def _stop(self, kind: str, path: str, index: int, expected: str, found: str) -> NoReturn:
        raise UnsoundError(TreeFault(kind, self._source.where, path, index, expected, found))


class _File(Struct, frozen=True):
    """What was read, and where it was."""

    path: str
    data: bytes


def _pair(first: int, size: int) -> tuple[TilePath, TilePath]:
    """The bundle and the tile of level 0 in which the entry with this index is the first."""
    index, width = first // WIDTH, min(WIDTH, size - first)
    return TilePath("entries", index, width), TilePath(0, index, width)


def _top(hashes: list[bytes]) -> bytes:
    """The root over a full tile."""
    while len(hashes) > 1:
        hashes = parents_of(hashes)
    return hashes[0]


def _named(partner: str) -> str:
    return partner or "the hub"


def _writer(name: str, place: _Place) -> WriterInTree:
    return WriterInTree(
        name, place.records, place.epoch, place.seq, place.partner_seq, place.time_us, place.hasher.hexdigest()
    )
