"""Segments against trees: the same records in both, none left out, none put in, none changed."""

from pathlib import Path

from msgspec import structs

from gateway.audit.leaf import Authority, decode, encode
from gateway.tlog.checking import check_tree
from gateway.tlog.layout import HUB
from gateway.tlog.matching import OVERTAKEN_US, Waiting, match_trees
from gateway.tlog.tree_report import TreeFault, TreeReport
from tests.unit.tlog.segment_log import KEYS
from tests.unit.tlog.sequenced import TREE, Log, entries_of, files_in, memory_source, published, some_log, writer_of

SIZE = 600


def matched(log: Log, folder: Path | None = None) -> Waiting | TreeFault:
    source = memory_source(files_in(folder or log.folder / "tree"))
    reports = []
    for name in (HUB, "partners/other", TREE):
        report = check_tree(source.below(name), KEYS.verifier(name))
        assert isinstance(report, TreeReport), report
        reports.append(report)
    return match_trees(log.folder, reports, source)


def test_segments_and_trees_hold_the_same_records(log: Log) -> None:
    assert matched(log) == Waiting(0, None)


def test_records_that_are_in_no_tree_yet_wait(tmp_path: Path) -> None:
    log = some_log(tmp_path / "log")
    log.writers[0].append("third", Authority(77, "client-added", "c", "", "third"))
    log.writers[0].append("swift", Authority(78, "client-added", "c", "", "swift"))
    assert matched(log) == Waiting(2, 77)
    log.sequence(anchor=False)
    source = memory_source(files_in(log.folder / "tree"))
    third = check_tree(source.below("partners/third"), KEYS.verifier("partners/third"))
    assert isinstance(third, TreeReport)
    assert third.size == 1


def tampered(log: Log, tree: str, entries: list[bytes]) -> Waiting | TreeFault:
    """The log with another tree in the place of one, as the hub itself could publish it."""
    files = files_in(log.folder / "tree")
    kept = {name: data for name, data in files.items() if not name.startswith(f"{tree}/tile/")}
    changed = kept | {f"{tree}/{name}": data for name, data in published(entries, tree).items()}
    source = memory_source(changed)
    reports = [check_tree(source.below(name), KEYS.verifier(name)) for name in (HUB, "partners/other", TREE)]
    sound = [report for report in reports if isinstance(report, TreeReport)]
    assert len(sound) == 3, reports
    return match_trees(log.folder, sound, source)


def again(entry: bytes, **changes: object) -> bytes:
    found = decode(entry)
    assert found is not None
    return encode(structs.replace(found, at=structs.replace(found.at, **changes)))


def test_a_record_that_is_another_in_the_tree_than_in_the_segments_is_found(log: Log, entries: list[bytes]) -> None:
    found = tampered(log, TREE, [*entries[:400], again(entries[400], prev="f" * 64), *entries[401:]])
    assert isinstance(found, TreeFault)
    assert (found.kind, found.path, found.index) == ("not-in-segments", "tile/entries/001", 400)


def test_a_record_in_the_tree_that_no_segment_has_is_found(log: Log, entries: list[bytes]) -> None:
    last = decode(entries[-1])
    assert last is not None
    more = again(entries[-1], seq=last.at.seq + 100, partner_seq=last.at.partner_seq + 1)
    found = tampered(log, TREE, [*entries, more])
    assert isinstance(found, TreeFault)
    assert (found.kind, found.index) == ("not-in-segments", SIZE)


def test_a_record_that_is_left_out_of_its_tree_is_found(log: Log, entries: list[bytes]) -> None:
    """Even when the hub counts anew behind it, so that the tree by itself shows no gap."""
    writer = writer_of(entries[300])
    changed = entries[:300]
    for entry in entries[301:]:
        record = decode(entry)
        assert record is not None
        is_later = record.at.writer == writer
        changed.append(again(entry, partner_seq=record.at.partner_seq - 1) if is_later else entry)
    found = tampered(log, TREE, changed)
    assert isinstance(found, TreeFault)
    assert found.kind == "not-in-tree"
    assert found.index >= 300


def test_the_last_record_left_out_shows_by_later_ones_in_other_trees(tmp_path: Path) -> None:
    log = Log(tmp_path / "log", ["gw-1"])
    (writer,) = log.writers
    writer.append("other", Authority(1, "e", "s", "", "other"))
    writer.append("swift", Authority(2, "e", "s", "", "swift"))
    writer.append("swift", Authority(3, "e", "s", "", "swift"))
    writer.append("other", Authority(4 + OVERTAKEN_US, "e", "s", "", "other"))
    log.sequence()
    own = entries_of(files_in(log.folder / "tree"), TREE, 2)
    found = tampered(log, TREE, own[:1])
    assert isinstance(found, TreeFault)
    assert (found.kind, found.expected) == ("left-out", "record 3 of gw-1")


def test_a_tree_that_is_a_moment_behind_another_is_no_fault(log: Log, entries: list[bytes]) -> None:
    found = tampered(log, TREE, entries[:-2])
    assert isinstance(found, Waiting)
    assert found.records == 2


def test_a_log_of_version_1_matches_its_trees(tmp_path: Path) -> None:
    log = Log(tmp_path / "log", version=1)
    log.add("swift", 5)
    log.add("other", 3)
    log.sequence()
    assert matched(log) == Waiting(0, None)
