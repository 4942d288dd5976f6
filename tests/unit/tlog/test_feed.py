"""What is fed into the trees are whole, durable records in their chain, each once; all else is not yet, or a fault."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audit.leaf import Authority, Counters, Exchange, Opening
from gateway.store.log_state import Position
from gateway.tlog.feed import Batch, Feed, FeedFault
from gateway.tlog.merkle import leaf_hash
from tests.unit.tlog.segment_log import SegmentLog

ENTRY = Authority(1, "client-added", "app", "", "swift")


def read(feed: Feed, positions: dict[str, Position], **limits: int) -> Batch:
    batch = feed.read(positions, **limits)
    assert isinstance(batch, Batch), batch
    return batch


def read_all(feed: Feed, positions: dict[str, Position] | None = None, **limits: int) -> tuple[Batch, list[bytes]]:
    """Every record behind the positions, by tree and in order; and the last batch."""
    at, found = dict(positions or {}), list[bytes]()
    while True:
        batch = read(feed, at, **limits)
        for tree in sorted(batch.trees):
            leaves = batch.trees[tree]
            assert [leaf_hash(entry) for entry in leaves.entries] == leaves.hashes
            found += leaves.entries
        assert sum(len(leaves.entries) for leaves in batch.trees.values()) == batch.records
        at = batch.upto
        if not batch.more:
            return batch, found


def test_records_are_grouped_by_the_tree_of_their_partner(tmp_path: Path) -> None:
    log = SegmentLog(tmp_path, "gw-1")
    log.add("swift", 2)
    log.add("harbor")
    log.add("swift")
    log.add("")
    batch = read(Feed(tmp_path), {})
    assert list(batch.trees) == ["hub", "partners/harbor", "partners/swift"]
    assert batch.trees["partners/swift"].entries == [raw for partner, raw in log.leaves if partner == "swift"]
    assert batch.records == 6
    assert batch.upto["gw-1"].seq == 5
    assert not batch.more


def test_what_was_read_is_not_read_again(tmp_path: Path) -> None:
    log = SegmentLog(tmp_path, "gw-1")
    feed = Feed(tmp_path)
    log.add("swift", 3)
    first = read(feed, {})
    assert read(feed, first.upto) == Batch(first.upto, {}, 0, False)
    log.add("swift")
    again = read(feed, first.upto)
    assert again.trees["partners/swift"].entries == [log.leaves[-1][1]]
    assert read(Feed(tmp_path), first.upto) == again


@settings(max_examples=40, deadline=None)
@given(
    acts=st.lists(st.sampled_from(["swift", "harbor", "", "rotate", "epoch", "read"]), max_size=60),
    records_max=st.integers(1, 9),
    bytes_max=st.sampled_from([1, 500, 100_000]),
)
def test_across_segments_epochs_and_limits_every_record_comes_once_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, acts: list[str], records_max: int, bytes_max: int
) -> None:
    folder = tmp_path_factory.mktemp("log")
    writers = [SegmentLog(folder, "gw-1"), SegmentLog(folder, "gw-2", version=1)]
    feed, positions, found = Feed(folder), dict[str, Position](), list[bytes]()
    for number, act in enumerate([*acts, "read"]):
        writer = writers[number % 2]
        if act == "read":
            before = positions
            batch, entries = read_all(feed, positions, records_max=records_max, bytes_max=bytes_max)
            positions, found = batch.upto, found + entries
            repeated = Feed(folder).read_upto(before, positions)
            assert isinstance(repeated, Batch)
            assert repeated.upto == positions
            assert sorted(e for leaves in repeated.trees.values() for e in leaves.entries) == sorted(entries)
        elif act == "rotate":
            writer.rotate()
        elif act == "epoch":
            writer.open_epoch()
        else:
            writer.add(act)
    assert sorted(found) == sorted(raw for writer in writers for _, raw in writer.leaves)
    for writer in writers:
        for name in ("swift", "harbor", ""):
            ours = [raw for partner, raw in writer.leaves if partner == name]
            assert [raw for raw in found if raw in ours] == ours


def test_a_limit_is_shared_by_all_writers(tmp_path: Path) -> None:
    busy, quiet = SegmentLog(tmp_path, "a"), SegmentLog(tmp_path, "b")
    busy.add("swift", 100)
    quiet.add("harbor", 3)
    batch = read(Feed(tmp_path), {}, records_max=10)
    assert {writer: position.seq for writer, position in batch.upto.items()} == {"a": 4, "b": 3}
    assert batch.more


def test_a_writer_that_comes_later_is_found_and_other_folders_are_none(tmp_path: Path) -> None:
    feed = Feed(tmp_path / "log")
    assert read(feed, {}) == Batch({}, {}, 0, False)
    for name in ("tree", "contracts", "Not.A.Writer"):
        (tmp_path / "log" / name).mkdir(parents=True)
    (tmp_path / "log" / "gw-0").mkdir()
    SegmentLog(tmp_path / "log", "gw-1").add("swift")
    assert read(feed, {}).upto.keys() == {"gw-1"}


@pytest.mark.parametrize("cut", [1, 7, 8, 40])
def test_a_tail_that_is_not_whole_is_not_yet(tmp_path: Path, cut: int) -> None:
    log = SegmentLog(tmp_path, "gw-1")
    feed = Feed(tmp_path)
    first = read(feed, {})
    whole = log.next_frame("swift", ENTRY)
    with log.path.open("ab") as file:
        file.write(whole[:cut])
    assert read(feed, first.upto) == Batch(first.upto, {}, 0, False)
    with log.path.open("ab") as file:
        file.write(whole[cut:])
    assert read(feed, first.upto).records == 1


def test_zeros_behind_the_records_are_not_yet(tmp_path: Path) -> None:
    log = SegmentLog(tmp_path, "gw-1")
    with log.path.open("ab") as file:
        file.write(bytes(4096))
    assert read(Feed(tmp_path), {}).records == 1


def test_nothing_is_handed_on_before_it_is_durable(tmp_path: Path) -> None:
    log = SegmentLog(tmp_path, "gw-1")
    sizes: list[int] = []

    def sync(descriptor: int) -> None:
        sizes.append(os.fstat(descriptor).st_size)
        log.add("swift")  # comes too late for this time

    batch = read(Feed(tmp_path, sync), {})
    assert batch.upto["gw-1"].offset <= sizes[-1]


def test_a_disk_that_cannot_make_it_durable_is_a_fault_and_the_file_is_opened_anew(tmp_path: Path) -> None:
    SegmentLog(tmp_path, "gw-1")
    descriptors: list[int] = []

    def sync(descriptor: int) -> None:
        descriptors.append(descriptor)
        if len(descriptors) == 1:
            raise OSError(5, "Input/output error")

    feed = Feed(tmp_path, sync)
    assert feed.read({}) == FeedFault("gw-1", 0, "EIO", unreadable=True)
    assert read(feed, {}).records == 1
    assert len(descriptors) == 3  # once when it is opened, once before it is read


def damaged(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def replaced(path: Path) -> None:
    """A log of the same length with another last record."""
    content = path.read_bytes()
    shutil.rmtree(path.parent)
    log = SegmentLog(path.parent.parent, path.parent.name)
    log.add("swift", 3)
    log.append("swift", Authority(1_000_004, "client-added", "some-clienT", "", "swift"))
    assert len(path.read_bytes()) == len(content)


def gone(path: Path) -> None:
    path.unlink()


def folder_gone(path: Path) -> None:
    shutil.rmtree(path.parent)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (cut, "rolled back"),
        (replaced, "rolled back"),
        (gone, "the segment is gone"),
        (folder_gone, "the writer's folder is gone"),
    ],
)
@pytest.mark.parametrize("open_before", [True, False])
def test_a_log_that_is_not_what_is_in_the_trees_is_a_fault(
    tmp_path: Path, harm: Callable[[Path], None], said: str, open_before: bool
) -> None:
    log = SegmentLog(tmp_path, "gw-1")
    log.add("swift", 4)
    feed = Feed(tmp_path)
    positions = read(feed, {}).upto
    harm(log.path)
    fault = (feed if open_before else Feed(tmp_path)).read(positions)
    assert isinstance(fault, FeedFault)
    assert said in fault.detail
    assert not fault.unreadable


def test_a_damaged_frame_with_whole_ones_behind_it_is_a_fault_at_its_place(tmp_path: Path) -> None:
    log = SegmentLog(tmp_path, "gw-1")
    log.add("swift", 4)
    damaged(log.path)
    fault = Feed(tmp_path).read({})
    assert isinstance(fault, FeedFault)
    assert (fault.file, fault.detail) == ("gw-1/00000001.seg", "a damaged frame with whole frames behind it")


def test_a_torn_tail_is_a_fault_where_another_segment_follows(tmp_path: Path) -> None:
    log = SegmentLog(tmp_path, "gw-1")
    log.add("swift")
    cut(log.path)
    log.rotate()
    fault = Feed(tmp_path).read({})
    assert isinstance(fault, FeedFault)
    assert fault.detail == "torn, but not the last segment"


def test_a_segment_that_is_missing_in_between_is_a_fault(tmp_path: Path) -> None:
    log = SegmentLog(tmp_path, "gw-1")
    log.rotate()
    log.add("swift")
    log.rotate()
    log.add("swift")
    (log.folder / "00000002.seg").unlink()
    fault = Feed(tmp_path).read({})
    assert isinstance(fault, FeedFault)
    assert fault.detail == "the segment is gone"


def skip_one(log: SegmentLog) -> None:
    log.next_frame("swift", ENTRY)
    log.add("swift")


def follow_another_record(log: SegmentLog) -> None:
    log.forget()
    log.add("swift")


def write_as_another(log: SegmentLog) -> None:
    log.writer = "gw-2"
    log.add("swift")


def go_back_to_version_1(log: SegmentLog) -> None:
    log.version = 1
    log.add("swift")


def open_within_an_epoch(log: SegmentLog) -> None:
    log.append("", Opening(1, 1, 3, "0" * 64, 0))


def escape_the_folder(log: SegmentLog) -> None:
    log.append("../harbor", Authority(1, "client-added", "app", "", "../harbor"))


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (skip_one, "seq: expected"),
        (follow_another_record, "prev: expected"),
        (write_as_another, "writer: expected gw-1"),
        (go_back_to_version_1, "version: expected"),
        (open_within_an_epoch, "epoch: expected"),
        (escape_the_folder, "a partner's name that no tree can have"),
    ],
)
def test_a_record_that_does_not_follow_is_a_fault_behind_those_that_do(
    tmp_path: Path, harm: Callable[[SegmentLog], None], said: str
) -> None:
    log = SegmentLog(tmp_path, "gw-1")
    log.add("swift", 3)
    end = log.path.stat().st_size
    harm(log)
    fault = Feed(tmp_path).read({})
    assert isinstance(fault, FeedFault)
    assert fault.detail.startswith(said)
    assert fault.offset == end


def test_an_intent_whose_records_are_gone_is_a_fault(tmp_path: Path) -> None:
    log = SegmentLog(tmp_path, "gw-1")
    log.add("swift", 4)
    upto = read(Feed(tmp_path), {}).upto
    cut(log.path)
    fault = Feed(tmp_path).read_upto({}, upto)
    assert isinstance(fault, FeedFault)
    assert "leads to record 3, and led to 4" in fault.detail
    assert isinstance(Feed(tmp_path).read_upto({}, {"../x": Position(seq=1)}), FeedFault)


@pytest.mark.parametrize("value", ['","partner":"harbor', '\\","partner":"harbor\\', "partner", '"partner":"harbor"'])
def test_a_value_that_looks_like_a_partner_is_none(tmp_path: Path, value: str) -> None:
    """Records like the one before them are told apart without being decoded; a value may not pass for a field."""
    log = SegmentLog(tmp_path, "gw-1")
    log.add("harbor")
    log.add("")
    log.append("", Authority(1, "client-added", value))
    log.append("swift", Authority(1, "client-added", value, value, "swift"))
    log.append("swift", exchange(value))
    log.append("", Counters(1, (("partner", 3), (value, 4)), more=False))
    log.append("", Authority(1, value, "x"))
    batch = read(Feed(tmp_path), {})
    assert batch.trees["partners/harbor"].entries == [log.leaves[1][1]]
    for tree, partner in (("partners/swift", "swift"), ("hub", "")):
        assert batch.trees[tree].entries == [raw for of, raw in log.leaves if of == partner]


def exchange(request_id: str) -> Exchange:
    return Exchange(
        1, request_id, "swift", request_id, "a", "1", "c", "p", "o", "list", "/", "GET", 200, "", "", 1, 2, 3, 4, 5, "m"
    )
