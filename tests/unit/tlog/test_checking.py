"""A published tree is believed in nothing: whatever is changed in it, its checking finds, and says where."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audit.leaf import Authority, Leaf, Place, encode
from gateway.tlog.anchor_check import RootWatch, read_anchored
from gateway.tlog.anchors import root_entry
from gateway.tlog.checking import check_tree
from gateway.tlog.checkpoint import Checkpoint, cosigned, parse_checkpoint, sign_checkpoint
from gateway.tlog.layout import HUB, ROOT
from gateway.tlog.merkle import Frontier, leaf_hashes_of
from gateway.tlog.note import COSIGNATURE, Signer
from gateway.tlog.policy import Policy, parse_policy
from gateway.tlog.source import Source
from gateway.tlog.tiles import TileError, encode_bundle, parse_tile_path
from gateway.tlog.tree_report import TreeFault, TreeReport, UnsoundError, Watch
from tests.unit.tlog.segment_log import KEYS
from tests.unit.tlog.sequenced import TREE, memory_source, published, writer_of

KEY = KEYS.verifier(TREE)
ORIGIN = KEYS.origin_of(TREE)
SIZE = 600


def everything(files: dict[str, bytes]) -> list[TreeReport] | TreeFault:
    """All trees, their anchors, the root log."""
    source = memory_source(files)
    names = [HUB, "partners/other", TREE]
    try:
        anchored, reports = [], []
        for name in names:
            tree = source.below(name)
            anchors = read_anchored(tree)
            assert anchors is not None
            watch = Watch(anchors.sizes, anchors.root_at(KEYS.origin_of(name)))
            report = check_tree(tree, KEYS.verifier(name), watch=watch)
            if isinstance(report, TreeFault):
                return report
            reports.append(report)
            anchored.append(anchors)
        watch = Watch(root_entry=RootWatch(anchored).root_entry)
        root = check_tree(source.below(ROOT), KEYS.verifier(ROOT), watch=watch)
        if isinstance(root, TreeFault):
            return root
        for anchors in anchored:
            if anchors.report(root.size).pending:
                # A last line that points beyond what is published looks like one of the next checkpoint: it is told.
                return TreeFault("pending", "", "", -1, "", "")
        return [*reports, root]
    except UnsoundError as error:
        return error.fault
    except TileError as error:
        return TreeFault("tile", "", error.path, -1, "", error.what)


def of_entries(entries: list[bytes], tree: str = TREE) -> TreeReport | TreeFault:
    """A tree that is rightly hashed and signed, of any entries."""
    return check_tree(memory_source(published(entries, tree)), KEYS.verifier(tree))


def test_what_the_sequencer_publishes_is_sound(files: dict[str, bytes]) -> None:
    found = everything(files)
    assert isinstance(found, list), found
    assert [(report.kind, report.partner, report.size) for report in found] == [
        ("hub", "", 2),
        ("partner", "other", 12),
        ("partner", "swift", SIZE),
        ("root", "", 7),
    ]
    swift = found[2]
    assert (swift.key, swift.key_given, swift.origin) == (KEY.text(), True, ORIGIN)
    assert [(each.writer, each.records, each.last_partner_seq) for each in swift.writers] == [
        ("gw-1", 300, 299),
        ("gw-2", 300, 299),
    ]


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_flipped_bit_in_any_published_file_is_found(files: dict[str, bytes], data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(files)))
    bit = data.draw(st.integers(0, 8 * len(files[path]) - 1))
    changed = bytearray(files[path])
    changed[bit // 8] ^= 1 << (bit % 8)
    found = everything(files | {path: bytes(changed)})
    assert isinstance(found, TreeFault), (path, bit)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_file_that_is_cut_or_made_longer_is_found(files: dict[str, bytes], data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(files)))
    size = data.draw(st.integers(0, len(files[path]) - 1))
    more = data.draw(st.binary(min_size=1, max_size=40))
    assert isinstance(everything(files | {path: files[path][:size]}), TreeFault), (path, size)
    assert isinstance(everything(files | {path: files[path] + more}), TreeFault), (path, more)


def test_every_file_that_the_checkpoints_need_is_missed(files: dict[str, bytes]) -> None:
    # A full tile makes the partial ones of it superfluous, and a key that was given the one beside the tree.
    edges = {f"tile/entries/002.p/{SIZE % 256}", f"tile/0/002.p/{SIZE % 256}", "tile/1/000.p/2"}
    for path in files:
        inside = path.removeprefix(f"{TREE}/")
        tile = parse_tile_path(inside)
        is_needed = path.startswith(TREE) and (tile is None or tile.width == 256 or inside in edges)
        if is_needed and inside != "vkey" and not inside.startswith("anchors/0"):
            without = {name: data for name, data in files.items() if name != path}
            assert isinstance(everything(without), TreeFault), path


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_entries_left_out_doubled_or_swapped_are_found_however_well_they_are_signed(
    entries: list[bytes], data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, SIZE - 2))
    kind = data.draw(st.sampled_from(["left out", "doubled", "swapped"]))
    changed = list(entries)
    if kind == "left out":
        del changed[place]
        writer = writer_of(entries[place])
        if not any(writer_of(entry) == writer for entry in entries[place + 1 :]):
            return  # the last of its writer: the receipt or the next record will tell, the tree cannot
    elif kind == "doubled":
        changed.insert(place, changed[place])
    else:
        other = next((at for at in range(place + 1, SIZE) if writer_of(entries[at]) == writer_of(entries[place])), None)
        if other is None:
            return
        changed[place], changed[other] = changed[other], changed[place]
    found = of_entries(changed)
    assert isinstance(found, TreeFault)
    assert found.kind in ("seq", "partner-seq")
    assert found.index >= place


def test_a_fault_names_the_tile_the_entry_and_both_hashes(files: dict[str, bytes]) -> None:
    path = f"{TREE}/tile/0/001"
    changed = bytearray(files[path])
    changed[32 * 7] ^= 1
    found = everything(files | {path: bytes(changed)})
    assert isinstance(found, TreeFault)
    assert (found.kind, found.tree, found.path, found.index) == ("leaf-hash", f"memory/{TREE}", "tile/0/001", 256 + 7)
    start = 32 * 7
    assert (found.expected, found.found) == (files[path][start : start + 32].hex(), changed[start : start + 32].hex())


def leaf(partner: str = "swift", seq: int = 1, partner_seq: int = 0, epoch: int = 1, v: int = 2) -> bytes:
    return encode(Leaf(v, Place("gw-1", epoch, seq, "0" * 64, partner_seq), Authority(1, "e", "s", "", partner)))


@pytest.mark.parametrize(
    ("made", "kind", "index"),
    [
        ([leaf(), b'{"v":2}'], "shape", 1),
        ([leaf(), leaf("other", 2, 1)], "partner", 1),
        ([leaf("other")], "partner", 0),
        ([leaf(partner_seq=1)], "partner-seq", 0),
        ([leaf(), leaf(seq=2, partner_seq=2)], "partner-seq", 1),
        ([leaf(), leaf(seq=1, partner_seq=1)], "seq", 1),
        ([leaf(epoch=2), leaf(seq=2, partner_seq=1, epoch=1)], "epoch", 1),
        ([leaf(), leaf(seq=2, partner_seq=-1, v=1)], "version", 1),
        ([leaf(v=3)], "version", 0),
        ([leaf(partner_seq=0, v=1)], "partner-seq", 0),
    ],
)
def test_entries_that_a_log_may_not_hold_are_found(made: list[bytes], kind: str, index: int) -> None:
    found = of_entries(made)
    assert isinstance(found, TreeFault)
    assert (found.kind, found.index) == (kind, index)


def test_records_of_version_1_have_no_count_and_those_behind_them_begin_at_0() -> None:
    made = [leaf(seq=1, partner_seq=-1, v=1), leaf(seq=5, partner_seq=-1, v=1), leaf(seq=6), leaf(seq=8, partner_seq=1)]
    found = of_entries(made)
    assert isinstance(found, TreeReport)
    assert [(each.records, each.last_seq, each.last_partner_seq) for each in found.writers] == [(4, 8, 1)]


def test_a_root_log_with_anything_but_anchors_in_it_is_no_root_log() -> None:
    anchor = root_entry(b"k" * 32, 0, "text\n").encode()
    found = of_entries([anchor, b"{}"], ROOT)
    assert isinstance(found, TreeFault)
    assert (found.kind, found.index) == ("root-entry", 1)


def test_an_empty_tree_is_sound() -> None:
    found = of_entries([])
    assert isinstance(found, TreeReport)
    assert (found.kind, found.size) == ("empty", 0)


def test_a_key_from_beside_the_tree_is_said_to_be_that(files: dict[str, bytes]) -> None:
    found = check_tree(memory_source(files).below(TREE))
    assert isinstance(found, TreeReport)
    assert (found.key, found.key_given) == (KEY.text(), False)


def test_another_key_than_the_one_that_was_given_is_a_fault(files: dict[str, bytes]) -> None:
    own = memory_source(files).below(TREE)
    stranger = Signer(ORIGIN, b"s" * 32).verifier
    found = check_tree(own, stranger)
    assert isinstance(found, TreeFault)
    assert (found.kind, found.path) == ("key", "vkey")
    without = memory_source({name: data for name, data in files.items() if not name.endswith("vkey")}).below(TREE)
    found = check_tree(without, stranger)
    assert isinstance(found, TreeFault)
    assert (found.kind, found.path) == ("signature", "checkpoint")
    found = check_tree(without)
    assert isinstance(found, TreeFault)
    assert (found.kind, found.found) == ("key", "nothing")


def test_a_tree_under_another_origin_than_that_of_the_key_is_a_fault(files: dict[str, bytes]) -> None:
    swapped = {f"{TREE}/{name}": files[f"partners/other/{name}"] for name in ("checkpoint", "vkey")}
    found = check_tree(memory_source(files | swapped).below(TREE), KEY)
    assert isinstance(found, TreeFault)
    assert found.kind == "key"


def test_a_tree_that_grows_while_it_is_read_is_read_from_its_full_tiles(entries: list[bytes]) -> None:
    small, large = published(entries[:300]), published(entries)
    head = {name: small[name] for name in ("checkpoint", "vkey", "tile/1/000.p/1")}
    assert "tile/0/001.p/44" in small
    assert "tile/0/001.p/44" not in large
    found = check_tree(memory_source(large | head), KEY)
    assert isinstance(found, TreeReport), found
    assert found.size == 300


def test_files_on_their_way_to_the_next_checkpoint_are_left_out(entries: list[bytes]) -> None:
    small, large = published(entries[:300]), published(entries[:400])
    head = {name: small[name] for name in ("checkpoint", "vkey")}
    assert isinstance(check_tree(memory_source(small | large | head), KEY), TreeReport)


def test_a_path_below_tile_that_is_none_is_a_stray(files: dict[str, bytes]) -> None:
    found = check_tree(memory_source(files | {f"{TREE}/tile/0/1": b""}).below(TREE), KEY)
    assert isinstance(found, TreeFault)
    assert (found.kind, found.path) == ("stray", "tile/0/1")


def test_a_checkpoint_that_promises_more_than_there_is_ends_at_the_first_file_that_is_missing() -> None:
    files = published([leaf()])
    signer = KEYS.signer(TREE)
    text = Checkpoint(ORIGIN, 1 << 62, b"r" * 32).text()
    files["checkpoint"] = f"{text}\n{signer.sign(text).line()}".encode()
    found = check_tree(memory_source(files), KEY)
    assert isinstance(found, TreeFault)
    assert (found.kind, found.path) == ("tile", "tile/entries/000")


def test_a_disk_that_does_not_answer_is_a_fault() -> None:
    def fetch(_: str) -> bytes | None:
        raise PermissionError

    found = check_tree(Source("broken", fetch), KEY)
    assert found == TreeFault("unreadable", "broken", "", -1, "a readable file", "PermissionError")


def test_roots_at_earlier_sizes_are_those_of_the_trees_that_there_were(entries: list[bytes]) -> None:
    sizes = [1, 2, 3, 255, 256, 257, 300, 511, 512, 513, 599, 600]
    found: dict[int, bytes] = {}
    report = check_tree(memory_source(published(entries)), KEY, watch=Watch(sizes, found.__setitem__))
    assert isinstance(report, TreeReport)
    hashes = leaf_hashes_of(entries)
    assert found == {size: Frontier().extended(hashes[:size]).root() for size in sizes}


def test_upper_tiles_are_recomputed_where_a_tree_has_three_levels() -> None:
    made = [leaf(seq=number, partner_seq=number) for number in range(65_536 + 700)]
    files = published(made)
    found = check_tree(memory_source(files), KEY)
    assert isinstance(found, TreeReport), found
    assert found.size == len(made)
    for path in ("tile/1/000", "tile/1/001.p/2", "tile/2/000.p/1"):
        changed = files[path][:-1] + bytes([files[path][-1] ^ 1])
        fault = check_tree(memory_source(files | {path: changed}), KEY)
        assert isinstance(fault, TreeFault)
        assert (fault.kind, fault.path) == ("hash", path)


WITNESS = Signer("witness.example", b"w" * 32, COSIGNATURE)


def policy(quorum: str = "w") -> Policy:
    parsed = parse_policy(f"witness w {WITNESS.verifier.text()}\nquorum {quorum}\n")
    assert isinstance(parsed, Policy)
    return parsed


def test_a_policy_wants_its_quorum_and_tells_the_times(files: dict[str, bytes]) -> None:
    source = memory_source(files).below(TREE)
    found = check_tree(source, KEY, policy=policy())
    assert isinstance(found, TreeFault)
    assert (found.kind, found.expected, found.found) == ("quorum", "cosignatures that make up w", "none")
    signed = parse_checkpoint(files[f"{TREE}/checkpoint"])
    assert signed is not None
    note = cosigned(signed.note, [WITNESS.sign(signed.note.text, 1_800_000_000)])
    report = check_tree(memory_source(files | {f"{TREE}/checkpoint": note.encode()}).below(TREE), KEY, policy=policy())
    assert isinstance(report, TreeReport)
    assert (report.cosigned, report.quorum_met) == ({"w": 1_800_000_000}, True)


def test_a_root_that_is_signed_and_not_that_of_the_entries_is_found(entries: list[bytes]) -> None:
    signer = KEYS.signer(TREE)
    head = Checkpoint(ORIGIN, SIZE, b"r" * 32)
    files = published(entries) | {"checkpoint": sign_checkpoint(head, signer).encode()}
    found = check_tree(memory_source(files), KEY)
    assert isinstance(found, TreeFault)
    assert (found.kind, found.path, found.expected) == ("root", "checkpoint", head.root.hex())


def test_a_bundle_with_an_entry_too_many_is_found(entries: list[bytes]) -> None:
    files = published(entries)
    for path, held in (("tile/entries/000", 256), ("tile/entries/002.p/88", 88)):
        found = check_tree(memory_source(files | {path: files[path] + encode_bundle([leaf()])}), KEY)
        assert isinstance(found, TreeFault)
        assert (found.kind, found.path, found.found) == ("bundle", path, str(held + 1))
