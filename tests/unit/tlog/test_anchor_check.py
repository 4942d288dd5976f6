"""Whether the root log anchors just the history that a partner sees: what is missing, hidden or elsewhere is found."""

import pytest

from gateway.tlog.anchor_check import Anchored, AnchorsReport, RootWatch, read_anchored
from gateway.tlog.anchors import Anchor, format_latest, page_path, root_entry
from gateway.tlog.checking import check_tree
from gateway.tlog.checkpoint import Checkpoint
from gateway.tlog.layout import ROOT
from gateway.tlog.tree_report import TreeFault, TreeReport, UnsoundError, Watch
from tests.unit.tlog.segment_log import KEYS
from tests.unit.tlog.sequenced import TREE, entries_of, memory_source, published

KEY = KEYS.verifier(TREE)
ORIGIN = KEYS.origin_of(TREE)
SIZE = 600


def anchors_of(files: dict[str, bytes], root_entries: list[bytes] | None = None) -> AnchorsReport | TreeFault:
    """Of the partner alone, as it would check them; under a root log of these entries."""
    source = memory_source(files)
    tree = source.below(TREE)
    root = memory_source(published(root_entries, ROOT)) if root_entries is not None else source.below(ROOT)
    try:
        anchors = read_anchored(tree)
        assert anchors is not None
        assert isinstance(check_tree(tree, KEY, watch=Watch(anchors.sizes, anchors.root_at(ORIGIN))), TreeReport)
        report = check_tree(root, KEYS.verifier(ROOT), watch=Watch(root_entry=RootWatch([anchors]).root_entry))
        return report if isinstance(report, TreeFault) else anchors.report(report.size)
    except UnsoundError as error:
        return error.fault


def kind_of(found: AnchorsReport | TreeFault) -> str:
    return found.kind if isinstance(found, TreeFault) else "sound"


def test_the_partners_anchors_stand_in_the_root_log(files: dict[str, bytes]) -> None:
    assert anchors_of(files) == AnchorsReport(3, SIZE, 0)


def test_a_checkpoint_that_the_partner_was_not_told_of_is_found(files: dict[str, bytes]) -> None:
    entries = entries_of(files, ROOT, 7)
    fork = Checkpoint(ORIGIN, 700, b"f" * 32).text()
    hidden = root_entry(KEYS.blinding_key(TREE), 3, fork).encode()
    assert kind_of(anchors_of(files, [*entries, hidden])) == "anchors-hidden"
    twice = root_entry(KEYS.blinding_key(TREE), 2, fork).encode()
    assert kind_of(anchors_of(files, [*entries, twice])) == "anchors-twice"
    strange = root_entry(b"x" * 32, 3, fork).encode()
    assert anchors_of(files, [*entries, strange]) == AnchorsReport(3, SIZE, 0)


def test_an_anchor_for_another_history_is_found(files: dict[str, bytes]) -> None:
    entries = entries_of(files, ROOT, 7)
    key = KEYS.blinding_key(TREE)
    own = [index for index, entry in enumerate(entries) if root_entry(key, 1, "").tag.encode() in entry]
    assert len(own) == 1
    forked = root_entry(key, 1, Checkpoint(ORIGIN, 500, b"f" * 32).text()).encode()
    changed = [*entries[: own[0]], forked, *entries[own[0] + 1 :]]
    assert kind_of(anchors_of(files, changed)) == "anchors-commitment"


def test_anchors_that_are_missing_or_elsewhere_are_found(files: dict[str, bytes]) -> None:
    entries = entries_of(files, ROOT, 7)
    foreign = root_entry(b"x" * 32, 0, "").encode()
    own = next(
        at for at, entry in enumerate(entries) if root_entry(KEYS.blinding_key(TREE), 1, "").tag.encode() in entry
    )
    assert kind_of(anchors_of(files, [foreign, *entries])) == "anchors-place"
    assert kind_of(anchors_of(files, [*entries[:own], foreign, *entries[own + 1 :]])) == "anchors-place"
    last = [foreign if root_entry(KEYS.blinding_key(TREE), 2, "").tag.encode() in each else each for each in entries]
    assert kind_of(anchors_of(files, last)) == "anchors-missing"


def test_anchors_that_are_not_under_the_published_root_yet_are_counted(files: dict[str, bytes]) -> None:
    entries = entries_of(files, ROOT, 7)
    own = next(
        at for at, entry in enumerate(entries) if root_entry(KEYS.blinding_key(TREE), 2, "").tag.encode() in entry
    )
    assert anchors_of(files, entries[:own]) == AnchorsReport(2, 500, 1)


def test_a_list_of_anchors_that_goes_backwards_is_found(files: dict[str, bytes]) -> None:
    for lines in ([Anchor(0, 200, 2), Anchor(1, 100, 4)], [Anchor(0, 200, 2), Anchor(1, 500, 2)]):
        page = "".join(line.line() for line in lines).encode()
        found = anchors_of(files | {f"{TREE}/anchors/latest": format_latest(2), f"{TREE}/{page_path(0, 2)}": page})
        assert kind_of(found) == "anchors-list"


def test_a_list_that_grew_since_it_was_read_hides_nothing(files: dict[str, bytes]) -> None:
    copy = dict(files)
    tree = memory_source(copy).below(TREE)
    anchors = read_anchored(tree)
    assert isinstance(anchors, Anchored)
    entry = root_entry(KEYS.blinding_key(TREE), 3, "")
    with pytest.raises(UnsoundError):
        anchors.root_entry(7, entry)
    copy[f"{TREE}/anchors/latest"] = format_latest(4)
    anchors.root_entry(7, entry)
