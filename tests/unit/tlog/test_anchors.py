"""Only who has the blinding key can tell a tree's entries in the root log, and finds every one of them."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.tlog.anchors import (
    Anchor,
    RootEntry,
    extended_pages,
    format_key,
    format_latest,
    page_path,
    parse_key,
    parse_latest,
    parse_page,
    parse_page_path,
    parse_root_entry,
    read_anchors,
    root_entry,
)
from gateway.tlog.tiles import TileError

KEY = bytes(range(32))
TEXT = "gateway.example/log/partners/swift\n3\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"


def anchors(start: int, end: int) -> list[Anchor]:
    return [Anchor(number, 10 + number * 3, 100 + number * 2) for number in range(start, end)]


def test_an_entry_is_two_macs_of_what_the_format_says() -> None:
    tag = hmac.new(KEY, b"clausegate root tag v1\n7", hashlib.sha256).hexdigest()
    committed = hmac.new(KEY, b"clausegate root checkpoint v1\n7\n" + TEXT.encode(), hashlib.sha256).hexdigest()
    entry = root_entry(KEY, 7, TEXT)
    assert entry == RootEntry(tag, committed)
    assert entry.encode() == b'{"v":1,"tag":"%b","checkpoint":"%b"}' % (tag.encode(), committed.encode())
    assert parse_root_entry(entry.encode()) == entry


def test_two_numbers_two_trees_two_checkpoints_have_nothing_in_common() -> None:
    ways = [(KEY, 7, TEXT), (KEY, 8, TEXT), (KEY[::-1], 7, TEXT), (KEY, 7, TEXT.replace("3", "4"))]
    made = [root_entry(*way) for way in ways]
    assert len({entry.checkpoint for entry in made}) == 4
    assert len({entry.tag for entry in made}) == 3  # the tag does not depend on the checkpoint


@pytest.mark.parametrize(
    "spoilt",
    [
        b"",
        b"{}",
        root_entry(KEY, 1, TEXT).encode() + b" ",
        root_entry(KEY, 1, TEXT).encode().replace(b'"v":1', b'"v":2'),
        root_entry(KEY, 1, TEXT).encode()[:-3] + b'"}',
        b'{"v":1,"tag":"%b","checkpoint":"%b"}' % (b"A" * 64, b"b" * 64),
    ],
)
def test_no_other_bytes_are_an_entry(spoilt: bytes) -> None:
    assert parse_root_entry(spoilt) is None


@given(st.integers(0, 1000), st.lists(st.integers(0, 600), max_size=4))
def test_a_list_that_grows_in_whatever_pieces_is_read_as_a_whole(first: int, more: list[int]) -> None:
    files: dict[str, bytes] = {}
    count = 0
    for added in (first, *more):
        partial = files[page_path(count // 256, count % 256)] if count % 256 else b""
        pages = extended_pages(count, partial, anchors(count, count + added))
        for path, data in pages.files.items():
            assert files.get(path, data) == data
            files[path] = data
        for path in pages.stale:
            files.pop(path, None)
        count += added
    assert list(read_anchors(files.get, count)) == anchors(0, count)
    for earlier in range(0, count, 97):  # a partial page that is gone is in the full one
        if page_path(earlier // 256) in files:
            assert list(read_anchors(files.get, earlier)) == anchors(0, earlier)


def test_a_page_that_is_not_what_it_should_be_is_named() -> None:
    data = extended_pages(0, b"", anchors(0, 3)).files[page_path(0, 3)]
    assert data == b"0 10 100\n1 13 102\n2 16 104\n"
    assert parse_page(data, 0, 3) == anchors(0, 3)
    for spoilt in (
        data[:-1],
        data + b"\n",
        data.replace(b"1 13", b"2 13"),
        data.replace(b"13", b"013"),
        b"\xff" + data,
    ):
        assert parse_page(spoilt, 0, 3) is None
    assert parse_page(data, 256, 3) is None
    with pytest.raises(TileError, match=r"anchors/000\.p/3"):
        list(read_anchors(lambda _: data[:-2], 3))
    with pytest.raises(TileError, match="not there"):
        list(read_anchors(lambda _: None, 3))


def test_small_files_have_one_spelling() -> None:
    assert parse_key(format_key(KEY)) == KEY
    assert parse_key(format_key(KEY).upper()) is None
    assert parse_key(b"00\n") is None
    assert parse_latest(format_latest(300)) == 300
    assert [parse_latest(data) for data in (b"", b"3", b"03\n", b"-1\n", b"\xb2\n")] == [None] * 5


@given(st.integers(0, 10**9), st.integers(1, 256))
def test_a_pages_path_is_read_back(index: int, width: int) -> None:
    assert parse_page_path(page_path(index, width)) == (index, width)


@pytest.mark.parametrize(
    "path",
    [
        "anchors/latest", "anchors/key", "anchors/0", "anchors/0000", "anchors/000.p/0", "anchors/000.p/256",
        "anchors/000.p/01", "anchors/x000/000", "anchors/../000", "tile/0/000", "anchors/000/",
        "anchors/\u0660\u0660\u0660",
    ],
)  # fmt: skip
def test_other_paths_are_none_of_pages(path: str) -> None:
    assert parse_page_path(path) is None
