"""Paths, bundles and tiles of C2SP tlog-tiles, and trees read from them."""

import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.tlog.merkle import (
    consistency_proof,
    frontier_at,
    inclusion_proof,
    is_consistent,
    is_included,
    leaf_hash,
    node_hash,
    nodes_of,
)
from gateway.tlog.tiles import (
    WIDTH,
    TileError,
    TilePath,
    TileTree,
    decode_bundle,
    encode_bundle,
    index_path,
    parse_tile_path,
    tiles_of,
)
from tests.unit.tlog.mutations import nearly

BIG = 70_000
PATHS = [
    ("tile/0/000", TilePath(0, 0)),
    ("tile/0/x001/x234/067", TilePath(0, 1234067)),
    ("tile/0/x001/x234/067.p/8", TilePath(0, 1234067, 8)),
    ("tile/63/255.p/255", TilePath(63, 255, 255)),
    ("tile/3/x001/000", TilePath(3, 1000)),
    ("tile/entries/000.p/17", TilePath("entries", 0, 17)),
    ("tile/entries/x999/999", TilePath("entries", 999_999)),
]


def entry(number: int) -> bytes:
    return b"record %d" % number


def published(size: int) -> dict[str, bytes]:
    """The files of a log, level by level as the specification words it; and partial ones of no other size."""
    files: dict[str, bytes] = {}
    hashes = [leaf_hash(entry(number)) for number in range(size)]
    for start in range(0, size, WIDTH):
        numbers = range(start, min(start + WIDTH, size))
        bundle = b"".join(len(entry(number)).to_bytes(2, "big") + entry(number) for number in numbers)
        files[f"tile/entries/{index_path(start // WIDTH)}{suffix(len(numbers))}"] = bundle
    level = 0
    while hashes:
        for start in range(0, len(hashes), WIDTH):
            tile = hashes[start : start + WIDTH]
            files[f"tile/{level}/{index_path(start // WIDTH)}{suffix(len(tile))}"] = b"".join(tile)
        full = [hashes[start : start + WIDTH] for start in range(0, len(hashes) - WIDTH + 1, WIDTH)]
        hashes = [head(tile) for tile in full]
        level += 1
    return files


def suffix(width: int) -> str:
    return "" if width == WIDTH else f".p/{width}"


def head(hashes: list[bytes]) -> bytes:
    half = len(hashes) // 2
    return hashes[0] if not half else node_hash(head(hashes[:half]), head(hashes[half:]))


class Log:
    """A log's files, which counts what is fetched."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.fetched: list[str] = []

    def fetch(self, path: str) -> bytes | None:
        self.fetched.append(path)
        return self.files.get(path)


@pytest.fixture(scope="module")
def big() -> dict[str, bytes]:
    return published(BIG)


@pytest.mark.parametrize(("path", "tile"), PATHS)
def test_a_tile_has_one_path(path: str, tile: TilePath) -> None:
    assert tile.text() == path
    assert parse_tile_path(path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile",
        "tile/0",
        "tile/0/",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/0/x000/000",
        "tile/0/000/001",
        "tile/0/x001",
        "tile/0/x001/x002",
        "tile/0/X001/002",
        "tile/00/000",
        "tile/01/000",
        "tile/64/000",
        "tile/100/000",
        "tile/-1/000",
        "tile/0/000.p/0",
        "tile/0/000.p/00",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/",
        "tile/0/000.p/1/",
        "tile/0/000.p",
        "tile/0/000\n",
        "/tile/0/000",
        "tile//000",
        "tile/entry/000",
        "tile/0/٠٠٠",
        "tile/0/../000",
        "tile/0/" + "x001/" * 7 + "001",
        "tile/0/" + "x001/" * 5000 + "001",
    ],
)
def test_another_text_is_no_path_of_a_tile(path: str) -> None:
    assert parse_tile_path(path) is None


@given(st.text(max_size=20) | nearly(b"tile/0/x001/x234/067.p/8").map(lambda path: path.decode("utf-8", "replace")))
def test_a_path_names_no_tile_or_is_its_only_spelling(path: str) -> None:
    tile = parse_tile_path(path)
    assert tile is None or tile.text() == path


@given(st.integers(0, 63) | st.just("entries"), st.integers(0, (1 << 55) - 1), st.integers(1, WIDTH))
def test_every_tile_is_found_by_its_path(level: int | str, index: int, width: int) -> None:
    tile = TilePath("entries" if isinstance(level, str) else level, index, width)
    assert parse_tile_path(tile.text()) == tile


def test_a_tree_of_seventy_thousand_has_the_tiles_of_the_specification() -> None:
    tiles = list(tiles_of(BIG))
    level = {name: [tile for tile in tiles if tile.level == name] for name in ("entries", 0, 1, 2)}
    assert sum(map(len, level.values())) == len(tiles)
    for name in ("entries", 0):
        assert [tile.index for tile in level[name]] == list(range(274))
        assert [tile.width for tile in level[name]] == [WIDTH] * 273 + [112]
    assert level[1] == [TilePath(1, 0), TilePath(1, 1, 17)]
    assert level[2] == [TilePath(2, 0, 1)]


def test_a_tree_of_256_has_a_partial_tile_above_its_full_one() -> None:
    assert list(tiles_of(256)) == [TilePath("entries", 0), TilePath(0, 0), TilePath(1, 0, 1)]
    assert list(tiles_of(0)) == []


@pytest.mark.parametrize("size", [1, 255, 256, 257, 600, BIG])
def test_the_tiles_of_a_tree_are_the_files_of_its_log(size: int) -> None:
    assert {tile.text() for tile in tiles_of(size)} == set(published(size))


def test_a_bundle_has_each_entry_behind_its_length() -> None:
    assert encode_bundle([b"", b"abc", b"x" * 258]) == b"\0\0" + b"\0\3abc" + b"\1\2" + b"x" * 258
    assert encode_bundle([]) == b""


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_a_bundle_is_decoded_to_what_was_encoded(entries: list[bytes]) -> None:
    assert decode_bundle(encode_bundle(iter(entries))) == entries


def test_the_longest_entry_fits_and_a_longer_one_is_refused() -> None:
    assert decode_bundle(encode_bundle([b"x" * 65_535])) == [b"x" * 65_535]
    with pytest.raises(ValueError, match="65536 bytes"):
        encode_bundle([b"x" * 65_536])


@pytest.mark.parametrize("data", [b"\0", b"\0\1", b"\0\3ab", b"\0\1a\0", b"\0\1a\0\2b"])
def test_a_bundle_that_ends_within_an_entry_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="ends within an entry"):
        decode_bundle(data)


@given(st.binary(max_size=40))
def test_a_bundle_is_refused_or_encoded_to_the_same_bytes(data: bytes) -> None:
    try:
        entries = decode_bundle(data)
    except ValueError:
        return
    assert encode_bundle(entries) == data


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 511, 513, 700])
def test_a_tree_read_from_tiles_has_the_nodes_of_one_in_memory(size: int) -> None:
    tree = TileTree(Log(published(size)).fetch, size)
    node = nodes_of([leaf_hash(entry(number)) for number in range(size)])
    level = 0
    while size >> level:
        for index in range(size >> level):
            assert tree.node(level, index) == node(level, index)
        level += 1
    assert frontier_at(size, tree.node) == frontier_at(size, node)


def test_proofs_from_tiles_hold(big: dict[str, bytes]) -> None:
    node = nodes_of([leaf_hash(entry(number)) for number in range(BIG)])
    root = frontier_at(BIG, node).root()
    tree = TileTree(Log(big).fetch, BIG)
    for index in (0, 1, 255, 256, 65_535, 65_536, 69_887, 69_888, BIG - 1):
        proof = inclusion_proof(index, BIG, tree.node)
        assert proof == inclusion_proof(index, BIG, node)
        assert is_included(index, BIG, leaf_hash(entry(index)), proof, root)
    for old in (1, 255, 256, 257, 65_536, 69_888, BIG - 1):
        proof = consistency_proof(old, BIG, tree.node)
        assert proof == consistency_proof(old, BIG, node)
        assert is_consistent(old, BIG, frontier_at(old, tree.node).root(), root, proof)


def test_a_smaller_tree_is_read_from_the_files_of_a_larger(big: dict[str, bytes]) -> None:
    node = nodes_of([leaf_hash(entry(number)) for number in range(BIG)])
    for size in (1, 100, 256, 300, 65_000, 65_700):
        log = Log(big)
        tree = TileTree(log.fetch, size)
        assert frontier_at(size, tree.node).root() == frontier_at(size, node).root()
        assert list(tree.entries(size - 1, size)) == [entry(size - 1)]
        assert list(tree.leaf_hashes(size - 1, size)) == [leaf_hash(entry(size - 1))]
        asked_partial = [path for path in log.fetched if ".p/" in path]
        assert all(path[: path.index(".p/")] in log.fetched for path in asked_partial if path not in big)


def test_the_partial_tile_is_preferred_to_the_full_one() -> None:
    log = Log(published(700) | published(600))
    TileTree(log.fetch, 600).node(0, 599)
    assert log.fetched == ["tile/0/002.p/88"]


def test_only_the_tiles_that_a_proof_needs_are_fetched(big: dict[str, bytes]) -> None:
    log = Log(big)
    tree = TileTree(log.fetch, BIG)
    inclusion_proof(1000, BIG, tree.node)
    assert sorted(log.fetched) == ["tile/0/003", "tile/0/273.p/112", "tile/1/000", "tile/1/001.p/17"]
    inclusion_proof(1001, BIG, tree.node)
    assert len(log.fetched) == 4


def test_sixty_four_tiles_are_kept_and_the_one_used_longest_ago_goes(big: dict[str, bytes]) -> None:
    log = Log(big)
    tree = TileTree(log.fetch, BIG)
    for tile in range(64):
        tree.node(0, tile * WIDTH)
    tree.node(0, 0)
    assert len(log.fetched) == 64
    tree.node(0, 64 * WIDTH)
    tree.node(0, 0)
    assert log.fetched[64:] == ["tile/0/064"]
    tree.node(0, WIDTH)
    assert log.fetched[65:] == ["tile/0/001"]


@given(st.data())
def test_a_range_of_entries_is_read_in_order(data: st.DataObject) -> None:
    size = 700
    start = data.draw(st.integers(0, size))
    end = data.draw(st.integers(start, size))
    tree = TileTree(Log(SEVEN_HUNDRED).fetch, size)
    assert list(tree.entries(start, end)) == [entry(number) for number in range(start, end)]
    assert list(tree.leaf_hashes(start, end)) == [leaf_hash(entry(number)) for number in range(start, end)]


SEVEN_HUNDRED = published(700)


def test_entries_are_read_when_they_are_wanted(big: dict[str, bytes]) -> None:
    log = Log(big)
    entries = TileTree(log.fetch, BIG).entries(300, BIG)
    assert log.fetched == []
    assert next(entries) == entry(300)
    assert log.fetched == ["tile/entries/001"]
    for _ in range(211):
        next(entries)
    assert log.fetched == ["tile/entries/001"]
    next(entries)
    assert log.fetched == ["tile/entries/001", "tile/entries/002"]


@pytest.mark.parametrize("what", ["entries", "leaf_hashes"])
def test_a_long_log_is_read_without_being_held(big: dict[str, bytes], what: str) -> None:
    tree = TileTree(big.get, BIG)
    stream: Iterator[bytes] = tree.entries(0, BIG) if what == "entries" else tree.leaf_hashes(0, BIG)
    tracemalloc.start()
    try:
        assert sum(1 for _ in stream) == BIG
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 200_000


@pytest.mark.parametrize(("start", "end"), [(-1, 5), (5, 4), (0, 701), (701, 701)])
def test_a_range_outside_of_the_tree_is_refused(start: int, end: int) -> None:
    tree = TileTree(Log(SEVEN_HUNDRED).fetch, 700)
    with pytest.raises(ValueError, match="no range"):
        list(tree.entries(start, end))
    with pytest.raises(ValueError, match="no range"):
        list(tree.leaf_hashes(start, end))


@pytest.mark.parametrize(("level", "index"), [(0, 700), (8, 2), (9, 1), (0, -1), (70, 0)])
def test_a_node_outside_of_the_tree_is_a_fault_and_not_a_part_of_a_larger_one(level: int, index: int) -> None:
    log = Log(published(800))
    with pytest.raises(TileError, match=f"a tree of 700 has no node {index} of level {level}"):
        TileTree(log.fetch, 700).node(level, index)
    assert log.fetched == []


def test_no_path_is_made_of_a_negative_index() -> None:
    with pytest.raises(ValueError, match="negative"):
        index_path(-1)


def test_a_missing_tile_is_named() -> None:
    tree = TileTree(Log({}).fetch, 700)
    with pytest.raises(TileError) as fault:
        tree.node(0, 0)
    assert (fault.value.path, fault.value.what) == ("tile/0/000", "not there")
    with pytest.raises(TileError) as fault:
        tree.node(0, 699)
    assert fault.value.path == "tile/0/002.p/188"
    with pytest.raises(TileError, match="tile/entries/000: not there"):
        list(tree.entries(0, 1))


@pytest.mark.parametrize("change", [-32, -1, 1, 32])
@pytest.mark.parametrize("path", ["tile/0/000", "tile/0/002.p/188", "tile/0/002"])
def test_a_tile_of_another_length_is_refused(path: str, change: int) -> None:
    log = Log(dict(SEVEN_HUNDRED))
    data = log.files.pop("tile/0/002.p/188") + bytes(68 * 32) if path == "tile/0/002" else log.files[path]
    log.files[path] = data[:change] if change < 0 else data + bytes(change)
    tree = TileTree(log.fetch, 700)
    index = 0 if path == "tile/0/000" else 699
    with pytest.raises(TileError, match=f"^{path}: .* bytes instead of"):
        tree.node(0, index)
    with pytest.raises(TileError, match=f"^{path}: .* bytes instead of"):
        list(tree.leaf_hashes(index, index + 1))


@pytest.mark.parametrize("path", ["tile/entries/000", "tile/entries/002.p/188", "tile/entries/002"])
@pytest.mark.parametrize("change", ["fewer", "more", "torn"])
def test_a_bundle_with_another_number_of_entries_is_refused(path: str, change: str) -> None:
    log = Log(dict(SEVEN_HUNDRED))
    data = log.files.pop("tile/entries/002.p/188") + b"\0\0" * 68 if path == "tile/entries/002" else log.files[path]
    entries = decode_bundle(data)
    changed = {"fewer": encode_bundle(entries[:-1]), "more": data + b"\0\0", "torn": data[:-1]}
    log.files[path] = changed[change]
    index = 0 if path == "tile/entries/000" else 699
    with pytest.raises(TileError, match=f"^{path}: "):
        list(TileTree(log.fetch, 700).entries(index, index + 1))


def test_a_fault_of_the_storage_is_passed_on() -> None:
    def fetch(path: str) -> bytes | None:
        raise ConnectionError(path)

    with pytest.raises(ConnectionError):
        TileTree(fetch, 1).node(0, 0)
