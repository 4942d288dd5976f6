"""clausegate verify beside a gateway that serves: its workspace, and over HTTP what a partner gets of it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec import Struct

from tests.flows.demo import clausegate, until
from tests.flows.desk import RAIL, SWIFT, Desk, Serving, desk

pytestmark = pytest.mark.timeout(300)
_ORIGIN = "hub.example/log"
_SETTINGS = f'log_origin = "{_ORIGIN}"\ntree_delay_ms = 100\nroot_delay_ms = 200\n'


class Served(Struct, frozen=True):
    """A hub that serves, and a receipt of one of SWIFT's calls."""

    desk: Desk
    serving: Serving
    receipt: str

    @property
    def token(self) -> str:
        """SWIFT's."""
        return self.serving.bearer[1].removeprefix("Bearer ")

    @property
    def url(self) -> str:
        """SWIFT's tree."""
        return f"{self.serving.url}/partner/log"

    def verify(self, *arguments: object, status: int = 0) -> dict[str, Any]:
        done = clausegate("verify", *arguments, "--format", "json", CLAUSEGATE_TOKEN=self.token)
        assert done.returncode == status, done.stdout + done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    made = desk(tmp_path_factory.mktemp("verify"))
    made.fill([(number, "SWIFT", "Linz", 1.5, "2026-05-01", "13800000000") for number in range(1, 4)])
    (made.folder / "clausegate.toml").write_text(_SETTINGS)
    with made.serving() as serving:
        for _ in range(5):
            serving.partner(RAIL).get("/v1/leads")
        answers = [serving.partner(SWIFT).get("/v1/leads") for _ in range(300)]
        served = Served(made, serving, answers[-1].headers["clausegate-receipt"])
        until(lambda: _anchored(serving.partner(SWIFT)) >= 300)
        yield served


def _anchored(client: httpx.Client) -> int:
    """The size of the partner's last checkpoint in the root log."""
    count = client.get("/partner/log/anchors/latest")
    if count.status_code != 200:
        return 0
    last = client.get(f"/partner/log/anchors/000.p/{count.text.strip()}")
    return int(last.text.splitlines()[-1].split(" ")[1]) if last.status_code == 200 else 0


def test_a_workspace_is_verified_while_it_serves(up: Served) -> None:
    for _ in range(3):
        for _ in range(20):
            up.serving.partner(SWIFT).get("/v1/leads")
        found = up.verify(up.desk.folder)
        assert {tree["origin"] for tree in found["trees"]} == {
            _ORIGIN,
            f"{_ORIGIN}/hub",
            f"{_ORIGIN}/partners/{SWIFT}",
            f"{_ORIGIN}/partners/{RAIL}",
        }
    said = clausegate("verify", up.desk.folder)
    assert said.stdout.startswith("intact: ")
    assert said.stderr == "", "a bar is for terminals"


def test_a_partner_verifies_its_own_tree_over_http_with_the_keys_that_it_was_given(up: Served, tmp_path: Path) -> None:
    (tmp_path / "vkey").write_text(up.serving.partner(SWIFT).get("/partner/log/vkey").text)
    (tmp_path / "root-vkey").write_text(httpx.get(f"{up.serving.url}/log/vkey").text)
    found = up.verify(up.url, "--vkey", tmp_path / "vkey", "--vkey", tmp_path / "root-vkey")
    root, own = found["trees"]
    assert (root["kind"], own["kind"], own["partner"]) == ("root", "partner", SWIFT)
    assert own["size"] >= 300
    assert own["key_given"]
    assert found["anchors"][f"{_ORIGIN}/partners/{SWIFT}"]["count"] >= 1
    assert [each for each in found["unchecked"] if "keys" in each] == []


def test_without_its_token_nobody_gets_anything_but_the_root_log(up: Served) -> None:
    done = clausegate("verify", up.url, CLAUSEGATE_TOKEN="")
    assert done.returncode == 2
    assert "CLAUSEGATE_TOKEN" in done.stderr
    assert clausegate("verify", f"{up.serving.url}/log", CLAUSEGATE_TOKEN="").returncode == 0


def test_a_receipt_that_was_kept_leads_to_its_record_over_http(up: Served, tmp_path: Path) -> None:
    (tmp_path / "receipt").write_text(f"Clausegate-Receipt: {up.receipt}\n")
    found = up.verify(up.url, "--receipt", tmp_path / "receipt")["receipt"]
    assert found["verdict"] == "included"
    assert found["receipts_key"].startswith(f"{_ORIGIN}/receipts+")
    (tmp_path / "record.tlog-proof").write_text(found["proof"])
    leaf = found["receipt"]["leaf_hash"]
    proof = up.verify(tmp_path / "record.tlog-proof", "--leaf", leaf, "--vkey", found["key"])["proof"]
    assert (proof["leaf_hash"], proof["index"]) == (leaf, found["index"])


def test_a_hub_that_was_killed_is_verified_as_it_was_left(tmp_path: Path) -> None:
    made = desk(tmp_path)
    made.fill([(1, "SWIFT", "Linz", 1.5, "2026-05-01", "13800000000")])
    (made.folder / "clausegate.toml").write_text(_SETTINGS)
    for _ in range(3):
        with made.serving() as serving:
            for _ in range(30):
                serving.partner(SWIFT).get("/v1/leads")
            serving.process.process.kill()
            serving.process.process.wait()
        done = clausegate("verify", made.folder)
        assert done.returncode == 0, done.stdout
