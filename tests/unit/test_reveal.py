"""clausegate reveal: opens what was served, to be verified with SHA-256 alone; the value is no argument, no message."""

import asyncio
import json
from base64 import urlsafe_b64encode
from hashlib import sha256
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from contracts.mask import Masked
from gateway.cli import app
from gateway.starter import write_starter
from gateway.store.server_secrets import PSEUDONYM_SECRET, ServerSecrets
from gateway.store.store import Store
from gateway.workspace import Workspace, load_workspace
from policies.keys import PartnerKeys
from tests.unit.store.ready_file import ready_file

PARTNER = "first-partner"
VALUE = "张伟 13812345678"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A workspace that serves one text and one number as commitments."""
    workspace = tmp_path / "hub"
    write_starter(workspace)
    edit(workspace, "products/orders.odcs.yaml", "customer.phone: {keep_last: 4}", "customer.phone: {commitment: 2}")
    edit(workspace, "products/orders.odcs.yaml", "weight_kg: clear", "weight_kg: commitment")
    edit(
        workspace,
        "policies/partner-standard.yaml",
        "allowed: [clear, keep_first,",
        "allowed: [commitment, clear, keep_first,",
    )
    edit(workspace, "policies/partner-standard.yaml", "allowed: [keep_last,", "allowed: [commitment,")
    return workspace


def edit(workspace: Path, name: str, before: str, after: str) -> None:
    text = (workspace / name).read_text()
    assert before in text
    (workspace / name).write_text(text.replace(before, after))


def secret(folder: Path, make: bool = True) -> bytes | None:
    """The secret of the workspace's state store."""

    async def find() -> bytes | None:
        file = folder / "state" / "clausegate.db"
        store = await Store.open(f"sqlite:///{file}" if file.exists() else ready_file(folder))
        try:
            secrets = ServerSecrets(store)
            found = await secrets.obtain(PSEUDONYM_SECRET, 0) if make else await secrets.find(PSEUDONYM_SECRET)
            return None if found is None else found.reveal()
        finally:
            await store.close()

    return asyncio.run(find())


def reveal(
    folder: Path,
    *more: str,
    typed: str | bytes | None = VALUE,
    partner: str = PARTNER,
    product: str = "orders",
    field: str = "customer.phone",
) -> Result:
    asked = ["reveal", str(folder), "--partner", partner, "--product", product, "--field", field, *more]
    return CliRunner().invoke(app, asked, input=typed)


def served(folder: Path, record: bytes) -> bytes:
    """One record as the partner is served it."""
    hub, loaded = secret(folder), load_workspace(folder)
    assert hub is not None
    assert isinstance(loaded, Workspace)
    mask = loaded.plans.all_plans()[0].mask.with_keys(PartnerKeys(hub, PARTNER))
    masked = mask.record(record)
    assert isinstance(masked, Masked)
    return mask.encode(masked.records)


def verified(salt: str, value: str, version: int) -> str:
    """The token as the page tells an outsider to compute it."""
    digest = sha256(bytes.fromhex(salt) + value.encode()).digest()
    return f"c{version}." + urlsafe_b64encode(digest).decode().rstrip("=")


def test_it_is_the_token_that_the_partner_was_served(folder: Path) -> None:
    answer = served(folder, f'{{"weight_kg": 12.50, "customer": {{"phone": "{VALUE}"}}}}'.encode()).decode()
    for field, value in (("customer.phone", VALUE), ("weight_kg", "12.50")):
        opened = json.loads(reveal(folder, "--format", "json", field=field, typed=value).stdout)
        assert f'"{opened["token"]}"' in answer
    other = json.loads(reveal(folder, "--format", "json", typed="李娜").stdout)
    assert other["token"] not in answer


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_anybody_verifies_token_and_salt_with_nothing_but_a_hash_function(folder: Path, ending: str) -> None:
    secret(folder)
    done = reveal(folder, "--format", "json", "--lang", "en", typed=VALUE + ending)
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said["token"] == verified(said["salt"], VALUE, 2)
    assert VALUE not in done.output
    text = reveal(folder, "--lang", "en").stdout.splitlines()
    assert text[:2] == [f"token  {said['token']}", f"salt   {said['salt']}"]
    assert text[2] == said["verify"]
    assert 'base64url without padding after "c2."' in said["verify"]
    assert "base64url 书写" in reveal(folder, "--lang", "zh").stdout


def test_a_number_counts_by_its_value_and_is_told_as_it_is_hashed(folder: Path) -> None:
    secret(folder)
    ways = [
        reveal(folder, "--format", "json", "--lang", "en", field="weight_kg", typed=way)
        for way in ("12.50", "125e-1\n")
    ]
    first, second = (json.loads(done.stdout) for done in ways)
    assert first == second
    assert first["token"] == verified(first["salt"], "12.5", 1)
    assert "written as 12.5." in first["verify"]


def test_a_token_of_an_earlier_version_can_be_opened_and_a_later_one_was_never_served(folder: Path) -> None:
    secret(folder)
    assert reveal(folder, "--version", "1").stdout.startswith("token  c1.")
    done = reveal(folder, "--version", "3")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "version 3 was never served: the latest is 2" in done.stderr


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"partner": "nobody"}, "there is no partner nobody; there are: first-partner"),
        ({"product": "bills"}, "first-partner has no product bills; it has: orders"),
        ({"field": "customer.name"}, "is served customer.name as keep_first, not as commitment"),
        ({"field": "customer.name"}, "commitments are: weight_kg, customer.phone"),
        ({"field": "carrier"}, "orders has no field carrier that first-partner is served"),
        ({"typed": ""}, "there is no value on standard input"),
        ({"typed": b"\xff\xfe1\x00"}, "is not UTF-8"),
        ({"typed": "x" * (1 << 20) + "x"}, "is larger than 1048576 bytes"),
        ({"field": "weight_kg"}, "is no number"),
    ],
)
def test_what_cannot_be_opened_is_refused_with_its_reason(folder: Path, asked: dict[str, str], said: str) -> None:
    secret(folder)
    done = reveal(folder, **asked)
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in " ".join(done.stderr.split())
    assert "13812345678" not in done.output


def test_without_the_state_store_or_its_secret_it_says_so_and_makes_none(folder: Path) -> None:
    done = reveal(folder)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "there is no state store" in done.stderr
    assert secret(folder, make=False) is None
    done = reveal(folder)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "no secret for pseudonyms" in done.stderr
    assert secret(folder, make=False) is None
