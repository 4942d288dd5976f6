"""The root that follows from the lowest tiles is RFC 6962's, and a tile above that does not follow is found."""

from hashlib import sha256

import pytest

from gateway.evidence.members import BundleError
from gateway.evidence.rehashing import root_of_tiles
from gateway.tlog.merkle import nodes_of
from gateway.tlog.tiles import WIDTH, tiles_of

LEAVES = [sha256(number.to_bytes(4)).digest() for number in range(WIDTH * WIDTH + WIDTH + 3)]


def recursive_root(hashes: list[bytes]) -> bytes:
    """RFC 6962 section 2.1."""
    if len(hashes) == 1:
        return hashes[0]
    middle = 1 << (len(hashes) - 1).bit_length() - 1
    return sha256(b"\x01" + recursive_root(hashes[:middle]) + recursive_root(hashes[middle:])).digest()


def published(size: int) -> dict[str, bytes]:
    node = nodes_of(LEAVES[:size])
    return {
        tile.text(): b"".join(node(8 * tile.level, tile.index * WIDTH + place) for place in range(tile.width))
        for tile in tiles_of(size)
        if tile.level != "entries"
    }


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 512, 700, WIDTH * WIDTH, len(LEAVES)])
def test_the_root_is_that_of_the_leaves_and_every_tile_is_read_once(size: int) -> None:
    files, read = published(size), list[str]()

    def fetch(path: str) -> bytes:
        read.append(path)
        return files[path]

    assert root_of_tiles(fetch, size) == recursive_root(LEAVES[:size])
    assert sorted(read) == sorted(files)


@pytest.mark.parametrize("size", [256, 257, 700, WIDTH * WIDTH, len(LEAVES)])
def test_any_tile_above_that_does_not_follow_is_named(size: int) -> None:
    files = published(size)
    for path in [path for path in files if not path.startswith("tile/0/")]:
        changed = {**files, path: files[path][:-1] + bytes([files[path][-1] ^ 1])}
        with pytest.raises(BundleError) as raised:
            root_of_tiles(changed.__getitem__, size)
        assert raised.value.member == path


def test_a_tile_of_another_length_is_no_tile() -> None:
    files = published(257)
    for path, data in (("tile/0/000", files["tile/0/000"] + b"x"), ("tile/0/001.p/1", b"")):
        with pytest.raises(BundleError):
            root_of_tiles({**files, path: data}.__getitem__, 257)
