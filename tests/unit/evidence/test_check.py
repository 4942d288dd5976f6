"""Whatever is changed in a bundle is found, also when its manifest was made to fit."""

import base64
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import msgspec
import pytest

from gateway.audit.leaf import decode, encode
from gateway.evidence.bundle import record_line
from gateway.evidence.check import BundleReport, check_bundle
from gateway.evidence.tables import row_of, write_parquet
from gateway.tlog.checkpoint import Checkpoint, cosigned, parse_checkpoint, sign_checkpoint
from gateway.tlog.merkle import inclusion_proof, leaf_hash, nodes_of
from gateway.tlog.note import COSIGNATURE, Signer
from gateway.tlog.policy import Policy, parse_policy
from gateway.tlog.tiles import decode_bundle, encode_bundle
from tests.unit.evidence.sample import (
    DAY_US,
    FROM,
    OCTOBER_US,
    PARTNER,
    TO,
    Hub,
    encoded,
    exchange,
    fault_of,
    lines,
    member,
    rewritten,
    some_hub,
)
from tests.unit.tlog.segment_log import KEYS, root_of

TREE = f"partners/{PARTNER}"
BUNDLE, LEAVES = "tile/entries/000.p/31", "tile/0/000.p/31"
WITNESS = Signer("witness.example/w1", b"w" * 32, COSIGNATURE)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of October, of a tree of 31 entries in one bundle."""
    hub = some_hub(tmp_path_factory.mktemp("hub"))
    receipts = KEYS.receipt_signer().verifier.text()
    return hub.make(from_time=FROM, until_time=TO, receipts_vkey=receipts, policy=b"quorum none\n")


def test_a_sound_bundle_is_reported_with_what_it_holds(sound: Path) -> None:
    told: list[tuple[int, int]] = []
    found = check_bundle(sound, lambda done, total: told.append((done, total)), key=KEYS.verifier(TREE))
    assert isinstance(found, BundleReport)
    assert (found.partner, found.origin, found.tree_size) == (PARTNER, "gateway.example/log/partners/swift", 31)
    assert (found.records, found.contracts, found.anchors, found.anchored_size) == (16, 1, 1, 31)
    assert found.key_given
    assert told
    assert all(0 < done <= total for done, total in told)


def test_a_member_that_is_not_as_the_manifest_says_is_named(sound: Path, tmp_path: Path) -> None:
    for number, name in enumerate(ZipFile(sound).namelist()):
        data = bytearray(member(sound, name))
        data[len(data) // 2] ^= 1
        found = fault_of(rewritten(sound, {name: bytes(data)}, tmp_path / f"{number}.zip", listed=False))
        if name != "manifest.json":  # there it depends on what the byte belongs to
            assert (found.kind, found.member) == ("hash", name)


def test_a_member_that_is_missing_or_too_much_is_named(sound: Path, tmp_path: Path) -> None:
    optional = {"receipts-vkey", "policy"}
    for number, name in enumerate(sorted(set(ZipFile(sound).namelist()) - {"manifest.json"})):
        unlisted = fault_of(rewritten(sound, {name: None}, tmp_path / f"{number}.zip", listed=False))
        assert (unlisted.kind, unlisted.member) == ("member", name)
        if name not in optional:
            fault_of(rewritten(sound, {name: None}, tmp_path / f"{number}-listed.zip"))
    for name in ("more", "tile/9/000", "tile/entries/001", "contracts/x.json", "contracts/" + "0" * 64 + ".json"):
        fault_of(rewritten(sound, {name: b"{}"}, tmp_path / "more.zip", listed=False))
        fault_of(rewritten(sound, {name: b"{}"}, tmp_path / "more.zip"))


Change = Callable[[Path], dict[str, bytes | None]]


def _text(name: str, old: str, new: str) -> Change:
    def change(path: Path) -> dict[str, bytes | None]:
        data = member(path, name)  # a bundle has sizes between its entries: it is no text as a whole
        assert old.encode() in data
        return {name: data.replace(old.encode(), new.encode(), 1)}

    return change


def _lines(name: str, change: Callable[[list[bytes]], list[bytes]]) -> Change:
    return lambda path: {name: b"".join(change(member(path, name).splitlines(keepends=True)))}


def _flip(name: str, at: int) -> Change:
    def change(path: Path) -> dict[str, bytes | None]:
        data = bytearray(member(path, name))
        data[at] ^= 1
        return {name: bytes(data)}

    return change


def _manifest(**fields: Any) -> Change:
    return lambda path: {"manifest.json": encoded({**json.loads(member(path, "manifest.json")), **fields})}


def _parquet(change: Callable[[list[dict[str, Any]]], object]) -> Change:
    def make(path: Path) -> dict[str, bytes | None]:
        rows = []
        for line in lines(path, "records.jsonl"):
            leaf = decode(msgspec.json.encode(line["leaf"]))
            assert leaf is not None
            rows.append(row_of(int(str(line["index"])), str(line["leaf_hash"]), leaf))
        change(rows)
        source = path.with_suffix(".rows")
        source.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
        write_parquet(source, path.with_suffix(".parquet"))
        return {"records.parquet": path.with_suffix(".parquet").read_bytes()}

    return make


def _other_key(path: Path) -> dict[str, bytes | None]:
    """A forger's whole log under the same name, by a key of his own."""
    forger = Signer("gateway.example/log/partners/swift", b"f" * 32)
    found = parse_checkpoint(member(path, "checkpoint"))
    assert found is not None
    return {
        "checkpoint": sign_checkpoint(found.checkpoint, forger).encode(),
        "vkey": f"{forger.verifier.text()}\n".encode(),
    }


FITTED: dict[str, tuple[Change, str]] = {
    "no checkpoint": (_text("checkpoint", "gateway.example/log/partners/swift\n", "\n"), "checkpoint"),
    "another size signed": (_text("checkpoint", "\n31\n", "\n30\n"), "signature"),
    "another vkey": (lambda _: {"vkey": f"{KEYS.verifier('hub').text()}\n".encode()}, "signature"),
    "no vkey": (lambda _: {"vkey": b"a key\n"}, "signature"),
    "a leaf hash": (_flip(LEAVES, 100), "root"),
    "a leaf hash too few": (lambda path: {LEAVES: member(path, LEAVES)[:-32]}, "tile"),
    "an entry": (_text(BUNDLE, '"status":200', '"status":403'), "entry"),
    "a bundle that ends early": (lambda path: {BUNDLE: member(path, BUNDLE)[:-1]}, "tile"),
    "an entry too few": (lambda path: {BUNDLE: encode_bundle(decode_bundle(member(path, BUNDLE))[:-1])}, "tile"),
    "entries in another order": (
        lambda path: {BUNDLE: encode_bundle(reversed(decode_bundle(member(path, BUNDLE))))},
        "entry",
    ),
    "a record": (_text("records.jsonl", '"status":200', '"status":403'), "record"),
    "a record's index": (_text("records.jsonl", '{"index":6,', '{"index":7,'), "record"),
    "a record too few": (_lines("records.jsonl", lambda found: found[:-1]), "record"),
    "a record too many": (_lines("records.jsonl", lambda found: [*found, found[-1]]), "record"),
    "a record left out": (_lines("records.jsonl", lambda found: found[1:]), "record"),
    "records in another order": (_lines("records.jsonl", lambda found: [found[1], found[0], *found[2:]]), "record"),
    "a line without an end": (_lines("records.jsonl", lambda found: [*found[:-1], found[-1][:-1]]), "member"),
    "a proof's index": (_text("proofs.jsonl", '{"index":6,', '{"index":7,'), "proof"),
    "a proof too few": (_lines("proofs.jsonl", lambda found: found[:-1]), "proof"),
    "a proof too many": (_lines("proofs.jsonl", lambda found: [*found, found[-1]]), "record"),
    "a proof without a hash": (
        _lines("proofs.jsonl", lambda found: [re.sub(rb'\["[^"]*",', b"[", found[0]), *found[1:]]),
        "proof",
    ),
    "a proof that is none": (_lines("proofs.jsonl", lambda found: [b"[]\n", *found[1:]]), "proof"),
    "no table": (lambda _: {"records.parquet": b"PAR1"}, "parquet"),
    "a table's value": (_parquet(lambda rows: rows[3].update(status=403)), "parquet"),
    "a table's time": (_parquet(lambda rows: rows[3].update(time=rows[3]["time"] + 1)), "parquet"),
    "a table's null": (_parquet(lambda rows: rows[3].pop("clause")), "parquet"),
    "a row too few": (_parquet(lambda rows: rows.pop() and None), "parquet"),
    "a row too many": (_parquet(lambda rows: rows.append(rows[-1])), "parquet"),
    "no root key": (lambda _: {"root/vkey": b"\n"}, "signature"),
    "another root": (_text("root/checkpoint", "log\n", "lag\n"), "signature"),
    "another blinding key": (lambda _: {"anchors/key": b"0" * 64 + b"\n"}, "anchor"),
    "no blinding key": (lambda _: {"anchors/key": b"0" * 63 + b"\n"}, "anchor"),
    "an anchor's size": (_text("anchors.jsonl", '"size":31', '"size":30'), "anchor"),
    "an anchor's number": (_text("anchors.jsonl", '"number":0', '"number":1'), "anchor"),
    "an anchor's place": (_text("anchors.jsonl", '"root_index":', '"root_index":1'), "anchor"),
    "an anchor larger than the tree": (_text("anchors.jsonl", '"size":31', '"size":32'), "anchor"),
    "an anchor twice": (_lines("anchors.jsonl", lambda found: found * 2), "anchor"),
    "no anchor": (lambda _: {"anchors.jsonl": b""}, "anchor"),
    "an anchor that is none": (lambda _: {"anchors.jsonl": b"{}\n"}, "anchor"),
    "another receipts key": (lambda _: {"receipts-vkey": f"{KEYS.verifier('hub').text()}\n".encode()}, "signature"),
    "no policy": (lambda _: {"policy": b"quorum nobody\n"}, "policy"),
    "openings of nothing": (lambda _: {"openings.jsonl": b"{}\n"}, "opening"),
    "an opening of another payload": (
        lambda _: {"openings.jsonl": b'{"index":6,"payload":"%b","key":"%b"}\n' % (b"0" * 64, b"1" * 64)},
        "opening",
    ),
    "an opening of no record": (
        lambda _: {"openings.jsonl": b'{"index":99,"payload":"%b","key":"%b"}\n' % (b"0" * 64, b"1" * 64)},
        "opening",
    ),
    "manifest: partner": (_manifest(partner="other"), "checkpoint"),
    "manifest: origin": (_manifest(origin="other.example/log/partners/swift"), "manifest"),
    "manifest: size": (_manifest(tree_size=32), "manifest"),
    "manifest: root": (_manifest(root=base64.b64encode(b"0" * 32).decode()), "manifest"),
    "manifest: earlier beginning": (_manifest(from_time="2026-09-29T00:00:00+08:00"), "record"),
    "manifest: later beginning": (_manifest(from_time="2026-10-02T00:00:00+08:00"), "record"),
    "manifest: no beginning": (_manifest(from_time=""), "record"),
    "manifest: later end": (_manifest(until_time="2026-12-01T00:00:00+08:00"), "record"),
    "manifest: no time": (_manifest(until_time="November"), "manifest"),
    "manifest: fewer records": (_manifest(records=15), "manifest"),
    "manifest: more openings": (_manifest(openings=1), "manifest"),
    "manifest: more anchors": (_manifest(anchors=2), "anchor"),
    "manifest: half a bundle": (_manifest(end_entry=30), "manifest"),
    "manifest: no entries": (_manifest(first_entry=31), "manifest"),
    "manifest: a contract said to be missing": (_manifest(contracts_missing=["0" * 64]), "contract"),
    "manifest: another format": (_manifest(format="clausegate-evidence/v2"), "manifest"),
    "manifest: an unknown field": (_manifest(approved=True), "manifest"),
}


@pytest.mark.parametrize("what", FITTED)
def test_a_change_is_found_although_the_manifest_was_made_to_fit(sound: Path, tmp_path: Path, what: str) -> None:
    change, kind = FITTED[what]
    copy = tmp_path / "copy.zip"
    copy.write_bytes(sound.read_bytes())
    found = fault_of(rewritten(copy, change(copy), tmp_path / "changed.zip"))
    assert found.kind == kind, found


def test_a_contract_that_is_another_document_is_found(sound: Path, tmp_path: Path) -> None:
    [name] = [name for name in ZipFile(sound).namelist() if name.startswith("contracts/")]
    changed = member(sound, name).replace(b"swift-2026", b"swift-2027")
    assert fault_of(rewritten(sound, {name: changed}, tmp_path / "x.zip")).kind == "contract"
    assert fault_of(rewritten(sound, {name: None}, tmp_path / "y.zip")).kind == "contract"
    assert changed != member(sound, name)


def test_anchors_cannot_be_left_out_without_a_trace_of_it(sound: Path, tmp_path: Path) -> None:
    parts: dict[str, bytes | None] = dict.fromkeys(("root/checkpoint", "root/vkey", "anchors.jsonl", "anchors/key"))
    assert fault_of(rewritten(sound, parts, tmp_path / "x.zip")).kind == "anchor"
    for name in parts:
        found = fault_of(rewritten(sound, {name: None}, tmp_path / "part.zip"))
        assert (found.kind, found.expected) == ("anchor", "the root log's checkpoint and key, and anchors")
    fewer = {**parts, **_manifest(anchors=0)(sound)}
    without = check_bundle(rewritten(sound, fewer, tmp_path / "y.zip"))
    assert isinstance(without, BundleReport)
    assert (without.anchors, without.anchored_size) == (0, 0)


def test_a_forgers_log_under_the_same_name_is_found_by_the_true_key_alone(sound: Path, tmp_path: Path) -> None:
    forged = rewritten(sound, _other_key(sound), tmp_path / "forged.zip")
    assert isinstance(check_bundle(forged), BundleReport)
    found = fault_of(forged, key=KEYS.verifier(TREE))
    assert (found.kind, found.member) == ("signature", "vkey")


def forged(path: Path, entries: list[bytes], into: Path) -> Path:
    """The hub itself signs another tree of these entries, and makes everything fit but what the entries say."""
    hashes = [leaf_hash(entry) for entry in entries]
    node = nodes_of(hashes)
    checkpoint = Checkpoint(KEYS.origin_of(TREE), len(entries), root_of(entries))
    rows, records, proofs = [], b"", b""
    for index, entry in enumerate(entries):
        leaf = decode(entry)
        assert leaf is not None
        siblings = [base64.b64encode(each).decode() for each in inclusion_proof(index, len(entries), node)]
        line = {"index": index, "leaf_hash": hashes[index].hex(), "proof": siblings}
        proofs += msgspec.json.encode(line) + b"\n"
        records += record_line(index, hashes[index], entry)
        rows.append(msgspec.json.encode(row_of(index, hashes[index].hex(), leaf)))
    source = into.with_suffix(".rows")
    source.write_bytes(b"\n".join(rows))
    write_parquet(source, into.with_suffix(".parquet"))
    fields = {
        "tree_size": len(entries),
        "root": base64.b64encode(checkpoint.root).decode(),
        "from_time": "",
        "until_time": "",
        "end_entry": len(entries),
        "records": len(entries),
        "anchors": 0,
    }
    changes: dict[str, bytes | None] = {
        **dict.fromkeys((BUNDLE, LEAVES, "root/checkpoint", "root/vkey", "anchors.jsonl", "anchors/key")),
        **_manifest(**fields)(path),
        "checkpoint": sign_checkpoint(checkpoint, KEYS.signer(TREE)).encode(),
        f"tile/entries/000.p/{len(entries)}": encode_bundle(entries),
        f"tile/0/000.p/{len(entries)}": b"".join(hashes),
        "records.jsonl": records,
        "proofs.jsonl": proofs,
        "records.parquet": into.with_suffix(".parquet").read_bytes(),
    }
    return rewritten(path, changes, into)


def test_a_tree_that_the_hub_signed_anew_without_a_record_shows_the_gap_in_the_counters(
    sound: Path, tmp_path: Path
) -> None:
    entries = decode_bundle(member(sound, BUNDLE))
    assert isinstance(check_bundle(forged(sound, entries, tmp_path / "all.zip")), BundleReport)
    without = [*entries[:5], *entries[6:]]
    found = fault_of(forged(sound, without, tmp_path / "gap.zip"))
    assert (found.kind, found.index) == ("counter", 5)
    assert fault_of(forged(sound, entries[1:], tmp_path / "first.zip")).kind == "counter"
    assert fault_of(forged(sound, [*entries[:5], entries[4], *entries[5:]], tmp_path / "twice.zip")).kind == "counter"


def test_a_record_of_another_partner_or_none_at_all_does_not_belong_here(sound: Path, tmp_path: Path) -> None:
    entries = decode_bundle(member(sound, BUNDLE))
    foreign = entries[3].replace(b'"partner":"swift"', b'"partner":"other"')
    found = fault_of(forged(sound, [*entries[:3], foreign, *entries[4:]], tmp_path / "foreign.zip"))
    assert (found.kind, found.index) == ("entry", 3)
    leaf = decode(entries[3])
    assert leaf is not None
    later = encode(msgspec.structs.replace(leaf, v=3))
    assert fault_of(forged(sound, [*entries[:3], later, *entries[4:]], tmp_path / "later.zip")).kind == "entry"


def witness_policy(quorum: str = "w1") -> Policy:
    found = parse_policy(f"witness w1 {WITNESS.verifier.text()}\nquorum {quorum}\n")
    assert isinstance(found, Policy)
    return found


@pytest.mark.parametrize(("name", "tree"), [("checkpoint", TREE), ("root/checkpoint", "root")])
def test_a_policy_is_met_by_witnesses_of_the_tree_or_of_the_root_log(
    sound: Path, tmp_path: Path, name: str, tree: str
) -> None:
    note = parse_checkpoint(member(sound, name))
    assert note is not None
    assert note.checkpoint.origin == KEYS.origin_of(tree)
    with_witness = cosigned(note.note, [WITNESS.sign(note.note.text, 1_790_000_000)]).encode()
    bundle = rewritten(sound, {name: with_witness}, tmp_path / "cosigned.zip")
    found = check_bundle(bundle, policy=witness_policy())
    assert isinstance(found, BundleReport)
    assert (found.witnesses, found.quorum_met) == ({"w1": 1_790_000_000}, True)
    assert fault_of(sound, policy=witness_policy()).kind == "policy"


def test_the_bundles_own_policy_is_looked_at_and_not_enforced(sound: Path, tmp_path: Path) -> None:
    own = f"witness w1 {WITNESS.verifier.text()}\nquorum w1\n".encode()
    found = check_bundle(rewritten(sound, {"policy": own}, tmp_path / "policy.zip"))
    assert isinstance(found, BundleReport)
    assert (found.witnesses, found.quorum_met) == ({}, False)


def test_a_period_that_is_said_to_be_open_must_have_every_entry_on_that_side(tmp_path: Path) -> None:
    hub = Hub(tmp_path, ["gw-1"])
    hub.write([exchange(OCTOBER_US + number * DAY_US) for number in range(600)])
    hub.sequence()
    start, end = (datetime.fromtimestamp((OCTOBER_US + n * DAY_US) / 1e6, UTC).isoformat() for n in (256, 512))
    bundle = hub.make(from_time=start, until_time=end)
    assert isinstance(check_bundle(bundle), BundleReport)
    for number, open_end in enumerate(("from_time", "until_time")):
        changed = rewritten(bundle, _manifest(**{open_end: ""})(bundle), tmp_path / f"{number}.zip")
        found = fault_of(changed)
        assert (found.kind, found.expected) == ("manifest", "all entries on the side without a date")


def test_a_root_log_of_another_name_is_not_the_one_of_this_tree(sound: Path, tmp_path: Path) -> None:
    """Somebody signs the same root under a name of his own: nobody who reads the true root log would see it."""
    found = parse_checkpoint(member(sound, "root/checkpoint"))
    assert found is not None
    other = Signer("other.example/log", b"o" * 32)
    checkpoint = Checkpoint("other.example/log", found.checkpoint.size, found.checkpoint.root)
    changes: dict[str, bytes | None] = {
        "root/checkpoint": sign_checkpoint(checkpoint, other).encode(),
        "root/vkey": f"{other.verifier.text()}\n".encode(),
    }
    assert fault_of(rewritten(sound, changes, tmp_path / "x.zip")).member == "root/checkpoint"


@pytest.mark.parametrize("field", ["seq", "epoch"])
def test_a_writers_records_that_do_not_go_forward_are_found_although_the_counters_fit(
    sound: Path, tmp_path: Path, field: str
) -> None:
    entries = decode_bundle(member(sound, BUNDLE))
    leaf = decode(entries[5])
    assert leaf is not None
    back = encode(msgspec.structs.replace(leaf, at=msgspec.structs.replace(leaf.at, **{field: 0})))
    found = fault_of(forged(sound, [*entries[:5], back, *entries[6:]], tmp_path / "back.zip"))
    assert (found.kind, found.index) == ("counter", 5)


def test_a_large_manifest_of_a_tree_that_cannot_be_is_refused_at_once(sound: Path, tmp_path: Path) -> None:
    key = KEYS.signer(TREE)
    huge = Checkpoint(KEYS.origin_of(TREE), 1 << 62, b"\0" * 32)
    root = base64.b64encode(huge.root).decode()
    changes = {**_manifest(tree_size=1 << 62, root=root)(sound), "checkpoint": sign_checkpoint(huge, key).encode()}
    assert fault_of(rewritten(sound, changes, tmp_path / "huge.zip")).kind == "manifest"
    whole = {**changes, **_manifest(tree_size=1 << 62, root=root, until_time="", end_entry=1 << 62)(sound)}
    assert fault_of(rewritten(sound, whole, tmp_path / "whole.zip")).kind == "member"
