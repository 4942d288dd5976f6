"""Proofs made tile by tile are RFC 6962's, for every record of trees of every shape."""

import json
from base64 import b64decode
from hashlib import sha256

import pytest

from gateway.evidence.proving import Proving
from gateway.tlog.merkle import nodes_of
from gateway.tlog.tiles import HASH_BYTES, TilePath, TileTree, parse_tile_path

LEAVES = [sha256(number.to_bytes(4)).digest() for number in range(256 * 3 + 5)]


def root_of(hashes: list[bytes]) -> bytes:
    """RFC 6962 section 2.1."""
    if len(hashes) == 1:
        return hashes[0]
    middle = 1 << (len(hashes) - 1).bit_length() - 1
    return sha256(b"\x01" + root_of(hashes[:middle]) + root_of(hashes[middle:])).digest()


def path_of(index: int, hashes: list[bytes]) -> list[bytes]:
    """RFC 6962 section 2.1.1."""
    if len(hashes) == 1:
        return []
    middle = 1 << (len(hashes) - 1).bit_length() - 1
    if index < middle:
        return [*path_of(index, hashes[:middle]), root_of(hashes[middle:])]
    return [*path_of(index - middle, hashes[middle:]), root_of(hashes[:middle])]


def tree_of(size: int) -> TileTree:
    node = nodes_of(LEAVES[:size])

    def fetch(path: str) -> bytes | None:
        tile = parse_tile_path(path)
        assert isinstance(tile, TilePath)
        assert tile.level != "entries"
        return b"".join(node(8 * tile.level, 256 * tile.index + place) for place in range(tile.width))

    return TileTree(fetch, size)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 255, 256, 257, 300, 511, 512, 513, 700, 768, len(LEAVES)])
def test_the_line_of_a_record_holds_its_hash_and_its_path(size: int) -> None:
    proving = Proving(tree_of(size))
    for index in [*range(min(size, 5)), *range(5, size, 37), *range(max(0, size - 5), size), size // 2]:
        found = json.loads(proving.line(index))
        assert (found["index"], found["leaf_hash"]) == (index, LEAVES[index].hex())
        path = [b64decode(text) for text in found["proof"]]
        assert path == path_of(index, LEAVES[:size])
        assert all(len(sibling) == HASH_BYTES for sibling in path)
