"""Merkle trees, against published vectors, the RFC's own recursive words, and another implementation."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from gateway.tlog.merkle import (
    EMPTY_ROOT,
    Frontier,
    consistency_proof,
    frontier_at,
    inclusion_proof,
    is_consistent,
    is_included,
    leaf_hash,
    leaf_hashes_of,
    node_hash,
    nodes_of,
    root_from_inclusion,
)

ENTRIES = [
    bytes.fromhex(entry)
    for entry in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
"""The reference tree of Certificate Transparency; so are the roots and proofs below."""
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
LEAF_2 = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
LEAF_5 = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
LEAVES_3_4 = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
LEAVES_5_6 = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
LEAVES_7_8 = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
LEAVES_5_8 = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
INCLUSION = [
    (0, 1, []),
    (0, 8, [LEAF_2, LEAVES_3_4, LEAVES_5_8]),
    (5, 8, [LEAF_5, LEAVES_7_8, ROOTS[3]]),
    (2, 3, [ROOTS[1]]),
    (1, 5, [ROOTS[0], LEAVES_3_4, LEAF_5]),
]
CONSISTENCY = [
    (1, 1, []),
    (1, 8, [LEAF_2, LEAVES_3_4, LEAVES_5_8]),
    (6, 8, [LEAVES_5_6, LEAVES_7_8, ROOTS[3]]),
    (2, 5, [LEAVES_3_4, LEAF_5]),
]

OTHER: Any = InmemoryTree
"""Has no types. It counts leaves from 1, and its proofs of inclusion begin with the leaf itself."""
SMALL = 40
"""Trees up to this size are tried out completely."""


def hashes(count: int) -> list[bytes]:
    """Leaf hashes that differ."""
    return leaf_hashes_of(b"%d" % number for number in range(count))


# RFC 6962 section 2.1, as it is written there.


def largest_power_below(size: int) -> int:
    power = 1
    while power * 2 < size:
        power *= 2
    return power


def tree_head(leaves: Sequence[bytes]) -> bytes:
    """MTH(D[n]) over leaf hashes."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = largest_power_below(len(leaves))
    return sha256(b"\x01" + tree_head(leaves[:k]) + tree_head(leaves[k:])).digest()


def audit_path(m: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PATH(m, D[n])."""
    if len(leaves) == 1:
        return []
    k = largest_power_below(len(leaves))
    if m < k:
        return [*audit_path(m, leaves[:k]), tree_head(leaves[k:])]
    return [*audit_path(m - k, leaves[k:]), tree_head(leaves[:k])]


def subproof(m: int, leaves: Sequence[bytes], whole: bool) -> list[bytes]:
    """SUBPROOF(m, D[n], b); PROOF(m, D[n]) is SUBPROOF(m, D[n], true)."""
    if m == len(leaves):
        return [] if whole else [tree_head(leaves)]
    k = largest_power_below(len(leaves))
    if m <= k:
        return [*subproof(m, leaves[:k], whole), tree_head(leaves[k:])]
    return [*subproof(m - k, leaves[k:], False), tree_head(leaves[:k])]


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert Frontier().root() == EMPTY_ROOT
    assert frontier_at(0, nodes_of([])) == Frontier()


def test_leaves_and_nodes_are_hashed_apart() -> None:
    assert leaf_hash(b"").hex() == ROOTS[0]
    assert node_hash(leaf_hash(b""), leaf_hash(b"\x00")).hex() == ROOTS[1]
    assert leaf_hashes_of(ENTRIES) == [leaf_hash(entry) for entry in ENTRIES]


@pytest.mark.parametrize("size", range(1, 9))
def test_the_reference_tree_has_the_published_roots(size: int) -> None:
    leaves = leaf_hashes_of(ENTRIES)
    assert frontier_at(size, nodes_of(leaves)).root().hex() == ROOTS[size - 1]
    assert Frontier().extended(leaves[:size]).root().hex() == ROOTS[size - 1]


@pytest.mark.parametrize(("index", "size", "expected"), INCLUSION)
def test_inclusion_proofs_of_the_reference_tree_are_the_published_ones(
    index: int, size: int, expected: list[str]
) -> None:
    leaves = leaf_hashes_of(ENTRIES)
    proof = inclusion_proof(index, size, nodes_of(leaves))
    assert [sibling.hex() for sibling in proof] == expected
    assert is_included(index, size, leaves[index], proof, bytes.fromhex(ROOTS[size - 1]))


@pytest.mark.parametrize(("old", "new", "expected"), CONSISTENCY)
def test_consistency_proofs_of_the_reference_tree_are_the_published_ones(
    old: int, new: int, expected: list[str]
) -> None:
    proof = consistency_proof(old, new, nodes_of(leaf_hashes_of(ENTRIES)))
    assert [sibling.hex() for sibling in proof] == expected
    assert is_consistent(old, new, bytes.fromhex(ROOTS[old - 1]), bytes.fromhex(ROOTS[new - 1]), proof)


def test_every_small_tree_is_that_of_the_recursive_definition() -> None:
    leaves = hashes(SMALL)
    node = nodes_of(leaves)
    for size in range(SMALL + 1):
        root = tree_head(leaves[:size])
        assert frontier_at(size, node).root() == root
        for index in range(size):
            proof = inclusion_proof(index, size, node)
            assert proof == audit_path(index, leaves[:size])
            assert is_included(index, size, leaves[index], proof, root)
        for old in range(1, size + 1):
            proof = consistency_proof(old, size, node)
            assert proof == subproof(old, leaves[:size], True)
            assert is_consistent(old, size, tree_head(leaves[:old]), root, proof)


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=300), st.data())
def test_another_implementation_agrees_about_roots_and_proofs(entries: list[bytes], data: st.DataObject) -> None:
    other = OTHER.init_from_entries(entries, algorithm="sha256")
    leaves = leaf_hashes_of(entries)
    node = nodes_of(leaves)
    new = data.draw(st.integers(1, len(entries)))
    old = data.draw(st.integers(1, new))
    index = data.draw(st.integers(0, new - 1))
    root, old_root = frontier_at(new, node).root(), frontier_at(old, node).root()
    assert (root, old_root) == (other.get_root(new), other.get_root(old))

    theirs = other.prove_inclusion(index + 1, new)
    assert theirs.path == [leaves[index], *inclusion_proof(index, new, node)]
    theirs.verify(leaves[index], root, index + 1, new)

    # It cuts the old tree into other parts than the RFC does; what either proves is the same.
    growth = other.prove_consistency(old, new)
    growth.verify(old_root, root, old, new)
    assert is_consistent(old, new, other.get_root(old), other.get_root(new), consistency_proof(old, new, node))


@given(st.integers(0, 600), st.lists(st.integers(0, 300), max_size=5))
def test_a_tree_is_the_same_however_it_grew(first: int, steps: list[int]) -> None:
    leaves = hashes(first + sum(steps))
    grown = Frontier().extended(leaves[:first])
    for step in steps:
        grown = grown.extended(leaves[grown.size : grown.size + step])
    assert grown == frontier_at(len(leaves), nodes_of(leaves))
    assert len(grown.hashes) == grown.size.bit_count()


@given(st.integers(1, 200), st.data())
def test_an_inclusion_proof_holds_for_nothing_else(size: int, data: st.DataObject) -> None:
    leaves = hashes(size)
    node = nodes_of(leaves)
    root = frontier_at(size, node).root()
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(index, size, node)
    other = data.draw(st.integers(0, size - 1).filter(lambda place: place != index) if size > 1 else st.just(size))
    place = data.draw(st.integers(0, len(proof)))

    assert not is_included(other, size, leaves[index], proof, root)
    assert not is_included(index, size, leaf_hash(b"other"), proof, root)
    assert not is_included(index, size, leaves[index], proof, leaf_hash(b"other"))
    assert not is_included(index, size, leaves[index], [*proof[:place], leaf_hash(b""), *proof[place:]], root)
    assert not is_included(index, size, leaves[index], [*proof[:place], leaf_hash(b""), *proof[place + 1 :]], root)
    if place < len(proof):
        assert not is_included(index, size, leaves[index], [*proof[:place], *proof[place + 1 :]], root)


@given(st.integers(2, 200), st.data())
def test_a_consistency_proof_holds_for_nothing_else(new: int, data: st.DataObject) -> None:
    node = nodes_of(hashes(new))
    old = data.draw(st.integers(1, new - 1))
    old_root, new_root = frontier_at(old, node).root(), frontier_at(new, node).root()
    proof = consistency_proof(old, new, node)
    place = data.draw(st.integers(0, len(proof)))

    assert is_consistent(old, new, old_root, new_root, proof)
    assert not is_consistent(old, new, leaf_hash(b""), new_root, proof)
    assert not is_consistent(old, new, old_root, leaf_hash(b""), proof)
    assert not is_consistent(old, new, old_root, new_root, [*proof[:place], leaf_hash(b""), *proof[place:]])
    if place < len(proof):
        assert not is_consistent(old, new, old_root, new_root, [*proof[:place], *proof[place + 1 :]])
        assert not is_consistent(old, new, old_root, new_root, [*proof[:place], leaf_hash(b""), *proof[place + 1 :]])


def test_a_tree_with_a_changed_record_is_not_consistent_with_what_it_was() -> None:
    leaves = hashes(30)
    changed = [*leaves[:3], leaf_hash(b"changed"), *leaves[4:]]
    old_root = frontier_at(13, nodes_of(leaves)).root()
    node = nodes_of(changed)
    assert not is_consistent(13, 30, old_root, frontier_at(30, node).root(), consistency_proof(13, 30, node))


def test_nothing_is_proven_about_the_empty_tree_but_that_it_was_empty() -> None:
    root = frontier_at(3, nodes_of(hashes(3))).root()
    assert consistency_proof(0, 3, nodes_of(hashes(3))) == []
    assert is_consistent(0, 3, EMPTY_ROOT, root, [])
    assert is_consistent(0, 0, EMPTY_ROOT, EMPTY_ROOT, [])
    assert not is_consistent(0, 0, EMPTY_ROOT, root, [])
    assert not is_consistent(0, 3, root, root, [])
    assert not is_consistent(0, 3, EMPTY_ROOT, root, [root])
    assert not is_included(0, 0, EMPTY_ROOT, [], EMPTY_ROOT)


def test_trees_of_one_size_are_consistent_only_when_they_are_one() -> None:
    root = frontier_at(3, nodes_of(hashes(3))).root()
    assert consistency_proof(3, 3, nodes_of(hashes(3))) == []
    assert is_consistent(3, 3, root, root, [])
    assert not is_consistent(3, 3, root, EMPTY_ROOT, [])
    assert not is_consistent(3, 3, root, root, [root])
    assert not is_consistent(4, 3, root, root, [])
    assert not is_consistent(-1, 3, root, root, [])


def test_an_old_tree_is_not_taken_for_a_new_one_without_a_proof() -> None:
    root = frontier_at(4, nodes_of(hashes(4))).root()
    assert not is_consistent(4, 5, root, root, [])


@pytest.mark.parametrize("cut", [31, 33, 0])
def test_values_that_are_no_hashes_prove_nothing(cut: int) -> None:
    node = nodes_of(hashes(3))
    root = frontier_at(3, node).root()
    wrong = bytes(cut)
    assert root_from_inclusion(0, 3, node(0, 0), [node(0, 1), wrong]) is None
    assert root_from_inclusion(0, 1, wrong, []) is None
    assert not is_consistent(1, 3, node(0, 0), root, [node(0, 1), wrong])
    assert not is_consistent(1, 1, wrong, wrong, [])


def test_bytes_moved_from_one_hash_to_the_next_prove_nothing() -> None:
    leaves = hashes(2)
    root = node_hash(*leaves)
    joined = b"".join(leaves)
    assert is_included(0, 2, leaves[0], [leaves[1]], root)
    assert not is_included(0, 2, joined[:33], [joined[33:]], root)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (3, 3), (4, 3), (-1, 3)])
def test_no_proof_is_made_for_a_leaf_outside_of_the_tree(index: int, size: int) -> None:
    with pytest.raises(ValueError, match=f"a tree of {size} has no leaf {index}"):
        inclusion_proof(index, size, nodes_of(hashes(8)))
    assert root_from_inclusion(index, size, leaf_hash(b""), []) is None


@pytest.mark.parametrize(("old", "new"), [(4, 3), (-1, 3)])
def test_no_proof_is_made_that_a_tree_shrank(old: int, new: int) -> None:
    with pytest.raises(ValueError, match="is no prefix"):
        consistency_proof(old, new, nodes_of(hashes(8)))


def test_a_proof_in_the_largest_tree_ends() -> None:
    size = (1 << 63) - 1
    proof = [leaf_hash(b"")] * 63
    assert root_from_inclusion(0, size, leaf_hash(b""), proof) is not None
    assert root_from_inclusion(0, size, leaf_hash(b""), proof[1:]) is None
    assert root_from_inclusion(0, size, leaf_hash(b""), [*proof, proof[0]]) is None
