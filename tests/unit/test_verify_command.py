"""clausegate verify: of whatever it is pointed at, it says what was checked, what was not, and the first fault."""

import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gateway.audit.leaf import Receipt, decode
from gateway.audit.promise import Promiser
from gateway.audit.receipt import format_receipt
from gateway.cli import app
from gateway.tlog.checkpoint import cosigned, parse_checkpoint
from gateway.tlog.merkle import leaf_hash
from gateway.tlog.note import COSIGNATURE, Signer
from tests.unit.evidence.sample import some_hub
from tests.unit.tlog.segment_log import KEYS
from tests.unit.tlog.sequenced import TREE, entries_of, files_in, published, some_log

KEY = KEYS.verifier(TREE).text()
RECEIPTS_KEY = KEYS.receipt_signer().verifier.text()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log folder with its trees."""
    return some_log(tmp_path_factory.mktemp("made") / "log").folder


@pytest.fixture
def log(made: Path, tmp_path: Path) -> Path:
    """A copy to tamper with."""
    return Path(shutil.copytree(made, tmp_path / "log"))


def verify(*arguments: object, environment: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(app, ["verify", *map(str, arguments)], env=environment, catch_exceptions=False)


def facts(*arguments: object, status: int = 0) -> dict[str, Any]:
    done = verify(*arguments, "--format", "json")
    assert done.exit_code == status, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["intact"] == (status == 0)
    return found


def flip(path: Path, place: int = -1) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def receipt(folder: Path, index: int = 300, ago_s: int = 0, *, known: bool = True) -> str:
    """The header that the caller of a record got, promised for an hour later."""
    entry = entries_of(files_in(folder / "tree"), TREE, 600)[index]
    leaf = decode(entry)
    assert leaf is not None
    at = leaf.at
    digest = leaf_hash(entry).hex() if known else "ab" * 32
    promiser = Promiser(KEYS.receipt_signer(), 3600, lambda: time.time() - ago_s)
    return format_receipt(promiser.promise([Receipt(digest, at.writer, at.epoch, at.seq)])[0])


def test_a_log_folder_is_checked_with_its_trees_and_against_them(log: Path) -> None:
    done = verify(log)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("intact: 614 records, 2 epochs, ")
    assert "3 trees of 614 records, the same as in the segments" in done.stdout
    assert f"{KEYS.origin_of(TREE)}: swift, 600 entries" in done.stdout
    assert "anchored 3 times in the root log, the last time at 600 entries" in done.stdout
    assert "not checked: keys taken from the log itself" in done.stdout
    found = facts(log)
    assert [writer["records"] for writer in found["writers"]] == [307, 307]
    assert {tree["origin"]: tree["size"] for tree in found["trees"]} == {
        "gateway.example/log": 7,
        "gateway.example/log/hub": 2,
        "gateway.example/log/partners/other": 12,
        "gateway.example/log/partners/swift": 600,
    }
    assert found["waiting"] == {"records": 0, "oldest_us": None}
    assert found["anchors"][KEYS.origin_of(TREE)] == {"count": 3, "size": 600, "pending": 0}


def test_a_workspace_and_a_demo_lead_to_their_log(made: Path, tmp_path: Path) -> None:
    workspace = tmp_path / "demo" / "workspace"
    (workspace / "products").mkdir(parents=True)
    shutil.copytree(made, workspace / "log")
    for target in (workspace, workspace.parent):
        assert facts(target)["waiting"] == {"records": 0, "oldest_us": None}
    shutil.move(workspace / "log" / "tree", workspace / "published")
    assert "no tree is published yet" in verify(workspace).stdout
    (workspace / "clausegate.toml").write_text('publish = "published"\n')
    assert len(facts(workspace)["trees"]) == 4


def test_a_fault_in_the_segments_is_named_by_file_and_byte(log: Path) -> None:
    flip(log / "gw-1" / "00000001.seg", 20)
    done = verify(log)
    assert done.exit_code == 1
    assert done.stdout.startswith("FAULT corrupt in gw-1/00000001.seg at byte 0\n")
    assert facts(log, status=1)["fault"]["file"] == "gw-1/00000001.seg"


def test_a_fault_in_a_tree_is_named_by_tile_and_entry(log: Path) -> None:
    flip(log / "tree" / TREE / "tile" / "0" / "001")
    done = verify(log)
    assert done.exit_code == 1
    assert done.stdout.startswith(f"FAULT leaf-hash in {log / 'tree' / TREE}, tile/0/001, entry 511\n  expected ")
    fault = facts(log, status=1)["fault"]
    assert (fault["kind"], fault["path"], fault["index"]) == ("leaf-hash", "tile/0/001", 511)


def test_a_record_that_is_in_a_tree_alone_is_found(log: Path) -> None:
    tree = log / "tree" / TREE
    entries = entries_of(files_in(log / "tree"), TREE, 600)
    shutil.rmtree(tree / "tile")
    shutil.rmtree(tree / "anchors")
    for name, data in published([*entries[:500], entries[500].replace(b"client-added", b"client-taken")]).items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes(data)
    fault = facts(log, status=1)["fault"]
    assert (fault["kind"], fault["index"]) == ("not-in-segments", 500)


def test_records_that_wait_are_told_with_their_age(log: Path) -> None:
    shutil.rmtree(log / "tree" / "partners" / "other")
    assert facts(log)["waiting"]["records"] == 12
    assert "waiting to be put into a tree: 12 records, the oldest for " in verify(log).stdout


def test_a_published_folder_needs_no_segments(log: Path) -> None:
    done = verify(log / "tree")
    assert done.stdout.startswith("intact: 3 trees of 614 records, the root log\n")
    found = facts(log / "tree", "--vkey", KEY)
    assert {tree["origin"]: tree["key_given"] for tree in found["trees"]}[KEYS.origin_of(TREE)]
    stranger = Signer("other.example/log", b"s" * 32).verifier.text()
    done = verify(log / "tree", "--vkey", stranger)
    assert (done.exit_code, done.stderr.count("other.example/log")) == (2, 1)


def test_a_partners_tree_is_held_against_the_root_log_beside_it_or_elsewhere(log: Path, tmp_path: Path) -> None:
    own = log / "tree" / TREE
    found = facts(own, "--vkey", KEY)
    assert found["anchors"][KEYS.origin_of(TREE)]["count"] == 3
    shutil.move(log / "tree" / "root", tmp_path / "elsewhere")
    assert "whether others are shown the same history is open" in verify(own).stdout
    assert facts(own, "--root", tmp_path / "elsewhere")["anchors"] == found["anchors"]
    flip(tmp_path / "elsewhere" / "tile" / "entries" / "000.p" / "7")
    assert facts(own, "--root", tmp_path / "elsewhere", status=1)["fault"]["kind"] == "leaf-hash"
    assert verify(own, "--root", tmp_path).exit_code == 2


def test_the_key_that_was_given_is_the_one_that_counts(log: Path, tmp_path: Path) -> None:
    own = log / "tree" / TREE
    stranger = Signer(KEYS.origin_of(TREE), b"s" * 32).verifier.text()
    assert facts(own, "--vkey", stranger, status=1)["fault"]["kind"] == "key"
    foreign = Signer("other.example/log", b"s" * 32).verifier.text()
    assert facts(own, "--vkey", foreign, status=1)["fault"]["kind"] == "key"
    (tmp_path / "vkey").write_text(f"{KEY}\n")
    assert "taken from the log itself" not in verify(own, "--vkey", tmp_path / "vkey").stdout.split("root log")[0]
    assert verify(own, "--vkey", "no+key").exit_code == 2
    assert verify(own, "--vkey", tmp_path / "nothing").exit_code == 2


def test_a_policy_is_enforced_on_the_root_log_or_on_the_log_that_it_names(log: Path, tmp_path: Path) -> None:
    witness = Signer("witness.example", b"w" * 32, COSIGNATURE)
    file = tmp_path / "policy"
    file.write_text(f"witness w {witness.verifier.text()}\nquorum w\n")
    fault = facts(log / "tree" / TREE, "--policy", file, status=1)["fault"]
    assert (fault["kind"], fault["tree"]) == ("quorum", str(log.resolve() / "tree" / "root"))
    root = log / "tree" / "root" / "checkpoint"
    signed = parse_checkpoint(root.read_bytes())
    assert signed is not None
    root.write_bytes(cosigned(signed.note, [witness.sign(signed.note.text, 1_800_000_000)]).encode())
    assert "cosigned by w at 2027-01-15T08:00:00+00:00" in verify(log / "tree" / TREE, "--policy", file).stdout
    file.write_text(f"log {KEY}\n{file.read_text()}")
    fault = facts(log / "tree" / TREE, "--policy", file, status=1)["fault"]
    assert (fault["kind"], fault["tree"]) == ("quorum", str(log / "tree" / TREE))
    file.write_text("quorum nobody\n")
    done = verify(log / "tree", "--policy", file)
    assert (done.exit_code, done.stderr) == (2, "error: policy:1: 'nobody' is not defined in a line above\n")


def test_a_receipt_is_looked_for_and_its_proof_printed(log: Path, tmp_path: Path) -> None:
    own = log / "tree" / TREE
    done = verify(own, "--receipt", receipt(log), "--receipts-vkey", RECEIPTS_KEY)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("included: record ")
    assert f"the receipt is signed by {RECEIPTS_KEY}\n" in done.stdout
    proof = tmp_path / "record.tlog-proof"
    proof.write_text(facts(own, "--receipt", receipt(log))["receipt"]["proof"])
    entry = entries_of(files_in(log / "tree"), TREE, 600)[300]
    (tmp_path / "record").write_bytes(entry)
    for leaf in (tmp_path / "record", leaf_hash(entry).hex()):
        assert facts(proof, "--leaf", leaf, "--vkey", KEY)["proof"]["index"] == 300
    assert facts(proof, "--leaf", "ab" * 32, "--vkey", KEY, status=1)["fault"]["kind"] == "hash"
    assert verify(proof, "--leaf", "ab" * 32).exit_code == 2
    assert verify(proof, "--vkey", KEY).exit_code == 2
    flip(proof, len("c2sp.org/tlog-proof@v1\nin"))
    assert facts(proof, "--leaf", "ab" * 32, "--vkey", KEY, status=1)["fault"]["kind"] == "proof"


def test_a_file_with_a_receipt_is_a_target_when_its_log_is_named(log: Path, tmp_path: Path) -> None:
    kept = tmp_path / "receipt.txt"
    kept.write_text(f"Clausegate-Receipt: {receipt(log)}\r\n")
    assert verify(kept).exit_code == 2
    for place in (log / "tree" / TREE, log / "tree", log):
        assert facts(kept, "--log", place)["receipt"]["verdict"] == "included"
        assert facts(place, "--receipt", kept)["receipt"]["index"] == 300
    kept.write_text("leaf=nothing")
    assert verify(kept, "--log", log).exit_code == 2


def test_a_deadline_that_was_missed_ends_with_1_and_the_evidence(log: Path) -> None:
    own = log / "tree" / TREE
    early = verify(own, "--receipt", receipt(log, known=False), "--receipts-vkey", RECEIPTS_KEY)
    assert (early.exit_code, early.stdout.partition(":")[0]) == (0, "not due yet")
    late = receipt(log, ago_s=7200, known=False)
    done = verify(own, "--receipt", late, "--receipts-vkey", RECEIPTS_KEY)
    assert done.exit_code == 1
    assert done.stdout.startswith("DEADLINE MISSED: ")
    assert "a witness that cosigns a checkpoint after that time makes it provable" in done.stdout
    assert "unless it is another partner's record" in done.stdout  # a receipt names no partner, so no tree either
    assert f"promised to be in {KEYS.origin_of(TREE)}" not in done.stdout + early.stdout
    assert f"the receipt:\n{late}\nthe checkpoint:\n" in done.stdout
    assert done.stdout.endswith((own / "checkpoint").read_text())
    assert "not checked: the receipt's signature" in verify(own, "--receipt", late).stdout
    unsigned = late.partition(", due=")[0]
    assert facts(own, "--receipt", unsigned, status=1)["receipt"]["verdict"] == "unpromised"
    assert verify(log / "tree", "--receipt", late).exit_code == 2


def test_an_evidence_bundle_is_a_target(tmp_path: Path) -> None:
    bundle = some_hub(tmp_path).make()
    done = verify(bundle)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("intact: ")
    assert facts(bundle)["evidence"]["partner"] == "swift"
    (tmp_path / "cut.zip").write_bytes(bundle.read_bytes()[:-1] + b"x")
    stranger = Signer(KEYS.origin_of(TREE), b"s" * 32).verifier.text()
    fault = facts(bundle, "--vkey", stranger, status=1)["fault"]
    assert fault["kind"] in ("key", "signature", "checkpoint")


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    for target, words in [
        (tmp_path / "nothing", "there is no such folder"),
        (tmp_path, f"there is no log at {tmp_path / 'log'}: nothing was ever served from here"),
        ("http://user@gateway.example/log", "a log's URL has no user"),
        ("ftp://gateway.example/log", "a log's URL is https://"),
    ]:
        done = verify(target)
        assert done.exit_code == 2
        assert words in done.stderr.replace("\n", "")


def test_a_token_comes_from_the_environment_and_is_never_shown() -> None:
    done = verify("http://gateway.example/log", environment={"CLAUSEGATE_TOKEN": "very-secret"})
    assert (done.exit_code, "very-secret" in done.output) == (2, False)
    done = verify("http://gateway.example/log", "--token-env", "MINE", environment={"MINE": "very-secret"})
    assert done.exit_code == 2
    assert "not sent over http" in done.stderr.replace("\n", "")


def test_a_name_from_the_log_writes_nothing_to_a_terminal_but_itself(tmp_path: Path) -> None:
    signer = Signer("evil\u009b31m/hub", b"s" * 32)
    text = f"{signer.verifier.name}\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "checkpoint").write_text(f"{text}\n{signer.sign(text).line()}")
    (tree / "vkey").write_text(f"{signer.verifier.text()}\n")
    done = verify(tree)
    assert done.exit_code == 0
    assert "\u009b" not in done.output
    assert "evil\\x9b31m/hub" in done.stdout


def test_a_file_in_a_tree_writes_nothing_to_a_terminal_but_its_name(log: Path) -> None:
    (log / "tree" / TREE / "tile" / "a\u001b[31mb").write_bytes(b"")
    done = verify(log / "tree" / TREE)
    assert done.exit_code == 1
    assert "\u001b" not in done.output
    assert "FAULT stray" in done.stdout
    assert "a\\x1b[31mb" in done.stdout


def test_what_keeps_a_tree_from_being_opened_is_a_fault_of_it_in_one_line(log: Path) -> None:
    (log / "tree" / "partners" / "stranger").mkdir()
    (log / "tree" / "partners" / "stranger" / "checkpoint").write_bytes(bytes(70_000))
    assert facts(log / "tree", status=1)["fault"]["kind"] == "tile"
    done = verify("x" * 5000)
    assert (done.exit_code, done.stderr.rstrip()[-18:]) == (2, "File name too long")
