"""Whether a receipt was kept: the record is in the tree, or is not due yet, or its deadline was missed.

What a missed deadline is proved by to others: the promise, which the hub signed, and a checkpoint whose complete tree
does not hold the record, cosigned by a witness after the promise was due.
"""

from collections.abc import Iterator, Sequence
from typing import Literal, NoReturn, TypeAlias

from msgspec import Struct

from gateway.audit.leaf import Promised, Receipt, decode
from gateway.audit.promise import RECEIPTS, check_promise
from gateway.tlog.checking import Opened, fault_of, open_tree
from gateway.tlog.layout import CHECKPOINT
from gateway.tlog.merkle import Frontier, inclusion_proof, is_included, leaf_hash
from gateway.tlog.note import VerifierKey, verified
from gateway.tlog.policy import Policy
from gateway.tlog.proof import Proof, format_proof
from gateway.tlog.source import Source
from gateway.tlog.tiles import HASH_BYTES, WIDTH, TileError, TilePath, TileTree
from gateway.tlog.tree_report import NO_INDEX, TreeFault, UnsoundError

Verdict: TypeAlias = Literal[
    "included",  # the record is in the tree
    "waiting",  # it is not, and was not promised to be there yet
    "missed",  # it is not, and was promised to be there by now
    "unpromised",  # it is not, and nothing was promised: the receipt is not signed
]


class ReceiptReport(Struct, frozen=True):
    """What became of a receipt.

    `due_s` (Unix seconds) is None without a promise; `receipts_key` is the vkey that it was checked by, "": there was
    none to check it with; `receipts_key_given` False: it was taken from beside the root log.
    `index` is where the record stands in the tree, NO_INDEX where it does not; `proof` is then the `.tlog-proof` text.
    `cosigned` are the policy's witnesses with the times of their cosignatures; `late` those of them after `due_s`.
    `checkpoint` is the note that was looked at, for whoever has to prove what was not there.
    """

    verdict: Verdict
    receipt: Receipt
    due_s: int | None
    receipts_key: str
    receipts_key_given: bool
    where: str
    origin: str
    size: int
    root: str
    key: str
    key_given: bool
    index: int
    cosigned: dict[str, int]
    late: tuple[str, ...]
    checkpoint: str
    proof: str


class Keys(Struct, frozen=True):
    """Keys that somebody trusts, and the policy; None where they have none. `receipts` checks promises.

    `receipts_given` False: that key was not given by hand but found beside the root log.
    """

    tree: VerifierKey | None = None
    receipts: VerifierKey | None = None
    policy: Policy | None = None
    receipts_given: bool = True


def check_receipt(receipt: Receipt, source: Source, keys: Keys, now_s: int) -> ReceiptReport | TreeFault:
    """Look for a receipt's record in the tree published at `source`. A tree that is not sound is a fault.

    Faults besides those of the tree: promise (its signature is not good), origin (another log made the promise), place
    (the record there has another place in its writer's log than the receipt says). Raises SourceError.
    """
    promised = receipt if isinstance(receipt, Promised) else None
    if promised is not None and keys.receipts is not None and not check_promise(promised, keys.receipts):
        return TreeFault("promise", "the receipt", "", NO_INDEX, f"a good signature by {keys.receipts.text()}", "none")
    opened = open_tree(source, keys.tree, keys.policy)
    if isinstance(opened, TreeFault):
        return opened
    head = opened.signed.checkpoint
    origin = keys.receipts.name.removesuffix(RECEIPTS) if keys.receipts is not None else ""
    if origin and not head.origin.startswith(f"{origin}/"):
        expected = f"a tree of the log {origin}, which made the promise"
        return TreeFault("origin", source.where, CHECKPOINT, NO_INDEX, expected, f"origin {head.origin}")
    try:
        index = _position(source, opened, bytes.fromhex(receipt.leaf_hash))
        proof = "" if index is None else _proof(source, opened, receipt, index)
    except (UnsoundError, TileError, OSError) as error:
        return fault_of(error, source.where)
    return ReceiptReport(
        verdict=_verdict(index, promised, opened, now_s),
        receipt=receipt,
        due_s=promised.due_s if promised else None,
        receipts_key=keys.receipts.text() if promised is not None and keys.receipts is not None else "",
        receipts_key_given=keys.receipts_given,
        where=source.where,
        origin=head.origin,
        size=head.size,
        root=head.root.hex(),
        key=opened.key.text(),
        key_given=opened.key_given,
        index=NO_INDEX if index is None else index,
        cosigned=opened.cosigned,
        late=tuple(name for name, time_s in opened.cosigned.items() if promised and time_s > promised.due_s),
        checkpoint=opened.signed.note.encode().decode(),
        proof=proof,
    )


def _verdict(index: int | None, promised: Promised | None, opened: Opened, now_s: int) -> Verdict:
    if index is not None:
        return "included"
    if promised is None:
        return "unpromised"
    # A witness's clock is as good as ours, and others can see what it said.
    return "missed" if max(now_s, *opened.cosigned.values(), 0) > promised.due_s else "waiting"


def _position(source: Source, opened: Opened, leaf: bytes) -> int | None:
    """Where a leaf hash stands: newest first, and when it is nowhere, the root over all that is there is recomputed."""
    head = opened.signed.checkpoint
    firsts = range(0, head.size, WIDTH)
    for first, hashes in _tiles(source, head.size, firsts[::-1]):
        place = hashes.find(leaf)
        while place >= 0 and place % HASH_BYTES:  # across two hashes it is none
            place = hashes.find(leaf, place + 1)
        if place >= 0:
            return first + place // HASH_BYTES
    tree = Frontier()
    for _, hashes in _tiles(source, head.size, firsts):
        tree = tree.extended([hashes[start : start + HASH_BYTES] for start in range(0, len(hashes), HASH_BYTES)])
    if tree.root() != head.root:
        _stop("root", source, (CHECKPOINT, NO_INDEX), head.root.hex(), tree.root().hex())
    return None


def _proof(source: Source, opened: Opened, receipt: Receipt, index: int) -> str:
    """The proof of an entry; it is checked, and so is that the entry is the record that the receipt names."""
    head = opened.signed.checkpoint
    tree = TileTree(source.fetch, head.size)
    path = inclusion_proof(index, head.size, tree.node)
    leaf = bytes.fromhex(receipt.leaf_hash)
    tile = _tile(index // WIDTH * WIDTH, head.size).text()
    if not is_included(index, head.size, leaf, path, head.root):
        _stop("hash", source, (tile, index), f"a leaf and a path that lead to {head.root.hex()}", "another root")
    (entry,) = tree.entries(index, index + 1)
    if leaf_hash(entry) != leaf:
        _stop("leaf-hash", source, (tile, index), leaf.hex(), leaf_hash(entry).hex())
    found = decode(entry)
    place = None if found is None else (found.at.writer, found.at.epoch, found.at.seq)
    if place != (receipt.writer, receipt.epoch, receipt.seq):
        _stop("place", source, (tile, index), _words((receipt.writer, receipt.epoch, receipt.seq)), _words(place))
    return format_proof(index, path, opened.signed.note)


class ProofReport(Struct, frozen=True):
    """A `.tlog-proof` that proves its entry. `leaf_hash` and `root` in hex; `cosigned` as in ReceiptReport."""

    leaf_hash: str
    index: int
    origin: str
    size: int
    root: str
    key: str
    cosigned: dict[str, int]


def check_proof(proof: Proof, leaf: bytes, key: VerifierKey, policy: Policy | None) -> ProofReport | TreeFault:
    """Whether a `.tlog-proof` proves that the entry with this leaf hash is in the tree whose checkpoints `key` signs.

    Faults: checkpoint, signature, quorum, hash.
    """
    head, note = proof.checkpoint.checkpoint, proof.checkpoint.note
    if head.origin != key.name:
        return _of_proof("checkpoint", proof, f"origin {key.name}", f"origin {head.origin}")
    if verified(note, key) is None:
        return _of_proof("signature", proof, f"a good signature by {key.text()}", "none")
    if not proof.proves(leaf):
        return _of_proof("hash", proof, f"a path from {leaf.hex()} to {head.root.hex()}", "one to another root")
    cosigned = policy.witnessed(note) if policy is not None else {}
    if policy is not None and not policy.is_met(cosigned.keys()):
        return _of_proof("quorum", proof, f"cosignatures that make up {policy.quorum}", ", ".join(cosigned) or "none")
    return ProofReport(leaf.hex(), proof.index, head.origin, head.size, head.root.hex(), key.text(), cosigned)


def _of_proof(kind: str, proof: Proof, expected: str, found: str) -> TreeFault:
    return TreeFault(kind, "the proof", "", proof.index, expected, found)


def _tiles(source: Source, size: int, firsts: Sequence[int]) -> Iterator[tuple[int, bytes]]:
    """(index of the first leaf, leaf hashes) of tiles of level 0, in this order."""
    in_order = source.in_order(_tile(first, size).text() for first in firsts)
    for first, found in zip(firsts, in_order, strict=True):
        tile = _tile(first, size)
        is_partial = tile.width < WIDTH
        data = source.fetch(TilePath(0, tile.index).text()) if found is None and is_partial else found
        held = HASH_BYTES * (WIDTH if found is None and is_partial else tile.width)
        if data is None or len(data) != held:
            raise TileError(tile.text(), "not there" if data is None else f"{len(data)} bytes instead of {held}")
        yield first, data[: HASH_BYTES * tile.width]


def _tile(first: int, size: int) -> TilePath:
    """The tile of level 0 in which the leaf with this index is the first."""
    return TilePath(0, first // WIDTH, min(WIDTH, size - first))


def _words(place: tuple[str, int, int] | None) -> str:
    return "no record" if place is None else f"record {place[2]} of {place[0]}, epoch {place[1]}"


def _stop(kind: str, source: Source, place: tuple[str, int], expected: str, found: str) -> NoReturn:
    raise UnsoundError(TreeFault(kind, source.where, *place, expected, found))
