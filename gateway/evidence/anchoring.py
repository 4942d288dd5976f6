"""A partner's anchors in a bundle: which are taken along, and whether the root log really has them."""

from collections.abc import Iterator

import msgspec
from msgspec import Struct

from gateway.evidence.bundle import ANCHORS, ANCHORS_MAX, LINE_BYTES_MAX, AnchorLine, anchor_line, hashes_of
from gateway.evidence.members import BundleError, Members
from gateway.tlog.anchors import KEY, LATEST, Anchor, parse_key, parse_latest, read_anchors, root_entry
from gateway.tlog.checkpoint import Checkpoint
from gateway.tlog.merkle import frontier_at, inclusion_proof, is_included, leaf_hash
from gateway.tlog.tiles import Fetch, TileTree

_LINE = msgspec.json.Decoder(AnchorLine)


class Anchored(Struct, frozen=True):
    """How many checkpoints of the tree are in the root log, and the size of the largest."""

    anchors: int = 0
    size: int = 0


class Chosen(Struct, frozen=True):
    """The anchors that a bundle takes along, and the tree's blinding key."""

    key: bytes
    anchors: tuple[Anchor, ...]


def choose_anchors(fetch: Fetch, first_entry: int, end_entry: int) -> Chosen | None:
    """Those from the first tree with the first entry to the first with all, and the latest; None when there are none.

    Between these they are thinned evenly to ANCHORS_MAX. `fetch` reads the tree's files. Raises TileError, OSError.
    """
    key_file, latest_file = fetch(KEY), fetch(LATEST)
    key = parse_key(key_file) if key_file is not None else None
    count = parse_latest(latest_file) if latest_file is not None else None
    if key is None or not count:
        return None
    chosen: list[Anchor] = []
    ends: list[Anchor] = []
    covering, stride = 0, 1
    for anchor in read_anchors(fetch, count):
        if anchor.size > first_entry and not ends:
            if covering % stride == 0:
                chosen.append(anchor)
            covering += 1
            if anchor.size >= end_entry:
                ends.append(anchor)
            if len(chosen) > ANCHORS_MAX:
                chosen, stride = chosen[::2], stride * 2
        latest = anchor
    return Chosen(key, tuple(sorted({*chosen, *ends, latest}, key=lambda anchor: anchor.number)))


def anchor_lines(anchors: tuple[Anchor, ...], root_tree: TileTree) -> Iterator[bytes]:
    """The lines of `anchors.jsonl`. Raises TileError, OSError."""
    for anchor in anchors:
        [entry] = root_tree.entries(anchor.root_index, anchor.root_index + 1)
        yield anchor_line(anchor, entry, inclusion_proof(anchor.root_index, root_tree.size, root_tree.node))


def check_anchors(members: Members, key: bytes, origin: str, tree: TileTree, root: Checkpoint) -> Anchored:
    """Whether each line is the entry that must stand in the root log for the tree as it was then.

    Raises BundleError, and TileError from `tree`, which is verified.
    """
    before = Anchor(-1, 0, -1)
    count = 0
    for count, text in enumerate(members.lines(ANCHORS, LINE_BYTES_MAX), start=1):
        try:
            line = _LINE.decode(text)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise BundleError("anchor", ANCHORS, count - 1, "an anchor", "something else") from None
        found = Anchor(line.number, line.size, line.root_index)
        grows = found.number > before.number and found.size > before.size and found.root_index > before.root_index
        if not grows or found.size > tree.size:
            raise BundleError("anchor", ANCHORS, count - 1, f"more than {before.size}, at most {tree.size}", found.size)
        entry = line.entry.encode("utf-8", "surrogatepass")
        then = Checkpoint(origin, found.size, frontier_at(found.size, tree.node).root())
        if entry != root_entry(key, found.number, then.text()).encode():
            raise BundleError("anchor", ANCHORS, count - 1, "the commitment to the tree at this size", "another entry")
        proof = hashes_of(line.proof)
        if proof is None or not is_included(found.root_index, root.size, leaf_hash(entry), proof, root.root):
            raise BundleError("anchor", ANCHORS, count - 1, "a proof that leads to the root log's root", "another")
        before = found
    return Anchored(count, before.size)
