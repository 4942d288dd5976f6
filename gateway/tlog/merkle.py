"""RFC 6962 Merkle trees (section 2.1): hashes, roots, inclusion and consistency proofs; pure, on 32-byte values."""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from itertools import chain, islice
from typing import TypeAlias

from msgspec import Struct

EMPTY_ROOT = sha256(b"").digest()

NodeAt: TypeAlias = Callable[[int, int], bytes]
"""(level, index) -> hash of the perfect subtree over leaves [index << level, (index + 1) << level)."""

_HASH_BYTES = 32


def leaf_hash(entry: bytes) -> bytes:
    """SHA-256(0x00 || entry)."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right)."""
    return sha256(b"\x01" + left + right).digest()


# A copy of a hash that has begun costs a fifth less than a new one, and these two loops are most of what appending
# to a tree costs, so each has its own.


def leaf_hashes_of(entries: Iterable[bytes]) -> list[bytes]:
    """`leaf_hash` of each; of many at once it costs less."""
    begun = sha256(b"\x00").copy
    hashes: list[bytes] = []
    add = hashes.append
    for entry in entries:
        hasher = begun()
        hasher.update(entry)
        add(hasher.digest())
    return hashes


def parents_of(hashes: Sequence[bytes]) -> list[bytes]:
    """The hashes one level up; a last one without a sibling has no parent yet."""
    begun = sha256(b"\x01").copy
    parents: list[bytes] = []
    add = parents.append
    in_turn = iter(hashes)
    for left, right in zip(in_turn, in_turn, strict=False):
        hasher = begun()
        hasher.update(left + right)
        add(hasher.digest())
    return parents


class Frontier(Struct, frozen=True):
    """A tree's size and the roots of its perfect subtrees from left (largest) to right: all that appending needs."""

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def root(self) -> bytes:
        """The tree's root; EMPTY_ROOT for size 0."""
        return _folded(self.hashes) if self.hashes else EMPTY_ROOT

    def extended(self, leaf_hashes: Sequence[bytes]) -> "Frontier":
        """The tree with these leaves behind."""
        before = list(self.hashes)
        kept: list[bytes] = []
        level, nodes = 0, list(leaf_hashes)
        while nodes:
            if (self.size >> level) & 1:
                nodes.insert(0, before.pop())
            if len(nodes) & 1:
                kept.append(nodes[-1])
            nodes = parents_of(nodes)
            level += 1
        return Frontier(self.size + len(leaf_hashes), (*before, *reversed(kept)))


def nodes_of(leaf_hashes: Sequence[bytes]) -> NodeAt:
    """The nodes of a tree that is in memory, each level hashed once. A node outside of it raises IndexError."""
    levels = [list(leaf_hashes)]
    while len(levels[-1]) > 1:
        levels.append(parents_of(levels[-1]))

    def node(level: int, index: int) -> bytes:
        return levels[level][index]

    return node


def frontier_at(size: int, node: NodeAt) -> Frontier:
    """The frontier of the tree's first `size` leaves."""
    return Frontier(size, tuple(_perfect_subtrees(0, size, node)))


def inclusion_proof(index: int, size: int, node: NodeAt) -> list[bytes]:
    """RFC 6962 section 2.1.1, from the leaf's sibling to the root's child. Raises ValueError unless index < size."""
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} has no leaf {index}")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(_root_of(middle, end, node))
            end = middle
        else:
            path.append(_root_of(start, middle, node))
            start = middle
    return path[::-1]


def consistency_proof(old: int, new: int, node: NodeAt) -> list[bytes]:
    """RFC 6962 section 2.1.2; empty for old == new and for old == 0. Raises ValueError unless 0 <= old <= new."""
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {old} is no prefix of one of {new}")
    if old in (0, new):
        return []
    path: list[bytes] = []
    start, end = 0, new
    # Until the old tree's border is that of a subtree: SUBPROOF of the RFC, from its outermost call inwards.
    while end != old:
        middle = start + _split(end - start)
        if old <= middle:
            path.append(_root_of(middle, end, node))
            end = middle
        else:
            path.append(_root_of(start, middle, node))
            start = middle
    if start > 0:  # The verifier has the root of the whole old tree, but not that of its last part.
        path.append(_root_of(start, end, node))
    return path[::-1]


def root_from_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes]) -> bytes | None:
    """The root that this proof leads to (RFC 9162 section 2.1.3.2); None when its length or index cannot be right."""
    if not 0 <= index < size or not _are_hashes(chain((leaf,), proof)):
        return None
    place, last, root = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return None
        if place & 1 or place == last:
            root = node_hash(sibling, root)
            shift = _trailing_zeros(place) + 1
        else:
            root = node_hash(root, sibling)
            shift = 1
        place, last = place >> shift, last >> shift
    return root if last == 0 else None


def is_included(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether the proof shows that `leaf` (a leaf hash) stands at `index` of the tree with `root`."""
    found = root_from_inclusion(index, size, leaf, proof)
    return found is not None and found == root


def is_consistent(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the proof shows that the old tree is a prefix of the new (RFC 9162 section 2.1.4.2).

    old == 0: the proof must be empty and old_root EMPTY_ROOT; old == new: an empty proof and equal roots.
    """
    if not 0 <= old <= new or not _are_hashes(chain((old_root, new_root), proof)):
        return False
    if old in (0, new):
        return not proof and (old > 0 or old_root == EMPTY_ROOT) and (old < new or old_root == new_root)
    if not proof:
        return False
    # A perfect old tree is itself a node of the new one: its root opens the path, which the proof leaves out.
    path = (old_root, *proof) if old & (old - 1) == 0 else tuple(proof)
    shift = _trailing_zeros(old)
    place, last = (old - 1) >> shift, (new - 1) >> shift
    old_found = new_found = path[0]
    for sibling in islice(path, 1, None):
        if last == 0:
            return False
        if place & 1 or place == last:
            old_found, new_found = node_hash(sibling, old_found), node_hash(sibling, new_found)
            shift = _trailing_zeros(place) + 1
        else:
            new_found = node_hash(new_found, sibling)
            shift = 1
        place, last = place >> shift, last >> shift
    return last == 0 and old_found == old_root and new_found == new_root


def _split(size: int) -> int:
    """The largest power of two below `size`, which is at least 2."""
    return 1 << ((size - 1).bit_length() - 1)


def _trailing_zeros(number: int) -> int:
    """How many times the number can be halved; all zeros of 0 are said to be as many as no size has."""
    return (number & -number).bit_length() - 1 if number else 64


def _perfect_subtrees(start: int, end: int, node: NodeAt) -> list[bytes]:
    """The roots that make up [start, end) from left to right, `start` being a border of each."""
    hashes = []
    while start < end:
        level = (end - start).bit_length() - 1
        hashes.append(node(level, start >> level))
        start += 1 << level
    return hashes


def _root_of(start: int, end: int, node: NodeAt) -> bytes:
    """The hash of the subtree over [start, end)."""
    return _folded(_perfect_subtrees(start, end, node))


def _folded(hashes: Sequence[bytes]) -> bytes:
    """The root over perfect subtrees that stand side by side, the smallest at the right."""
    root = hashes[-1]
    for left in reversed(hashes[:-1]):
        root = node_hash(left, root)
    return root


def _are_hashes(values: "chain[bytes]") -> bool:
    """A value of another length could pass a part of one hash off as another."""
    return all(len(value) == _HASH_BYTES for value in values)
