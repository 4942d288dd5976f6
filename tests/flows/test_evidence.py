"""From partners' calls to one zip on somebody else's computer: made by the real command, checked without the hub."""

import hashlib
import hmac
import json
import re
import shutil
import subprocess
import sys
from base64 import b64decode
from datetime import datetime, timedelta
from pathlib import Path
from zipfile import ZipFile
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq
import pytest
from msgspec import Struct

from tests.flows.demo import clausegate, until
from tests.flows.desk import RAIL, SWIFT, Desk, desk

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
_ORIGIN = "hub.example/log"
_SETTINGS = f'log_origin = "{_ORIGIN}"\ntree_delay_ms = 100\nroot_delay_ms = 200\n'
_ROWS = [(number, "SWIFT", "Linz", 1.5, "2026-05-01", "13800000000") for number in range(1, 4)]
_CALLS = 40
_ZONE = ZoneInfo("Asia/Shanghai")


class Ended(Struct, frozen=True):
    """A hub that served and ended, and the leaf hashes in the receipts that SWIFT was given."""

    desk: Desk
    receipts: list[str]
    answer: bytes


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    made = desk(tmp_path_factory.mktemp("evidence"))
    made.fill(_ROWS)
    (made.folder / "clausegate.toml").write_text(_SETTINGS)
    receipts, answer = [], b""
    with made.serving() as serving:
        client = serving.partner(SWIFT)
        for number in range(_CALLS):
            got = client.get("/v1/leads" if number % 2 else f"/v1/leads/{number}")
            receipts.append(leaf_of(got.headers["clausegate-receipt"]))
            answer = got.content if got.status_code == 200 else answer
        serving.partner(RAIL).get("/v1/leads")
        latest = made.log / "tree" / "partners" / SWIFT / "anchors" / "latest"
        until(latest.exists)
    return Ended(made, receipts, answer)


def leaf_of(receipt: str) -> str:
    """The leaf hash in a receipt, in hex."""
    found = re.search(r"leaf=:([A-Za-z0-9+/=]+):", receipt)
    assert found
    return b64decode(found[1]).hex()


def evidence(hub: Ended, path: Path, *more: object) -> "subprocess.CompletedProcess[str]":
    return clausegate("evidence", hub.desk.folder, "--partner", SWIFT, "--output", path, *more)


def test_every_receipt_is_a_record_in_the_bundle_and_the_bundle_needs_no_hub(hub: Ended, tmp_path: Path) -> None:
    path = tmp_path / "evidence.zip"
    done = evidence(hub, path, "--format", "json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert said["report"]["origin"] == f"{_ORIGIN}/partners/{SWIFT}"
    assert said["report"]["anchors"] >= 1
    with ZipFile(path) as bundle:
        records = [json.loads(line) for line in bundle.read("records.jsonl").splitlines()]
        assert set(hub.receipts) <= {record["leaf_hash"] for record in records}
        entries = [record["leaf"]["entry"] for record in records]
        assert {entry["partner"] for entry in entries} == {SWIFT}
        [activation] = [entry for entry in entries if entry.get("event") == "agreement-activated"]
        document = bundle.read(f"contracts/{activation['contract']}.json")
        assert hashlib.sha256(document).hexdigest() == activation["contract"]
        assert json.loads(document)["agreement"]["partner"]["id"] == SWIFT
        assert {entry["contract"] for entry in entries} - {""} == {activation["contract"]}
        (tmp_path / "records.parquet").write_bytes(bundle.read("records.parquet"))
        script = re.findall(r"```python\n(.*?)```", bundle.read("README.md").decode(), re.DOTALL)
    table = pq.read_table(tmp_path / "records.parquet", columns=["leaf_hash", "status", "type"])
    assert table.column("leaf_hash").to_pylist() == [record["leaf_hash"] for record in records]
    assert set(table.column("status").to_pylist()) == {None, 200, 404}
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(path, elsewhere)
    (elsewhere / "check.py").write_text(script[0])
    for command in (f"{sys.executable} -I -S check.py evidence.zip", _openssl(path)):
        checked = subprocess.run(command.split(), cwd=elsewhere, capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stdout + checked.stderr


def _openssl(path: Path) -> str:
    found = re.search(r"^openssl .*$", ZipFile(path).read("README.md").decode(), re.MULTILINE)
    assert found
    return found[0]


def test_verify_takes_the_bundle_with_the_partners_own_copy_of_the_key(hub: Ended, tmp_path: Path) -> None:
    path = tmp_path / "evidence.zip"
    assert evidence(hub, path).returncode == 0
    key = (hub.desk.log / "tree" / "partners" / SWIFT / "vkey").read_text().strip()
    good = clausegate("verify", path, "--vkey", key)
    assert good.returncode == 0, good.stdout + good.stderr
    other = (hub.desk.log / "tree" / "partners" / RAIL / "vkey").read_text().strip()
    assert clausegate("verify", path, "--vkey", other).returncode != 0
    with ZipFile(path) as bundle:
        files = {name: bundle.read(name) for name in bundle.namelist()}
    files["records.jsonl"] = files["records.jsonl"].replace(b'"status":200', b'"status":403', 1)
    with ZipFile(tmp_path / "tampered.zip", "w") as bundle:
        for name, data in files.items():
            bundle.writestr(name, data)
    bad = clausegate("verify", tmp_path / "tampered.zip")
    assert bad.returncode == 1
    assert "records.jsonl" in bad.stdout


def test_dates_are_days_where_the_agreement_is(hub: Ended, tmp_path: Path) -> None:
    today = datetime.now(_ZONE).date()
    yesterday, tomorrow = today - timedelta(days=1), today + timedelta(days=1)
    path = tmp_path / "today.zip"
    done = evidence(hub, path, "--from", yesterday, "--to", tomorrow)
    assert done.returncode == 0, done.stderr
    manifest = json.loads(ZipFile(path).read("manifest.json"))
    assert manifest["from_time"] == f"{yesterday}T00:00:00+08:00"
    assert manifest["until_time"] == f"{tomorrow}T00:00:00+08:00"
    assert manifest["records"] >= _CALLS
    nothing = evidence(hub, tmp_path / "nothing.zip", "--to", "2020-01-01")
    assert nothing.returncode == 2
    assert "no record of swift in that period" in nothing.stderr
    assert not (tmp_path / "nothing.zip").exists()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--from", "October"), "is no date or time"),
        (("--from", "2026-11-01", "--to", "2026-11-01"), "ends before it begins"),
    ],
)
def test_a_period_that_is_none_is_refused_in_words(
    hub: Ended, tmp_path: Path, more: tuple[str, ...], words: str
) -> None:
    done = evidence(hub, tmp_path / "x.zip", *more)
    assert done.returncode == 2
    assert words in done.stderr


def test_a_partner_without_a_tree_and_a_file_that_is_there_are_refused_in_words(hub: Ended, tmp_path: Path) -> None:
    done = clausegate("evidence", hub.desk.folder, "--partner", "nobody", "--output", tmp_path / "x.zip")
    assert done.returncode == 2
    assert "no tree is published for a partner nobody" in done.stderr
    (tmp_path / "mine.zip").write_bytes(b"mine")
    done = evidence(hub, tmp_path / "mine.zip")
    assert done.returncode == 2
    assert "not overwritten" in done.stderr
    assert (tmp_path / "mine.zip").read_bytes() == b"mine"


def test_openings_show_which_answer_was_sent_and_are_not_there_unless_asked_for(hub: Ended, tmp_path: Path) -> None:
    assert evidence(hub, tmp_path / "closed.zip").returncode == 0
    assert "openings.jsonl" not in ZipFile(tmp_path / "closed.zip").namelist()
    done = evidence(hub, tmp_path / "open.zip", "--openings")
    assert done.returncode == 0, done.stderr
    openings = [json.loads(line) for line in ZipFile(tmp_path / "open.zip").read("openings.jsonl").splitlines()]
    assert openings
    digest = hashlib.sha256(hub.answer).digest()
    assert any(
        hmac.digest(bytes.fromhex(opening["key"]), digest, "sha256").hex() == opening["payload"] for opening in openings
    )


def test_a_tree_that_another_key_signed_is_not_evidence_of_this_hub(hub: Ended, tmp_path: Path) -> None:
    copy = tmp_path / "workspace"
    shutil.copytree(hub.desk.folder, copy)
    tree = copy / "log" / "tree" / "partners"
    shutil.rmtree(tree / SWIFT)
    shutil.copytree(tree / RAIL, tree / SWIFT)
    done = clausegate("evidence", copy, "--partner", SWIFT, "--output", tmp_path / "x.zip")
    assert done.returncode == 1
    assert "does not verify: signature in vkey" in done.stderr
    assert not (tmp_path / "x.zip").exists()
