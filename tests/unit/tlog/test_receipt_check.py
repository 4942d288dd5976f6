"""A receipt is kept, not due, or broken; and what is said of it can be shown to others."""

from pathlib import Path

import pytest

from gateway.audit.leaf import Authority, Leaf, Place, Promised, Receipt, decode, encode
from gateway.audit.promise import Promiser
from gateway.tlog.checkpoint import cosigned, parse_checkpoint
from gateway.tlog.merkle import leaf_hash
from gateway.tlog.note import COSIGNATURE, Signer
from gateway.tlog.policy import Policy, parse_policy
from gateway.tlog.proof import parse_proof
from gateway.tlog.receipt_check import Keys, ProofReport, ReceiptReport, check_proof, check_receipt
from gateway.tlog.source import Source
from gateway.tlog.tree_report import TreeFault
from tests.unit.tlog.segment_log import KEYS
from tests.unit.tlog.sequenced import TREE, entries_of, files_in, memory_source, some_log

KEY = KEYS.verifier(TREE)
RECEIPTS = KEYS.receipt_signer()
NOW_S = 1_800_000_000
DUE_S = 3600
WITNESS = Signer("witness.example", b"w" * 32, COSIGNATURE)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    log = some_log(tmp_path_factory.mktemp("sequenced") / "log")
    found = files_in(log.folder / "tree" / "partners" / "swift")
    assert found
    return found


def promised(entry: bytes) -> Promised:
    """As the caller whose record this is got it, one of three at NOW_S."""
    found = decode(entry)
    assert found is not None
    at = found.at
    others = [Receipt("a" * 64, "gw-1", 1, 1), Receipt("b" * 64, "gw-1", 1, 2)]
    own = Receipt(leaf_hash(entry).hex(), at.writer, at.epoch, at.seq)
    return Promiser(RECEIPTS, DUE_S, lambda: NOW_S).promise([others[0], own, others[1]])[1]


UNKNOWN = encode(Leaf(2, Place("gw-1", 1, 9999, "0" * 64, 9999), Authority(1, "e", "s", "", "swift")))
"""A record that no tree has."""


def policy() -> Policy:
    found = parse_policy(f"witness w {WITNESS.verifier.text()}\nquorum w\n")
    assert isinstance(found, Policy)
    return found


def look(receipt: Receipt, source: Source, now_s: int = NOW_S, keys: Keys | None = None) -> ReceiptReport:
    found = check_receipt(receipt, source, keys or Keys(KEY, RECEIPTS.verifier), now_s)
    assert isinstance(found, ReceiptReport), found
    return found


def kind_of(found: ReceiptReport | ProofReport | TreeFault) -> str:
    assert isinstance(found, TreeFault), found
    return found.kind


@pytest.mark.parametrize("index", [0, 255, 256, 599])
def test_a_record_in_the_tree_is_proved(files: dict[str, bytes], index: int) -> None:
    entry = entries_of({f"t/{name}": data for name, data in files.items()}, "t", 600)[index]
    found = look(promised(entry), memory_source(files), NOW_S + 10 * DUE_S)
    assert (found.verdict, found.index, found.due_s) == ("included", index, NOW_S + DUE_S)
    proof = parse_proof(found.proof.encode())
    assert proof is not None
    report = check_proof(proof, leaf_hash(entry), KEY, None)
    assert isinstance(report, ProofReport)
    assert (report.index, report.size) == (index, 600)


def test_a_record_that_is_not_there_before_its_time_is_waited_for(files: dict[str, bytes]) -> None:
    found = look(promised(UNKNOWN), memory_source(files), NOW_S + DUE_S)
    assert (found.verdict, found.index, found.proof) == ("waiting", -1, "")


def test_a_record_that_is_not_there_after_its_time_is_a_missed_deadline(files: dict[str, bytes]) -> None:
    found = look(promised(UNKNOWN), memory_source(files), NOW_S + DUE_S + 1)
    assert (found.verdict, found.late) == ("missed", ())
    assert found.checkpoint.encode() == files["checkpoint"]


def test_a_witness_that_cosigned_after_the_deadline_proves_it_to_others(files: dict[str, bytes]) -> None:
    keys = Keys(KEY, RECEIPTS.verifier, policy())
    signed = parse_checkpoint(files["checkpoint"])
    assert signed is not None
    for time_s, verdict, late in [(NOW_S + DUE_S, "waiting", ()), (NOW_S + DUE_S + 1, "missed", ("w",))]:
        note = cosigned(signed.note, [WITNESS.sign(signed.note.text, time_s)])
        # Our own clock may be slow.
        found = look(promised(UNKNOWN), memory_source(files | {"checkpoint": note.encode()}), 0, keys)
        assert (found.verdict, found.late, found.cosigned) == (verdict, late, {"w": time_s})


def test_a_receipt_without_a_promise_has_no_deadline(files: dict[str, bytes]) -> None:
    found = look(Receipt(leaf_hash(UNKNOWN).hex(), "gw-1", 1, 9999), memory_source(files), NOW_S + 10 * DUE_S)
    assert (found.verdict, found.due_s, found.receipts_key) == ("unpromised", None, "")


def test_a_promise_that_nobody_can_check_is_said_to_be_that(files: dict[str, bytes]) -> None:
    found = look(promised(UNKNOWN), memory_source(files), keys=Keys(KEY))
    assert found.receipts_key == ""


def test_a_promise_that_the_hub_did_not_sign_is_a_fault(files: dict[str, bytes]) -> None:
    stranger = Signer(RECEIPTS.verifier.name, b"s" * 32).verifier
    assert kind_of(check_receipt(promised(UNKNOWN), memory_source(files), Keys(KEY, stranger), NOW_S)) == "promise"


def test_the_promise_of_another_log_is_no_matter_of_this_one(files: dict[str, bytes]) -> None:
    other = Signer("other.example/log/receipts", b"s" * 32)
    own = promised(UNKNOWN)
    receipt = Promiser(other, DUE_S, lambda: NOW_S).promise([Receipt(*own.place)])[0]
    assert kind_of(check_receipt(receipt, memory_source(files), Keys(KEY, other.verifier), NOW_S)) == "origin"


def test_a_receipt_that_names_another_place_than_its_record_is_a_fault(files: dict[str, bytes]) -> None:
    entry = entries_of({f"t/{name}": data for name, data in files.items()}, "t", 600)[300]
    own = promised(entry)
    receipt = Receipt(own.leaf_hash, own.writer, own.epoch, own.seq + 1)
    assert kind_of(check_receipt(receipt, memory_source(files), Keys(KEY), NOW_S)) == "place"


@pytest.mark.parametrize("path", ["tile/0/000", "tile/0/001", "tile/0/002.p/88"])
def test_nothing_is_missing_from_a_tree_whose_tiles_are_not_those_of_its_root(
    files: dict[str, bytes], path: str
) -> None:
    changed = files | {path: files[path][:-1] + bytes([files[path][-1] ^ 1])}
    assert kind_of(check_receipt(promised(UNKNOWN), memory_source(changed), Keys(KEY), NOW_S)) == "root"
    without = {name: data for name, data in files.items() if name != path}
    assert kind_of(check_receipt(promised(UNKNOWN), memory_source(without), Keys(KEY), NOW_S)) == "tile"


def test_a_hash_in_a_tile_is_no_proof_without_its_path(files: dict[str, bytes]) -> None:
    leaf = leaf_hash(UNKNOWN)
    changed = files | {"tile/0/001": leaf + files["tile/0/001"][32:]}
    assert kind_of(check_receipt(promised(UNKNOWN), memory_source(changed), Keys(KEY), NOW_S)) == "hash"


def test_the_same_bytes_across_two_hashes_are_no_leaf(files: dict[str, bytes]) -> None:
    across = Receipt(files["tile/0/001"][7:39].hex(), "gw-1", 1, 1)
    assert look(across, memory_source(files)).verdict == "unpromised"


def test_a_proof_by_another_key_or_of_another_leaf_proves_nothing(files: dict[str, bytes], tmp_path: Path) -> None:
    entry = entries_of({f"t/{name}": data for name, data in files.items()}, "t", 600)[7]
    proof = parse_proof(look(promised(entry), memory_source(files)).proof.encode())
    assert proof is not None
    assert kind_of(check_proof(proof, leaf_hash(UNKNOWN), KEY, None)) == "hash"
    assert kind_of(check_proof(proof, leaf_hash(entry), Signer(KEY.name, b"s" * 32).verifier, None)) == "signature"
    assert kind_of(check_proof(proof, leaf_hash(entry), Signer("other", b"s" * 32).verifier, None)) == "checkpoint"
    assert kind_of(check_proof(proof, leaf_hash(entry), KEY, policy())) == "quorum"
