"""A tree grows to what RFC 6962 says, in whatever pieces; and no wrong byte that was read back goes unnoticed."""

from collections.abc import Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.tlog.extend import Edge, TreeFault, extend, load_edge, verify_extension
from gateway.tlog.merkle import EMPTY_ROOT, leaf_hash
from gateway.tlog.tiles import TilePath, TileTree, tiles_of
from tests.unit.tlog.segment_log import root_of


def entries(start: int, end: int) -> list[bytes]:
    return [b"entry %d" % number for number in range(start, end)]


def grow(files: dict[str, bytes], edge: Edge, to: int) -> Edge:
    """The tree with entries up to `to`; its files are added to those given, and no path gets other bytes."""
    new = entries(edge.size, to)
    extension = extend(edge, new, [leaf_hash(entry) for entry in new])
    for path, data in extension.files.items():
        assert files.get(path, data) == data
        files[path] = data
    assert extension.root == extension.edge.root()
    return extension.edge


def grown(sizes: Sequence[int]) -> tuple[dict[str, bytes], Edge]:
    files: dict[str, bytes] = {}
    edge = Edge()
    for size in sizes:
        edge = grow(files, edge, size)
    return files, edge


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 900), min_size=1, max_size=6).map(sorted))
@example([256])
@example([255, 256, 257])
@example([1, 512, 768, 769])
def test_in_whatever_pieces_it_grows_the_tree_is_that_of_the_rfc(sizes: list[int]) -> None:
    files, edge = grown(sizes)
    assert edge.size == sizes[-1]
    assert edge.root() == root_of(entries(0, sizes[-1]))
    tree = TileTree(files.get, edge.size)
    assert list(tree.entries(0, edge.size)) == entries(0, edge.size)
    assert {tile.text() for tile in tiles_of(edge.size)} <= files.keys()
    for size in sizes:  # every checkpoint that was given out still has its tiles
        assert {tile.text() for tile in tiles_of(size)} <= files.keys()
        assert load_edge(files.get, size, root_of(entries(0, size))) == grown([size])[1]


def test_a_tree_of_65_536_and_one_more_has_a_third_level() -> None:
    files, edge = grown([65_530, 65_537])
    assert files.keys() >= {tile.text() for tile in tiles_of(65_537)}
    assert "tile/2/000.p/1" in files
    assert edge.root() == root_of(entries(0, 65_537))
    assert load_edge(files.get, 65_537, edge.root()) == edge
    assert verify_extension(files.get, 65_530, root_of(entries(0, 65_530)), 65_537, edge.root()) is None


def test_partial_tiles_are_stale_once_their_tile_is_full() -> None:
    _, edge = grown([3])
    new = entries(3, 300)
    extension = extend(edge, new, [leaf_hash(entry) for entry in new])
    assert set(extension.stale) == {TilePath(level, 0, width).text() for level in (0, "entries") for width in (1, 2, 3)}
    more = entries(3, 200)
    assert extend(edge, more, [leaf_hash(entry) for entry in more]).stale == ()


@settings(max_examples=60, deadline=None)
@given(old=st.integers(0, 700), added=st.integers(1, 600), data=st.data())
def test_any_flipped_bit_in_what_was_read_back_is_found_in_its_file(old: int, added: int, data: st.DataObject) -> None:
    files, edge = grown([old, old + added] if old else [added])
    old_root = root_of(entries(0, old))
    new = edge.size
    read: set[str] = set()

    def fetch(path: str) -> bytes | None:
        read.add(path)
        return files.get(path)

    assert verify_extension(fetch, old, old_root, new, edge.root()) is None
    path = data.draw(st.sampled_from(sorted(read)))
    place = data.draw(st.integers(0, len(files[path]) - 1))
    changed = bytearray(files[path])
    changed[place] ^= 1 << data.draw(st.integers(0, 7))
    fault = verify_extension({**files, path: bytes(changed)}.get, old, old_root, new, edge.root())
    assert isinstance(fault, TreeFault)


@settings(max_examples=30, deadline=None)
@given(old=st.integers(0, 600), added=st.integers(1, 600), data=st.data())
def test_a_file_that_is_missing_or_cut_short_is_named(old: int, added: int, data: st.DataObject) -> None:
    files, edge = grown([old, old + added] if old else [added])
    _, before = grown([old])
    new = entries(old, old + added)
    path = data.draw(st.sampled_from(sorted(extend(before, new, [leaf_hash(entry) for entry in new]).files)))
    cut = data.draw(st.sampled_from([None, files[path][:-1], files[path] + b"\0"]))
    given_files = {name: content for name, content in {**files, path: cut}.items() if content is not None}
    fault = verify_extension(given_files.get, old, root_of(entries(0, old)), edge.size, edge.root())
    assert fault is not None
    assert fault.path == path


def test_another_old_tree_is_no_prefix() -> None:
    files, edge = grown([300, 700])
    other = root_of([*entries(0, 299), b"another entry"])
    fault = verify_extension(files.get, 300, other, 700, edge.root())
    assert fault is not None
    assert fault.path == "tree of 300"
    assert verify_extension(files.get, 300, root_of(entries(0, 300)), 700, other) is not None


def test_an_entry_with_a_hash_of_another_is_found() -> None:
    new = entries(0, 10)
    hashes = [leaf_hash(entry) for entry in new]
    hashes[4] = leaf_hash(b"another")
    extension = extend(Edge(), new, hashes)
    fault = verify_extension(extension.files.get, 0, EMPTY_ROOT, 10, extension.root)
    assert fault == TreeFault("tile/0/000.p/10", "hash 4 of it is not that of what stands below")


def test_an_edge_that_does_not_lead_to_the_committed_root_is_none() -> None:
    files, edge = grown([300])
    assert isinstance(load_edge(files.get, 300, root_of(entries(0, 299))), TreeFault)
    without = {path: data for path, data in files.items() if path != "tile/1/000.p/1"}
    assert load_edge(without.get, 300, edge.root()) == TreeFault("tile/1/000.p/1", "not there")
    del files["tile/entries/001.p/44"]
    assert load_edge(files.get, 300, edge.root()) == TreeFault("tile/entries/001.p/44", "not there")


def test_an_entry_that_no_bundle_can_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="65536"):
        extend(Edge(), [b"x" * 65_536], [b"h" * 32])
